//! `martlet encode`: alphabet, segments and room of a text, taken as it is; with `--pdu` the SUBMIT of each segment.
//!
//! A PDU begins with `00` (the modem's own service centre) and has neither validity nor status report. What can go wrong:
//! without `--number` it has no recipient and cannot be sent.

use std::io::Write;

use serde_json::json;

use super::{
    Done, Exit, Failure,
    decode::{alphabet_words, pdu},
    json as print_json,
};
use crate::sms::{
    Alphabet, Content, Dcs,
    national::{self, Language, Tables},
    split::{Reference, SplitError, measure, split},
    tidy::{Transliterate, tidy, transliterate},
    tpdu::{Address, Submit, TpduError},
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
    /// The recipient in the PDUs: international with `+`, else as it is dialled
    #[arg(long, value_name = "NUMBER", value_parser = recipient)]
    number: Option<Address>,
    /// Show the SUBMIT of each segment in hexadecimal, as AT+CMGS takes it
    #[arg(long)]
    pdu: bool,
    /// One JSON value
    #[arg(long)]
    json: bool,
}

fn recipient(written: &str) -> Result<Address, String> {
    Address::number(written).ok_or_else(|| "1 to 20 digits, with + where they are international".to_owned())
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
    let pdus = if args.pdu { Some(pdus(args, &content, measure.alphabet)?) } else { None };
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
        if let Some(pdus) = pdus {
            value["pdus"] = json!(pdus);
        }
        return print_json(out, &value);
    }
    let (name, unit) = alphabet_words(measure.alphabet);
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
    for pdu in pdus.into_iter().flatten() {
        writeln!(out, "{pdu}")?;
    }
    Ok(())
}

fn pdus(args: &Args, content: &Content, alphabet: Alphabet) -> Result<Vec<String>, Failure> {
    let to = args.number.clone().unwrap_or_else(Address::none);
    let cannot = |why: String| Failure::new(Exit::Data, why);
    let segments = split(content, Reference::Eight(0)).map_err(|error| cannot(error.to_string()))?;
    let written = segments.into_iter().map(|segment| {
        let mut octets = Vec::with_capacity(164);
        Submit::new(to.clone(), Dcs::plain(alphabet), segment).write(&mut octets)?;
        Ok(pdu(&octets))
    });
    written.collect::<Result<_, TpduError>>().map_err(|error| cannot(error.to_string()))
}
