//! The configuration blocks of the documentation, so that tests run what the pages say.
//!
//! A block is a fence behind a comment line `<!-- block: NAME -->`; blocks with one name belong together, in order.

use super::root;

/// All blocks called `name` on this page of `docs/`.
pub fn block(page: &str, name: &str) -> String {
    let text = std::fs::read_to_string(root().join("docs").join(page)).expect("the page");
    let found = extract(&text, name);
    assert!(!found.is_empty(), "docs/{page} has no block {name:?}");
    found
}

/// [`block`] with its documented placeholders replaced. Each one must occur, or the page has moved on without its test.
pub fn block_with(page: &str, name: &str, places: &[(&str, &str)]) -> String {
    let mut text = block(page, name);
    for (from, to) in places {
        assert!(text.contains(from), "block {name:?} of docs/{page} does not say {from:?}");
        text = text.replace(from, to);
    }
    text
}

fn extract(text: &str, name: &str) -> String {
    let marker = format!("<!-- block: {name} -->");
    let mut lines = text.lines();
    let mut found = String::new();
    while let Some(line) = lines.next() {
        if line == marker {
            assert!(lines.next().is_some_and(|l| l.starts_with("```")), "a fence follows {marker}");
            for line in lines.by_ref().take_while(|l| !l.starts_with("```")) {
                found.push_str(line);
                found.push('\n');
            }
        }
    }
    found
}
