//! Pictures and the like of a text: where they are, or what is in them.
//!
//! What cannot be taken is not passed over: it is named with the reason, for the mail to say so.

use super::{
    inbound,
    spec::{Media, MediaFound},
};
use crate::{
    ground::outcome::one_line,
    mail::{At, Elsewhere, MediaType, Piece},
    provider::{
        source::{Kind, Place, Pointer, Source},
        view::{self, View},
    },
};

/// Most media of one text: as many as the networks' own multimedia messages have.
pub const MOST: usize = 10;
/// Media beyond those that are only counted.
const COUNTED: usize = 1_000;
/// The longest address.
const LONGEST_URL: usize = 4_096;

/// The media of an item; layouts of multimedia messages are none.
pub fn read(media: &Media, view: &View<'_>) -> Vec<Piece> {
    match &media.found {
        MediaFound::Numbered { count, url, first, media_type, base } => {
            let stated =
                count.as_ref().map(|count| view.first(count).and_then(|n| n.parse::<usize>().ok()).unwrap_or(0));
            let most = stated.unwrap_or(COUNTED).min(COUNTED);
            let named = |name| view.first(&Source(vec![Place { kind: Kind::Field(name), pick: None }]));
            let field = |pattern: &str, index: u32| named(pattern.replace("{i}", &index.to_string()));
            let numbers = *base..base.saturating_add(u32::try_from(most).unwrap_or(0));
            let one = |index| {
                let kind = media_type.as_ref().and_then(|pattern| field(pattern, index)).and_then(|k| k.parse().ok());
                let url = match first {
                    Some(first) if index == *base => named(first.clone())?,
                    _ => field(url, index)?,
                };
                Some(Piece { kind, name: None, at: media.address(url) })
            };
            bounded(numbers.map_while(one).filter(|piece| !is_layout(piece.kind.as_ref())).collect())
        }
        MediaFound::List { list, url, inline, media_type, name } => {
            let found = view.json_at(list);
            // A form repeats the field: each value is an address.
            if found.is_empty() && inline.is_none() && url.as_ref().is_some_and(|pointer| pointer.0.is_empty()) {
                let piece = |url| Piece { kind: None, name: None, at: media.address(url) };
                let all = view.all(list).into_iter().filter(|url| !url.is_empty()).map(piece);
                return bounded(all.take(COUNTED).collect());
            }
            let items = found.into_iter().flat_map(|value| match value.as_array() {
                Some(items) => items.iter().collect::<Vec<_>>(),
                None => vec![value],
            });
            let kind = |item| text(item, media_type.as_ref()).and_then(|kind| kind.parse().ok());
            let shown = items.take(COUNTED).filter(|item| !is_layout(kind(item).as_ref()));
            let one = |(n, item)| {
                let at = match inline {
                    // What is left out anyway is not decoded.
                    Some(_) if n >= MOST => At::Missing(String::new()),
                    Some((pointer, decode)) => {
                        let written = view::pointed_at(item, pointer).and_then(view::text_of)?;
                        match inbound::decoded(*decode, written.into_bytes()) {
                            Some(octets) => media.held(octets),
                            None => At::Missing("it cannot be decoded".to_owned()),
                        }
                    }
                    None => media.address(text(item, url.as_ref()).filter(|url| !url.is_empty())?),
                };
                let name = text(item, name.as_ref()).map(|name| one_line(&name, 200)).filter(|name| !name.is_empty());
                Some(Piece { kind: kind(item), name, at })
            };
            bounded(shown.enumerate().filter_map(one).collect())
        }
    }
}

fn text(item: &serde_json::Value, pointer: Option<&Pointer>) -> Option<String> {
    pointer.and_then(|pointer| view::pointed_at(item, pointer)).and_then(view::text_of)
}

fn is_layout(kind: Option<&MediaType>) -> bool {
    kind.is_some_and(MediaType::is_layout)
}

impl Media {
    fn address(&self, url: String) -> At {
        if url.len() > LONGEST_URL {
            return At::Missing("its address is too long".to_owned());
        }
        At::Elsewhere(Elsewhere { url, login: self.fetch_auth, most: self.max_bytes, hosts: self.hosts.clone() })
    }

    fn held(&self, octets: Vec<u8>) -> At {
        let most = self.max_bytes;
        if u64::try_from(octets.len()).is_ok_and(|len| len <= most) {
            At::Here(octets.into())
        } else {
            At::Missing(format!("it is larger than {most} octets"))
        }
    }
}

/// The first ten; one more in place of all others, which says so.
fn bounded(mut found: Vec<Piece>) -> Vec<Piece> {
    let beyond = found.len().saturating_sub(MOST);
    if beyond > 0 {
        found.truncate(MOST);
        let others = if beyond == 1 { "it is one more".to_owned() } else { format!("there are {beyond} more") };
        found.push(Piece::missing(None, format!("{others}, and {MOST} are taken at most")));
    }
    found
}
