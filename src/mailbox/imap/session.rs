//! What is known of one connection, and how commands become octets. Pure.

use imap_codec::{
    CommandCodec,
    encode::{Encoder, Fragment},
    imap_types::{
        command::{Command, CommandBody},
        core::LiteralMode,
        response::Capability,
    },
};

use super::name::Hierarchy;

/// The largest mail that a server with LITERAL- takes unasked (RFC 7888 5).
const MINUS_CAP: usize = 4096;

/// What the server can do, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Offers {
    pub starttls: bool,
    pub plain: bool,
    /// The first answer of a login may stand beside its command.
    pub sasl_ir: bool,
    pub login_disabled: bool,
    pub literal_plus: bool,
    pub literal_minus: bool,
    pub namespace: bool,
    pub utf8: bool,
    /// Names are UTF-8 from the beginning: no IMAP4rev1 (RFC 9051 A).
    pub rev2_only: bool,
}

impl Offers {
    pub fn of<'a>(capabilities: impl IntoIterator<Item = &'a Capability<'a>>) -> Self {
        let all: Vec<String> = capabilities.into_iter().map(|c| c.to_string().to_ascii_uppercase()).collect();
        let has = |word: &str| all.iter().any(|have| have == word);
        Self {
            starttls: has("STARTTLS"),
            plain: has("AUTH=PLAIN"),
            sasl_ir: has("SASL-IR"),
            login_disabled: has("LOGINDISABLED"),
            literal_plus: has("LITERAL+"),
            literal_minus: has("LITERAL-"),
            namespace: has("NAMESPACE"),
            utf8: has("ENABLE") && (has("UTF8=ACCEPT") || has("UTF8=ONLY")),
            rev2_only: has("IMAP4REV2") && !has("IMAP4REV1"),
        }
    }

    /// Whether a mail of this length may follow its announcement at once.
    pub fn unasked(&self, octets: usize) -> bool {
        self.literal_plus || self.literal_minus && octets <= MINUS_CAP
    }
}

/// One connection, from its greeting on.
#[derive(Debug, Default)]
pub struct Session {
    /// `None`: not known, or no longer.
    pub offers: Option<Offers>,
    pub encrypted: bool,
    pub logged_in: bool,
    pub hierarchy: Option<Hierarchy>,
    /// Whether names go as UTF-8, once that is settled.
    pub utf8: Option<bool>,
    /// A folder is open: what was said of it does not matter to the next mail, but the connection is not kept.
    pub selected: bool,
    pub(super) tags: u32,
}

/// A command on its way: octets, and where the server is waited for.
#[derive(Default)]
pub struct Said {
    pub tag: String,
    rest: std::vec::IntoIter<(Vec<u8>, bool)>,
}

impl Session {
    /// TLS stands: what was said before it counts no more.
    pub fn encrypt(&mut self) {
        *self = Self { encrypted: true, tags: self.tags, ..Self::default() };
    }

    /// The command with a tag of its own.
    pub fn say(&mut self, body: CommandBody<'_>) -> Said {
        self.tags += 1;
        let tag = format!("m{}", self.tags);
        let command = Command::new(tag.as_str(), body).expect("letters and digits are a tag");
        // What may be written at once, and whether the server must be heard before.
        let mut pieces: Vec<(Vec<u8>, bool)> = Vec::new();
        for fragment in CommandCodec::default().encode(&command) {
            let (mut octets, waits) = match fragment {
                Fragment::Line { data } => (data, false),
                Fragment::Literal { data, mode } => (data, mode == LiteralMode::Sync),
            };
            match pieces.last_mut() {
                Some((last, _)) if !waits => last.append(&mut octets),
                _ => pieces.push((octets, waits)),
            }
        }
        Said { tag, rest: pieces.into_iter() }
    }
}

impl Said {
    /// What is written next; `None` when everything is said.
    pub fn piece(&mut self) -> Option<Vec<u8>> {
        self.rest.next().map(|(octets, _)| octets)
    }

    pub fn is_over(&self) -> bool {
        self.rest.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offers(words: &str) -> Offers {
        let all: Vec<Capability<'_>> =
            words.split(' ').map(|word| Capability::try_from(word).expect("a capability")).collect();
        Offers::of(&all)
    }

    #[test]
    fn offers_are_read_whatever_their_case() {
        let found = offers("IMAP4rev1 starttls AUTH=plain SASL-IR LITERAL- NAMESPACE LOGINDISABLED");
        assert!(found.starttls && found.plain && found.sasl_ir && found.namespace && found.login_disabled);
        assert!(!found.literal_plus && !found.utf8 && !found.rev2_only);
        assert!(offers("IMAP4rev2").rev2_only && !offers("IMAP4rev1 IMAP4rev2").rev2_only);
        assert!(offers("IMAP4rev1 ENABLE UTF8=ACCEPT").utf8 && !offers("IMAP4rev1 UTF8=ACCEPT").utf8);
        assert!(found.unasked(4096) && !found.unasked(4097));
        assert!(offers("LITERAL+").unasked(1 << 20) && !offers("IMAP4rev1").unasked(1));
    }

    #[test]
    fn the_server_is_waited_for_where_it_must_be() {
        let mut session = Session::default();
        let mut said = session.say(CommandBody::login("alice", "pässword").expect("sound"));
        assert_eq!(said.piece().expect("a line"), b"m1 LOGIN alice {9}\r\n");
        assert!(!said.is_over());
        assert_eq!(said.piece().expect("a literal"), "pässword\r\n".as_bytes());
        assert!(said.is_over() && said.piece().is_none());
        let mut said = session.say(CommandBody::Capability);
        assert_eq!(said.piece().expect("a line"), b"m2 CAPABILITY\r\n");
        assert!(said.is_over());
    }
}
