//! `martlet text`: the words of a mail that a phone would get, and what was cut and why.
//!
//! Without a configuration the defaults hold and nothing is cut for length; with one, its choices and limits, and with
//! `--account` those of that account. The steps are those of the mail door (`outbound::Style`).

use std::{
    io::{Read, Write},
    path::{Path, PathBuf},
};

use serde_json::{Map, Value, json};

use super::{Done, Exit, Failure, json as print_json, load};
use crate::{
    accounts,
    address::Params,
    app,
    config::Config,
    ground::Clock,
    mail,
    outbound::{Shaped, Style},
    sms::{
        Body, Content, national,
        split::{Reference, measure},
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
    /// As this account's mail: its template, limits and choices
    #[arg(long, value_name = "NAME", requires = "config")]
    account: Option<String>,
    /// One JSON value
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args, out: &mut dyn Write) -> Done {
    let config = args.config.as_deref().map(load).transpose()?;
    let (style, most) = match &config {
        Some(config) => chosen(config, args.account.as_deref())?,
        None => (Style::default(), None),
    };
    let raw = slurp(&args.file)?;
    let opened = mail::open(&raw);
    let found = mail::read(&opened).map_err(|why| why.to_string()).and_then(|mail| {
        let extract = style.extract(&mail).map_err(|refusal| refusal.reply.words().to_owned())?;
        let shaped = most.map(|most| style.shape_text(&extract.text, &Params::default(), most)).transpose();
        Ok((extract, shaped.map_err(|refusal| refusal.reply.words().to_owned())?))
    });
    let (extract, shaped) = match found {
        Ok(found) => found,
        Err(why) if args.json => {
            print_json(out, &json!({ "error": why }))?;
            return Err(Failure::said(Exit::Data));
        }
        Err(why) => return Err(Failure::new(Exit::Data, why)),
    };
    let texts: Vec<String> = match &shaped {
        Some(shaped) => shaped.iter().map(words).collect(),
        None => vec![extract.text.clone()],
    };
    let cut = shaped.iter().flatten().any(|shaped| shaped.cut);
    if args.json {
        let cuts = args.explain.then_some(&extract.cuts[..]);
        return print_json(out, &value(&texts, cut, cuts, &style));
    }
    writeln!(out, "{}", texts.join("\n--- next text\n"))?;
    if args.explain {
        for cut in &extract.cuts {
            writeln!(out, "--- {}", cut.why)?;
            writeln!(out, "{}", cut.text.trim_end())?;
        }
        if cut {
            writeln!(out, "--- cut to the configured number of segments")?;
            writeln!(out, "{}", lost(&extract.text, texts.first()))?;
        }
    }
    Ok(())
}

/// How mails become texts here, or for this account; and the segments that one may take.
fn chosen(config: &Config, account: Option<&str>) -> Result<(Style, Option<u8>), Failure> {
    let style = app::style(config);
    let Some(given) = account else { return Ok((style, Some(config.sms.max_parts))) };
    let unknown = |why: String| Failure::new(Exit::Data, format!("account {given}: {why}"));
    let name = accounts::name(given).ok_or_else(|| unknown("this is no account's name".to_owned()))?;
    let all = app::accounts(config).map_err(|why| unknown(why.words))?;
    let allowance = all.allowance(&name, Clock::system().now()).map_err(|why| unknown(why.to_string()))?;
    Ok((style.of(&allowance.wording).into_owned(), Some(allowance.max_parts)))
}

fn words(shaped: &Shaped) -> String {
    match &shaped.content.body {
        Body::Text(words) => words.clone(),
        Body::Binary(data) => format!("{} octets", data.len()),
    }
}

/// What a cut text lacks.
fn lost<'a>(whole: &'a str, kept: Option<&String>) -> &'a str {
    let kept = kept.map_or("", |kept| kept.trim_end_matches(['.', '…']));
    whole.strip_prefix(kept).unwrap_or_default().trim()
}

fn value(texts: &[String], cut: bool, cuts: Option<&[mail::Cut]>, style: &Style) -> Value {
    let measured = |text: &String| {
        let content = national::choose(&Content::text(text.clone()), &style.shift_tables, Reference::Eight(0));
        measure(&content, Reference::Eight(0)).ok()
    };
    let all: Vec<_> = texts.iter().map(measured).collect();
    let alphabet = all.first().and_then(|m| m.as_ref().map(|m| m.alphabet));
    let segments: Option<usize> = all.iter().map(|m| m.as_ref().map(|m| m.segments)).sum();
    let mut value = Map::new();
    value.insert("text".to_owned(), json!(texts.join("\n")));
    if texts.len() > 1 {
        value.insert("texts".to_owned(), json!(texts));
    }
    value.insert("truncated".to_owned(), json!(cut));
    value.insert("alphabet".to_owned(), json!(alphabet));
    value.insert("segments".to_owned(), json!(segments));
    if let Some(cuts) = cuts {
        let cuts = cuts.iter().map(|cut| json!({ "why": cut.why.to_string(), "text": cut.text }));
        value.insert("removed".to_owned(), cuts.collect());
    }
    Value::Object(value)
}

pub(super) fn slurp(path: &Path) -> Result<Vec<u8>, Failure> {
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
