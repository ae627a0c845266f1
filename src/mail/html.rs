//! HTML to lines a person would read: blocks, lists, cells apart, no markup, nothing hidden.
//!
//! One pass over html5gum's tokens; no tree, so that depth costs nothing. Input and the stack of remembered elements
//! are bounded. What is hidden (`display:none`, zero height, preheaders) is collected for explanation, up to a limit.

use std::collections::HashMap;

use html5gum::{StartTag, Token, Tokenizer};

use super::{
    element::{Kind, attribute, breaks, is_void, kind},
    flowed::{Line, MAX_LINES},
    work::step,
};

/// Octets of HTML that are read.
const MAX_INPUT: usize = 512 * 1024;
/// Elements remembered at once for hiding, quoting and linking.
const MAX_SCOPES: usize = 64;
/// Names of elements whose depth is counted.
const MAX_NAMES: usize = 512;
/// Octets of a link's address that is shown.
const MAX_ADDRESS: usize = 500;
/// Octets of hidden words kept for explanation.
const MAX_HIDDEN: usize = 4096;

/// What came of it.
#[derive(Default)]
pub struct Rendered {
    pub lines: Vec<Line>,
    /// Words that a reader of the mail would not have seen.
    pub hidden: String,
}

/// Renders `html`. With `links`, an address that differs from its link's words follows them in `<…>`.
pub fn render(html: &str, links: bool) -> Rendered {
    let mut cut = html.len().min(MAX_INPUT);
    while !html.is_char_boundary(cut) {
        cut -= 1;
    }
    let mut page = Page { links, ..Page::default() };
    for token in Tokenizer::new(&html[..cut]) {
        match token {
            Ok(Token::StartTag(tag)) => page.start(&tag),
            Ok(Token::EndTag(tag)) => page.end(&tag.name),
            Ok(Token::String(text)) => page.text(&String::from_utf8_lossy(&text)),
            Ok(_) => {}
            Err(never) => match never {},
        }
    }
    page.finish()
}

/// An element that changes how its inside is read.
struct Scope {
    name: Vec<u8>,
    /// How many elements of that name were open when it opened, itself among them.
    depth: u32,
    kind: Kind,
    href: String,
    /// Place in the current line where a link's words begin.
    from: usize,
    /// Next number of an ordered list; 0 for bullets.
    number: u32,
}

#[derive(Default)]
struct Page {
    links: bool,
    out: Rendered,
    line: String,
    /// Line breaks due before the next words: 1 a new line, 2 a blank line.
    due: usize,
    /// A blank is due before the next word of the line.
    blank: bool,
    scopes: Vec<Scope>,
    counts: [usize; 4],
    open: HashMap<Vec<u8>, u32>,
    /// Behind Outlook's mark everything is the mail that is answered.
    rest_quoted: bool,
}

impl Page {
    fn start(&mut self, tag: &StartTag<()>) {
        let name = tag.name.as_slice();
        self.implied_end(name);
        match name {
            b"br" => {
                self.break_line();
                return;
            }
            b"img" => {
                self.picture(tag);
                return;
            }
            b"hr" => self.want(1),
            b"td" | b"th" => self.blank = true,
            b"li" => self.item(),
            _ => self.want(breaks(name)),
        }
        if is_void(name) || tag.self_closing && matches!(name, b"area" | b"path") {
            return;
        }
        let Some(depth) = self.opened(name) else { return };
        if let Some(kind) = kind(tag) {
            self.enter(tag, kind, depth);
        }
        let id = attribute(tag, b"id");
        if matches!(id.as_str(), "divRplyFwdMsg" | "appendonsend" | "mail-editor-reference-message-container") {
            self.flush();
            self.rest_quoted = true;
        }
    }

    /// How many of that name are open now; `None` for what no mail has: endless invented names.
    fn opened(&mut self, name: &[u8]) -> Option<u32> {
        if let Some(depth) = self.open.get_mut(name) {
            *depth = depth.saturating_add(1);
            return Some(*depth);
        }
        if self.open.len() >= MAX_NAMES || name.len() > 64 {
            return None;
        }
        self.open.insert(name.to_vec(), 1);
        Some(1)
    }

    fn enter(&mut self, tag: &StartTag<()>, kind: Kind, depth: u32) {
        if self.scopes.len() >= MAX_SCOPES {
            return;
        }
        if matches!(kind, Kind::Quote | Kind::Signature) {
            self.flush();
        }
        self.count(kind, 1);
        let number = u32::from(tag.name.as_slice() == b"ol");
        let href = if kind == Kind::Link { attribute(tag, b"href") } else { String::new() };
        // The blank before a link belongs to the words outside.
        let from = self.line.len();
        self.scopes.push(Scope { name: tag.name.to_vec(), depth, kind, href, from, number });
    }

