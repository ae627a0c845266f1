//! `martlet encode`: alphabet, segments and room of a text, taken as it is.

use std::io::Write;

use serde_json::json;

use super::{Done, Exit, Failure, json as print_json};
use crate::sms::{
    Alphabet, Content,
    national::{self, Language, Tables},
    split::{Reference, SplitError, measure},
    tidy::{Transliterate, tidy, transliterate},
};

#[derive(clap::Args)]
pub struct Args {
    /// The words
    #[arg(allow_hyphen_values = true)]
    text: String,
    /// Tidy them first, and write look-alikes of GSM-7 where that alone saves the alphabet
    #[arg(long)]
    transliterate: bool,
    /// National language tables that may be used: names or numbers, separated by commas
    #[arg(long, value_name = "LANGUAGES", value_delimiter = ',')]
    shift_tables: Vec<Language>,
    /// One JSON value
    #[arg(long)]
    json: bool,
}

/// Without the text.
impl std::fmt::Debug for Args {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Args")
    }
}

pub fn run(args: &Args, out: &mut dyn Write) -> Done {
    let words =
        if args.transliterate { transliterate(tidy(&args.text), Transliterate::Auto) } else { args.text.clone() };
    let content = national::choose(&Content::text(words), &args.shift_tables, Reference::Eight(0));
    let tables = Tables::of(&content.udh);
    let measure = match measure(&content, Reference::Eight(0)) {
        Ok(measure) => measure,
        Err(error) => {
            let why = match error {
                SplitError::TooLong => "too long: a message has at most 128 segments",
                SplitError::HeaderTooLong => "the header leaves no room for words",
            };
            if args.json {
                print_json(out, &json!({ "error": why }))?;
                return Err(Failure::said(Exit::Data));
            }
            return Err(Failure::new(Exit::Data, why));
        }
    };
    let forced_by = measure.forced_by.map(String::from);
    if args.json {
        let mut value = json!({
            "alphabet": measure.alphabet,
            "segments": measure.segments,
            "units": measure.units,
            "left": measure.left,
            "forced_by": forced_by,
        });
        if tables != Tables::default() {
            value["locking"] = json!(tables.locking.map(Language::name));
            value["single"] = json!(tables.single.map(Language::name));
        }
        return print_json(out, &value);
    }
    let (name, unit) = match measure.alphabet {
        Alphabet::Gsm7 => ("GSM-7", "septets"),
        Alphabet::Ucs2 => ("UCS-2", "units"),
        Alphabet::Binary => ("binary", "octets"),
    };
    let plural = if measure.segments == 1 { "" } else { "s" };
    writeln!(out, "{name}, {} segment{plural}, {} {unit}, {} left", measure.segments, measure.units, measure.left)?;
    if let Some(language) = tables.locking {
        writeln!(out, "locking shift table: {}", language.name())?;
    }
    if let Some(language) = tables.single {
        writeln!(out, "single shift table: {}", language.name())?;
    }
    if let Some(c) = forced_by {
        writeln!(out, "UCS-2 because of {c:?}")?;
    }
    Ok(())
}
