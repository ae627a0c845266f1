//! `martlet text`: the words of a mail that a phone would get, and what was cut and why.
//!
//! Without a configuration the defaults hold and nothing is cut for length; with one, its choices and its `max_parts`.

use std::{
    io::{Read, Write},
    path::{Path, PathBuf},
};

use serde_json::{Map, Value, json};

use super::{Done, Exit, Failure, json as print_json, load};
use crate::{
    app,
    mail::{self, Choices},
    outbound::Overflow,
    sms::{
        Content,
        fit::fit_any,
        national,
        split::{Reference, measure},
        tidy::{Transliterate, tidy, transliterate},
    },
};

/// The largest mail that is read, in octets.
const LARGEST: u64 = 64 << 20;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The mail; - reads the standard input
    #[arg(value_name = "FILE.eml")]
    file: PathBuf,
    /// Say what was cut and why
    #[arg(long)]
    explain: bool,
    /// Take the choices of this configuration
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// One JSON value
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args, out: &mut dyn Write) -> Done {
    let config = args.config.as_deref().map(load).transpose()?;
    let tables = config.as_ref().map(app::counted_tables).unwrap_or_default();
    let sms = config.map(|config| config.sms);
    let raw = slurp(&args.file)?;
    let (choices, how) = match &sms {
        Some(sms) => (sms.choices.clone(), sms.transliterate),
        None => (Choices::default(), Transliterate::default()),
    };
    let found = mail::read(&raw).map_err(|why| why.to_string());
    let found = found.and_then(|mail| mail::text(&mail, &choices).map_err(|why| why.to_string()));
    let extract = match found {
        Ok(extract) => extract,
        Err(why) if args.json => {
            print_json(out, &json!({ "error": why }))?;
            return Err(Failure::said(Exit::Data));
        }
        Err(why) => return Err(Failure::new(Exit::Data, why)),
    };
    let words = transliterate(tidy(&extract.text), how);
    let limit = sms.as_ref().filter(|sms| sms.overflow == Overflow::Truncate).map(|sms| sms.max_parts);
    let (words, cut) = match limit {
        Some(most) => {
            let fitted = fit_any(&words, most, &Content::text(&words), &tables, Reference::Eight(0));
            (fitted.text, fitted.cut)
        }
        None => (words, false),
    };
    if args.json {
        let mut value = Map::new();
        value.insert("text".to_owned(), json!(words));
        value.insert("truncated".to_owned(), json!(cut));
        let content = national::choose(&Content::text(words), &tables, Reference::Eight(0));
        let measured = measure(&content, Reference::Eight(0)).ok();
        value.insert("alphabet".to_owned(), json!(measured.as_ref().map(|m| m.alphabet)));
        value.insert("segments".to_owned(), json!(measured.as_ref().map(|m| m.segments)));
        if args.explain {
            let cuts = extract.cuts.iter().map(|cut| json!({ "why": cut.why.to_string(), "text": cut.text }));
            value.insert("removed".to_owned(), cuts.collect());
        }
        return print_json(out, &Value::Object(value));
    }
    writeln!(out, "{words}")?;
    if args.explain {
        for cut in &extract.cuts {
            writeln!(out, "--- {}", cut.why)?;
            writeln!(out, "{}", cut.text.trim_end())?;
        }
        if cut {
            writeln!(out, "--- cut to the configured number of segments")?;
        }
    }
    Ok(())
}

fn slurp(path: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |why: std::io::Error| Failure::new(Exit::NoInput, format!("cannot read {}: {why}", path.display()));
    let mut raw = Vec::new();
    let mut source: Box<dyn Read> = if path == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(std::fs::File::open(path).map_err(failed)?)
    };
    source.by_ref().take(LARGEST + 1).read_to_end(&mut raw).map_err(failed)?;
    if raw.len() as u64 > LARGEST {
        return Err(Failure::new(Exit::Data, "a mail has at most 64 MiB"));
    }
    Ok(raw)
}
