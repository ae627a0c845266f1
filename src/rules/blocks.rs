//! Rules as blocks of their file: each rule as it is written, with the comments right above and below it. Moving one moves its
//! text; what stands between blocks (blank lines, headings) stays where it is. Pure.
//!
//! What can go wrong: rules of a TOML file that are written as one array (`rule = [ … ]`) have no blocks.

use std::ops::Range;

use super::{
    read::Source,
    tree::{Misfit, Node, Value},
};

/// A file, and a block for each of its rules.
pub struct Blocks<'a> {
    text: &'a str,
    blocks: Vec<Range<usize>>,
}

impl<'a> Blocks<'a> {
    /// `None`: the rules are no tables of their own.
    ///
    /// # Errors
    /// Neither TOML nor XML.
    pub fn of(source: &'a Source) -> Result<Option<Self>, Misfit> {
        let text = source.text.as_str();
        let tree = source.tree()?;
        let Some(Value::List(rules)) = tree.at("rule").map(|node| &node.value) else {
            return Ok(Some(Self { text, blocks: Vec::new() }));
        };
        let block = if source.is_xml() { xml } else { toml };
        let blocks: Option<Vec<_>> = rules.iter().map(|rule| block(text, rule)).collect();
        Ok(blocks.map(|blocks| Self { text, blocks: apart(text, blocks) }))
    }

    /// How many rules there are.
    pub fn len(&self) -> usize {
        self.blocks.len()
    }

    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// One rule as it is written, its comments included.
    pub fn text(&self, nth: usize) -> Option<&'a str> {
        self.text.get(self.blocks.get(nth)?.clone())
    }

    /// The file with the rule `from` standing at the place `to`.
    pub fn moved(&self, from: usize, to: usize) -> String {
        let mut order: Vec<usize> = (0..self.blocks.len()).collect();
        if from < order.len() && to < order.len() {
            let moved = order.remove(from);
            order.insert(to, moved);
        }
        let (mut out, mut behind) = (String::with_capacity(self.text.len()), 0);
        for (place, nth) in self.blocks.iter().zip(order) {
            out.push_str(&self.text[behind..place.start]);
            out.push_str(&self.text[self.blocks[nth].clone()]);
            behind = place.end;
        }
        out.push_str(&self.text[behind..]);
        out
    }
}

/// A comment between two rules without a blank line belongs to the one below.
fn apart(text: &str, mut blocks: Vec<Range<usize>>) -> Vec<Range<usize>> {
    for nth in 1..blocks.len() {
        // The line end before it stays between the two.
        let most = text[..blocks[nth].start].trim_end_matches(['\r', '\n']).len();
        blocks[nth - 1].end = blocks[nth - 1].end.min(most);
    }
    blocks
}

/// `[[rule]]` with all of its lines, its sub-tables, and comments that touch it.
fn toml(text: &str, rule: &Node) -> Option<Range<usize>> {
    let mut begin = line_start(text, rule.span.start);
    if !text[begin..].trim_start().starts_with("[[") {
        return None;
    }
    while let Some(above) = text[..begin].strip_suffix('\n') {
        let start = line_start(text, above.len());
        if !above[start..].trim_start().starts_with('#') {
            break;
        }
        begin = start;
    }
    // A header's span may hold its line end.
    let last = text[..last(rule)].trim_end().len();
    let mut end = line_end(text, last);
    while let Some(below) = text[end..].strip_prefix("\r\n").or_else(|| text[end..].strip_prefix('\n')) {
        if !below.trim_start_matches([' ', '\t']).starts_with('#') {
            break;
        }
        end = line_end(text, text.len() - below.len());
    }
    Some(begin..end)
}

/// `<rule>…</rule>`, and comments above it without a blank line between.
fn xml(text: &str, rule: &Node) -> Option<Range<usize>> {
    let mut begin = rule.span.start;
    loop {
        let above = text[..begin].trim_end();
        let near = text[above.len()..begin].matches('\n').count() < 2;
        match above.strip_suffix("-->").and_then(|above| above.rfind("<!--")) {
            Some(start) if near => begin = start,
            _ => return Some(begin..rule.span.end),
        }
    }
}

/// Where the last thing in it ends.
fn last(node: &Node) -> usize {
    let inner = match &node.value {
        Value::List(items) => items.iter().map(last).max(),
        Value::Table(entries) => entries.iter().map(|entry| entry.span.end.max(last(&entry.node))).max(),
        _ => None,
    };
    node.span.end.max(inner.unwrap_or_default())
}

fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |at| at + 1)
}

