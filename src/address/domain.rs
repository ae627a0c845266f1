//! Domains of mail addresses: IDNA ASCII in lower case, or an address literal (RFC 5321 4.1.3).

use std::net::{Ipv4Addr, Ipv6Addr};

/// Longest domain (RFC 5321 4.5.3.1.2).
const LONGEST: usize = 255;

/// A domain name in ASCII and lower case; a dot at its end is dropped. Underscores are let through: hosts have them.
pub fn ascii(written: &str) -> Option<String> {
    let written = written.strip_suffix('.').unwrap_or(written);
    if written.len() > LONGEST {
        return None;
    }
    let name = match written.is_ascii() {
        true => written.to_ascii_lowercase(),
        false => idna::domain_to_ascii(written).ok()?,
    };
    (name.len() <= LONGEST && name.split('.').all(is_label)).then_some(name)
}

fn is_label(label: &str) -> bool {
    matches!(label.len(), 1..=63)
        && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// `[192.0.2.1]` or `[IPv6:2001:db8::1]`, in one spelling.
pub(super) fn literal(written: &str) -> Option<String> {
    let inner = written.strip_prefix('[')?.strip_suffix(']')?;
    match inner.get(..5) {
        Some(tag) if tag.eq_ignore_ascii_case("ipv6:") => {
            inner[5..].parse::<Ipv6Addr>().ok().map(|addr| format!("[IPv6:{addr}]"))
        }
        _ => inner.parse::<Ipv4Addr>().ok().map(|addr| format!("[{addr}]")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_one_spelling() {
        assert_eq!(ascii("SMS.Example.COM.").as_deref(), Some("sms.example.com"));
        assert_eq!(ascii("Bücher.example").as_deref(), Some("xn--bcher-kva.example"));
        assert_eq!(ascii("a_b.example").as_deref(), Some("a_b.example"));
        for bad in ["", ".", "a..b", "-a.b", "a b", "a@b", &format!("{}.b", "a".repeat(64)), &"a.".repeat(200)] {
            assert_eq!(ascii(bad), None, "{bad}");
        }
    }

    #[test]
    fn literals_are_addresses() {
        assert_eq!(literal("[192.0.2.1]").as_deref(), Some("[192.0.2.1]"));
        assert_eq!(literal("[ipv6:2001:DB8::1]").as_deref(), Some("[IPv6:2001:db8::1]"));
        for bad in ["[]", "[x]", "[1.2.3]", "192.0.2.1", "[IPv6:]"] {
            assert_eq!(literal(bad), None, "{bad}");
        }
    }
}
