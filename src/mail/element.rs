//! What an HTML element means for reading: does it break lines, hide, quote, sign, link?
//!
//! Classes and ids are those that mail programs write today; an unknown one is just a box.

use html5gum::StartTag;

/// How the inside of an element is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Hidden,
    Quote,
    Signature,
    Pre,
    Link,
    List,
}

/// Line breaks around an element.
pub(super) fn breaks(name: &[u8]) -> usize {
    match name {
        b"p" | b"h1" | b"h2" | b"h3" | b"h4" | b"h5" | b"h6" | b"ul" | b"ol" | b"dl" | b"blockquote" | b"pre" => 2,
        b"div" | b"tr" | b"table" | b"section" | b"article" | b"header" | b"footer" | b"address" | b"center"
        | b"dt" | b"dd" | b"form" | b"fieldset" | b"figure" | b"figcaption" | b"main" | b"nav" | b"aside" | b"body"
        | b"li" | b"caption" | b"tbody" | b"thead" | b"option" => 1,
        _ => 0,
    }
}

pub(super) fn is_void(name: &[u8]) -> bool {
    matches!(
        name,
        b"area"
            | b"base"
            | b"br"
            | b"col"
            | b"embed"
            | b"hr"
            | b"img"
            | b"input"
            | b"link"
            | b"meta"
            | b"source"
            | b"track"
            | b"wbr"
    )
}

pub(super) fn attribute(tag: &StartTag<()>, name: &[u8]) -> String {
    tag.attributes.get(name).map(|v| String::from_utf8_lossy(v).into_owned()).unwrap_or_default()
}

pub(super) fn kind(tag: &StartTag<()>) -> Option<Kind> {
    let name = tag.name.as_slice();
    if matches!(name, b"style" | b"script" | b"title" | b"template") || is_hidden(tag) {
        return Some(Kind::Hidden);
    }
    let class = attribute(tag, b"class").to_ascii_lowercase();
    let quoting = ["gmail_quote", "yahoo_quoted", "protonmail_quote", "zmail_extra", "outlookmessageheader"];
    let cites =
        attribute(tag, b"type").eq_ignore_ascii_case("cite") || class.contains("quote") || class.contains("cite");
    if quoting.iter().any(|q| class.contains(q)) || name == b"blockquote" && cites {
        return Some(Kind::Quote);
    }
    let signing = ["gmail_signature", "moz-signature", "protonmail_signature_block"];
    if signing.iter().any(|s| class.contains(s)) {
        return Some(Kind::Signature);
    }
    match name {
        b"pre" => Some(Kind::Pre),
        b"a" => Some(Kind::Link),
        b"ul" | b"ol" => Some(Kind::List),
        _ => None,
    }
}

/// Kept from the eye: `hidden`, or a style that makes it nothing.
fn is_hidden(tag: &StartTag<()>) -> bool {
    if tag.attributes.contains_key(b"hidden".as_slice()) {
        return true;
    }
    let style = attribute(tag, b"style");
    style.split(';').any(|rule| {
        let Some((property, value)) = rule.split_once(':') else { return false };
        let value = value.trim().to_ascii_lowercase();
        let value = value.trim_end_matches("!important").trim();
        let nothing = || matches!(value.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == '%'), "0" | "0.0");
        match property.trim().to_ascii_lowercase().as_str() {
            "display" => value == "none",
            "visibility" => value == "hidden",
            "mso-hide" => value == "all",
            "font-size" | "max-height" | "opacity" => nothing(),
            _ => false,
        }
    })
}
