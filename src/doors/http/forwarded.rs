//! Who calls behind trusted proxies: the rightmost address in `X-Forwarded-For` or `Forwarded` (RFC 7239) that is no proxy
//! of ours. Pure.
//!
//! Anybody can write such a field; a proxy adds to its right end what it saw itself. So it counts only where the
//! connection comes from a trusted proxy, it is read from the right, and it ends at whatever cannot be read. Where both
//! fields are there and do not agree, one of them was written by the client, and neither counts: then the call comes from the
//! proxy. What can go wrong: quotes that a client opens and a proxy closes; a field in which anything is amiss names nobody.

use std::net::{IpAddr, SocketAddr};

use crate::mail::received::within;

/// Whom a call comes from. `trusted` are networks of proxies, `peer` is who connected; of a field that stands there
/// several times all values are given, in their order.
pub fn client(peer: IpAddr, trusted: &[(IpAddr, u8)], forwarded: &[&str], x_forwarded_for: &[&str]) -> IpAddr {
    let peer = peer.to_canonical();
    if !within(trusted, peer) {
        return peer;
    }
    let by = |hops: Vec<Option<IpAddr>>| (!hops.is_empty()).then(|| last_stranger(peer, trusted, &hops));
    let standard = by(standard(forwarded));
    let usual = by(x_forwarded_for.iter().flat_map(|value| value.split(',')).filter_map(usual).collect());
    match (standard, usual) {
        (Some(one), Some(other)) if one != other => peer,
        (Some(found), _) | (None, Some(found)) => found,
        (None, None) => peer,
    }
}

/// From the right: the first that is no proxy of ours; where nobody knows who stood before a proxy, that proxy.
fn last_stranger(peer: IpAddr, trusted: &[(IpAddr, u8)], hops: &[Option<IpAddr>]) -> IpAddr {
    let mut last = peer;
    for hop in hops.iter().rev() {
        let Some(hop) = *hop else { return last };
        last = hop;
        if !within(trusted, hop) {
            break;
        }
    }
    last
}

/// One element of `X-Forwarded-For`; `None`: there is none between these commas.
fn usual(element: &str) -> Option<Option<IpAddr>> {
    let element = element.trim();
    (!element.is_empty()).then(|| node(element))
}

/// An address with or without a port; IPv6 in brackets or bare.
fn node(written: &str) -> Option<IpAddr> {
    let bare = written.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let bare = bare.map(|bare| bare.parse().ok().filter(IpAddr::is_ipv6));
    let addr = match bare {
        Some(addr) => addr,
        None => written.parse().ok().or_else(|| written.parse().ok().map(|addr: SocketAddr| addr.ip())),
    };
    addr.map(|addr: IpAddr| addr.to_canonical())
}

/// The `for` of each element of `Forwarded`; one unknown hop where a value is not written as it must be.
fn standard(values: &[&str]) -> Vec<Option<IpAddr>> {
    let mut hops = Vec::new();
    for value in values {
        match elements(value) {
            Some(found) => hops.extend(found),
            None => return vec![None],
        }
    }
    hops
}

fn elements(value: &str) -> Option<Vec<Option<IpAddr>>> {
    let mut hops = Vec::new();
    let mut rest = value;
    loop {
        let (element, behind) = element(rest)?;
        if let Some(hop) = element {
            hops.push(hop);
        }
        match behind.strip_prefix(',') {
            Some(next) => rest = next,
            None if behind.is_empty() => return Some(hops),
            None => return None,
        }
    }
}

/// What an element says of a hop; `None`: it is empty.
type Element = Option<Option<IpAddr>>;

/// An element and what stands behind it.
fn element(mut rest: &str) -> Option<(Element, &str)> {
    let (mut hop, mut any) = (None, false);
    loop {
        rest = rest.trim_start_matches([' ', '\t']);
        if !rest.starts_with([';', ',']) && !rest.is_empty() {
            let (name, value, behind) = pair(rest)?;
            if name.eq_ignore_ascii_case("for") {
                // Each name once in an element.
                if hop.is_some() {
                    return None;
                }
                hop = Some(node(&value));
            }
            any = true;
            rest = behind.trim_start_matches([' ', '\t']);
        }
        match rest.strip_prefix(';') {
            Some(next) => rest = next,
            // An element that does not say for whom: nobody knows.
            None => return Some((any.then(|| hop.flatten()), rest)),
        }
    }
}

/// `token=token` or `token="…"`, and what stands behind it.
fn pair(written: &str) -> Option<(&str, String, &str)> {
    let (name, rest) = token(written)?;
    let rest = rest.strip_prefix('=')?;
    match rest.strip_prefix('"') {
        Some(quoted) => {
            let (value, behind) = quoted_string(quoted)?;
            Some((name, value, behind))
        }
        None => token(rest).map(|(value, behind)| (name, value.to_owned(), behind)),
    }
}

/// A token (RFC 9110 5.6.2), and what stands behind it. Addresses with a port stand unquoted in the wild.
fn token(written: &str) -> Option<(&str, &str)> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:".contains(&b);
    let end = written.bytes().position(|b| !plain(b)).unwrap_or(written.len());
    (end > 0).then(|| written.split_at(end))
}