    fn end(&mut self, name: &[u8]) {
        if matches!(name, b"br" | b"p") && self.open.get(name).is_none_or(|n| *n == 0) {
            self.want(if name == b"p" { 2 } else { 1 });
            return;
        }
        let Some(depth) = self.open.get_mut(name) else { return };
        *depth = depth.saturating_sub(1);
        let depth = *depth;
        step(self.scopes.len());
        let closing = self.scopes.iter().position(|s| s.name == name && s.depth > depth);
        if let Some(at) = closing {
            while self.scopes.len() > at {
                self.leave();
            }
        }
        self.want(breaks(name));
        if matches!(name, b"td" | b"th") {
            self.blank = true;
        }
    }

    /// `<p>` ends an open `<p>`, `<li>` an open `<li>`: as far as they are remembered.
    fn implied_end(&mut self, name: &[u8]) {
        let implied = matches!(name, b"p" | b"li" | b"td" | b"th" | b"tr");
        if implied && self.scopes.last().is_some_and(|s| s.name == name) {
            self.end(name);
        }
    }

    fn leave(&mut self) {
        let Some(scope) = self.scopes.pop() else { return };
        if matches!(scope.kind, Kind::Quote | Kind::Signature) {
            self.flush();
        }
        self.count(scope.kind, -1);
        if scope.kind == Kind::Link && self.links {
            self.follow(&scope);
        }
    }

    /// Adds a link's address behind its words.
    fn follow(&mut self, scope: &Scope) {
        let words = self.line.get(scope.from.min(self.line.len())..).unwrap_or_default().trim();
        let href = scope.href.trim();
        let web = ["http://", "https://", "mailto:", "tel:"].iter().any(|s| href.starts_with(s));
        // Words longer than any address shown are none, and are not walked again for each link around them.
        let differs = || words.len() > 2 * MAX_ADDRESS || bare(words) != bare(href);
        if !words.is_empty() && web && href.len() <= MAX_ADDRESS && differs() {
            let shown = href.strip_prefix("mailto:").or_else(|| href.strip_prefix("tel:")).unwrap_or(href);
            let shown: String = shown.chars().filter(|c| !c.is_whitespace() && !c.is_control()).collect();
            self.line.push_str(&format!(" <{shown}>"));
        }
    }

    fn count(&mut self, kind: Kind, by: isize) {
        if let Some(count) = self.counts.get_mut(kind as usize) {
            *count = count.saturating_add_signed(by);
        }
    }

    fn is(&self, kind: Kind) -> bool {
        self.counts.get(kind as usize).is_some_and(|n| *n > 0)
    }

    fn text(&mut self, text: &str) {
        if self.is(Kind::Hidden) {
            let room = MAX_HIDDEN.saturating_sub(self.out.hidden.len());
            let words: Vec<&str> = text.split_whitespace().collect();
            let words = words.join(" ");
            if !words.is_empty() && words.len() < room {
                self.out.hidden.push_str(&words);
                self.out.hidden.push('\n');
            }
            return;
        }
        let pre = self.is(Kind::Pre);
        for c in text.chars() {
            match c {
                '\n' if pre => self.break_line(),
                '\r' => {}
                ' ' | '\t' | '\n' | '\x0c' if !pre => self.blank = true,
                // Padding of preheaders, and hyphens that are not there.
                '\u{200b}' | '\u{feff}' | '\u{ad}' | '\u{34f}' | '\u{2060}' => {}
                c => self.letter(c),
            }
        }
    }

    fn letter(&mut self, c: char) {
        if self.due > 0 {
            let due = std::mem::take(&mut self.due);
            self.flush();
            let empty = self.out.lines.last().is_none_or(Line::is_blank);
            if due > 1 && !empty {
                self.push_line(String::new());
            }
        }
        if std::mem::take(&mut self.blank) && !self.line.is_empty() && !self.line.ends_with(' ') {
            self.line.push(' ');
        }
        self.line.push(if c == '\u{a0}' { ' ' } else { c });
    }

    /// A line break due before the next words.
    fn want(&mut self, breaks: usize) {
        if breaks > 0 {
            self.due = self.due.max(breaks);
            self.blank = false;
        }
    }

    /// A line break here: two of them leave a blank line.
    fn break_line(&mut self) {
        if self.is(Kind::Hidden) {
            return;
        }
        self.blank = false;
        if self.due > 0 && !self.line.trim().is_empty() {
            self.flush();
            self.due = 0;
        }
        if self.line.trim().is_empty() {
            if self.out.lines.last().is_some_and(|l| !l.is_blank()) {
                self.push_line(String::new());
            }
            self.line.clear();
        } else {
            self.flush();
        }
    }

    fn item(&mut self) {
        self.want(1);
        if self.is(Kind::Hidden) {
            return;
        }
        let list = self.scopes.iter_mut().rev().find(|s| s.kind == Kind::List);
        let mark = match list {
            Some(list) if list.number > 0 => {
                list.number += 1;
                format!("{}. ", list.number - 1)
            }
            _ => "- ".to_owned(),
        };
        for c in mark.chars() {
            self.letter(c);
        }
    }

