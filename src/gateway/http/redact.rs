//! What a provider's words must not carry into reports and logs: passwords, keys, URLs, the phone's number, the text.
//!
//! Providers like to echo the request (`unknown user=… pass=…`). Each thing is replaced wherever it stands, raw or
//! percent-encoded. Pure.

use std::sync::LazyLock;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use regex::Regex;

use super::template::{Piece, Template, Whole};
use crate::ground::Secret;

/// Words and what stands in their place. `Debug` shows nothing of them.
#[derive(Debug, Clone, Default)]
pub struct Redactions(Vec<(Secret<String>, String)>);

static URL: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?i)\bhttps?://\S+").expect("invariant: a pattern known at compile time"));

static TELLING: [&str; 8] = ["pass", "pwd", "pin", "secret", "key", "token", "auth", "sig"];

fn telling(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name == "pw" || TELLING.iter().any(|word| name.contains(word))
}

impl Redactions {
    /// Hides `word` in every form; words of less than three octets cannot be told from other text.
    pub fn hide(&mut self, word: &str, instead: &str) {
        let mut forms = vec![word.to_owned(), utf8_percent_encode(word, NON_ALPHANUMERIC).to_string()];
        forms.extend(percent_decode_str(word).decode_utf8().map(String::from));
        forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
        forms.dedup();
        self.0.extend(forms.into_iter().filter(|f| f.len() >= 3).map(|f| (Secret::new(f), instead.to_owned())));
    }

    /// Hides what a template holds under a name that tells a secret (`pass=`, `"api_key": `), and a URL's login.
    pub fn hide_secrets_of(&mut self, template: &Template) {
        // Variables become NUL, which no literal text holds.
        let text: Vec<u8> = template
            .pieces
            .iter()
            .flat_map(|piece| match piece {
                Piece::Literal(octets) => octets.as_slice(),
                Piece::Field(_) => b"\0",
            })
            .copied()
            .collect();
        let text = String::from_utf8_lossy(&text);
        if template.whole == Whole::Url
            && let Some((login, _)) = text[..template.authority].rsplit_once('@')
            && let Some((_, password)) = login.rsplit_once(':')
        {
            self.hide(password, "[secret]");
        }
        let separators: &[char] = &['?', '&', ',', '{', '}', '\n', '<', ';'];
        for pair in text.split(separators) {
            if let Some((name, value)) = pair.split_once(['=', ':', '>'])
                && telling(name)
                && !value.contains('\0')
            {
                self.hide(value.trim().trim_matches('"'), "[secret]");
            }
        }
    }

    /// Hides the words of a header whose name tells a secret.
    pub fn hide_header(&mut self, name: &str, value: &Template) {
        if !telling(name) {
            return;
        }
        for piece in &value.pieces {
            if let Piece::Literal(octets) = piece {
                for word in String::from_utf8_lossy(octets).split_whitespace().filter(|w| w.len() >= 6) {
                    self.hide(word, "[secret]");
                }
            }
        }
    }

    /// The same words without what is hidden, and without URLs.
    pub fn clean(&self, words: &str) -> String {
        let mut out = words.to_owned();
        for (word, instead) in &self.0 {
            if out.contains(word.expose()) {
                out = out.replace(word.expose(), instead);
            }
        }
        URL.replace_all(&out, "[url]").into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::http::Format;

    #[test]
    fn secrets_of_templates_are_hidden_in_every_form() {
        let mut hidden = Redactions::default();
        let url = "https://me:l0gin%40x@h/?user=alice&pass=p%26ss1&api_id=12345&pin=9&to=%number%&key=%data%";
        hidden.hide_secrets_of(&Template::url(url).expect("url"));
        let body = r#"{"auth_token": "t0k3n", "to": "%number%"}"#;
        hidden.hide_secrets_of(&Template::body(body, Format::Json).expect("body"));
        let header = Template::header("Bearer abcdef123").expect("header");
        hidden.hide_header("authorization", &header);
        hidden.hide_header("x-note", &Template::header("harmless").expect("header"));
        for (words, wanted) in [
            ("alice 12345 harmless 9", "alice 12345 harmless 9"),
            ("p%26ss1 or p&ss1", "[secret] or [secret]"),
            ("l0gin@x l0gin%40x", "[secret] [secret]"),
            ("t0k3n", "[secret]"),
            ("Bearer abcdef123", "[secret] [secret]"),
        ] {
            assert_eq!(hidden.clean(words), wanted);
        }
        assert!(!format!("{hidden:?}").contains("t0k3n"));
    }
}
