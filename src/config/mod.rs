//! The configuration: one TOML file, and `gateways.d/*.toml` beside it.
//!
//! [`load`] reads it into typed values and reports everything that is wrong in one go, each with file, line and
//! column. Syntax errors hide what stands behind them; unknown keys, wrong types, bad values and things that do not
//! fit together are found side by side. Which keys there are is learned from the structs (`schema`).
//!
//! Only `app` and `cli` know this room; every other one has its own small settings.

mod account;
mod address;
mod brakes;
mod check;
mod errands;
mod error;
mod flow;
mod folders;
mod gateway;
mod http;
mod inbound_route;
mod later;
mod listener;
mod mailbox;
mod media;
mod net;
mod prints;
mod route;
mod rules;
mod schema;
mod secret;
mod sms;
mod value;

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    sync::Arc,
};

use jiff::tz::TimeZone;
use serde::{Deserialize, de::DeserializeOwned};
use toml::{Spanned, de::DeTable};

pub use account::Account;
pub use check::PemFile;
pub use errands::Errands;
pub use error::{Error, Errors, Place, Source};
pub use flow::{Format, Inbound, Level, Log, Queue};
pub use folders::Folders;
pub use gateway::{Answer, Gateway, HookAt, Http as HttpGateway, Kind, Method, Modem, PhoneFrom, Provider, Wire};
pub use http::{Http, HttpTls};
pub use listener::{Control, Limits, Listener, Protocol, Tls};
pub use mailbox::WayBack;
pub use media::Media;
pub use prints::Prints;
pub use rules::{Loaded, Rules};
pub use schema::Node;
pub use secret::{Machine, World, Written};
pub use sms::Sms;

use crate::{
    accounts::Brakes,
    address::{Domains, Helper, Numbering},
    ground::GatewayId,
    inbound,
    routing::Route,
    store,
};
use check::{Check, absolute};
use value::{Domain, Setting};

/// The largest file, in octets.
const LARGEST: u64 = 16 << 20;

/// The keys of the file.
#[derive(Deserialize)]
struct Keys {
    data_dir: Option<Setting<PathBuf>>,
    domains: Option<Spanned<Vec<Setting<Domain>>>>,
    hostname: Option<Setting<Domain>>,
    zone: Option<Setting<String>>,
    store: Option<flow::StoreKeys>,
    listener: Option<Vec<Spanned<listener::Keys>>>,
    limits: Option<listener::LimitKeys>,
    http: Option<Spanned<http::HttpKeys>>,
    control: Option<listener::ControlKeys>,
    mailbox: Option<Spanned<mailbox::Keys>>,
    inbound: Option<flow::InboundKeys>,
    media: Option<media::Keys>,
    sms: Option<sms::Keys>,
    queue: Option<flow::QueueKeys>,
    brakes: Option<brakes::Keys>,
    gateway: Option<Vec<Spanned<gateway::Keys>>>,
    group: Option<Vec<Spanned<route::GroupKeys>>>,
    route: Option<Vec<Spanned<route::RouteKeys>>>,
    account: Option<Vec<Spanned<account::Keys>>>,
    address: Option<Vec<Spanned<address::Keys>>>,
    rules: Option<rules::Keys>,
    calendar: Option<Vec<Spanned<rules::CalendarKeys>>>,
    pii: Option<Vec<Spanned<rules::PiiKeys>>>,
    inbound_route: Option<Vec<Spanned<inbound_route::Keys>>>,
    errands: Option<errands::Keys>,
    database: Option<Vec<Spanned<errands::DatabaseKeys>>>,
    statement: Option<Vec<Spanned<errands::StatementKeys>>>,
    log: Option<flow::LogKeys>,
    login: Option<flow::LoginKeys>,
}

/// The keys of a file in `gateways.d`.
#[derive(Deserialize)]
struct GatewayFile {
    gateway: Option<Vec<Spanned<gateway::Keys>>>,
}

