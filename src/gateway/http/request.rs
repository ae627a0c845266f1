//! One request, as data: what the templates of a gateway say for one segment of an attempt. Pure.
//!
//! `value` parameters of the address go where `%value%` stands; without such a place behind the form, or else behind
//! the query of the URL.

use reqwest::Url;

use super::{
    expand::{Kind, Unfit, Values},
    redact::Redactions,
    template::{Format, Name, Template},
};
use crate::{
    gateway::{Attempt, Split},
    ground::Secret,
    sms::{Body, Segment},
};

/// How the request is made.
#[derive(Debug, Clone)]
pub enum Method {
    Get,
    /// With what the body is written in; the `Content-Type` follows from it unless a header says otherwise.
    Post(Option<(Template, Format)>),
}

/// The templates of one gateway.
#[derive(Debug, Clone)]
pub struct Templates {
    pub url: Template,
    pub method: Method,
    /// Names as they go on the wire, each with its value.
    pub headers: Vec<(reqwest::header::HeaderName, Template)>,
}

/// A request ready to be sent. No `Debug`: it holds the text, the number and the password.
pub struct Request {
    pub url: Url,
    pub post: bool,
    pub headers: Vec<(reqwest::header::HeaderName, String)>,
    pub body: Vec<u8>,
}

impl Templates {
    /// Requests by GET of `url`.
    pub fn get(url: Template) -> Self {
        Self { url, method: Method::Get, headers: Vec::new() }
    }

    fn all(&self) -> impl Iterator<Item = &Template> {
        let body = match &self.method {
            Method::Post(Some((body, _))) => Some(body),
            _ => None,
        };
        [Some(&self.url), body].into_iter().flatten().chain(self.headers.iter().map(|(_, value)| value))
    }

    /// Whether any template asks what `asks` asks.
    pub fn any(&self, asks: fn(&Template) -> bool) -> bool {
        self.all().any(asks)
    }

    /// What no fault may say: the secrets among the literal text, and the gateway's own password.
    pub fn secrets(&self, password: Option<&Secret<String>>) -> Redactions {
        let mut hidden = Redactions::default();
        if let Some(password) = password {
            hidden.hide(password.expose(), "[secret]");
        }
        hidden.hide_secrets_of(&self.url);
        if let Method::Post(Some((body, _))) = &self.method {
            hidden.hide_secrets_of(body);
        }
        for (name, value) in &self.headers {
            hidden.hide_header(name.as_str(), value);
        }
        hidden
    }

    /// The request for segment `index` (from 0) of an attempt.
    pub fn request(&self, attempt: &Attempt, index: u8, split: Split) -> Result<Request, Unfit> {
        let segment = attempt.segments.get(usize::from(index)).ok_or(Unfit("the message has no such segment"))?;
        let several = attempt.segments.len() > 1;
        // A peer that knows the id already would take the second segment for a repetition of the first.
        let msgid = if several { format!("{}-{}", attempt.id, index + 1) } else { attempt.id.to_string() };
        let values = Values {
            number: attempt.number(),
            body: &segment.body,
            kind: kind(attempt, segment, split),
            udh: &segment.udh,
            pid: attempt.pid,
            dcs: attempt.dcs,
            sender: attempt.sender.as_ref().map(crate::address::SenderId::as_str),
            sender_phone: attempt.sender_phone.as_deref(),
            parts: if several { 1 } else { attempt.parts },
            msgid: &msgid,
            value: &attempt.value,
        };
        self.write(&values)
    }

    /// The request for these values.
    pub fn write(&self, values: &Values<'_>) -> Result<Request, Unfit> {
        let placed = self.any(|template| template.names(Name::Value));
        let form = matches!(self.method, Method::Post(Some((_, Format::Form))));
        let mut headers: Vec<_> =
            self.headers.iter().map(|(name, value)| (name.clone(), value.to_header(values))).collect();
        let mut body = Vec::new();
        if let Method::Post(Some((template, format))) = &self.method {
            body = template.to_body(values, !placed);
            if !headers.iter().any(|(name, _)| *name == reqwest::header::CONTENT_TYPE) {
                headers.push((reqwest::header::CONTENT_TYPE, content_type(*format).to_owned()));
            }
        }
        let url = self.url.to_url(values, !placed && !form)?;
        Ok(Request { url, post: matches!(self.method, Method::Post(_)), headers, body })
    }
}

/// Segments of one concatenated text are of one kind; messages that stand alone are each their own.
fn kind(attempt: &Attempt, segment: &Segment, split: Split) -> Kind {
    match (&segment.body, &attempt.content.body) {
        (Body::Text(_), whole @ Body::Text(_)) if split != Split::Separate => Kind::of(whole, &segment.udh),
        (body, _) => Kind::of(body, &segment.udh),
    }
}