/// Without its line end.
fn line_end(text: &str, at: usize) -> usize {
    let end = text[at..].find('\n').map_or(text.len(), |more| at + more);
    text[..end].trim_end_matches('\r').len().max(at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn source(name: &str, text: &str) -> Source {
        Source { path: name.into(), text: text.to_owned() }
    }

    const FILE: &str = "# The file.\ndirection = \"out\"\n\n# First.\n# Really.\n[[rule]]\ntitle = \"a\" # why\n\n# Part two.\n\n[[rule]]\n\
                        title = \"b\"\nif = { body = \"\"\"\n[[rule]]\n\"\"\" }\n\n[rule.note]\nx = 1\n# Of b.\n# Third.\n\n[[rule]]\n\
                        title = \"c\"\n\n# The end.";

    #[test]
    fn a_rule_moves_with_its_comments_and_nothing_else() {
        let file = source("a.toml", FILE);
        let blocks = Blocks::of(&file).expect("TOML").expect("tables");
        assert_eq!(blocks.len(), 3);
        assert_eq!(blocks.text(0), Some("# First.\n# Really.\n[[rule]]\ntitle = \"a\" # why"));
        let wanted = "# The file.\ndirection = \"out\"\n\n[[rule]]\ntitle = \"c\"\n\n# Part two.\n\n# First.\n# Really.\n[[rule]]\n\
                      title = \"a\" # why\n\n[[rule]]\ntitle = \"b\"\nif = { body = \"\"\"\n[[rule]]\n\"\"\" }\n\n\
                      [rule.note]\nx = 1\n# Of b.\n# Third.\n\n# The end.";
        assert_eq!(blocks.moved(2, 0), wanted);
        assert_eq!(blocks.moved(1, 1), FILE, "nothing moves");
        let close = source("a.toml", "[[rule]]\r\ntitle = \"a\"\r\n# Of b.\r\n[[rule]]\r\ntitle = \"b\"");
        let blocks = Blocks::of(&close).expect("TOML").expect("tables");
        assert_eq!(blocks.moved(1, 0), "# Of b.\r\n[[rule]]\r\ntitle = \"b\"\r\n[[rule]]\r\ntitle = \"a\"");
    }

    #[test]
    fn a_rule_moves_in_xml_as_well() {
        let rule = |title: &str| format!("  <rule type=\"table\">\n    <title>{title}</title>\n  </rule>");
        let (a, b, c) = (rule("a"), rule("b"), rule("c"));
        let text = format!("<rules>\n  <!-- All. -->\n\n{a}\n\n  <!-- Of b. -->\n{b}\n{c}\n</rules>\n");
        let file = source("a.xml", &text);
        let blocks = Blocks::of(&file).expect("XML").expect("rules");
        let wanted = format!("<rules>\n  <!-- All. -->\n\n  <!-- Of b. -->\n{b}\n\n{a}\n{c}\n</rules>\n");
        assert_eq!(blocks.moved(1, 0), wanted);
        assert_eq!(blocks.moved(0, 1), wanted);
    }

    #[test]
    fn some_files_have_no_blocks() {
        assert!(Blocks::of(&source("a.toml", "rule = [ { title = \"a\" } ]\n")).expect("TOML").is_none());
        assert!(Blocks::of(&source("a.toml", "# nothing\n")).expect("TOML").is_some_and(|blocks| blocks.is_empty()));
        assert!(Blocks::of(&source("a.toml", "[[rule")).is_err());
    }

    proptest! {
        /// The rules are the same ones in another order, and nothing of the text is lost.
        #[test]
        fn nothing_is_lost(pieces in proptest::collection::vec("(#[ a-z]{0,5}\n)?\n?(#[ a-z]{0,5}\n)?", 1..6),
                           from in 0usize..6, to in 0usize..6, ends in any::<bool>()) {
            let mut text = String::from("# head\n");
            for (n, piece) in pieces.iter().enumerate() {
                text.push_str(&format!("{piece}[[rule]]\ntitle = \"{n}\"\n"));
            }
            if !ends {
                text.pop();
            }
            let file = source("a.toml", &text);
            let moved = source("a.toml", &Blocks::of(&file).expect("TOML").expect("tables").moved(from, to));
            let titles = |file: &Source| {
                let tree = file.tree().expect("TOML");
                let Some(Value::List(rules)) = tree.at("rule").map(|node| node.value.clone()) else { panic!("rules") };
                let title = |rule: &Node| rule.at("title").and_then(Node::text).expect("a title").to_owned();
                rules.iter().map(title).collect::<Vec<_>>()
            };
            let mut wanted = titles(&file);
            if from < wanted.len() && to < wanted.len() {
                let one = wanted.remove(from);
                wanted.insert(to, one);
            }
            prop_assert_eq!(titles(&moved), wanted);
            let sorted = |text: &str| {
                let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
                lines.sort();
                lines
            };
            prop_assert_eq!(sorted(&moved.text), sorted(&text));
        }
    }
}
