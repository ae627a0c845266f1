//! Names of folders: what a rule writes (`alice/SMS`, UTF-8, steps between slashes) → what the server calls it. Pure.
//!
//! What can go wrong: a server with another separator, with a prefix before every personal folder (`INBOX.`), or one
//! that takes ASCII only (modified UTF-7, RFC 3501 5.1.3); a step that holds the separator, where it becomes `_`.

use base64::{Engine, alphabet, engine::GeneralPurpose, engine::general_purpose::NO_PAD};

/// Octets of a folder's name as it is written.
pub const LONGEST: usize = 512;
/// Steps of one name: deeper folders are nobody's wish.
const DEEPEST: usize = 16;

/// How the server's folders stand in each other.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hierarchy {
    /// Before every personal folder, the separator included.
    pub prefix: String,
    /// `None`: folders do not nest.
    pub separator: Option<char>,
    /// Prefixes of other namespaces, which may be written out.
    pub others: Vec<String>,
}

/// What is wrong with a folder's name as it is written; `None`: nothing.
pub fn wrong(written: &str) -> Option<&'static str> {
    let steps: Vec<&str> = written.split('/').collect();
    if written.len() > LONGEST {
        return Some("the name of a folder has at most 512 octets");
    }
    if steps.len() > DEEPEST {
        return Some("a folder is at most 16 levels deep");
    }
    if steps.iter().any(|step| step.trim().is_empty() || matches!(*step, "." | "..")) {
        return Some("a step of the folder's name is empty");
    }
    // `%` and `*` are wildcards of LIST, which some servers refuse in names.
    if written.chars().any(|c| c.is_control() || matches!(c, '%' | '*')) {
        return Some("the name of a folder has no control characters, `%` or `*`");
    }
    None
}

impl Hierarchy {
    /// What the server calls the folder, in UTF-8.
    pub fn place(&self, written: &str) -> String {
        let steps = written.split('/').map(|step| match self.separator {
            Some(separator) if separator != '/' => step.replace(separator, "_"),
            _ => step.to_owned(),
        });
        let separator = self.separator.unwrap_or('/').to_string();
        let name = steps.collect::<Vec<_>>().join(&separator);
        if name.eq_ignore_ascii_case("INBOX") {
            return "INBOX".to_owned();
        }
        let begins = |prefix: &String| {
            !prefix.is_empty() && name.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix))
        };
        if begins(&self.prefix) || self.others.iter().any(begins) { name } else { format!("{}{name}", self.prefix) }
    }
}

/// Modified UTF-7.
pub fn utf7(name: &str) -> String {
    const ALPHABET: alphabet::Alphabet =
        match alphabet::Alphabet::new("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,") {
            Ok(alphabet) => alphabet,
            Err(_) => panic!("64 characters, each once"),
        };
    const ENGINE: GeneralPurpose = GeneralPurpose::new(&ALPHABET, NO_PAD);
    let mut out = String::with_capacity(name.len() + 8);
    let mut shifted = String::new();
    let flush = |out: &mut String, shifted: &mut String| {
        if !shifted.is_empty() {
            let octets: Vec<u8> = shifted.encode_utf16().flat_map(u16::to_be_bytes).collect();
            out.push('&');
            out.push_str(&ENGINE.encode(octets));
            out.push('-');
            shifted.clear();
        }
    };
    for c in name.chars() {
        if matches!(c, ' '..='~') {
            flush(&mut out, &mut shifted);
            out.push(c);
            if c == '&' {
                out.push('-');
            }
        } else {
            shifted.push(c);
        }
    }
    flush(&mut out, &mut shifted);
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_in_modified_utf_7() {
        // The second is the example of RFC 3501 5.1.3.
        for (name, wanted) in [
            ("SMS", "SMS"),
            ("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
            ("Entwürfe", "Entw&APw-rfe"),
            ("Tom & Jerry", "Tom &- Jerry"),
            ("📱", "&2D3c8Q-"),
            ("", ""),
        ] {
            assert_eq!(utf7(name), wanted);
        }
    }

    #[test]
    fn names_stand_where_the_server_has_them() {
        let dovecot = Hierarchy { separator: Some('/'), ..Hierarchy::default() };
        let maildir = Hierarchy { separator: Some('.'), ..Hierarchy::default() };
        let courier = Hierarchy { prefix: "INBOX.".into(), separator: Some('.'), others: vec!["shared.".into()] };
        let flat = Hierarchy::default();
        for (hierarchy, written, wanted) in [
            (&dovecot, "alice/SMS", "alice/SMS"),
            (&dovecot, "inbox", "INBOX"),
            (&maildir, "alice/SMS", "alice.SMS"),
            (&maildir, "alice@example.test/SMS", "alice@example_test.SMS"),
            (&courier, "SMS", "INBOX.SMS"),
            (&courier, "Inbox/SMS", "Inbox.SMS"),
            (&courier, "shared/SMS", "shared.SMS"),
            (&courier, "INBOX", "INBOX"),
            (&flat, "a/b", "a/b"),
        ] {
            assert_eq!(hierarchy.place(written), wanted, "{written} {hierarchy:?}");
        }
    }

    #[test]
    fn some_names_are_none() {
        for bad in ["", "/a", "a/", "a//b", "a/../b", "a\r\nb", "a*", "%", &"a/".repeat(20), &"a".repeat(513)] {
            assert!(wrong(bad).is_some(), "{bad:?}");
        }
        for good in ["SMS", "alice/SMS", "Entwürfe", "a.b", "Tom & Jerry", "\"quoted\""] {
            assert_eq!(wrong(good), None, "{good}");
        }
    }

    proptest! {
        /// Whatever it is, what goes over the wire is printable ASCII.
        #[test]
        fn modified_utf_7_is_printable(name in any::<String>()) {
            prop_assert!(utf7(&name).bytes().all(|b| (b' '..=b'~').contains(&b)));
        }
    }
}