    /// Pictures that stand for a character (emoji) are that character; others are nothing.
    fn picture(&mut self, tag: &StartTag<()>) {
        let alt = attribute(tag, b"alt");
        if !alt.is_empty() && alt.chars().count() <= 8 && alt.chars().all(|c| !c.is_ascii() && !c.is_alphabetic()) {
            self.text(&alt);
        }
    }

    fn flush(&mut self) {
        let line = std::mem::take(&mut self.line);
        step(self.scopes.len());
        for scope in &mut self.scopes {
            scope.from = 0;
        }
        if !line.trim().is_empty() {
            self.push_line(line.trim_end().to_owned());
        }
    }

    fn push_line(&mut self, text: String) {
        let quoted = self.rest_quoted || self.is(Kind::Quote);
        if self.out.lines.len() < MAX_LINES {
            self.out.lines.push(Line { text, quoted, signature: self.is(Kind::Signature) });
        }
    }

    fn finish(mut self) -> Rendered {
        self.flush();
        self.out.hidden.truncate(self.out.hidden.trim_end().len());
        self.out
    }
}

/// An address without what does not matter when it is compared with its words.
fn bare(address: &str) -> String {
    let lower = address.trim().to_lowercase();
    let cut = ["https://", "http://", "mailto:", "tel:"].iter().find_map(|s| lower.strip_prefix(s));
    let cut = cut.unwrap_or(&lower);
    cut.strip_prefix("www.").unwrap_or(cut).trim_end_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(html: &str, links: bool) -> String {
        let lines: Vec<String> = render(html, links).lines.into_iter().map(|l| l.text).collect();
        lines.join("\n").trim().to_owned()
    }

    #[test]
    fn blocks_lists_and_tables() {
        for (html, want) in [
            ("<p>a</p><p>b <b>c</b></p>", "a\n\nb c"),
            ("a<br>b<br><br>c", "a\nb\n\nc"),
            ("<div>a</div><div><br></div><div>b</div>", "a\n\nb"),
            ("<ul><li>x<li>y</ul>z", "- x\n- y\n\nz"),
            ("<ol><li>x</li><li>y</li></ol>", "1. x\n2. y"),
            ("<table><tr><td>a</td><td>1</td></tr><tr><td>b</td><td>2</td></tr></table>", "a 1\nb 2"),
            ("<pre>a  b\n c</pre>", "a  b\n c"),
            ("a&nbsp;b &amp; &lt;c&gt; &#8364;", "a b & <c> €"),
            ("  a \n b  ", "a b"),
            ("<style>p{}</style><script>x</script><title>t</title>a", "a"),
            ("<img src=x alt=\"Logo of Us\" width=1>a <img alt=\"👍\">", "a 👍"),
            ("<p>a<p>b", "a\n\nb"),
            ("", ""),
        ] {
            assert_eq!(text(html, false), want, "{html}");
        }
    }

    #[test]
    fn links_show_their_address_when_asked() {
        let html = "<a href='https://x.test/y'>here</a> or <a href=\"https://www.x.test/\">x.test</a>";
        assert_eq!(text(html, false), "here or x.test");
        assert_eq!(text(html, true), "here <https://x.test/y> or x.test");
        assert_eq!(text("<a href='javascript:x'>a</a><a href='http://t'><img></a>", true), "a");
    }

    #[test]
    fn hidden_words_are_set_apart() {
        for style in ["display:none", "DISPLAY: none !important", "visibility:hidden", "font-size:0px", "mso-hide:all"]
        {
            let page = render(&format!("<div style=\"{style}\">pre<div>header</div> x</div>seen"), false);
            assert_eq!(page.lines, [Line::own("seen")], "{style}");
            assert_eq!(page.hidden, "pre\nheader\nx");
        }
        assert_eq!(text("<span style='font-size:0.9em'>a</span>", false), "a");
        assert_eq!(text("<p style='display:none'>a<p>b", false), "b");
    }

    #[test]
    fn quotes_are_known_by_their_element() {
        let html = "Yes<div class=\"gmail_quote\">On x wrote:<blockquote>q</blockquote></div>";
        let quoted: Vec<bool> = render(html, false).lines.iter().map(|l| l.quoted).collect();
        assert_eq!(quoted.first(), Some(&false));
        assert!(quoted[1..].iter().all(|q| *q));
        assert!(!render("<blockquote>a proverb</blockquote>", false).lines[0].quoted);
    }

    #[test]
    fn depth_and_unclosed_tags_take_linear_time() {
        for html in ["<b".repeat(100_000), "<div>".repeat(100_000), "<a href=x>".repeat(50_000), "</p>".repeat(100_000)]
        {
            let _ = render(&html, true);
        }
        let _ = render(&format!("{}{}", "<i>".repeat(50_000), "</b>".repeat(50_000)), true);
    }
}
