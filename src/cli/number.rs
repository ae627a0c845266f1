//! `martlet number`: what a written number is. Only valid numbers print as E.164; everything else exits with 65.

use std::io::Write;

use serde_json::json;

use super::{Done, Exit, Failure, json as print_json};
use crate::address::{Accept, Destination, Numbering, Reading};

#[derive(clap::Args)]
pub struct Args {
    /// The number as a person writes it
    #[arg(allow_hyphen_values = true)]
    input: String,
    /// Where national numbers are read as of: two letters of ISO 3166
    #[arg(long, default_value = "US")]
    region: String,
    /// One JSON value
    #[arg(long)]
    json: bool,
}

/// Without the number.
impl std::fmt::Debug for Args {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Args")
    }
}

pub fn run(args: &Args, out: &mut dyn Write) -> Done {
    let Ok(region) = args.region.parse() else {
        let words = format!("{:?} is no region such as US: two letters of ISO 3166", args.region);
        return Err(Failure::new(Exit::Usage, words));
    };
    // Read as a possible number first, so that a reading which is not valid can be told from nonsense.
    let reading = Numbering { region, accept: Accept::Possible }.read(&args.input);
    let (value, why) = match reading {
        Ok(Reading { destination: Destination::Number(number), valid: true }) => {
            return if args.json {
                print_json(out, &json!({ "e164": number.as_str() }))
            } else {
                Ok(writeln!(out, "{}", number.as_str())?)
            };
        }
        Ok(Reading { destination: Destination::Number(_), valid: false }) => {
            let why = "possible by its length, but no number of this kind is in use".to_owned();
            (json!({ "error": why, "possible": true }), why)
        }
        Ok(Reading { destination: Destination::Short(code), .. }) => {
            let why = format!("{} is a short code: only accounts with short_codes = true reach it", code.as_str());
            (json!({ "short": code.as_str() }), why)
        }
        Err(error) => (json!({ "error": error.to_string() }), error.to_string()),
    };
    if args.json {
        print_json(out, &value)?;
        return Err(Failure::said(Exit::Data));
    }
    Err(Failure::new(Exit::Data, why))
}
