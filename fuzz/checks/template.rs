//! Any template is read or refused; what a good one writes stays in its place, whatever the message holds.
//!
//! Input: template, NUL, text, NUL, sender, NUL, `value` parameter; the first octet says what the template is.

use martlet::{
    gateway::http::{
        Format, Template,
        expand::{Kind, Values},
    },
    sms::Body,
};

pub fn template(data: &[u8]) {
    let Some((&what, rest)) = data.split_first() else { return };
    let mut parts = rest.splitn(4, |b| *b == 0);
    let mut part = || parts.next().unwrap_or_default();
    let Ok(source) = std::str::from_utf8(part()) else { return };
    let words = part();
    let sender = String::from_utf8_lossy(part()).into_owned();
    let given = vec![String::from_utf8_lossy(part()).into_owned()];
    let body = match std::str::from_utf8(words) {
        Ok(text) => Body::Text(text.to_owned()),
        Err(_) => Body::Binary(words.to_vec()),
    };
    let values = Values {
        number: "+15551234567",
        body: &body,
        kind: Kind::of(&body, &[]),
        udh: words.get(..5).unwrap_or_default(),
        pid: words.first().copied(),
        dcs: None,
        sender: Some(&sender),
        sender_phone: Some("+15550001111"),
        parts: 3,
        msgid: "0190b7d2aa5a7c3e8f00112233445566",
        value: &given,
    };
    match what {
        b'U' => url(source, &values),
        b'J' => json(source, &values),
        b'H' => header(source, &values),
        b'F' => form(source, &values),
        _ => other(source, &values),
    }
}

/// Same host, and nothing in the request line that could end it.
fn url(source: &str, values: &Values<'_>) {
    let template = match Template::url(source) {
        Ok(template) => template,
        Err(error) => return assert!(error.column >= 1 && error.column <= source.chars().count() + 1),
    };
    let empty = Body::Text("x".to_owned());
    let plain = Values { body: &empty, kind: Kind::Ascii, sender: None, value: &[], ..*values };
    let host = template.to_url(&plain, false).map(|u| (u.host_str().map(str::to_owned), u.port()));
    for append in [false, true] {
        let Ok(url) = template.to_url(values, append) else { continue };
        if let Ok(host) = &host {
            assert_eq!(&(url.host_str().map(str::to_owned), url.port()), host);
        }
        assert!(url.as_str().bytes().all(|b| b.is_ascii_graphic()), "{url}");
        assert_eq!(url.fragment(), None);
    }
}

fn json(source: &str, values: &Values<'_>) {
    if let Ok(template) = Template::body(source, Format::Json) {
        let written = template.to_body(values, true);
        serde_json::from_slice::<serde::de::IgnoredAny>(&written).expect("what was JSON at load stays JSON");
    }
}

fn header(source: &str, values: &Values<'_>) {
    if let Ok(template) = Template::header(source) {
        assert!(template.to_header(values).bytes().all(|b| (0x20..0x7f).contains(&b)));
    }
}

fn form(source: &str, values: &Values<'_>) {
    if let Ok(template) = Template::body(source, Format::Form) {
        assert!(template.to_body(values, true).iter().all(u8::is_ascii_graphic));
    }
}

fn other(source: &str, values: &Values<'_>) {
    for format in [Format::Xml, Format::Plain] {
        if let Ok(template) = Template::body(source, format) {
            template.to_body(values, true);
        }
    }
}
