//! `martlet rules`: what the rules make of a mail and why, and rules as XML, out and in.
//!
//! Nothing is sent and no daemon is asked: the files are read as a daemon would read them, by the same code.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use super::{Done, Exit, Failure, json as print_json, load};
use crate::{
    accounts::{self, Accounts, Allowance},
    address::{Destination, Numbering, Resolution, Target, uri},
    app,
    config::{Config, Rules},
    ground::{AccountName, Clock},
    mail,
    outbound::{Style, facts::Asked},
    rules::{self, Deed, Fate, Judgement, Question, Ruleset, Source, Verdict, deed::Content},
};

#[derive(Debug, clap::Subcommand)]
pub enum What {
    /// Show what each rule makes of a mail, condition by condition
    Test(Test),
    /// Write rules as XML
    Export(Export),
    /// Take rules of an XML file into the folder, if they fit
    Import(Import),
}

/// Which rules.
#[derive(Debug, clap::Args)]
struct From {
    /// The rules of this configuration
    #[arg(long, value_name = "FILE", required_unless_present = "rules")]
    config: Option<PathBuf>,
    /// The rules of this folder instead
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub struct Test {
    #[command(flatten)]
    from: From,
    /// The mail; - reads the standard input
    #[arg(long, value_name = "FILE.eml")]
    mail: PathBuf,
    /// The phone, or an address of the SMS domain (default: the mail's To:)
    #[arg(long, value_name = "ADDRESS")]
    to: Vec<String>,
    /// Who sends (default: the mail's From:)
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// A statement that returns rows; may be given several times. No database is asked
    #[arg(long, value_name = "STATEMENT")]
    rows: Vec<String>,
    /// One JSON value
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub struct Export {
    #[command(flatten)]
    from: From,
    /// Only rules of this title; may be given several times
    #[arg(long, value_name = "TITLE")]
    title: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub struct Import {
    #[command(flatten)]
    from: From,
    /// The file that `martlet rules export` wrote
    #[arg(value_name = "FILE.xml")]
    file: PathBuf,
    /// Write over a file of that name
    #[arg(long)]
    force: bool,
}

pub fn run(what: &What, out: &mut dyn Write) -> Done {
    match what {
        What::Test(args) => test(args, out),
        What::Export(args) => export(args, out),
        What::Import(args) => import(args, out),
    }
}

impl From {
    fn config(&self) -> Result<Option<Config>, Failure> {
        self.config.as_deref().map(load).transpose()
    }

    fn folder(&self, config: Option<&Config>) -> Rules {
        match (&self.rules, config) {
            (Some(dir), Some(config)) => config.rules.elsewhere(dir.clone()),
            (None, Some(config)) => config.rules.clone(),
            (dir, None) => Rules::of_folder(dir.clone().unwrap_or_default()),
        }
    }
}

/// The set of a folder, held against the gateways of the configuration if there is one.
fn read(folder: &Rules, config: Option<&Config>) -> Result<Ruleset, Failure> {
    let gateways = config.map(Config::gateway_names);
    let loaded = folder.load(gateways.as_deref()).map_err(|why| Failure::new(Exit::Config, why))?;
    Ok(loaded.set)
}

fn export(args: &Export, out: &mut dyn Write) -> Done {
    let config = args.from.config()?;
    let set = read(&args.from.folder(config.as_ref()), config.as_ref())?;
    if let Some(title) = args.title.iter().find(|title| !set.rules().iter().any(|rule| rule.title == **title)) {
        return Err(Failure::new(Exit::Data, format!("there is no rule {title:?}")));
    }
    out.write_all(set.to_xml(&args.title).as_bytes())?;
    Ok(())
}

fn import(args: &Import, out: &mut dyn Write) -> Done {
    let config = args.from.config()?;
    let folder = args.from.folder(config.as_ref());
    let failed = |path: &Path, why: &dyn std::fmt::Display| {
        Failure::new(Exit::NoInput, format!("cannot read {}: {why}", path.display()))
    };
    let text = std::fs::read_to_string(&args.file).map_err(|why| failed(&args.file, &why))?;
    let name = args.file.file_name().ok_or_else(|| failed(&args.file, &"it has no name"))?;
    let target = folder.dir.join(name).with_extension("xml");
    if target.exists() && !args.force {
        let words = format!("{} is there already: --force writes over it", target.display());
        return Err(Failure::new(Exit::CannotCreate, words));
    }
    // Held against everything that the folder's rules are held against, under its own name.
    let gateways = config.as_ref().map(Config::gateway_names);
    let source = Source { path: args.file.with_extension("xml"), text: text.clone() };
    let loaded = folder.of(vec![source], gateways.as_deref()).map_err(|why| Failure::new(Exit::Config, why))?;
    let cannot =
        |why: std::io::Error| Failure::new(Exit::CannotCreate, format!("cannot write {}: {why}", target.display()));
    // Whole or not at all: a daemon may be reading.
    let new = target.with_extension("new");
    std::fs::write(&new, text).and_then(|()| std::fs::rename(&new, &target)).map_err(cannot)?;
    writeln!(out, "{} rules in {}; `martlet reload` puts them in force", loaded.set.rules().len(), target.display())?;
    Ok(())
}

fn test(args: &Test, out: &mut dyn Write) -> Done {
    let config = args.from.config()?;
    let set = read(&args.from.folder(config.as_ref()), config.as_ref())?;
    let raw = super::text::slurp(&args.mail)?;
    let bad = |words: String| Failure::new(Exit::Data, words);
    let mail = mail::read(&raw).map_err(|why| bad(why.to_string()))?;
    let from = mail.from.as_ref().map(|person| person.address.clone());
    let who = args.account.clone().or_else(|| from.clone()).unwrap_or_else(|| "*".to_owned());
    let who = accounts::name(&who).ok_or_else(|| bad(format!("{who} is no account's name")))?;
    let payer = allowance(config.as_ref(), &who)?;
    let style = config.as_ref().map_or_else(Style::default, app::style);
    let style = style.of(&payer.wording);
    let mut all = Vec::new();
    for target in targets(args, config.as_ref(), &mail)? {
        let words = match target.params.binary {
            true => style.data(&mail),
            false => style.extract(&mail).map(|extract| extract.text),
        };
        let words = words.map_err(|refusal| bad(refusal.reply.words().to_owned()))?;
        for to in &target.to {
            let asked = Asked {
                mail: Some(&mail),
                headers: mail::header_block(&raw).0,
                sender: from.as_deref(),
                who: &who,
                payer: &payer,
                to,
                params: &target.params,
                words: &words,
                peer: None,
                extension: None,
                now: Clock::system().now(),
            };
            let mut facts = asked.facts();
            facts.rates = set.rates(rules::Direction::Out).into_iter().map(|within| (within, 1)).collect();
            let statements = set.statements(rules::Direction::Out).into_keys();
            facts.rows = statements.map(|name| (name.to_owned(), args.rows.iter().any(|rows| rows == name))).collect();
            all.push((to.clone(), asked_nobody(&set, facts)));
        }
    }
    match args.json {
        true => {
            print_json(out, &Value::Array(all.iter().map(|(to, (judged, asks))| value(to, judged, asks)).collect()))
        }
        false => all.iter().try_for_each(|(to, (judged, asks))| show(to, judged, asks, out)),
    }
}

fn allowance(config: Option<&Config>, who: &AccountName) -> Result<Allowance, Failure> {
    let Some(config) = config else {
        let region = "US".parse().expect("a region");
        return Ok(Accounts::new(std::collections::HashMap::new(), region, u8::MAX).undeclared(who));
    };
    let all = app::accounts(config).map_err(|why| Failure::new(Exit::Config, why.words))?;
    all.allowance(who, Clock::system().now())
        .map_err(|why| Failure::new(Exit::Data, format!("{}: {why}; --account says who sends", who.as_str())))
}

/// The judgement where whoever is asked says `pass`, and the questions.
fn asked_nobody(set: &Ruleset, mut facts: rules::Facts) -> (Judgement, Vec<Question>) {
    let mut questions = Vec::new();
    loop {
        let judgement = rules::judge(set, facts.clone());
        // As many as a daemon would ask.
        let Some(question) = judgement.asks.clone().filter(|_| questions.len() < 8) else {
            return (judgement, questions);
        };
        questions.push(question);
        facts.verdicts.push(Verdict::pass());
    }
}

/// What would be done outside, with its values.
fn deed(deed: &Deed) -> String {
    match deed {
        Deed::Run(program) => {
            let env: Vec<String> = program.env.iter().map(|(name, value)| format!("{name}={value:?} ")).collect();
            format!("run {}{:?}", env.concat(), program.words)
        }
        Deed::Call(call) => match &call.body {
            None => format!("call GET {}", call.url),
            Some(Content::Form(form)) => format!("call POST {} with {form}", call.url),
            Some(Content::Json(_)) => format!("call POST {} with the message as JSON", call.url),
        },
        Deed::Sql(statement) => format!("sql {} with {:?}", statement.name, statement.values),
    }
}

fn errand(errand: &rules::Errand) -> String {
    match errand {
        rules::Errand::Do { deed, .. } => self::deed(deed),
        other => other.word().to_owned(),
    }
}

/// The phones: those that are named, else the mail's recipient.
fn targets(args: &Test, config: Option<&Config>, mail: &mail::Mail<'_>) -> Result<Vec<Target>, Failure> {
    let mut written = args.to.clone();
    if written.is_empty() {
        written.extend(mail.to.as_ref().map(|person| person.address.clone()));
    }
    if written.is_empty() {
        return Err(Failure::new(Exit::Usage, "for which phone? Say --to NUMBER"));
    }
    let numbering = config
        .map(|config| config.sms.numbering)
        .unwrap_or(Numbering { region: "US".parse().expect("a region"), accept: crate::address::Accept::default() });
    let mut targets = Vec::new();
    for address in &written {
        let bad = |why: &dyn std::fmt::Display| Failure::new(Exit::Data, format!("{address}: {why}"));
        match (config, address.contains('@')) {
            (Some(config), true) => {
                let path = address.parse().map_err(|why| bad(&why))?;
                match config.addresses().resolve(&path) {
                    Resolution::Phones { targets: found, .. } => targets.extend(found),
                    Resolution::Refused(why) => return Err(bad(&why)),
                    Resolution::Postmaster | Resolution::Foreign => {
                        return Err(bad(&"this is no phone; say --to NUMBER"));
                    }
                }
            }
            _ => targets.push(uri::parse(address, &numbering).map_err(|why| bad(&why))?),
        }
    }
    Ok(targets)
}

/// What becomes of it, in words.
fn fate(judged: &Judgement) -> String {
    match &judged.fate {
        Fate::Pass => "goes on".to_owned(),
        Fate::Hold(why) => format!("held: {why}"),
        Fate::Quarantine => "quarantined".to_owned(),
        Fate::Reject(words) => format!("rejected: {words}"),
        Fate::Discard => "discarded".to_owned(),
        Fate::Moved => "goes elsewhere".to_owned(),
    }
}

fn value(to: &Destination, judged: &Judgement, asks: &[Question]) -> Value {
    json!({
        "phone": to.as_str(),
        "fate": format!("{:?}", judged.fate).to_lowercase(),
        "words": fate(judged),
        "rule": judged.by,
        "to": judged.facts.to.to_string(),
        "sender": judged.sender,
        "body": judged.facts.body,
        "priority": judged.facts.urgency.word(),
        "then": judged.then.iter().map(rules::Errand::word).collect::<Vec<_>>(),
        "does": judged.then.iter().map(errand).collect::<Vec<_>>(),
        "asks": asks.iter().map(|question| deed(&question.deed)).collect::<Vec<_>>(),
        "trace": judged.trace,
    })
}

fn show(to: &Destination, judged: &Judgement, asks: &[Question], out: &mut dyn Write) -> Done {
    writeln!(out, "text to {}", to.as_str())?;
    for looked in &judged.trace.0 {
        let matched = if looked.matched { "matches" } else { "does not match" };
        writeln!(out, "  rule {:?} ({}) {matched}", looked.rule, looked.place)?;
        for seen in &looked.conditions {
            let holds = if seen.holds { "yes" } else { "no " };
            writeln!(out, "    {holds} {}: {:?}", seen.condition, seen.value)?;
        }
        for change in &looked.changes {
            writeln!(out, "    -> {change}")?;
        }
    }
    writeln!(out, "  {}", fate(judged))?;
    writeln!(out, "  To: {}", judged.facts.to)?;
    if let Some(sender) = &judged.sender {
        writeln!(out, "  sender: {sender}")?;
    }
    for line in judged.facts.body.lines() {
        writeln!(out, "  | {line}")?;
    }
    for question in asks {
        let seconds = question.asks.wait.as_secs_f32();
        writeln!(out, "  asks first, {seconds} s at most, here taken as pass: {}", deed(&question.deed))?;
    }
    for errand in &judged.then {
        writeln!(out, "  then: {}", self::errand(errand))?;
    }
    Ok(())
}
