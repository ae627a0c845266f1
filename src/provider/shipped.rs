//! The definitions that come with Martlet, and which of them there are.

use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "config/providers"]
#[include = "*.toml"]
#[exclude = "*.tests.toml"]
struct Files;

/// The text of the definition of that name.
pub fn text(name: &str) -> Option<String> {
    let file = Files::get(&format!("{name}.toml"))?;
    String::from_utf8(file.data.into_owned()).ok()
}

/// Their names, in order.
pub fn names() -> Vec<String> {
    let mut names: Vec<String> =
        Files::iter().filter_map(|file| file.strip_suffix(".toml").map(str::to_owned)).collect();
    names.sort();
    names
}
