//! Who was logged in, as Postfix says it in its own `Received:` line (`smtpd_sasl_authenticated_header`).
//!
//! Postfix knows the login and says it nowhere else. Much of such a line comes from strangers: the HELO name, the
//! host name, the CN of a client certificate (which may hold the very words `(Authenticated sender: …)`), the
//! recipient. So the line is read by the whole grammar of RFC 5322 3.2.2 and RFC 5321 4.4, the words count only in
//! a comment of their own at depth 1 and at their place, and whatever can be read in two ways is no identity.
//!
//! Line 1 is the peer's own. Line n+1 counts only if the client that line n names is trusted.

use std::net::IpAddr;

/// What is believed.
#[derive(Debug, Clone, Copy)]
pub struct Rule<'a> {
    /// The names behind `by` of MTAs that check logins.
    pub mta_names: &'a [String],
    /// Any name will do: `mta_names` is not looked at.
    pub any_name: bool,
    /// Networks of MTAs whose lines below the first are believed: address and prefix length.
    pub trust: &'a [(IpAddr, u8)],
}

/// Lines that are looked at; the door refuses mails with more.
const MAX_LINES: usize = 50;
/// Comments in comments.
const MAX_DEPTH: usize = 8;

/// The login of the sender, as the trusted MTA wrote it (bare, or an address). `headers` may be followed by the body;
/// line ends are CRLF. Anything ambiguous gives `None`.
pub fn authenticated_sender(headers: &[u8], rule: &Rule<'_>) -> Option<String> {
    let mut fields = Fields(headers);
    let mut lines = 0;
    while let Some(field) = fields.next() {
        let (name, value) = field.ok()?;
        if !name.eq_ignore_ascii_case("Received") {
            continue;
        }
        lines += 1;
        let line = Line::parse(value).ok()?;
        if let Some(login) = line.login(rule) {
            return Some(login);
        }
        let believed = line.client.is_some_and(|client| within(rule.trust, client));
        if !believed || lines == MAX_LINES {
            return None;
        }
    }
    None
}

/// Whether `addr` lies in one of `networks` (address, prefix length). IPv4-mapped addresses count as IPv4.
pub fn within(networks: &[(IpAddr, u8)], addr: IpAddr) -> bool {
    networks.iter().any(|&(network, prefix)| match (network.to_canonical(), addr.to_canonical()) {
        (IpAddr::V4(network), IpAddr::V4(addr)) => {
            prefix <= 32 && (u64::from(network.to_bits() ^ addr.to_bits()) >> (32 - prefix)) == 0
        }
        (IpAddr::V6(network), IpAddr::V6(addr)) => {
            let differ = network.to_bits() ^ addr.to_bits();
            prefix == 0 || (prefix <= 128 && (differ >> (128 - prefix)) == 0)
        }
        _ => false,
    })
}

/// It can be read in more than one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ambiguous;

/// The fields of a header, each as name and value (folds kept).
pub(super) struct Fields<'a>(pub &'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn next(&mut self) -> Option<Result<(&'a str, &'a str), Ambiguous>> {
        if self.0.is_empty() || self.0.starts_with(b"\r\n") {
            return None;
        }
        Some(self.field())
    }

    fn field(&mut self) -> Result<(&'a str, &'a str), Ambiguous> {
        let all = self.0;
        let mut end = 0;
        loop {
            let len = memchr::memchr(b'\n', &all[end..]).map_or(all.len() - end, |i| i + 1);
            let line = &all[end..end + len];
            let text = line.strip_suffix(b"\r\n").unwrap_or(line);
            // A line of blanks ends the header for some readers and not for others.
            if text.iter().all(|&b| matches!(b, b' ' | b'\t')) || text.iter().any(|&b| matches!(b, b'\r' | b'\n' | 0)) {
                return Err(Ambiguous);
            }
            end += len;
            if !matches!(all.get(end), Some(b' ' | b'\t')) {
                break;
            }
        }
        self.0 = &all[end..];
        let colon = memchr::memchr(b':', &all[..end]).ok_or(Ambiguous)?;
        let name = std::str::from_utf8(&all[..colon]).map_err(|_| Ambiguous)?.trim_end_matches([' ', '\t']);
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Ambiguous);
        }
        // Only Received and Authentication-Results are read on, and an empty one of these is ambiguous.
        let value = std::str::from_utf8(&all[colon + 1..end]).unwrap_or("");
        if value.is_empty() && name.eq_ignore_ascii_case("Received") {
            return Err(Ambiguous);
        }
        Ok((name, value))
    }
}

