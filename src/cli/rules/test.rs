//! `martlet rules test`: what each rule makes of a mail on its way to phones, or of a phone's text, and what would be done
//! outside. Nobody is asked: verdicts count as `pass`, statements return rows where the command line says so.

use std::{io::Write, path::PathBuf};

use serde_json::{Value, json};

use super::{From, read};
use crate::{
    accounts::{self, Accounts, Allowance},
    address::{Destination, Numbering, Originator, Region, Resolution, Target, originator::Originators, uri},
    app,
    cli::{Done, Exit, Failure, check::route_words, json as print_json, text::slurp},
    config::Config,
    ground::{AccountName, Clock},
    inbound, mail,
    outbound::{Style, facts::Asked},
    rules::{self, Deed, Direction, Facts, Fate, Judgement, Question, Ruleset, Verdict, deed::Content},
};

#[derive(Debug, clap::Args)]
pub struct Test {
    #[command(flatten)]
    rules: From,
    /// The mail; - reads the standard input
    #[arg(long, value_name = "FILE.eml", required_unless_present = "text")]
    mail: Option<PathBuf>,
    /// The phone, or an address of the SMS domain (default: the mail's To:)
    #[arg(long, value_name = "ADDRESS", conflicts_with = "text")]
    to: Vec<String>,
    /// Who sends (default: the mail's From:)
    #[arg(long, value_name = "NAME", conflicts_with = "text")]
    account: Option<String>,
    /// A phone's text instead of a mail: its words, behind the #address# if it has one
    #[arg(long, value_name = "WORDS", conflicts_with = "mail", requires = "from")]
    text: Option<String>,
    /// The phone that the text is from
    #[arg(long, value_name = "PHONE", requires = "text")]
    from: Option<String>,
    /// Our number that the phone wrote to (default: the gateway's)
    #[arg(long, value_name = "NUMBER", requires = "text")]
    number: Option<String>,
    /// The gateway that the text came by (default: the first one)
    #[arg(long, value_name = "ID", requires = "text")]
    gateway: Option<String>,
    /// A statement that returns rows; may be given several times. No database is asked
    #[arg(long, value_name = "STATEMENT")]
    rows: Vec<String>,
    /// One JSON value
    #[arg(long)]
    json: bool,
}

/// One message and what becomes of it.
struct Tried {
    /// The phone that is written to, or that wrote.
    phone: String,
    direction: Direction,
    judged: Judgement,
    asks: Vec<Question>,
    /// The inbound route that follows, in words.
    route: Option<String>,
}

pub fn run(args: &Test, out: &mut dyn Write) -> Done {
    let config = args.rules.config()?;
    let set = read(&args.rules.folder(config.as_ref()), config.as_ref())?;
    let all = match (&args.text, &args.mail) {
        (Some(words), _) => vec![text(args, words, &set, config.as_ref())?],
        (None, Some(file)) => {
            let raw = slurp(file)?;
            mails(args, &raw, &set, config.as_ref())?
        }
        (None, None) => return Err(Failure::new(Exit::Usage, "give --mail FILE.eml, or --text WORDS --from PHONE")),
    };
    match args.json {
        true => print_json(out, &Value::Array(all.iter().map(value).collect())),
        false => all.iter().try_for_each(|tried| show(tried, out)),
    }
}