/// Up to the closing quote, and what stands behind it.
fn quoted_string(written: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = written.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &written[at + 1..])),
            '\\' => value.push(chars.next()?.1),
            c if c.is_control() => return None,
            c => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROXIES: &[(IpAddr, u8)] = &[
        (IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 1)), 32),
        (IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 0)), 8),
        (IpAddr::V6(std::net::Ipv6Addr::LOCALHOST), 128),
    ];

    fn of(peer: &str, forwarded: &[&str], x_forwarded_for: &[&str]) -> String {
        client(peer.parse().expect(peer), PROXIES, forwarded, x_forwarded_for).to_string()
    }

    #[test]
    fn the_rightmost_stranger_calls() {
        for (peer, fields, expected) in [
            // Nobody but a proxy of ours is believed.
            ("192.0.2.9", &["203.0.113.1"][..], "192.0.2.9"),
            ("127.0.0.1", &[], "127.0.0.1"),
            ("127.0.0.1", &[""], "127.0.0.1"),
            ("127.0.0.1", &["203.0.113.1"], "203.0.113.1"),
            ("::ffff:127.0.0.1", &["203.0.113.1"], "203.0.113.1"),
            ("::1", &["2001:db8::1"], "2001:db8::1"),
            // What the client wrote stands on the left.
            ("127.0.0.1", &["198.51.100.7, 203.0.113.1"], "203.0.113.1"),
            ("127.0.0.1", &["198.51.100.7", "203.0.113.1"], "203.0.113.1"),
            // Two proxies of ours.
            ("127.0.0.1", &["198.51.100.7, 203.0.113.1, 10.1.2.3"], "203.0.113.1"),
            ("127.0.0.1", &["198.51.100.7,203.0.113.1", "10.1.2.3"], "203.0.113.1"),
            // From within.
            ("127.0.0.1", &["10.9.9.9, 10.1.2.3"], "10.9.9.9"),
            ("127.0.0.1", &["::ffff:203.0.113.1"], "203.0.113.1"),
            ("127.0.0.1", &["203.0.113.1:4711"], "203.0.113.1"),
            ("127.0.0.1", &["[2001:db8::1]:4711"], "2001:db8::1"),
            ("127.0.0.1", &["[2001:db8::1]"], "2001:db8::1"),
            ("127.0.0.1", &[" 203.0.113.1 ,, "], "203.0.113.1"),
            // What cannot be read ends it at the proxy that says so.
            ("127.0.0.1", &["203.0.113.1, unknown"], "127.0.0.1"),
            ("127.0.0.1", &["203.0.113.1, unknown, 10.1.2.3"], "10.1.2.3"),
            ("127.0.0.1", &["unknown, 203.0.113.1"], "203.0.113.1"),
            ("127.0.0.1", &["203.0.113.999"], "127.0.0.1"),
            ("127.0.0.1", &["[203.0.113.1]"], "127.0.0.1"),
            ("127.0.0.1", &["evil.example"], "127.0.0.1"),
        ] {
            assert_eq!(of(peer, &[], fields), expected, "{peer} {fields:?}");
        }
    }

    #[test]
    fn the_standard_field_is_read_as_it_is_written() {
        for (fields, expected) in [
            (&["for=203.0.113.1"][..], "203.0.113.1"),
            (&["For=203.0.113.1;proto=https;by=10.0.0.1"], "203.0.113.1"),
            (&["by=10.0.0.1; for=\"203.0.113.1:4711\""], "203.0.113.1"),
            (&["for=\"[2001:db8::1]:4711\""], "2001:db8::1"),
            (&["for=\"[2001:db8::1]\", for=10.1.2.3"], "2001:db8::1"),
            (&["for=198.51.100.7, for=203.0.113.1"], "203.0.113.1"),
            (&["for=198.51.100.7", "for=203.0.113.1"], "203.0.113.1"),
            (&["for=203.0.113.1:80"], "203.0.113.1"),
            (&["for=\"203.0.113.\\1\""], "203.0.113.1"),
            (&["for=unknown"], "127.0.0.1"),
            (&["for=_hidden, for=10.1.2.3"], "10.1.2.3"),
            (&["for=203.0.113.1, proto=https"], "127.0.0.1"),
            (&["for=203.0.113.1;for=203.0.113.2"], "127.0.0.1"),
            // A client's open quote does not swallow what the proxy adds, nor make sense with its quotes.
            (&["for=\"203.0.113.1, for=198.51.100.7"], "127.0.0.1"),
            (&["for=203.0.113.1;x=\", for=\"[2001:db8::1]:1\""], "127.0.0.1"),
            (&["for=203.0.113.1 for=203.0.113.2"], "127.0.0.1"),
            (&["for"], "127.0.0.1"),
            (&["=203.0.113.1"], "127.0.0.1"),
            (&[", ,"], "127.0.0.1"),
        ] {
            assert_eq!(of("127.0.0.1", fields, &[]), expected, "{fields:?}");
        }
        assert_eq!(of("192.0.2.9", &["for=203.0.113.1"], &[]), "192.0.2.9");
    }

    #[test]
    fn fields_that_do_not_agree_name_nobody() {
        assert_eq!(of("127.0.0.1", &["for=203.0.113.1"], &["203.0.113.1"]), "203.0.113.1");
        assert_eq!(of("127.0.0.1", &["for=198.51.100.7"], &["203.0.113.1"]), "127.0.0.1");
        assert_eq!(of("127.0.0.1", &["for=\"198.51.100.7"], &["203.0.113.1"]), "127.0.0.1");
    }
}