/// One piece of a line outside of comments, or a whole comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    Word(&'a str),
    Comment(Comment<'a>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Comment<'a> {
    /// Without its parentheses.
    text: &'a str,
    /// Holds further comments.
    nested: bool,
    /// Stands alone on its lines: a fold before it and a fold behind it.
    alone: bool,
}

impl Comment<'_> {
    /// Words that a stranger may have chosen freely. `using TLSv1.3 …` comes from the TLS library.
    fn is_foreign(&self) -> bool {
        let nested = self.nested && !self.text.starts_with("using ");
        nested || self.text.contains('"') || self.text.starts_with("Client CN")
    }

    /// `name [address]` or `[address]`.
    fn address(&self) -> Option<IpAddr> {
        let (name, rest) = self.text.split_once('[')?;
        let name = name.strip_suffix(' ').unwrap_or(name);
        let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
        let literal = rest.strip_suffix(']').filter(|_| plain && !self.nested)?;
        let literal = literal.strip_prefix("IPv6:").unwrap_or(literal);
        literal.parse().ok()
    }
}

/// Cuts a value into tokens.
struct Tokens<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Tokens<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Skips blanks; whether there was a fold among them (or the end of the value).
    fn blanks(&mut self) -> bool {
        let rest = &self.text[self.at..];
        let trimmed = rest.trim_start_matches([' ', '\t', '\r', '\n']);
        self.at += rest.len() - trimmed.len();
        trimmed.is_empty() || rest[..rest.len() - trimmed.len()].contains('\n')
    }

    /// The next token; `None` at `;` and at the end.
    fn next(&mut self) -> Result<Option<Token<'a>>, Ambiguous> {
        let folded = self.blanks();
        match self.peek() {
            None | Some(b';') => Ok(None),
            Some(b'(') => self.comment(folded).map(|comment| Some(Token::Comment(comment))),
            Some(_) => self.word().map(|word| Some(Token::Word(word))),
        }
    }

    fn comment(&mut self, folded: bool) -> Result<Comment<'a>, Ambiguous> {
        let start = self.at + 1;
        let (mut depth, mut nested) = (0, false);
        for (i, b) in self.text.bytes().enumerate().skip(self.at) {
            match b {
                b'(' => {
                    depth += 1;
                    nested |= depth > 1;
                    if depth > MAX_DEPTH {
                        return Err(Ambiguous);
                    }
                }
                b')' => depth -= 1,
                // Postfix writes neither into a comment; others disagree on what they mean there.
                b'\\' => return Err(Ambiguous),
                b' '..=b'~' | b'\t' | b'\r' | b'\n' => {}
                _ => return Err(Ambiguous),
            }
            if depth == 0 {
                self.at = i + 1;
                let mut behind = Tokens { text: self.text, at: self.at };
                let alone = folded && behind.blanks();
                return Ok(Comment { text: &self.text[start..i], nested, alone });
            }
        }
        Err(Ambiguous)
    }

    fn word(&mut self) -> Result<&'a str, Ambiguous> {
        let rest = &self.text[self.at..];
        let len =
            rest.bytes().position(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n' | b'(' | b';')).unwrap_or(rest.len());
        let word = &rest[..len];
        let plain = |b: u8| b.is_ascii_graphic() && !b"()<>\"\\,;".contains(&b);
        if !word.bytes().all(plain) {
            return Err(Ambiguous);
        }
        // A comment glued to a word is no word of Postfix's.
        if matches!(rest.as_bytes().get(len), Some(b'(')) {
            return Err(Ambiguous);
        }
        self.at += len;
        Ok(word)
    }

    /// `<path>` behind `for`: quoted strings and quoted pairs may hold anything.
    fn path(&mut self) -> Result<(), Ambiguous> {
        self.blanks();
        if self.peek() != Some(b'<') {
            // A bare address.
            return self.word().map(drop);
        }
        let (mut quoted, mut escaped) = (false, false);
        for (i, b) in self.text.bytes().enumerate().skip(self.at + 1) {
            match b {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                b'>' if !quoted => {
                    self.at = i + 1;
                    return Ok(());
                }
                b' ' | b'\t' | b'(' | b')' | b'<' | b'\\' | b';' | b',' if !quoted => return Err(Ambiguous),
                b'\r' | b'\n' => return Err(Ambiguous),
                _ => {}
            }
        }
        Err(Ambiguous)
    }
}

/// What one `Received:` line says.
#[derive(Debug, Default)]
pub(super) struct Line<'a> {
    pub client: Option<IpAddr>,
    sender: Option<&'a str>,
    by: &'a str,
    with: &'a str,
}

