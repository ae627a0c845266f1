//! A signature with one character changed, wherever it stands: in a header field, in the address, or in the body.

use crate::provider::web::{Headers, HookRequest};

/// Turns one bit of what a signature added.
pub fn garble(plain: &HookRequest, signed: &mut HookRequest) {
    let turned = |text: &str| {
        let at = text.len() / 2;
        let mut octets = text.as_bytes().to_vec();
        if let Some(octet) = octets.get_mut(at) {
            *octet = if *octet == b'A' { b'B' } else { b'A' };
        }
        String::from_utf8_lossy(&octets).into_owned()
    };
    let before: Vec<(String, String)> = plain.headers.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
    let mut done = false;
    let headers = signed.headers.iter().map(|(name, value)| {
        let added = !before.iter().any(|(n, v)| n == name && v == value);
        // Times and nonces stay: it is the signature that shall be wrong.
        let marks = ["time", "nonce", "date"];
        let mark = marks.iter().any(|mark| name.to_ascii_lowercase().contains(mark));
        if added && !mark && !done {
            done = true;
            (name.to_owned(), turned(value))
        } else {
            (name.to_owned(), value.to_owned())
        }
    });
    let headers: Headers = headers.collect::<Vec<_>>().into_iter().collect();
    signed.headers = headers;
    if done {
        return;
    }
    if signed.url != plain.url {
        let (path, query) =
            signed.url.split_once('?').map_or((signed.url.clone(), None), |(p, q)| (p.to_owned(), Some(q.to_owned())));
        let plain_path = plain.url.split('?').next().unwrap_or_default();
        signed.url = if path == plain_path {
            format!("{path}?{}", last_turned(&query.unwrap_or_default()))
        } else {
            let query = query.map(|query| format!("?{query}")).unwrap_or_default();
            format!("{}{query}", last_turned(&path))
        };
    } else if signed.body != plain.body
        && let Some(last) = signed.body.last_mut()
    {
        *last = if *last == b'0' { b'1' } else { b'0' };
    }
}

/// The same with another last character.
fn last_turned(text: &str) -> String {
    let mut text = text.to_owned();
    let last = text.pop();
    text.push(if last == Some('0') { '1' } else { '0' });
    text
}
