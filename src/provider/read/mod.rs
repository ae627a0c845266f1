//! From the text of a file to a [`Definition`]: all of it, or everything that is wrong with line and column.
//!
//! Unknown keys, templates that name what is not there, patterns, sources and tables are checked here, never when a message
//! is sent or a hook comes in.

mod call;
mod desk;
mod event;
mod hook;
mod names;
mod rule;
mod scheme;
mod top;

use toml::de::DeTable;

pub use desk::{At, Desk, Place, Section, Wrong, kind};

use super::definition::Definition;

/// The largest file, in octets.
const LARGEST: usize = 256 << 10;

impl Definition {
    /// Reads the text of one file.
    ///
    /// # Errors
    /// Everything that is wrong; never empty.
    pub fn read(text: &str, file: &str) -> Result<Self, Vec<Wrong>> {
        let mut desk = Desk::new(file, text);
        if text.len() > LARGEST {
            desk.wrong(0, "a definition has at most 256 KiB");
            return Err(desk.errors);
        }
        let table = match DeTable::parse(text) {
            Ok(table) => table,
            Err(error) => {
                desk.wrong(error.span().map_or(0, |span| span.start), error.message());
                return Err(desk.errors);
            }
        };
        let root = Section::of(table.get_ref(), 0, "at the top");
        let definition = top::definition(&mut desk, root);
        match definition {
            Some(definition) if desk.errors.is_empty() => Ok(definition),
            _ => {
                desk.errors.sort_by_key(|wrong| (wrong.line, wrong.column));
                if desk.errors.is_empty() {
                    desk.wrong(0, "this is no definition");
                }
                Err(desk.errors)
            }
        }
    }
}

#[cfg(test)]
mod tests;