impl<'a> Line<'a> {
    /// Reads `[from … (…)…] by … [via …] [with …] [id …] [for …] [; date]`, each at most once and in this order.
    pub(super) fn parse(value: &'a str) -> Result<Self, Ambiguous> {
        let mut tokens = Tokens::new(value);
        let mut line = Self::default();
        let mut next = tokens.next()?;
        if next == Some(Token::Word("from")) {
            word(&mut tokens)?;
            let mut comments = Vec::new();
            next = clause(&mut tokens, &mut comments)?;
            line.read_comments(&comments)?;
        }
        if next != Some(Token::Word("by")) {
            return Err(Ambiguous);
        }
        line.by = word(&mut tokens)?;
        next = later_clause(&mut tokens)?;
        for key in ["via", "with", "id", "for"] {
            if next != Some(Token::Word(key)) {
                continue;
            }
            match key {
                "for" => tokens.path()?,
                "with" => line.with = word(&mut tokens)?,
                _ => drop(word(&mut tokens)?),
            }
            next = later_clause(&mut tokens)?;
        }
        if next.is_some() || !is_date(&value[tokens.at..]) {
            return Err(Ambiguous);
        }
        Ok(line)
    }

    /// The comments between `from` and `by`: the client's address first, the login last.
    fn read_comments(&mut self, comments: &[Comment<'a>]) -> Result<(), Ambiguous> {
        let Some((last, before)) = comments.split_last() else { return Ok(()) };
        if before.iter().any(is_sender) {
            return Err(Ambiguous);
        }
        self.client = comments.first().and_then(Comment::address);
        // A second address: a HELO name that plays the comment behind it.
        if comments.iter().skip(1).any(|c| c.text.contains('[') && !c.text.starts_with("Client CN")) {
            return Err(Ambiguous);
        }
        if is_sender(last) {
            let login = last.text.strip_prefix("Authenticated sender: ").ok_or(Ambiguous)?;
            // Where a stranger's words stand in the line, a `)` among them may have begun this comment: then it is
            // not alone on its lines, as Postfix writes it.
            if !is_login(login) || (!last.alone && before.iter().any(Comment::is_foreign)) {
                return Err(Ambiguous);
            }
            self.sender = Some(login);
        }
        Ok(())
    }

    /// The login, if this line proves it. The UTF8 forms are those of SMTPUTF8 mails (RFC 6531 4.3).
    fn login(&self, rule: &Rule<'_>) -> Option<String> {
        let named = rule.any_name || rule.mta_names.iter().any(|name| name.eq_ignore_ascii_case(self.by));
        let authenticated = matches!(self.with, "ESMTPA" | "ESMTPSA" | "UTF8SMTPA" | "UTF8SMTPSA");
        self.sender.filter(|_| named && authenticated).map(str::to_owned)
    }
}

fn is_sender(comment: &Comment<'_>) -> bool {
    const WORDS: &[u8] = b"authenticated sender";
    let text = comment.text.trim_ascii_start().as_bytes();
    text.len() >= WORDS.len() && text[..WORDS.len()].eq_ignore_ascii_case(WORDS)
}

/// A login that can be an account's name. Postfix writes `?` for what it took away, so that is no login.
pub(super) fn is_login(login: &str) -> bool {
    (1..=320).contains(&login.len()) && login.bytes().all(|b| b.is_ascii_graphic() && !b"()<>[]\\\",;:?".contains(&b))
}

fn word<'a>(tokens: &mut Tokens<'a>) -> Result<&'a str, Ambiguous> {
    match tokens.next()? {
        Some(Token::Word(word)) => Ok(word),
        _ => Err(Ambiguous),
    }
}

/// Collects comments up to the next word.
fn clause<'a>(tokens: &mut Tokens<'a>, comments: &mut Vec<Comment<'a>>) -> Result<Option<Token<'a>>, Ambiguous> {
    loop {
        match tokens.next()? {
            Some(Token::Comment(comment)) => comments.push(comment),
            other => return Ok(other),
        }
    }
}

/// The next word behind `by`, where a login has no place.
fn later_clause<'a>(tokens: &mut Tokens<'a>) -> Result<Option<Token<'a>>, Ambiguous> {
    let mut comments = Vec::new();
    let next = clause(tokens, &mut comments)?;
    if comments.iter().any(is_sender) { Err(Ambiguous) } else { Ok(next) }
}

/// `; date (zone)`, or nothing.
fn is_date(rest: &str) -> bool {
    let Some(date) = rest.strip_prefix(';') else { return rest.trim_ascii().is_empty() };
    let plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b" \t\r\n,:+-".contains(&b));
    match date.trim_ascii_end().split_once('(') {
        None => plain(date),
        Some((date, zone)) => plain(date) && zone.len() <= 40 && zone.strip_suffix(')').is_some_and(plain),
    }
}

#[cfg(test)]
#[path = "received_tests.rs"]
mod tests;
