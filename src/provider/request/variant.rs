//! Variants: what some kinds of message need beside the usual request, or instead of it.

use super::Submission;
use crate::{
    ground::Fault,
    provider::{
        definition::{Body, Call, Changes, Fields, Json, Sending, When},
        word::Verdict,
    },
    sms::{self, alphabet},
};

/// The request of a message of this kind.
pub fn chosen<'a>(send: &'a Sending, message: &Submission<'_>) -> Result<&'a Call, Fault> {
    if send.variants.is_empty() {
        return Ok(&send.call);
    }
    match number_of(send, message) {
        Some(number) => Ok(&send.variants[number].whole),
        None => Err(Verdict::Content.with("this provider takes no message of this kind", None)),
    }
}

/// Which variant a message takes.
pub fn number_of(send: &Sending, message: &Submission<'_>) -> Option<usize> {
    send.variants.iter().position(|variant| variant.when.iter().any(|when| when.fits(message)))
}

impl When {
    fn fits(self, message: &Submission<'_>) -> bool {
        let gsm7 = match message.body {
            sms::Body::Text(text) => Some(alphabet::forced_by(text).is_none()),
            sms::Body::Binary(_) => None,
        };
        match self {
            Self::Gsm7 => gsm7 == Some(true),
            Self::Ucs2 => gsm7 == Some(false),
            Self::Text => gsm7.is_some(),
            Self::Binary => gsm7.is_none(),
            Self::Mms => !message.media_urls.is_empty(),
            Self::Flash => message.class() == Some(0),
        }
    }
}

/// The usual request with what a variant adds, replaces and drops.
pub fn merged(call: &Call, variant: &Changes) -> Call {
    let mut call = call.clone();
    if let Some(url) = &variant.url {
        call.urls = vec![url.clone()];
    }
    merge_fields(&mut call.headers, &variant.headers);
    merge_fields(&mut call.query, &variant.query);
    call.body = match (call.body, &variant.body) {
        (body, None) => body,
        (Body::Form(mut fields), Some(Body::Form(more))) => {
            merge_fields(&mut fields, more);
            Body::Form(fields)
        }
        (Body::Multipart(mut fields), Some(Body::Multipart(more))) => {
            merge_fields(&mut fields, more);
            Body::Multipart(fields)
        }
        (Body::Json(mut json), Some(Body::Json(more))) => {
            merge_json(&mut json, more);
            Body::Json(json)
        }
        (_, Some(other)) => other.clone(),
    };
    for name in &variant.drop {
        call.query.retain(|(field, _)| field != name);
        call.headers.retain(|(field, _)| !field.eq_ignore_ascii_case(name));
        match &mut call.body {
            Body::Form(fields) | Body::Multipart(fields) => fields.retain(|(field, _)| field != name),
            Body::Json(Json::Table(members)) => members.retain(|(member, _)| member != name),
            _ => {}
        }
    }
    call
}

fn merge_fields(fields: &mut Fields, more: &Fields) {
    for (name, template) in more {
        match fields.iter_mut().find(|(field, _)| field == name) {
            Some((_, old)) => *old = template.clone(),
            None => fields.push((name.clone(), template.clone())),
        }
    }
}

fn merge_json(json: &mut Json, more: &Json) {
    match (json, more) {
        (Json::Table(members), Json::Table(more)) => {
            for (name, value) in more {
                match members.iter_mut().find(|(member, _)| member == name) {
                    Some((_, old)) => merge_json(old, value),
                    None => members.push((name.clone(), value.clone())),
                }
            }
        }
        // Lists side by side: `messages = [{ … }]` of a variant adds to that of the request.
        (Json::List(items), Json::List(more)) if items.len() == more.len() => {
            items.iter_mut().zip(more).for_each(|(item, more)| merge_json(item, more));
        }
        (json, more) => *json = more.clone(),
    }
}
