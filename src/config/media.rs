//! `[media]`: pictures and the like that phones send, and what may be fetched of them.

use std::time::Duration;

use ipnet::IpNet;
use serde::Deserialize;

use super::{
    check::{Check, seconds},
    net::Network,
    value::{Setting, Size, Within, quoted},
};
use crate::mail::media::Types;

#[derive(Deserialize, Default)]
pub struct Keys {
    types: Option<Vec<Setting<String>>>,
    max_piece: Option<Setting<Size>>,
    max_text: Option<Setting<Size>>,
    timeout: Option<Setting<Duration>>,
    wait: Option<Setting<Duration>>,
    window: Option<Setting<Within<1, 64>>>,
    networks: Option<Vec<Setting<Network>>>,
}

/// What becomes of what phones send beside words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    pub types: Types,
    /// Of one, and of all that came with one text; octets.
    pub max_piece: u64,
    pub max_text: u64,
    /// For one request.
    pub timeout: Duration,
    /// How long a text waits for its media.
    pub wait: Duration,
    /// Texts whose media are fetched at once.
    pub window: usize,
    /// Networks beside the public Internet that may be fetched from, by http too.
    pub networks: Vec<IpNet>,
}

/// More than that goes into no mail.
const LARGEST: u64 = 64 << 20;
/// A text that waits longer than that is lost on whom it was for.
const LONGEST: Duration = Duration::from_secs(24 * 3_600);

pub fn media(keys: Keys, check: &mut Check<'_>) -> Media {
    let types = keys.types.map(|types| check.placed_list(Some(types)));
    let types = types.map_or_else(Types::default, |types| {
        for (written, place) in &types {
            if Types::listed([written.as_str()]).is_err() {
                check.wrong(place, format!("{} is no type such as \"image/*\" or \"text/vcard\"", quoted(written)));
            }
        }
        Types::listed(types.iter().map(|(written, _)| written.as_str())).unwrap_or_default()
    });
    let mut size = |given: Option<Setting<Size>>, default: u64| match check.placed(given) {
        Some((Size(size), place)) if size > LARGEST => {
            check.wrong(&place, "64MiB at most: no mail server takes more");
            default
        }
        Some((Size(size), _)) => size,
        None => default,
    };
    let (max_piece, max_text) = (size(keys.max_piece, 5 << 20), size(keys.max_text, 7 << 20));
    let wait_place = keys.wait.as_ref().map(|wait| check.place(&wait.span));
    let wait = check.time(keys.wait, seconds(600));
    if let Some(place) = wait_place.filter(|_| wait > LONGEST) {
        check.wrong(&place, "a text waits for its media 24h at most");
    }
    let network = |Network(addr, length)| IpNet::new(addr, length).ok();
    Media {
        types,
        max_piece,
        max_text,
        timeout: check.time(keys.timeout, seconds(30)),
        wait,
        window: check.take(keys.window).map_or(4, |n| usize::try_from(n.0).unwrap_or(4)),
        networks: check.list(keys.networks).into_iter().filter_map(network).collect(),
    }
}