/// Everything a running Martlet goes by.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file it was read from.
    pub file: PathBuf,
    pub data_dir: PathBuf,
    /// SMS domains, IDNA ASCII, lower case; at least one.
    pub domains: Vec<String>,
    /// In greetings, Reporting-MTA and Message-IDs.
    pub hostname: String,
    /// Whose calendar months limits count in.
    pub zone: TimeZone,
    pub store: store::Settings,
    pub listeners: Vec<Listener>,
    pub limits: Limits,
    /// `%` and `/` in the user's name of an address may stand for `@`.
    pub percent_is_at: bool,
    pub http: Option<Http>,
    pub control: Control,
    pub mailbox: WayBack,
    pub inbound: Inbound,
    /// Pictures and the like that phones send.
    pub media: Media,
    pub sms: Sms,
    pub queue: Queue,
    pub brakes: Brakes,
    pub gateways: Vec<Gateway>,
    /// Gateways under one name.
    pub groups: BTreeMap<GatewayId, Vec<GatewayId>>,
    /// In the order in which they are asked.
    pub routes: Vec<Route>,
    pub accounts: Vec<Account>,
    /// `[[address]]` by address in lower case.
    pub helpers: HashMap<String, Helper>,
    pub rules: Rules,
    /// What they may have done outside.
    pub errands: Errands,
    /// Behind the rules, before the default mailbox.
    pub inbound_routes: Vec<inbound::Route>,
    pub log: Log,
    /// To tell what has changed when the file is read again.
    pub prints: Prints,
    /// What is allowed but worth a word at start.
    pub warnings: Vec<Error>,
}

impl Config {
    /// Gateways and groups: what may stand behind `@` in rules.
    pub fn gateway_names(&self) -> Vec<GatewayId> {
        self.gateways.iter().map(|gateway| gateway.id.clone()).chain(self.groups.keys().cloned()).collect()
    }

    /// What addresses resolve by.
    pub fn addresses(&self) -> Domains {
        Domains {
            domains: self.domains.clone(),
            prefixes: self.sms.prefixes.clone(),
            bare_numbers: self.sms.bare_numbers,
            numbering: self.sms.numbering,
            helpers: self.helpers.clone(),
        }
    }

    /// An error about octet `offset` of a text that was kept as written (a URL template).
    pub fn error_at(written: &Written, offset: usize, cause: impl AsRef<str>) -> Error {
        written.error(offset, cause)
    }
}

/// Every key that the configuration knows, by its path (`gateway.answer.id`).
pub fn keys() -> Vec<String> {
    schema::schema::<Keys>().keys()
}

/// Reads the file at `path`, and `gateways.d/*.toml` beside it.
pub fn load(path: &Path) -> Result<Config, Errors> {
    let main = read(path)?;
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    // Errors show the name that was given; `gateways.d` beside it in the same way.
    let beside = path.with_file_name("gateways.d");
    let mut names: Vec<PathBuf> = match std::fs::read_dir(&beside) {
        Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(unreadable(&beside, &error.to_string()).into()),
    };
    names.retain(|name| name.extension().is_some_and(|e| e == "toml"));
    names.sort();
    let more = names.iter().map(|name| read(name)).collect::<Result<Vec<_>, _>>()?;
    parse(main, more, &folder, &Machine)
}

fn unreadable(path: &Path, why: &str) -> Error {
    Error { file: path.to_owned(), line: 1, column: 1, cause: format!("cannot be read: {why}") }
}

fn read(path: &Path) -> Result<Source, Error> {
    let failed = |error: std::io::Error| unreadable(path, &error.to_string());
    if std::fs::metadata(path).map_err(failed)?.len() > LARGEST {
        return Err(unreadable(path, "it is larger than 16 MiB"));
    }
    let octets = std::fs::read(path).map_err(failed)?;
    match String::from_utf8(octets) {
        Ok(text) => Ok(Source { path: path.to_owned(), text }),
        Err(error) => {
            let sound = error.utf8_error().valid_up_to();
            let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            let (line, column) = Source { path: path.to_owned(), text }.line_column(sound);
            Err(Error { file: path.to_owned(), line, column, cause: "not UTF-8 here".into() })
        }
    }
}

