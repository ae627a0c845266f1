//! `martlet provider`: providers by definition: which there are, what one says, a gateway from one, and its cases.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use serde_json::json;

use super::{Done, Exit, Failure, json as print_json};
use crate::provider::{
    Definition, cases,
    definition::{Filled, Setting, SettingKind},
    shipped,
};

#[derive(Debug, clap::Subcommand)]
pub enum What {
    /// Show which providers there are
    List(List),
    /// Write the definition of a provider
    Show(Show),
    /// Write a gateway for the configuration, each setting with what it is
    New(New),
    /// Run the cases of definitions; exit 65 where something differs
    Test(Test),
    /// Show the addresses to enter at the provider of a gateway, and register them where its API takes that
    Setup(Setup),
}

#[derive(Debug, clap::Args)]
pub struct List {
    /// One JSON value
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub struct Show {
    #[arg(value_name = "NAME")]
    name: String,
}

#[derive(Debug, clap::Args)]
pub struct New {
    #[arg(value_name = "NAME", required_unless_present = "url")]
    name: Option<String>,
    /// A gateway with a plain URL template instead
    #[arg(long, conflicts_with = "name")]
    url: bool,
    /// The gateway's id (default: the provider's name)
    #[arg(long, value_name = "ID")]
    id: Option<String>,
}

#[derive(Debug, clap::Args)]
pub struct Test {
    /// Definitions (NAME.toml; their cases stand beside them in NAME.tests.toml)
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub struct Setup {
    #[arg(value_name = "GATEWAY")]
    gateway: crate::ground::GatewayId,
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Register the hooks by the provider's API; without it nothing is sent
    #[arg(long)]
    register: bool,
}

pub fn run(what: &What, out: &mut dyn Write) -> Done {
    match what {
        What::List(args) => list(args, out),
        What::Show(args) => show(args, out),
        What::New(args) => new(args, out),
        What::Test(args) => test(args, out),
        What::Setup(args) => setup(args, out),
    }
}

fn setup(args: &Setup, out: &mut dyn Write) -> Done {
    use crate::gateway::{self, provider::setup};
    let config = super::load(&args.config)?;
    let declared = config.gateways.iter().find(|gateway| gateway.id == args.gateway);
    let declared = declared.ok_or_else(|| Failure::new(Exit::Data, format!("there is no gateway {}", args.gateway)))?;
    let kind = crate::app::gateway_kind(declared).map_err(|error| Failure::new(Exit::Config, error.words))?;
    let gateway::Kind::Provider(settings) = kind else {
        return Err(Failure::new(Exit::Data, format!("gateway {} has no `provider`: nobody calls it", args.gateway)));
    };
    if settings.base.is_none() && !settings.definition.hooks.is_empty() {
        let how = "set http.public_url, or public_url of the gateway, to the address under which the provider reaches Martlet";
        return Err(Failure::new(Exit::Config, how));
    }
    for address in setup::addresses(&args.gateway, &settings) {
        writeln!(out, "{}  {}", address.hook, address.url)?;
        if let Some(about) = address.about {
            writeln!(out, "    {about}")?;
        }
    }
    for (hook, warning) in settings.warnings() {
        writeln!(out, "{hook}: {warning}")?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(Exit::Software, format!("cannot start: {error}")))?;
    let failed = |why| Failure::new(Exit::Unavailable, why);
    if args.register {
        let done = runtime.block_on(setup::register(&args.gateway, *settings)).map_err(failed)?;
        for (n, (status, good)) in done.iter().enumerate() {
            writeln!(out, "registration {}: HTTP {status}{}", n + 1, if *good { "" } else { ", refused" })?;
        }
        return match done.iter().all(|(_, good)| *good) {
            true => Ok(()),
            false => Err(failed("not all hooks are registered".to_owned())),
        };
    }
    if settings.definition.setup.is_some() {
        writeln!(out, "`--register` enters them by the provider's API.")?;
    }
    Ok(())
}

/// A definition that comes with Martlet, and its text.
fn named(name: &str) -> Result<(Definition, String), Failure> {
    let Some(text) = shipped::text(name) else {
        let names = shipped::names();
        let hint = crate::ground::written::suggestion(name, names.iter().map(String::as_str));
        return Err(Failure::new(
            Exit::Data,
            format!("there is no provider {name:?}{hint}; `martlet provider list` shows all"),
        ));
    };
    let definition = read(&text, Path::new(name))?;
    Ok((definition, text))
}

fn read(text: &str, path: &Path) -> Result<Definition, Failure> {
    Definition::read(text, &path.display().to_string()).map_err(|wrong| {
        let lines: Vec<String> = wrong.iter().map(ToString::to_string).collect();
        Failure::new(Exit::Config, lines.join("\n"))
    })
}

fn list(args: &List, out: &mut dyn Write) -> Done {
    let mut all = Vec::new();
    for name in shipped::names() {
        all.push(named(&name)?.0);
    }
    if args.json {
        let one = |definition: &Definition| {
            let settings: Vec<&str> = definition.settings.iter().map(|setting| setting.name.as_str()).collect();
            json!({
                "name": definition.name, "title": definition.title, "sends": definition.sends,
                "receives": !definition.hooks.is_empty() || !definition.polls.is_empty(),
                "reports": definition.reports(), "settings": settings, "unverified": definition.unverified,
            })
        };
        return print_json(out, &all.iter().map(one).collect::<Vec<_>>());
    }
    let width = all.iter().map(|definition| definition.name.len()).max().unwrap_or(0);
    for definition in &all {
        let reports = if definition.reports() { ", receipts" } else { "" };
        writeln!(out, "{:width$}  {}{reports}", definition.name, definition.title)?;
    }
    Ok(())
}

fn show(args: &Show, out: &mut dyn Write) -> Done {
    let (_, text) = named(&args.name)?;
    out.write_all(text.as_bytes())?;
    Ok(())
}

const PLAIN: &str = r#"[[gateway]]
id   = "ID"
type = "http"
url  = "https://provider.example/send?to=%number%&text=%data%"   # a template: docs/configuration.md
# method = "POST"                       # with body = "…" and headers = { … }
# answer = { success = '^OK', id = '^OK (\S+)' }
# number = "+15550100000"               # our number there
"#;

fn new(args: &New, out: &mut dyn Write) -> Done {
    let Some(name) = &args.name else {
        out.write_all(PLAIN.replace("ID", args.id.as_deref().unwrap_or("main")).as_bytes())?;
        return Ok(());
    };
    let (definition, _) = named(name)?;
    let id = args.id.as_deref().unwrap_or(name);
    writeln!(out, "# {}", definition.title)?;
    for sentence in &definition.unverified {
        writeln!(out, "# not verified: {sentence}")?;
    }
    writeln!(out, "[[gateway]]\nid       = \"{id}\"\ntype     = \"http\"\nprovider = \"{name}\"")?;
    writeln!(out, "# number = \"+15550100000\"               # our number there")?;
    if !definition.settings.is_empty() {
        writeln!(out, "\n[gateway.settings]")?;
    }
    let width = definition.settings.iter().map(|setting| setting.name.len()).max().unwrap_or(0);
    for setting in &definition.settings {
        let about = setting.about.as_deref().unwrap_or("");
        let kind = kind(setting);
        let separator = if about.is_empty() { "" } else { "; " };
        let mark = if setting.optional || setting.default.is_some() { "# " } else { "" };
        writeln!(out, "{mark}{:width$} = {}   # {about}{separator}{kind}", setting.name, written(setting, id))?;
    }
    for hook in &definition.hooks {
        let address = definition.bare_hook_address(hook, "https://OUR-PUBLIC-ADDRESS", id);
        let secret = if hook.has_path_secret() { "/SECRET" } else { "" };
        writeln!(out, "\n# The provider calls {address}{secret}")?;
        if let Some(about) = &hook.about {
            writeln!(out, "# entered at: {about}")?;
        }
    }
    Ok(())
}

/// A value to begin with.
fn written(setting: &Setting, id: &str) -> String {
    let default = setting.default.as_ref().map(|default| match default {
        Filled::Text(text) => format!("{text:?}"),
        Filled::Secret(_) => "\"\"".to_owned(),
        Filled::Number(number) => number.to_string(),
        Filled::Bool(flag) => flag.to_string(),
        Filled::List(items) => format!("{items:?}"),
    });
    default.unwrap_or_else(|| match &setting.kind {
        SettingKind::Secret(_) => {
            let name =
                format!("{id}_{}", setting.name).to_uppercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_");
            format!("{{ env = \"{name}\" }}")
        }
        SettingKind::Number { min, .. } => (*min).max(0).to_string(),
        SettingKind::Bool => "false".to_owned(),
        SettingKind::List(_) => "[\"\"]".to_owned(),
        SettingKind::Choice(choices) => format!("{:?}", choices.first().map_or("", String::as_str)),
        SettingKind::Text(_) | SettingKind::Url => "\"\"".to_owned(),
    })
}

fn kind(setting: &Setting) -> String {
    let kind = match &setting.kind {
        SettingKind::Text(_) => "text".to_owned(),
        SettingKind::Secret(_) => "secret: text, { env = … } or { file = … }".to_owned(),
        SettingKind::Url => "URL".to_owned(),
        SettingKind::Number { .. } => "whole number".to_owned(),
        SettingKind::Bool => "true or false".to_owned(),
        SettingKind::List(_) => "list of texts".to_owned(),
        SettingKind::Choice(choices) => format!("one of {}", choices.join(", ")),
    };
    if setting.optional { format!("{kind}, optional") } else { kind }
}

fn test(args: &Test, out: &mut dyn Write) -> Done {
    let mut good = true;
    for file in &args.files {
        good &= test_one(file, out)?;
    }
    if good { Ok(()) } else { Err(Failure::said(Exit::Data)) }
}

fn load(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|why| Failure::new(Exit::NoInput, format!("{}: {why}", path.display())))
}

fn test_one(path: &Path, out: &mut dyn Write) -> Result<bool, Failure> {
    let name = path.display().to_string();
    let stem = name.strip_suffix(".tests.toml").or(name.strip_suffix(".toml")).unwrap_or(&name).to_owned();
    let definition = PathBuf::from(format!("{stem}.toml"));
    let definition = read(&load(&definition)?, &definition)?;
    let file = format!("{stem}.tests.toml");
    let told = cases::run(&definition, &load(Path::new(&file))?, &file).map_err(|wrong| {
        Failure::new(Exit::Config, wrong.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    })?;
    for case in &told.cases {
        let word = if case.differs.is_empty() { "ok  " } else { "FAIL" };
        writeln!(out, "{word} {} {:?} ({file}:{})", case.kind, case.title, case.line)?;
        for differs in &case.differs {
            writeln!(out, "     {differs}")?;
        }
    }
    for found in &told.own {
        writeln!(out, "FAIL {found}")?;
    }
    let bad = told.cases.iter().filter(|case| !case.differs.is_empty()).count() + told.own.len();
    writeln!(out, "{}: {} cases, {bad} that differ", definition.name, told.cases.len())?;
    Ok(bad == 0)
}
