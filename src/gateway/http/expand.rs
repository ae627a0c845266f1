//! Writing a template out for one message. Pure, and it cannot fail but for one case: a URL whose path a URL parser
//! would fold (`.` or `..` as a whole segment), which no escape can prevent.
//!
//! Every value is written for the place it stands in, so that none can leave it: no line end in a header, no quote in
//! JSON, no `&` in a query. Only `%value%` (the address's own `value` parameters, which an account must be allowed to
//! give) may add parameters of its own.

use reqwest::Url;

pub use super::values::{Kind, Unfit, Values};
use super::{
    draft::{Draft, Last},
    escape::{append_parameters, header, json_string, parameters, percent, xml},
    template::{Field, Format, Name, Piece, Spot, Template, Whole},
};
use crate::sms::Body;

impl Field {
    fn draft(&self, v: &Values<'_>) -> Draft {
        let number = |n: Option<u8>| n.map_or(String::new(), |n| n.to_string());
        Draft::Text(match self.name {
            Name::Data => match v.body {
                Body::Text(words) => words.clone(),
                Body::Binary(data) => return Draft::Octets(data.clone(), Last::B64),
            },
            Name::Udh => return Draft::Octets(v.udh.to_vec(), Last::B64),
            Name::Number => v.number.to_owned(),
            Name::Binary => if v.kind == Kind::Binary { "1" } else { "" }.to_owned(),
            Name::Pid => number(v.pid),
            Name::Dcs => number(v.dcs),
            Name::Sender => v.sender.unwrap_or_default().to_owned(),
            Name::SenderPhone => v.sender_phone.unwrap_or_default().to_owned(),
            Name::Parts => v.parts.to_string(),
            Name::MsgId => v.msgid.to_owned(),
            Name::Condition => String::new(),
            Name::Value => v.value.concat(),
        })
    }

    /// An empty value stays empty through all steps: no header is no header, not one of length 0.
    fn value(&self, v: &Values<'_>) -> Vec<u8> {
        let draft = self.draft(v);
        if draft.is_empty() {
            return Vec::new();
        }
        self.steps.iter().fold(draft, Draft::apply).finish()
    }

    fn write(&self, v: &Values<'_>, out: &mut Vec<u8>) {
        if self.when.is_some_and(|kind| kind != v.kind) {
            return;
        }
        let value = self.value(v);
        match self.spot {
            Spot::Query | Spot::Form if self.name == Name::Value && self.steps.is_empty() => {
                parameters(&String::from_utf8_lossy(&value), out);
            }
            Spot::Path | Spot::Query | Spot::Form => percent(&value, out),
            Spot::JsonString => {
                let quoted = json_string(&value);
                out.extend_from_slice(&quoted.as_bytes()[1..quoted.len() - 1]);
            }
            Spot::JsonValue => self.write_json(&value, out),
            Spot::Xml => xml(&String::from_utf8_lossy(&value), out),
            Spot::Plain => out.extend_from_slice(&value),
            Spot::Header => header(&value, out),
        }
        out.extend_from_slice(self.tail.as_bytes());
    }

    fn write_json(&self, value: &[u8], out: &mut Vec<u8>) {
        let numeric = matches!(self.name, Name::Parts | Name::Pid | Name::Dcs | Name::Binary);
        match self.name {
            Name::Condition => {}
            _ if numeric && value.is_empty() => out.extend_from_slice(b"null"),
            _ if numeric && self.steps.is_empty() => out.extend_from_slice(value),
            _ => out.extend_from_slice(json_string(value).as_bytes()),
        }
    }
}