/// Reads the text of a configuration; `more` are the files of `gateways.d`, `folder` is where relative paths begin.
pub fn parse(main: Source, more: Vec<Source>, folder: &Path, world: &dyn World) -> Result<Config, Errors> {
    let main = Arc::new(main);
    let mut check =
        Check { world, folder: folder.to_owned(), source: Arc::clone(&main), errors: Vec::new(), warnings: Vec::new() };
    let keys: Option<Keys> = keys_of(&mut check);
    let mut others = Vec::new();
    let prints = Prints::of(&main.text, more.iter().map(|source| source.text.as_str()));
    for source in more {
        check.source = Arc::new(source);
        let file: Option<GatewayFile> = keys_of(&mut check);
        others.push((Arc::clone(&check.source), file.and_then(|file| file.gateway).unwrap_or_default()));
    }
    check.source = main;
    let config = keys.and_then(|keys| assemble(keys, others, &mut check));
    let mut errors = check.errors;
    errors.sort_by_cached_key(|error| (error.file != check.source.path, error.clone()));
    errors.dedup();
    match (Errors::of(errors), config) {
        (Some(errors), _) => Err(errors),
        (None, Some(config)) => Ok(Config { warnings: check.warnings, prints, ..config }),
        // Nothing is left out without an error noted; should it be, say where to look.
        (None, None) => Err(unreadable(&check.source.path, "something needed is missing").into()),
    }
}

/// The keys of one file; syntax, unknown keys and wrong shapes are noted. `None` where they could not be read.
fn keys_of<T: DeserializeOwned>(check: &mut Check<'_>) -> Option<T> {
    let source = Arc::clone(&check.source);
    let (table, errors) = DeTable::parse_recoverable(&source.text);
    // What follows a syntax error is mostly its echo.
    if let Some(error) = errors.iter().min_by_key(|error| error.span().map_or(0, |span| span.start)) {
        let place = check.place(&error.span().unwrap_or(0..0));
        check.wrong(&place, error.message());
        return None;
    }
    let mut misfits = Vec::new();
    schema::walk(&schema::schema::<T>(), table.get_ref(), "", &mut misfits);
    let before = check.errors.len();
    for (span, cause) in misfits {
        let place = check.place(&span);
        check.wrong(&place, cause);
    }
    match serde_path_to_error::deserialize(toml::Deserializer::from(table)) {
        Ok(keys) => Some(keys),
        Err(error) => {
            if check.errors.len() == before {
                let path = error.path().to_string();
                let error = error.into_inner();
                let place = check.place(&error.span().unwrap_or(0..0));
                check.wrong(&place, format!("`{path}`: {}", error.message()));
            }
            None
        }
    }
}

/// `[[gateway]]` tables of the files in `gateways.d`, each with its file.
type Others = Vec<(Arc<Source>, Vec<Spanned<gateway::Keys>>)>;

fn domains(given: Option<Spanned<Vec<Setting<Domain>>>>, top: &Place, check: &mut Check<'_>) -> Vec<String> {
    let place = given.as_ref().map_or_else(|| top.clone(), |list| check.place(&list.span()));
    let given = given.map(Spanned::into_inner);
    if given.as_ref().is_none_or(Vec::is_empty) {
        check.missing(&place, "domains", "the domains whose recipients are phones, such as [\"sms.example.com\"]");
    }
    check.list(given).into_iter().map(|Domain(name)| name).collect()
}

fn zone(given: Option<Setting<String>>, check: &mut Check<'_>) -> TimeZone {
    let Some((name, place)) = check.placed(given) else { return TimeZone::UTC };
    TimeZone::get(&name).unwrap_or_else(|_| {
        check.wrong(&place, format!("{} is no time zone such as \"Europe/Berlin\"", value::quoted(&name)));
        TimeZone::UTC
    })
}

/// Those of the file itself, then those of the other files.
fn gateways(
    own: Option<Vec<Spanned<gateway::Keys>>>,
    others: Others,
    numbering: Option<Numbering>,
    check: &mut Check<'_>,
) -> Vec<(Gateway, Place)> {
    let main = Arc::clone(&check.source);
    let mut gateways = Vec::new();
    for (source, list) in std::iter::once((Arc::clone(&main), own.unwrap_or_default())).chain(others) {
        check.source = source;
        for keys in list {
            gateways.extend(gateway::gateway(keys, numbering, check));
        }
    }
    check.source = main;
    gateway::unique(&gateways, check);
    gateways
}

