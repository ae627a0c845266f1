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
    sms::Body,
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
            number: attempt.to.as_str(),
            body: &segment.body,
            kind: kind(attempt, &segment.body, split),
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
fn kind(attempt: &Attempt, segment: &Body, split: Split) -> Kind {
    match (segment, &attempt.content.body) {
        (Body::Text(_), whole @ Body::Text(_)) if split != Split::Separate => Kind::of(whole),
        (segment, _) => Kind::of(segment),
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
