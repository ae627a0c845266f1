//! Address lists of header fields: From, Reply-To, To and their kin (RFC 5322 3.4, with the obsolete syntax of 4.4).
//!
//! Reading is lenient where no address can become another one by it: comments and blanks go, empty places and routes
//! are passed over, groups give their members. Where it would be a guess, there is no address: `a b@c` is not `b@c`,
//! and nothing inside of quotes or a display name ever counts as one. mail-parser is not used here: it splits a bare
//! `"sms:+1…"@domain` into a name and an address.
//!
//! What can go wrong: something that looks like an address within a display name (`"boss@work" <eve@else>`), an entry
//! with two pairs of brackets, line ends and other controls inside of quotes, endless lists.

use super::header::decode_words;

/// Characters of a list that are looked at.
const LONGEST: usize = 64 * 1024;
/// Addresses of one list; more are ignored.
const MOST: usize = 1_000;
/// Octets of one address (RFC 5321 4.5.3.1 allows fewer; `sms:` parameters need more).
const LONGEST_ADDRESS: usize = 1_024;

/// One address of a list, as it stands in the header.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// In wire form: a quoted local part keeps its quotes, comments and blanks are gone.
    pub address: String,
    /// The display name, encoded words decoded (RFC 2047), on one line; empty: none.
    pub name: String,
}

/// Without name and address.
impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Entry(address[{}], name[{}])", self.address.len(), self.name.len())
    }
}

/// The addresses of an unfolded value, in order, members of groups among them. An entry that is none is left out.
pub fn addresses(value: &str) -> Vec<Entry> {
    let value = match value.char_indices().nth(LONGEST) {
        Some((end, _)) => &value[..end],
        None => value,
    };
    let mut found = Vec::new();
    let mut entry = Vec::new();
    let mut in_angle = false;
    // A word behind the last comma makes an entry too.
    for token in tokens(value).into_iter().chain([Token::Special(',')]) {
        match token {
            Token::Special('<') => in_angle = true,
            Token::Special('>') => in_angle = false,
            // A group's name ends here; inside of brackets it ends a route.
            Token::Special(':') if !in_angle && !has_at(&entry) => {
                entry.clear();
                continue;
            }
            Token::Special(',' | ';') if !in_angle => {
                found.extend(read(&entry));
                entry.clear();
                if found.len() == MOST {
                    break;
                }
                continue;
            }
            _ => {}
        }
        entry.push(token);
    }
    found
}

/// What a list is made of; comments are gone.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    /// Blanks or a comment: a border between words.
    Gap,
    /// A run of other characters.
    Atom(String),
    /// With its quotes and backslashes.
    Quoted(String),
    /// `[…]`, with its brackets.
    Literal(String),
    Special(char),
    /// A quote, comment or bracket without its end, or a control character: nothing can be read of it.
    Broken,
}

fn tokens(value: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut chars = value.chars().peekable();
    while let Some(c) = chars.next() {
        let token = match c {
            ' ' | '\t' | '\r' | '\n' => Token::Gap,
            '(' => comment(&mut chars),
            '"' => enclosed(&mut chars, c, '"').map_or(Token::Broken, Token::Quoted),
            '[' => enclosed(&mut chars, c, ']').map_or(Token::Broken, Token::Literal),
            '<' | '>' | ',' | ';' | ':' | '@' => Token::Special(c),
            ')' | ']' | '\\' => Token::Broken,
            c if c.is_control() => Token::Broken,
            c => {
                let mut atom = String::from(c);
                while let Some(next) = chars.next_if(|&next| is_atom(next)) {
                    atom.push(next);
                }
                Token::Atom(atom)
            }
        };
        tokens.push(token);
    }
    tokens
}

