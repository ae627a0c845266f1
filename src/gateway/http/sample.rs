//! Load-time checks of a template as a whole: it is written out for messages of each kind and read back.
//!
//! Values cannot leave their places, so what holds for these samples holds for every message.

use super::{
    expand::{Kind, Values},
    template::{Template, TemplateError},
};
use crate::sms::Body;

fn bodies() -> [Body; 3] {
    [Body::Text("x".to_owned()), Body::Text("\u{445}".to_owned()), Body::Binary(vec![1])]
}

fn values(body: &Body) -> Values<'_> {
    let kind = match body {
        Body::Binary(_) => Kind::Binary,
        Body::Text(words) if words.is_ascii() => Kind::Ascii,
        Body::Text(_) => Kind::Unicode,
    };
    Values {
        number: "+1",
        body,
        kind,
        udh: &[],
        pid: None,
        dcs: None,
        sender: None,
        sender_phone: None,
        parts: 1,
        msgid: "x",
        value: &[],
    }
}

/// The URL can be read, for every kind of message.
pub(super) fn check_url(template: &Template) -> Result<(), TemplateError> {
    for body in bodies() {
        template.to_url(&values(&body), false).map_err(|why| TemplateError::at(1, why.0))?;
    }
    Ok(())
}

/// Scheme, host and port of the URL, with `/` as its path and without a login.
pub(super) fn origin(template: &Template) -> Option<reqwest::Url> {
    let [words, ..] = bodies();
    let mut url = template.to_url(&values(&words), false).ok()?;
    url.set_path("/");
    url.set_query(None);
    url.set_username("").ok()?;
    url.set_password(None).ok()?;
    Some(url)
}

/// The body is JSON, for every kind of message.
pub(super) fn check_json(template: &Template) -> Result<(), TemplateError> {
    for body in bodies() {
        let written = template.to_body(&values(&body), false);
        if let Err(e) = serde_json::from_slice::<serde::de::IgnoredAny>(&written) {
            let kind = values(&body).kind;
            return Err(TemplateError::at(1, format!("is no JSON for {kind}: {e}")));
        }
    }
    Ok(())
}