fn assemble(keys: Keys, others: Others, check: &mut Check<'_>) -> Option<Config> {
    let top = check.place(&(0..0));
    let data_dir = check.path(keys.data_dir).unwrap_or_else(|| absolute(&check.folder, Path::new("data")));
    let domains = domains(keys.domains, &top, check);
    let hostname = check.take(keys.hostname).map(|Domain(name)| name).or_else(|| domains.first().cloned());
    let zone = zone(keys.zone, check);
    let sms = sms::sms(keys.sms.unwrap_or_default(), check);
    let numbering = sms.as_ref().map(|sms| sms.numbering);

    let listeners: Vec<_> =
        keys.listener.unwrap_or_default().into_iter().filter_map(|keys| listener::listener(keys, check)).collect();
    let http = http::http(keys.http, check);
    listener::no_clash(&listeners, http.as_ref(), check);
    if listeners.is_empty() && http.is_none() && check.errors.is_empty() {
        check.wrong(&top, "nothing to listen on: add a [[listener]] or [http]");
    }

    let mut gateways = gateways(keys.gateway, others, numbering, check);
    for (gateway, _) in &mut gateways {
        if let Kind::Provider(provider) = &mut gateway.kind {
            let usual = || http.as_ref().and_then(|(http, _)| http.public_url.clone());
            provider.public_url = provider.public_url.take().or_else(usual);
        }
    }
    let doors = listeners.iter().filter_map(|(listener, _)| match &listener.bind {
        crate::doors::mail::Bind::Tcp(addr) => Some(*addr),
        crate::doors::mail::Bind::Unix { .. } => None,
    });
    let doors: Vec<_> = doors.collect();
    gateway::clashes(&gateways, http.as_ref().map(|(http, _)| http), &doors, check);
    if gateways.is_empty() && check.errors.is_empty() {
        check.warn(&top, "no [[gateway]]: nothing can be sent");
    }

    let accounts: Vec<_> = keys
        .account
        .unwrap_or_default()
        .into_iter()
        .filter_map(|keys| account::account(keys, numbering, &zone, check))
        .collect();
    account::together(&accounts, check);
    let groups = route::groups(keys.group.unwrap_or_default(), &gateways, check);
    let names = route::Names::new(&gateways, &groups);
    let routes = route::routes(keys.route.unwrap_or_default(), &names, check);
    route::accounts(&accounts, &names, &routes, check);
    let helpers = address::helpers(keys.address.unwrap_or_default(), numbering, &accounts, check);
    if accounts.is_empty() && check.errors.is_empty() {
        check.warn(&top, "no [[account]]: nobody may send");
    }

    let store = flow::store(keys.store.unwrap_or_default(), &data_dir, check);
    let mailbox = mailbox::mailbox(keys.mailbox, &top, check);
    let limits = listener::limits(keys.limits, check);
    let control = listener::control(keys.control.unwrap_or_default(), &top, &data_dir, check);
    let inbound = flow::inbound(keys.inbound.unwrap_or_default(), check);
    if inbound.answers() && !accounts.iter().any(|(account, ..)| account.user.as_str() == "*") {
        check.warn(&top, "`stop_text`, `start_text` and `help_text` are paid by the account \"*\", which is not declared: they are not sent");
    }
    let store = store::Settings { dedupe: inbound.dedupe, ..store };
    let media = media::media(keys.media.unwrap_or_default(), check);
    let queue = flow::queue(keys.queue.unwrap_or_default(), check);
    let brakes = brakes::brakes(keys.brakes, check);
    let errands = errands::errands(keys.errands, keys.database, keys.statement, &store.path, check);
    let rules = rules::rules(keys.rules, keys.calendar, keys.pii, &zone, check);
    let rules = rules.with(errands.known.clone(), mailbox.as_ref().is_some_and(|way| way.folders.is_some()));
    let has_folders = mailbox.as_ref().is_some_and(|way| way.folders.is_some());
    let inbound_routes = inbound_route::routes(keys.inbound_route, has_folders, check);
    let log = flow::log(keys.log.unwrap_or_default(), check);
    let percent_is_at = check.take(keys.login.unwrap_or_default().percent_is_at).unwrap_or(true);
    Some(Config {
        file: check.source.path.clone(),
        store,
        data_dir,
        domains,
        hostname: hostname?,
        zone,
        limits,
        percent_is_at,
        control,
        listeners: listeners.into_iter().map(|(listener, _)| listener).collect(),
        http: http.map(|(http, _)| http),
        inbound,
        media,
        queue,
        brakes,
        log,
        mailbox: mailbox?,
        sms: sms?,
        gateways: gateways.into_iter().map(|(gateway, _)| gateway).collect(),
        groups: route::by_id(&groups),
        routes,
        accounts: accounts.into_iter().map(|(account, _, _)| account).collect(),
        helpers,
        rules,
        errands,
        inbound_routes,
        prints: Prints::default(),
        warnings: Vec::new(),
    })
}