fn content_type(format: Format) -> &'static str {
    match format {
        Format::Form => "application/x-www-form-urlencoded",
        Format::Json => "application/json",
        Format::Xml => "application/xml; charset=utf-8",
        Format::Plain => "text/plain; charset=utf-8",
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use super::*;
    use crate::{address::Destination, ground::MessageId, sms::Content};

    const ID: &str = "0190b7d2aa5a7c3e8f00112233445566";

    fn attempt(segments: Vec<Segment>, whole: Body) -> Arc<Attempt> {
        Arc::new(Attempt {
            trace: crate::address::Trace::default(),
            id: ID.parse::<MessageId>().expect("id"),
            n: 1,
            to: Destination::try_from("+15551234567".to_owned()).expect("number"),
            wire: None,
            content: Content { body: whole, udh: Vec::new() },
            parts: u8::try_from(segments.len()).expect("few"),
            segments,
            sender: Some("Acme".parse().expect("sender")),
            sender_phone: None,
            pid: None,
            dcs: None,
            value: Vec::new(),
            validity: Duration::from_secs(60),
        })
    }

    fn one(body: Body) -> Arc<Attempt> {
        attempt(vec![Segment { body: body.clone(), udh: Vec::new() }], body)
    }

    fn url(template: &str, attempt: &Attempt, index: u8) -> String {
        let templates = Templates::get(Template::url(template).expect(template));
        let request = templates.request(attempt, index, Split::Udh).unwrap_or_else(|e| panic!("{e:?}"));
        assert!(!request.post && request.body.is_empty());
        request.url.to_string()
    }

    const PEER: &str = "http://peer:8025/sms/?number=%number%&data=%data%&udh=%udh%&binary=%binary%&pid=%pid%&dcs=%dcs%\
                        &sender=%sender%&msgid=%msgid%&user=me&pass=pin";
    const CLICK: &str = "http://api.test/http/sendmsg?user=me&password=pw&api_id=77&to=%number%&udh=%udh;len;hex%\
                         &data=%data;isascii%%data;isunicode;unicode;value=&unicode=1%&concat=%parts%";

    #[test]
    fn another_martlet() {
        let end = format!("&sender=Acme&msgid={ID}&user=me&pass=pin");
        for (body, wanted) in [
            (Body::Text("Hi & bye".to_owned()), "data=Hi%20%26%20bye&udh=&binary=&pid=&dcs="),
            (Body::Text("\u{41f}".to_owned()), "data=%D0%9F&udh=&binary=&pid=&dcs="),
            (Body::Binary(vec![1, 2, 3]), "data=AQID&udh=&binary=1&pid=&dcs="),
        ] {
            let wanted = format!("http://peer:8025/sms/?number=%2B15551234567&{wanted}{end}");
            assert_eq!(url(PEER, &one(body), 0), wanted);
        }
    }

    #[test]
    fn a_provider_with_switches() {
        let begin = "http://api.test/http/sendmsg?user=me&password=pw&api_id=77&to=%2B15551234567";
        let cases = [("Hi", "&udh=&data=Hi&concat=1"), ("Жé", "&udh=&data=041600E9&unicode=1&concat=1")];
        for (words, wanted) in cases {
            assert_eq!(url(CLICK, &one(Body::Text(words.to_owned())), 0), format!("{begin}{wanted}"));
        }
    }

    #[test]
    fn segments_have_a_header_and_an_id_of_their_own() {
        let part = |n: u8, words: &str| Segment { body: Body::Text(words.to_owned()), udh: vec![0, 3, 9, 2, n] };
        let both = attempt(vec![part(1, "ab"), part(2, "Ж")], Body::Text("abЖ".to_owned()));
        let (first, second) = (url(PEER, &both, 0), url(PEER, &both, 1));
        assert!(first.contains("data=ab&udh=AAMJAgE%3D") && first.contains(&format!("msgid={ID}-1&")), "{first}");
        assert!(second.contains("udh=AAMJAgI%3D") && second.contains(&format!("msgid={ID}-2&")), "{second}");
        // The whole is Unicode, so every segment goes as such.
        let first = url(CLICK, &both, 0);
        assert!(first.ends_with("&udh=050003090201&data=00610062&unicode=1&concat=1"), "{first}");
        let templates = Templates::get(Template::url(CLICK).expect("template"));
        assert!(templates.request(&both, 2, Split::Udh).is_err());
        let alone = templates.request(&both, 0, Split::Separate).map(|r| r.url.to_string());
        assert!(alone.is_ok_and(|u| u.contains("&data=ab&concat")));
    }

    #[test]
    fn post_with_headers() {
        let templates = Templates {
            url: Template::url("https://h/v1").expect("url"),
            method: Method::Post(Some((
                Template::body(r#"{"to":"%number;interprefix=%","text":"%data%"}"#, Format::Json).expect("body"),
                Format::Json,
            ))),
            headers: vec![(
                reqwest::header::HeaderName::from_static("x-request"),
                Template::header("%msgid%").expect("header"),
            )],
        };
        let mut attempt = Arc::unwrap_or_clone(one(Body::Text("say \"hi\"".to_owned())));
        attempt.value = vec!["&a=b".to_owned()];
        let request = templates.request(&attempt, 0, Split::Provider).unwrap_or_else(|e| panic!("{e:?}"));
        assert!(request.post);
        assert_eq!(request.url.as_str(), "https://h/v1?a=b");
        assert_eq!(request.body, br#"{"to":"15551234567","text":"say \"hi\""}"#);
        let headers: Vec<_> = request.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(headers, [("x-request", ID), ("content-type", "application/json")]);
    }
}