fn is_atom(c: char) -> bool {
    !c.is_control() && !" ()<>[]:;@\\,\"".contains(c)
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// Skips a comment; comments nest.
fn comment(chars: &mut Chars<'_>) -> Token {
    let mut depth = 1usize;
    while let Some(c) = chars.next() {
        match c {
            '\\' => drop(chars.next()),
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Token::Gap;
        }
    }
    Token::Broken
}

/// Up to the closing character, both ends included; `None` without one, or with a control character inside.
fn enclosed(chars: &mut Chars<'_>, open: char, close: char) -> Option<String> {
    let mut inside = String::from(open);
    let mut sound = true;
    while let Some(c) = chars.next() {
        inside.push(c);
        sound &= !c.is_control() || c == '\t';
        match c {
            '\\' => {
                let next = chars.next()?;
                sound &= !next.is_control();
                inside.push(next);
            }
            c if c == close => return sound.then_some(inside),
            _ => {}
        }
    }
    None
}

fn has_at(entry: &[Token]) -> bool {
    entry.contains(&Token::Special('@'))
}

/// One entry: `address` or `name <address>`.
fn read(entry: &[Token]) -> Option<Entry> {
    let open = entry.iter().position(|token| *token == Token::Special('<'));
    let (name, spec) = match open {
        None => (String::new(), entry),
        Some(open) => {
            let close = entry.iter().position(|token| *token == Token::Special('>'))?;
            // Behind the brackets nothing but blanks and comments: two pairs are a riddle.
            let rest = entry.get(close + 1..)?;
            if close < open || rest.iter().any(|token| *token != Token::Gap) {
                return None;
            }
            (display_name(&entry[..open])?, without_route(&entry[open + 1..close]))
        }
    };
    let address = address(spec)?;
    Some(Entry { address, name })
}

/// What stands behind the route of `<@a,@b:c@d>` (RFC 5322 4.4).
fn without_route(spec: &[Token]) -> &[Token] {
    let first = spec.iter().find(|token| **token != Token::Gap);
    let end = spec.iter().position(|token| *token == Token::Special(':'));
    match (first, end) {
        (Some(Token::Special('@')), Some(end)) => &spec[end + 1..],
        _ => spec,
    }
}

/// Words and quoted words; dots, colons and `@` without quotes are what careless mailers write.
fn display_name(tokens: &[Token]) -> Option<String> {
    let mut name = String::new();
    for token in tokens {
        match token {
            Token::Gap => name.push(' '),
            Token::Atom(word) | Token::Literal(word) => name.push_str(word),
            Token::Quoted(quoted) => name.push_str(&unescaped(quoted)),
            Token::Special(c) if matches!(c, ':' | '@') => name.push(*c),
            Token::Special(_) | Token::Broken => return None,
        }
    }
    let words: Vec<&str> = name.split_whitespace().collect();
    Some(decode_words(&words.join(" ")))
}

/// What quotes hold.
fn unescaped(quoted: &str) -> String {
    let mut chars = quoted[1..quoted.len() - 1].chars();
    let mut out = String::with_capacity(quoted.len());
    while let Some(c) = chars.next() {
        out.push(if c == '\\' { chars.next().unwrap_or('\\') } else { c });
    }
    out
}

/// `local@domain` with exactly one `@`. Blanks may stand around dots and `@` only (RFC 5322 4.4).
fn address(spec: &[Token]) -> Option<String> {
    let mut at = spec.iter().enumerate().filter(|(_, token)| **token == Token::Special('@'));
    let (middle, _) = at.next()?;
    if at.next().is_some() {
        return None;
    }
    let local = joined(&spec[..middle], true)?;
    let domain = joined(&spec[middle + 1..], false)?;
    let whole = format!("{local}@{domain}");
    (whole.len() <= LONGEST_ADDRESS).then_some(whole)
}

/// Atoms and quoted strings with dots between, or for a domain one literal. Dots of the local part are not looked
/// at closely: some carriers hand out `name..x@…`.
fn joined(tokens: &[Token], is_local: bool) -> Option<String> {
    let mut out = String::new();
    let mut after_gap = false;
    for token in tokens {
        let word = match token {
            Token::Gap => {
                after_gap = true;
                continue;
            }
            Token::Atom(word) => word,
            Token::Quoted(word) if is_local && (out.is_empty() || out.ends_with('.')) => word,
            Token::Literal(word) if !is_local && out.is_empty() => word,
            // A colon without quotes is none of the standard, but how people write `sms:+1…@domain`.
            Token::Special(':') if is_local && !after_gap && !out.is_empty() => {
                out.push(':');
                continue;
            }
            _ => return None,
        };
        let joins = out.is_empty() || out.ends_with('.') || word.starts_with('.');
        let glued = !after_gap && !out.ends_with(['"', ']']);
        if !joins && !glued {
            return None;
        }
        out.push_str(word);
        after_gap = false;
    }
    (!out.is_empty()).then_some(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(value: &str) -> Vec<(String, String)> {
        addresses(value).into_iter().map(|entry| (entry.address, entry.name)).collect()
    }

    #[test]
    fn one_address() {
        for (value, address, name) in [
            ("a@b", "a@b", ""),
            (" <a@b> ", "a@b", ""),
            ("Ann <a@b>", "a@b", "Ann"),
            ("Ann Lee<a@b>", "a@b", "Ann Lee"),
            ("\"Lee, Ann\" <a@b>", "a@b", "Lee, Ann"),
            ("\"A \\\"x\\\" <e@f>\" <a@b>", "a@b", "A \"x\" <e@f>"),
            ("J. R. Lee <a@b>", "a@b", "J. R. Lee"),
            ("a@b (Ann (really) \\) x)", "a@b", ""),
            ("(c)a(c)@(c)b(c)", "a@b", ""),
            ("=?utf-8?Q?=C5=A0?= <a@b>", "a@b", "Š"),
            ("=?utf-8?Q?=C5=A0?= =?utf-8?Q?=C5=A0?= <a@b>", "a@b", "ŠŠ"),
            // What an encoded word holds is a name, whatever it looks like.
            ("=?utf-8?Q?=3Ce=40f=3E=2C?= <a@b>", "a@b", "<e@f>,"),
            ("Šárka <š@b>", "š@b", "Šárka"),
            ("\"sms:+1555\"@d", "\"sms:+1555\"@d", ""),
            ("X <\"sms:+1?pass=a\\\"b\"@d>", "\"sms:+1?pass=a\\\"b\"@d", "X"),
            ("<sms:+1555@d>", "sms:+1555@d", ""),
            ("\"a b\"@c", "\"a b\"@c", ""),
            ("a@[192.0.2.1]", "a@[192.0.2.1]", ""),
            ("\"e@f\" <a@b>", "a@b", "e@f"),
            ("e@f <a@b>", "a@b", "e@f"),
            // Obsolete: blanks around dots and @, quoted words in the local part, routes.
            ("a . b @ c . d", "a.b@c.d", ""),
            ("\"a\".b@c", "\"a\".b@c", ""),
            ("X <@r1,@r2:a@b>", "a@b", "X"),
        ] {
            assert_eq!(read(value), [(address.to_owned(), name.to_owned())], "{value}");
        }
    }

    #[test]
    fn lists_and_groups() {
        for (value, wanted) in [
            ("a@b, C <c@d>", &["a@b", "c@d"][..]),
            (",, a@b ,, c@d ,", &["a@b", "c@d"]),
            ("friends: a@b, \"x:y\"@d;, e@f", &["a@b", "\"x:y\"@d", "e@f"]),
            ("undisclosed-recipients:;", &[]),
            ("A:;, B: c@d;", &["c@d"]),
            // The broken one is left out, the others stay.
            ("a@b, nobody, x@@y, c@d", &["a@b", "c@d"]),
            ("\"a,b\"@c; d@e", &["\"a,b\"@c", "d@e"]),
        ] {
            let found: Vec<_> = read(value).into_iter().map(|(address, _)| address).collect();
            assert_eq!(found, wanted, "{value}");
        }
    }

    #[test]
    fn a_riddle_is_no_address() {
        for value in [
            "",
            "nobody",
            "<>",
            "@b",
            "a@",
            "a b@c",
            "a@b c",
            "a@b@c",
            "<a@b> <c@d>",
            "<a@b> x",
            "a@b>",
            "<a@b",
            "<<a@b>>",
            "\"a@b",
            "\"a@b\"",
            "(a@b)",
            "(a@b",
            "a)@b",
            "a\\@b",
            "\"a\"b@c",
            "a@[b",
            "a@b[c]",
            "a\u{0}@b",
            "\"a\u{0}\"@b",
            "\"a\r\nb\"@c",
            "a:@b",
        ] {
            assert_eq!(read(value), [], "{value:?}");
        }
    }

    #[test]
    fn lists_are_bounded() {
        assert_eq!(addresses(&"a@b,".repeat(5_000)).len(), MOST);
        assert_eq!(addresses(&format!("{}@b", "a".repeat(2_000))), []);
        assert_eq!(addresses(&"(".repeat(1_000_000)), []);
        assert_eq!(addresses(&"<".repeat(1_000_000)), []);
    }

    proptest! {
        #[test]
        fn written_is_read(local in "[a-z0-9+=_-]{1,12}(\\.[a-z]{1,4})?", name in "[A-Za-z@<>,;:\\\\\"() .é]{0,20}", domain in "[a-z]{1,8}\\.test") {
            let address = format!("{local}@{domain}");
            let quoted = name.replace('\\', "\\\\").replace('"', "\\\"");
            let words = name.split_whitespace().collect::<Vec<_>>().join(" ");
            let line = format!("x@y.test, \"{quoted}\" <{address}> (c), G: z@y.test;");
            let wanted = [("x@y.test".to_owned(), String::new()), (address, words), ("z@y.test".to_owned(), String::new())];
            prop_assert_eq!(read(&line), wanted);
        }

        #[test]
        fn any_value_gives_sound_addresses(value in "([a-z.]|[<>@,;:()\\[\\]\"\\\\ \r\n\t]|\\PC|.){0,60}") {
            for (address, _) in read(&value) {
                prop_assert!(!address.chars().any(|c| c.is_control() && c != '\t') && address.contains('@'));
                // Alone it reads as itself.
                prop_assert_eq!(read(&format!("<{address}>")), [(address.clone(), String::new())]);
            }
        }
    }
}