/// A mail, for each of its phones.
fn mails(args: &Test, raw: &[u8], set: &Ruleset, config: Option<&Config>) -> Result<Vec<Tried>, Failure> {
    let bad = |words: String| Failure::new(Exit::Data, words);
    let mail = mail::read(raw).map_err(|why| bad(why.to_string()))?;
    let from = mail.from.as_ref().map(|person| person.address.clone());
    let who = args.account.clone().or_else(|| from.clone()).unwrap_or_else(|| "*".to_owned());
    let who = accounts::name(&who).ok_or_else(|| bad(format!("{who} is no account's name")))?;
    let payer = allowance(config, &who)?;
    let style = config.map_or_else(Style::default, app::style);
    let style = style.of(&payer.wording);
    let mut all = Vec::new();
    for target in targets(args, config, &mail)? {
        let words = match target.params.binary {
            true => style.data(&mail),
            false => style.extract(&mail).map(|extract| extract.text),
        };
        let words = words.map_err(|refusal| bad(refusal.reply.words().to_owned()))?;
        for to in &target.to {
            let asked = Asked {
                mail: Some(&mail),
                headers: mail::header_block(raw).0,
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
            let (judged, asks) = asked_nobody(set, known(args, set, asked.facts()));
            let phone = to.as_str().to_owned();
            all.push(Tried { phone, direction: Direction::Out, judged, asks, route: None });
        }
    }
    Ok(all)
}

/// A phone's text, as the rules see it behind tag and call log.
fn text(args: &Test, words: &str, set: &Ruleset, config: Option<&Config>) -> Result<Tried, Failure> {
    let region = config.map_or_else(usual_region, |config| config.sms.numbering.region);
    let phone = args.from.as_deref().unwrap_or_default();
    let from = Originator::read(phone, region, Originators::Auto, |_| false);
    let gateways = config.map(|config| config.gateways.as_slice()).unwrap_or_default();
    let gateway = match &args.gateway {
        Some(given) => {
            if config.is_some() && !gateways.iter().any(|gateway| gateway.id.as_str() == given) {
                return Err(Failure::new(Exit::Data, format!("there is no gateway `{given}`")));
            }
            given.as_str()
        }
        None => gateways.first().map_or("main", |gateway| gateway.id.as_str()),
    };
    let ours = gateways.iter().find(|one| one.id.as_str() == gateway).and_then(|one| one.number.as_ref());
    let number = args.number.as_deref().or(ours.map(Destination::as_str));
    let heard = inbound::Heard { from: &from, gateway, number, words, binary: false, now: Clock::system().now() };
    let (judged, asks) = asked_nobody(set, known(args, set, heard.facts()));
    let routes = config.map(|config| config.inbound_routes.as_slice()).unwrap_or_default();
    let route = matches!(judged.fate, Fate::Pass | Fate::Hold(_))
        .then(|| inbound::route(routes, from.as_str(), number.unwrap_or_default(), &judged.facts.body).map(route_words))
        .flatten();
    Ok(Tried { phone: from.as_str().to_owned(), direction: Direction::In, judged, asks, route })
}

/// With what nobody is asked for here: this message is the first of its sender, and the command line says which statements
/// return rows.
fn known(args: &Test, set: &Ruleset, mut facts: Facts) -> Facts {
    facts.rates = set.rates(facts.direction).into_iter().map(|within| (within, 1)).collect();
    let statements = set.statements(facts.direction).into_keys();
    facts.rows = statements.map(|name| (name.to_owned(), args.rows.iter().any(|rows| rows == name))).collect();
    facts
}

fn usual_region() -> Region {
    "US".parse().expect("a region")
}

fn allowance(config: Option<&Config>, who: &AccountName) -> Result<Allowance, Failure> {
    let Some(config) = config else {
        return Ok(Accounts::new(std::collections::HashMap::new(), usual_region(), u8::MAX).undeclared(who));
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
        .unwrap_or(Numbering { region: usual_region(), accept: crate::address::Accept::default() });
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

fn value(tried: &Tried) -> Value {
    let Tried { phone, direction, judged, asks, route } = tried;
    json!({
        "phone": phone,
        "direction": direction.word(),
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
        "route": route,
        "trace": judged.trace,
    })
}

fn show(tried: &Tried, out: &mut dyn Write) -> Done {
    let Tried { phone, direction, judged, asks, route } = tried;
    let outbound = *direction == Direction::Out;
    writeln!(out, "text {} {phone}", if outbound { "to" } else { "from" })?;
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
    if outbound {
        writeln!(out, "  To: {}", judged.facts.to)?;
    }
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
    if let Some(route) = route {
        writeln!(out, "  route: {route}")?;
    }
    Ok(())
}