impl Template {
    fn write(&self, v: &Values<'_>) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        for piece in &self.pieces {
            match piece {
                Piece::Literal(octets) => out.extend_from_slice(octets),
                Piece::Field(field) => field.write(v, &mut out),
            }
        }
        out
    }

    /// The URL of a request. With `append`, `value` parameters are added to the query.
    pub fn to_url(&self, v: &Values<'_>, append: bool) -> Result<Url, Unfit> {
        let mut text = self.write(v);
        if append {
            let query = text.get(self.authority..).is_some_and(|rest| rest.contains(&b'?'));
            append_parameters(v.value, if query { None } else { Some(b'?') }, &mut text);
        }
        let text = String::from_utf8(text).map_err(|_| Unfit("is no URL"))?;
        let url = Url::parse(&text).map_err(|_| Unfit("is no URL"))?;
        // The parser folds dot segments, even escaped ones: the request would go to another path.
        let written = text.get(self.authority..).unwrap_or_default();
        let (path, query) = match written.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (written, None),
        };
        let path = if path.is_empty() { "/" } else { path };
        if url.path() != path || url.query() != query || !url.has_host() {
            return Err(Unfit("the URL's path cannot hold `.` or `..`"));
        }
        Ok(url)
    }

    /// The body of a request. With `append`, a form gets the `value` parameters behind it.
    pub fn to_body(&self, v: &Values<'_>, append: bool) -> Vec<u8> {
        let mut out = self.write(v);
        if append && self.whole == Whole::Body(Format::Form) {
            let empty = out.is_empty();
            append_parameters(v.value, empty.then_some(b'&'), &mut out);
            if empty && !out.is_empty() {
                out.remove(0);
            }
        }
        out
    }

    /// The value of a header: printable ASCII.
    pub fn to_header(&self, v: &Values<'_>) -> String {
        String::from_utf8_lossy(&self.write(v)).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Every field filled, so that each case names only what it changes.
    fn values(body: &Body) -> Values<'_> {
        Values {
            number: "+15551234567",
            body,
            kind: match body {
                Body::Binary(_) => Kind::Binary,
                Body::Text(words) if words.is_ascii() => Kind::Ascii,
                Body::Text(_) => Kind::Unicode,
            },
            udh: &[0, 3, 0xAB, 2, 1],
            pid: Some(64),
            dcs: Some(241),
            sender: Some("A&B"),
            sender_phone: Some("+15550001111"),
            parts: 2,
            msgid: "0af3",
            value: &[],
        }
    }

    fn text(words: &str) -> Body {
        Body::Text(words.to_owned())
    }

    /// The query that `template` makes of a message.
    fn query(template: &str, body: &Body) -> String {
        let template = Template::url(&format!("http://h/?{template}")).expect(template);
        template.to_url(&values(body), false).expect("url").query().expect("query").to_owned()
    }

    #[test]
    fn variables_and_attributes_in_a_query() {
        let hi = text("Hi & bye=1+1 100%");
        let cy = text("\u{41f}\u{440}");
        let bin = Body::Binary(vec![0, 0xFF, 0x3E]);
        let empty = text("");
        let cases: [(&str, &Body, &str); 62] = [
            ("%number%", &hi, "%2B15551234567"),
            ("%NUMBER%", &hi, "%2B15551234567"),
            ("%number;interprefix=00%", &hi, "0015551234567"),
            ("%number;interprefix=%", &hi, "15551234567"),
            ("%number;InterPrefix=011%", &hi, "01115551234567"),
            ("%number;hex%", &hi, "2B3135353531323334353637"),
            ("%data%", &hi, "Hi%20%26%20bye%3D1%2B1%20100%25"),
            ("%body%", &text("a"), "a"),
            ("%data%", &cy, "%D0%9F%D1%80"),
            ("%data%", &bin, "AP8%2B"),
            ("%data%", &empty, ""),
            ("%data%", &text("\r\n\t\0"), "%0D%0A%09%00"),
            ("%data%", &text("-._~"), "-._~"),
            ("%data%", &text("'\"<>#?/\\;"), "%27%22%3C%3E%23%3F%2F%5C%3B"),
            ("%data;unicode%", &text("Aé"), "004100E9"),
            ("%data;unicode%", &text("\u{1F600}"), "D83DDE00"),
            ("%data;unicode;hex%", &text("A"), "0041"),
            ("%data;unicode;b64%", &text("Aé"), "AEEA6Q%3D%3D"),
            ("%data;unicode;len%", &text("A"), "020041"),
            ("%data;len;unicode%", &text("A"), "020041"),
            ("%data;unicode;len;b64%", &text("A"), "AgBB"),
            ("%data;unicode%", &bin, "AP8%2B"),
            ("%data;unicode;hex%", &bin, "00FF3E"),
            ("%data;hex%", &text("az"), "617A"),
            ("%data;hex%", &bin, "00FF3E"),
            ("%data;hex%", &empty, ""),
            ("%data;b64%", &text("az"), "YXo%3D"),
            ("%data;b64%", &bin, "AP8%2B"),
            ("%data;hex;b64%", &text("a"), "NjE%3D"),
            ("%data;b64;hex%", &text("a"), "59513D3D"),
            ("%data;len%", &text("az"), "%02az"),
            ("%data;len;hex%", &text("az"), "02617A"),
            ("%data;hex;len%", &text("az"), "02617A"),
            ("%data;len;hex%", &empty, ""),
            ("%data;charset=iso-8859-1%", &text("é€"), "%E9%80"),
            ("%data;charset=iso-8859-2%", &text("é\u{41f}"), "%E9%3F"),
            ("%data;charset=koi8-r;hex%", &text("\u{41f}"), "F0"),
            ("%data;charset=utf-16be;hex%", &text("A\u{1F600}"), "0041D83DDE00"),
            ("%data;charset=UTF-16LE%", &text("A"), "A%00"),
            ("%data;charset=shift_jis%", &text("\u{3042}"), "%82%A0"),
            ("%data;charset=iso-2022-jp;hex%", &text("\u{3042}a"), "1B2442242 21B284261"),
            ("%data;charset=utf-8%", &text("é"), "%C3%A9"),
            ("%udh%", &hi, "AAOrAgE%3D"),
            ("%udh;hex%", &hi, "0003AB0201"),
            ("%udh;len;hex%", &hi, "050003AB0201"),
            ("%udh;hex;len%", &hi, "050003AB0201"),
            ("%udh;len%", &hi, "BQADqwIB"),
            ("%udh; len ; hex%", &hi, "050003AB0201"),
            ("%binary%", &hi, ""),
            ("%binary%", &bin, "1"),
            ("%pid%-%dcs%-%parts%", &hi, "64-241-2"),
            ("%sender%", &hi, "A%26B"),
            ("%sender_phonealias%", &hi, "%2B15550001111"),
            ("%msgid%", &hi, "0af3"),
            ("a%condition%b", &hi, "ab"),
            ("%condition;isunicode;value=&unicode=1%", &hi, ""),
            ("%condition;isunicode;value=&unicode=1%", &cy, "&unicode=1"),
            ("%condition;isbinary;value=&b=1%", &bin, "&b=1"),
            ("%data;isascii%%data;isunicode;unicode;value=&u=1%", &cy, "041F0440&u=1"),
            ("%data;isascii%%data;isunicode;unicode;value=&u=1%", &text("A"), "A"),
            ("%data;value=x;hex%", &text("a"), "61x"),
            ("%20%da%DCx%dc%20%data%", &text("a"), "%20%da%DCx%dc%20a"),
        ];
        for (template, body, wanted) in cases {
            assert_eq!(query(template, body), wanted.replace(' ', ""), "{template}");
        }
    }

    #[test]
    fn literals_of_a_url() {
        for (literal, wanted) in [
            ("http://h", "http://h/"),
            ("http://h?x", "http://h/?x"),
            ("HTTP://H/Send?a=b c", "http://h/Send?a=b%20c"),
            ("http://h/?t=é", "http://h/?t=%C3%A9"),
            ("http://h/?t={'|'}", "http://h/?t=%7B%27%7C%27%7D"),
            ("http://u:p%40w@h:8080/x", "http://u:p%40w@h:8080/x"),
            ("http://[::1]:9/%parts%", "http://[::1]:9/2"),
            ("http://h/%data%/x", "http://h/a%2Fb/x"),
            ("http://h/a;b=%parts%", "http://h/a;b=2"),
        ] {
            let template = Template::url(literal).expect(literal);
            let body = text("a/b");
            assert_eq!(template.to_url(&values(&body), false).expect("url").as_str(), wanted, "{literal}");
        }
    }

    #[test]
    fn a_dot_segment_never_goes_out() {
        let template = Template::url("http://h/send/%data%/%number%").expect("template");
        for bad in [".", "..", "%2e", "a"] {
            let body = text(bad);
            let url = template.to_url(&values(&body), false);
            assert_eq!(url.is_err(), bad.starts_with('.'), "{bad}: {url:?}");
        }
    }

    fn body(template: &str, format: Format, words: &Body) -> String {
        let template = Template::body(template, format).expect(template);
        String::from_utf8(template.to_body(&values(words), false)).expect("UTF-8")
    }

    #[test]
    fn bodies() {
        let quote = text("\"\\\n\u{1}é</b>&");
        let bin = Body::Binary(vec![1]);
        use Format::{Form, Json, Plain, Xml};
        for (template, format, words, wanted) in [
            ("to=%number%&t=%data%", Form, &quote, "to=%2B15551234567&t=%22%5C%0A%01%C3%A9%3C%2Fb%3E%26"),
            ("t=a b%20c", Form, &quote, "t=a%20b%20c"),
            (r#"{"t":"%data%"}"#, Json, &quote, r#"{"t":"\"\\\n\u0001é</b>&"}"#),
            (r#"{"t": %data%}"#, Json, &quote, r#"{"t": "\"\\\n\u0001é</b>&"}"#),
            (r#"{"n": %parts%, "p": %pid%}"#, Json, &quote, r#"{"n": 2, "p": 64}"#),
            (r#"{"b": %binary%}"#, Json, &quote, r#"{"b": null}"#),
            (r#"{"b": %binary%}"#, Json, &bin, r#"{"b": 1}"#),
            (r#"{"p": "%pid;hex%"}"#, Json, &quote, r#"{"p": "3634"}"#),
            (r#"{"p": "100%25 \" x"}"#, Json, &quote, r#"{"p": "100% \" x"}"#),
            (r#"{"a": 1%condition;isbinary;value=, "b": true%}"#, Json, &bin, r#"{"a": 1, "b": true}"#),
            (r#"{"a": 1%condition;isbinary;value=, "b": true%}"#, Json, &quote, r#"{"a": 1}"#),
            (
                "<t a='%data%'>%data%</t>",
                Xml,
                &text("<&'\"\u{2}\n"),
                "<t a='&lt;&amp;&apos;&quot; &#10;'>&lt;&amp;&apos;&quot; &#10;</t>",
            ),
            ("%data%%0A", Plain, &quote, "\"\\\n\u{1}é</b>&\n"),
        ] {
            assert_eq!(body(template, format, words), wanted, "{template}");
        }
        let latin = Template::body("%data;charset=latin1%", Plain).expect("template");
        assert_eq!(latin.to_body(&values(&text("é")), false), [0xE9]);
    }

    #[test]
    fn headers() {
        let template = Template::header("Bearer x %25 %data%").expect("template");
        let words = text("a\r\nX: y é 5%");
        assert_eq!(template.to_header(&values(&words)), "Bearer x % a%0D%0AX: y %C3%A9 5%25");
    }

    #[test]
    fn value_parameters_keep_their_ampersands() {
        let words = text("a");
        let url = |template: &str, given: &[&str]| {
            let given: Vec<String> = given.iter().map(|s| (*s).to_owned()).collect();
            let values = Values { value: &given, ..values(&words) };
            let template = Template::url(template).expect(template);
            template.to_url(&values, !template.names(Name::Value)).expect("url").to_string()
        };
        for (template, given, wanted) in [
            ("http://h/?a=1", &["&unicode=1"] as &[_], "http://h/?a=1&unicode=1"),
            ("http://h/?a=1", &["unicode=1", "&x=2"], "http://h/?a=1&unicode=1&x=2"),
            ("http://h/", &["&unicode=1"], "http://h/?unicode=1"),
            ("http://h", &["unicode=1"], "http://h/?unicode=1"),
            ("http://h/?", &["&u=1"], "http://h/?u=1"),
            ("http://h/?a=1", &["&t=a b#c%26%zé'\r\n"], "http://h/?a=1&t=a%20b%23c%26%25z%C3%A9%27%0D%0A"),
            ("http://h/?a=1", &["", "&"], "http://h/?a=1"),
            ("http://h/?x=1%value%&y=2", &["&u=1"], "http://h/?x=1&u=1&y=2"),
            ("http://h/?x=%value;hex%", &["&"], "http://h/?x=26"),
            ("http://h/%value%", &["a/b"], "http://h/a%2Fb"),
        ] {
            assert_eq!(url(template, given), wanted, "{template} {given:?}");
        }
        let form = Template::body("a=1", Format::Form).expect("template");
        let given = vec!["&u=1".to_owned()];
        let values = Values { value: &given, ..values(&words) };
        assert_eq!(form.to_body(&values, true), b"a=1&u=1");
        let empty = Template::body("", Format::Form).expect("template");
        assert_eq!(empty.to_body(&values, true), b"u=1");
        let json = Template::body(r#"["%value%"]"#, Format::Json).expect("template");
        assert_eq!(json.to_body(&values, false), br#"["&u=1"]"#);
    }

    fn any_text() -> impl Strategy<Value = String> {
        proptest::collection::vec(
            prop_oneof![
                Just('"'),
                Just('\\'),
                Just('\r'),
                Just('\n'),
                Just('&'),
                Just('%'),
                Just('.'),
                Just('/'),
                any::<char>()
            ],
            0..40,
        )
        .prop_map(String::from_iter)
    }

    proptest! {
        #[test]
        fn no_value_leaves_its_place(words in any_text(), sender in any_text(), given in any_text()) {
            let body = Body::Text(words.clone());
            let list = [given];
            let v = Values { kind: Kind::of(&body, &[]), sender: Some(&sender), value: &list, ..values(&body) };

            let url = Template::url("http://h/s/x%sender%?a=%data%&b=%sender%&z=1").expect("template");
            let url = url.to_url(&v, false).expect("a path with a letter is fit");
            prop_assert_eq!(url.host_str(), Some("h"));
            prop_assert_eq!(url.path_segments().map(Iterator::count), Some(2));
            let pairs: Vec<_> = url.query_pairs().map(|(k, v)| (k.into_owned(), v.into_owned())).collect();
            prop_assert_eq!(pairs.len(), 3);
            prop_assert_eq!(&pairs[0].1, &words);
            prop_assert_eq!(&pairs[1].1, &sender);

            let appended = Template::url("http://h/s?a=%data%").expect("template").to_url(&v, true).expect("fit");
            prop_assert_eq!(appended.path(), "/s");
            prop_assert_eq!(appended.fragment(), None);

            let json = Template::body(r#"{"a":"%data%","b":%sender%,"c":"%value%"}"#, Format::Json).expect("template");
            let read: serde_json::Value = serde_json::from_slice(&json.to_body(&v, false)).expect("JSON");
            prop_assert_eq!(read["a"].as_str(), Some(words.as_str()));
            prop_assert_eq!(read["b"].as_str(), Some(sender.as_str()));
            prop_assert_eq!(read["c"].as_str(), Some(list[0].as_str()));

            let header = Template::header("%data% %sender% %value%").expect("template").to_header(&v);
            prop_assert!(header.bytes().all(|b| (0x20..0x7f).contains(&b)));
        }
    }
}
