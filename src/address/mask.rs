//! Hiding the password of an `sms:` address.
//!
//! Addresses are kept for reports, and a password may stand in them. What can go wrong: it can stand in a header as it
//! was written, percent-encoded, as xtext or with quoted pairs, and must be hidden in each; and it must be hidden when
//! the address as a whole is refused, so nothing here asks whether the parameters can be read.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};

use super::params::pairs;

/// Where parameters begin; `&` too, so that a mistake (`sms:+1&pass=x`) is hidden as well.
fn query_at(written: &str) -> usize {
    written.find(['?', '&']).map_or(written.len(), |at| at + 1)
}

fn is_pass(name: &str) -> bool {
    name.eq_ignore_ascii_case("pass")
}

/// An `sms:` address (URI or decoded local part) with `***` for every password in it.
pub fn masked(written: &str) -> String {
    let (head, query) = written.split_at(query_at(written));
    let pieces = query.split('&').map(|piece| match piece.split_once('=') {
        Some((name, value)) if is_pass(name) && !value.is_empty() => format!("{name}=***"),
        _ => piece.to_owned(),
    });
    format!("{head}{}", pieces.collect::<Vec<_>>().join("&"))
}

/// RFC 3986 unreserved characters stay.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Shorter passwords are hidden behind their name only: `1` alone stands everywhere.
const SHORT: usize = 4;

/// Every form in which the passwords of a written address (URI or decoded local part) may stand in a header or ORCPT:
/// as written, decoded, percent-encoded, with quoted pairs (RFC 5321 4.1.2), as xtext (RFC 3461 4), and combined.
/// Longest first; a password of less than four octets comes with its `pass=` in front. None: no password.
pub fn masks(written: &str) -> Vec<Vec<u8>> {
    let query = &written[query_at(written)..];
    let mut forms = Vec::new();
    for (name, raw) in pairs(query).filter(|(name, raw)| is_pass(name) && !raw.is_empty()) {
        let decoded: Vec<u8> = percent_decode_str(raw).collect();
        let short = decoded.len() < SHORT;
        let encoded = percent_encode(&decoded, UNRESERVED).to_string();
        let values =
            [raw.as_bytes().to_vec(), decoded, encoded.to_ascii_lowercase().into_bytes(), encoded.into_bytes()];
        for value in values {
            let value = match short {
                false => value,
                true => [name.as_bytes(), b"=", &value].concat(),
            };
            let quoted = quoted_pairs(&value);
            forms.extend([xtext(&value), xtext(&quoted), percent_encode(&value, UNRESERVED).to_string().into_bytes()]);
            forms.extend([value, quoted]);
        }
    }
    forms.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    forms.dedup();
    forms
}

fn quoted_pairs(value: &[u8]) -> Vec<u8> {
    value.iter().flat_map(|&b| (b == b'"' || b == b'\\').then_some(b'\\').into_iter().chain([b])).collect()
}

fn xtext(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    for &b in value {
        match b {
            b'!'..=b'~' if b != b'+' && b != b'=' => out.push(b),
            _ => out.extend(format!("+{b:02X}").into_bytes()),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn passwords_are_hidden() {
        assert_eq!(masked("sms:+1?user=a&PASS=b%40c&pid=1"), "sms:+1?user=a&PASS=***&pid=1");
        assert_eq!(masked("sms:+1&pass=x"), "sms:+1&pass=***");
        assert_eq!(masked("sms:+1?pass="), "sms:+1?pass=");
        assert_eq!(masked("sms:+1"), "sms:+1");
    }

    #[test]
    fn a_password_has_many_forms() {
        let forms = masks("sms:+1?user=a&pass=a%40b\"c+d");
        for form in [
            "a%40b\"c+d",
            "a@b\"c+d",
            "a%40b%22c%2Bd",
            "a%40b%22c%2bd",
            "a@b\\\"c+d",
            "a@b\"c+2Bd",
            "a@b\\\"c+2Bd",
            "a%2540b%22c%2Bd",
        ] {
            assert!(forms.contains(&form.as_bytes().to_vec()), "{form}");
        }
        assert!(forms.windows(2).all(|w| w[0].len() >= w[1].len()));
        let short = masks("sms:+1?user=a&pass=x");
        assert!(short.contains(&b"pass=x".to_vec()) && short.contains(&b"pass+3Dx".to_vec()));
        assert!(short.iter().all(|form| form.starts_with(b"pass")));
        assert!(masks("sms:+1?user=a").is_empty());
    }

    proptest! {
        #[test]
        fn no_password_survives_its_mask(pass in "[ -%'-~]{4,12}", user in "[a-z]{1,5}") {
            let encoded = percent_encode(pass.as_bytes(), UNRESERVED).to_string();
            let written = format!("sms:+1?user={user}&pass={encoded}");
            prop_assert!(masks(&written).contains(&pass.clone().into_bytes()));
            prop_assert_eq!(masked(&written), format!("sms:+1?user={user}&pass=***"));
        }

        #[test]
        fn any_words_can_be_masked(written in "\\PC{0,60}|[?&=pas+%\"]{0,30}") {
            let _ = (masked(&written), masks(&written));
        }
    }
}
