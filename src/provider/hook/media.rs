//! Pictures and the like of a text: where they are, never what is in them.

use super::{
    Medium, MediumAt, inbound,
    spec::{Media, MediaFound},
};
use crate::{
    ground::outcome::one_line,
    provider::{
        source::{Kind, Place, Source},
        view::{self, View},
    },
};

/// Most media of one text.
const MOST: usize = 20;

/// The media of an item.
pub fn read(media: &Media, view: &View<'_>) -> Vec<Medium> {
    match &media.found {
        MediaFound::Numbered { count, url, media_type, base } => {
            let stated =
                count.as_ref().map(|count| view.first(count).and_then(|n| n.parse::<usize>().ok()).unwrap_or(0));
            let most = stated.unwrap_or(MOST).min(MOST);
            let field = |pattern: &str, index: u32| {
                let name = pattern.replace("{i}", &index.to_string());
                view.first(&Source(vec![Place { kind: Kind::Field(name), pick: None }]))
            };
            let numbers = *base..base.saturating_add(u32::try_from(most).unwrap_or(0));
            let one = |index| {
                let url = field(url, index)?;
                let media_type = media_type.as_ref().and_then(|pattern| field(pattern, index));
                Some(Medium {
                    media_type: media_type.and_then(|kind| self::kind(&kind)),
                    name: None,
                    at: MediumAt::Url(url),
                })
            };
            numbers.map_while(one).collect()
        }
        MediaFound::List { list, url, inline, media_type, name } => {
            let found = view.json_at(list);
            // A form repeats the field: each value is an address.
            if found.is_empty() && inline.is_none() && url.as_ref().is_some_and(|pointer| pointer.0.is_empty()) {
                let medium = |url| Medium { media_type: None, name: None, at: MediumAt::Url(url) };
                return view.all(list).into_iter().filter(|url| !url.is_empty()).map(medium).take(MOST).collect();
            }
            let items = found.into_iter().flat_map(|value| match value.as_array() {
                Some(items) => items.iter().collect::<Vec<_>>(),
                None => vec![value],
            });
            let text = |item: &serde_json::Value, pointer: &Option<_>| {
                pointer.as_ref().and_then(|pointer| view::pointed_at(item, pointer)).and_then(view::text_of)
            };
            let one = |item: &serde_json::Value| {
                let at = match inline {
                    Some((pointer, decode)) => {
                        let written = view::pointed_at(item, pointer).and_then(view::text_of)?;
                        let octets = inbound::decoded(*decode, written.into_bytes())?;
                        let fits = u64::try_from(octets.len()).is_ok_and(|len| len <= media.max_bytes);
                        MediumAt::Inline(if fits { octets } else { return None })
                    }
                    None => MediumAt::Url(text(item, url).filter(|url| !url.is_empty())?),
                };
                let name = text(item, name).map(|name| one_line(&name, 200)).filter(|name| !name.is_empty());
                Some(Medium { media_type: text(item, media_type).and_then(|kind| self::kind(&kind)), name, at })
            };
            items.filter_map(one).take(MOST).collect()
        }
    }
}

/// `image/jpeg`, without parameters.
fn kind(written: &str) -> Option<String> {
    let kind = written.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"/.+-_".contains(&b);
    (kind.len() <= 100 && kind.contains('/') && kind.bytes().all(fits)).then_some(kind)
}
