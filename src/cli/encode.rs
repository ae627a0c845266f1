//! `martlet encode`: alphabet, segments and room of a text, taken as it is.

use std::io::Write;

use serde_json::json;

use super::{Done, Exit, Failure, json as print_json};
use crate::sms::{
    Alphabet, Content,
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
    let measure = match measure(&Content::text(words), Reference::Eight(0)) {
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
        let value = json!({
            "alphabet": measure.alphabet,
            "segments": measure.segments,
            "units": measure.units,
            "left": measure.left,
            "forced_by": forced_by,
        });
        return print_json(out, &value);
    }
    let (name, unit) = match measure.alphabet {
        Alphabet::Gsm7 => ("GSM-7", "septets"),
        Alphabet::Ucs2 => ("UCS-2", "units"),
        Alphabet::Binary => ("binary", "octets"),
    };
    let plural = if measure.segments == 1 { "" } else { "s" };
    writeln!(out, "{name}, {} segment{plural}, {} {unit}, {} left", measure.segments, measure.units, measure.left)?;
    if let Some(c) = forced_by {
        writeln!(out, "UCS-2 because of {c:?}")?;
    }
    Ok(())
}
