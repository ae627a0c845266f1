//! From the configuration to the settings of each room.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use super::{StartError, gateways::kind, way_back::WayBack};
use crate::{
    accounts::{Accounts, Password, Row},
    address::{Destination, Node},
    config::{self, Config},
    dispatch::{self, lane, policy::OnUnsure, vitals::Bounds},
    doors::{TlsFiles, http, mail as mail_door},
    errand::{self, Databases, Hands},
    gateway::{
        self, Traits,
        provider::media::{Fetcher, Rules},
    },
    ground::{AccountName, Clock, GatewayId, Swap},
    inbound, mailbox, outbound, report,
    routing::{Ours, Shows, Table, Way},
    rules::Ruleset,
    smtp::session,
};

/// Who this process is among Martlets: its host name may be another's too.
pub fn node(config: &Config) -> Node {
    let salt = crate::ground::MessageId::new()
        .to_string()
        .bytes()
        .fold(0u32, |a, b| a.wrapping_mul(31).wrapping_add(u32::from(b)));
    Node::new(&config.hostname, salt)
}

pub fn accounts(config: &Config) -> Result<Accounts, StartError> {
    let mut rows: HashMap<AccountName, Row> = HashMap::new();
    for declared in &config.accounts {
        rows.insert(declared.user.clone(), row(declared)?);
    }
    Ok(Accounts::new(rows, config.sms.numbering.region, config.sms.max_parts))
}

fn row(declared: &config::Account) -> Result<Row, StartError> {
    let password = declared.password.clone().map(Password::new).transpose().map_err(|_| {
        let user = &declared.user;
        StartError::new(78, format!("account {user}: its password begins like an Argon2 hash and is none"))
    })?;
    Ok(Row {
        active: declared.active,
        expires: declared.expires,
        password,
        monthly_max: declared.monthly_max,
        count: declared.count,
        rate: declared.rate,
        daily_max: declared.daily_max,
        daily_cost: declared.daily_cost,
        shared: declared.shared,
        max_parts: declared.max_parts,
        regions: declared.regions.clone(),
        short_codes: declared.short_codes,
        premium: declared.premium,
        expire_after: declared.expire_after,
        senders: declared.senders.clone(),
        phone: declared.phone.clone(),
        addresses: (!declared.addresses.is_empty()).then(|| declared.addresses.clone()),
        reply: declared.reply.clone(),
        networks: declared.networks.clone(),
        gateway: declared.gateway.clone(),
        classes: declared.classes.clone(),
        sender_required: declared.sender_required,
        value: declared.value,
        folder: declared.folder.clone(),
        wording: declared.wording.clone(),
    })
}

pub fn outbound(
    config: &Config,
    node: &Node,
    way_back: &WayBack,
    rules: &Swap<Ruleset>,
    hands: &Arc<Hands>,
) -> outbound::Settings {
    let queue = &config.queue;
    outbound::Settings {
        hostname: config.hostname.clone(),
        node: node.clone(),
        postmaster: way_back.postmaster.clone(),
        style: style(config),
        expire: queue.expire,
        warn_after: queue.warn_after,
        dedupe_window: queue.dedupe_window,
        consolidate: queue.consolidate,
        bounce_size: usize::try_from(queue.bounce_size).unwrap_or(usize::MAX),
        brakes: config.brakes,
        zone: config.zone.clone(),
        percent_is_at: config.percent_is_at,
        hops: 50,
        send_auto_replied: config.sms.auto_replied,
        send_auto_generated: config.sms.auto_generated,
        send_lists: config.sms.lists,
        rules: rules.clone(),
        hands: hands.clone(),
    }
}

/// Databases and statements of rules.
pub fn databases(config: &Config) -> Databases {
    Databases::new(&config.errands.databases, &config.errands.statements)
}

/// What rules have done outside is done with these; an error names the place in the file.
pub fn tools(config: &Config, clock: &Clock) -> Result<errand::Tools, StartError> {
    let given = &config.errands;
    let settings = errand::Settings {
        path: given.path.clone(),
        dir: given.dir.clone(),
        output: given.output,
        ca: given.ca.as_ref().map(|file| file.path.clone()),
        questions: given.questions,
        clock: clock.clone(),
    };
    errand::Tools::new(settings).map_err(|why| {
        let words = given.ca.as_ref().map_or_else(|| format!("[errands]: {why}"), |ca| ca.error(&why).to_string());
        StartError::new(78, words)
    })
}

/// How mails become texts where no account says otherwise.
pub fn style(config: &Config) -> outbound::Style {
    let sms = &config.sms;
    outbound::Style {
        choices: sms.choices.clone(),
        transliterate: sms.transliterate,
        shift_tables: counted_tables(config),
        placeholder: sms.placeholder.clone(),
        overflow: sms.overflow,
        truncation_notice: sms.truncation_notice,
    }
}

/// Texts are counted with national tables only where it makes no difference which gateway sends them.
pub fn counted_tables(config: &Config) -> Vec<crate::sms::national::Language> {
    let takes = |g: &config::Gateway| kind(g).is_ok_and(|kind| kind.traits().shift_tables);
    let all = !config.sms.shift_tables.is_empty() && config.gateways.iter().filter(|g| g.active && g.send).all(takes);
    if all { config.sms.shift_tables.clone() } else { Vec::new() }
}

pub fn inbound(
    config: &Config,
    node: &Node,
    way_back: &WayBack,
    rules: &Swap<Ruleset>,
    hands: &Arc<Hands>,
) -> inbound::Settings {
    let given = &config.inbound;
    inbound::Settings {
        hostname: config.hostname.clone(),
        sms_domain: config.domains.first().cloned().unwrap_or_else(|| config.hostname.clone()),
        domains: given.domains.clone(),
        tags: given.tags,
        call_log: given.call_log,
        default: given.default.clone(),
        postmaster: way_back.postmaster.clone(),
        assemble_for: given.assemble_for,
        conflict_wait: given.conflict_wait,
        conflict_text: given.conflict_text.clone(),
        empty_text: given.empty_text.clone(),
        region: config.sms.numbering.region,
        originators: given.originators,
        expire: config.queue.expire,
        zone: config.zone.clone(),
        opting: given.opting.clone(),
        gateways: inbound_gateways(config).into(),
        brakes: config.brakes,
        flood_phone: given.flood_phone,
        flood_gateway: given.flood_gateway,
        rules: rules.clone(),
        hands: hands.clone(),
        node: node.clone(),
        warn_after: config.queue.warn_after,
        media_types: config.media.types.clone(),
        media_text: config.media.max_text,
        routes: config.inbound_routes.clone().into(),
        each_has_a_login: way_back.each_has_a_login.clone(),
    }
}

pub fn inbound_gateways(config: &Config) -> inbound::Gateways {
    inbound::Gateways {
        sends: config.gateways.iter().filter(|g| g.active && g.send).map(|g| g.id.clone()).collect(),
        numbers: numbers(config),
        costs: config.gateways.iter().map(|g| (g.id.clone(), g.costs.clone())).collect(),
        from: config.gateways.iter().filter_map(|g| Some((g.id.clone(), g.from.as_ref()?.pattern()))).collect(),
    }
}

pub fn report(config: &Config, way_back: &WayBack) -> report::Settings {
    report::Settings {
        hostname: config.hostname.clone(),
        postmaster: way_back.postmaster.clone(),
        report_text: config.queue.report_text,
        expire: config.queue.expire,
    }
}

pub fn dispatch(config: &Config, node: &Node) -> dispatch::Settings {
    dispatch::Settings {
        node: node.clone(),
        backoff: config.queue.retry,
        receipt_wait: config.queue.receipt_wait,
        shift_tables: config.sms.shift_tables.clone(),
        keep_links: config.inbound.keep,
        call_log: config.inbound.call_log,
    }
}

/// How media are fetched.
pub fn media(config: &Config) -> dispatch::media::Settings {
    let given = &config.media;
    dispatch::media::Settings {
        piece: given.max_piece,
        text: given.max_text,
        timeout: given.timeout,
        wait: given.wait,
        window: given.window,
    }
}

/// The way to a provider's media, where its calls may name any.
pub fn fetcher(config: &Config, settings: &gateway::provider::Settings) -> Option<Fetcher> {
    let rules = Rules { types: config.media.types.clone(), networks: config.media.networks.clone() };
    settings.has_media().then(|| Fetcher::new(settings, rules))
}

/// What a gateway may do, beside its kind.
pub fn lane(config: &Config, declared: &config::Gateway, traits: &Traits) -> lane::Settings {
    lane::Settings {
        priority: u32::from(declared.priority),
        weight: u32::from(declared.weight),
        // Asked again by the same id it is sent once: nobody has to choose.
        on_unsure: if traits.idempotent { OnUnsure::Again } else { declared.on_unsure },
        number: declared.number.as_ref().map(|n| n.as_str().to_owned()),
        shows: shows(declared, traits),
        reach: declared.reach.clone(),
        costs: declared.costs.clone(),
        validity: declared.validity,
        bounds: Bounds {
            rate: declared.rate,
            daily_max: declared.daily_max,
            zone: config.zone.clone(),
            breaker: declared.breaker.rules(config.queue.retry),
        },
    }
}

/// Whose name a gateway can show: as declared, else anybody's where its requests name one.
fn shows(declared: &config::Gateway, traits: &Traits) -> Shows {
    let usual = if traits.sender { Shows::Anybody } else { Shows::Nobody };
    declared.shows.clone().unwrap_or(usual)
}

/// Gateways that send, groups and routes.
pub fn routes(config: &Config) -> Result<Table, StartError> {
    let mut ways = Vec::new();
    for declared in config.gateways.iter().filter(|g| g.active && g.send) {
        let kind = kind(declared)?;
        let traits = kind.traits();
        ways.push(Way {
            id: declared.id.clone(),
            ours: Ours::of(&declared.id, declared.number.as_ref().map(Destination::as_str)),
            binary: traits.binary,
            shows: shows(declared, &traits),
            reach: declared.reach.clone(),
            costs: declared.costs.clone(),
        });
    }
    let all = config.gateways.iter().map(|g| g.id.clone());
    Ok(Table::new(all, ways, config.groups.clone(), config.routes.clone()))
}

/// Our number at each gateway that has one.
pub fn numbers(config: &Config) -> HashMap<GatewayId, String> {
    config.gateways.iter().filter_map(|g| Some((g.id.clone(), g.number.as_ref()?.as_str().to_owned()))).collect()
}

/// The way back; an error names the place in the file.
pub fn mailbox(config: &Config) -> Result<mailbox::Client, StartError> {
    let given = &config.mailbox;
    let settings = mailbox::Settings {
        url: given.url.clone(),
        hostname: config.hostname.clone(),
        timeout: given.timeout,
        tls: given.tls,
        ca: given.ca.as_ref().map(|file| file.path.clone()),
        login: given.login.clone(),
    };
    mailbox::Client::new(settings).map_err(|why| {
        let words = given.ca.as_ref().map_or_else(|| format!("[mailbox]: {why}"), |ca| ca.error(&why).to_string());
        StartError::new(78, words)
    })
}

/// The server of folders, if one is named; an error names the place in the file.
pub fn folders(config: &Config) -> Result<Option<mailbox::imap::Folders>, StartError> {
    let Some(given) = &config.mailbox.folders else { return Ok(None) };
    let settings = mailbox::imap::Settings {
        host: given.host.clone(),
        port: given.port,
        tls: given.tls,
        ca: given.ca.as_ref().map(|file| file.path.clone()),
        user: given.user.clone(),
        password: given.password.clone(),
        domain: config.inbound.domains.first().cloned(),
        timeout: config.mailbox.timeout,
    };
    mailbox::imap::Folders::new(settings).map(Some).map_err(|why| {
        let words = given.ca.as_ref().map_or_else(|| format!("[mailbox]: {why}"), |ca| ca.error(&why).to_string());
        StartError::new(78, words)
    })
}

/// Files and proxy of a gateway; an error names the place in the file.
pub fn files(declared: &config::Gateway, kind: &gateway::Kind) -> Result<(), StartError> {
    use gateway::http::Part;
    let (wire, checked) = match (&declared.kind, kind) {
        (config::Kind::Http(http), gateway::Kind::Http(settings)) => (&http.wire, gateway::http::check(settings)),
        (config::Kind::Provider(provider), gateway::Kind::Provider(settings)) => {
            (&provider.wire, gateway::provider::check(settings))
        }
        _ => return Ok(()),
    };
    checked.map_err(|unusable| {
        let why = &unusable.why;
        let error = match unusable.part {
            Part::Ca => wire.ca.as_ref().map(|file| file.error(why)),
            Part::Identity => wire.client_cert.as_ref().map(|(cert, _)| cert.error(why)),
            Part::Proxy => wire.proxy.as_ref().map(|written| Config::error_at(written, 0, why)),
            Part::Client => None,
        };
        StartError::new(78, error.map_or_else(|| format!("gateway {}: {why}", declared.id), |error| error.to_string()))
    })
}

pub fn listener(declared: &config::Listener, name: &str) -> outbound::Listener {
    outbound::Listener {
        name: name.to_owned(),
        lmtp: declared.protocol == config::Protocol::Lmtp,
        identity: declared.identity.clone(),
        mta_names: declared.mta_names.clone(),
        login_domain: declared.login_domain.clone(),
        trust: declared.trust.clone(),
    }
}

/// The settings of one mail door.
pub fn mail_door_of(
    config: &Config,
    declared: &config::Listener,
    places: &mail_door::Limits,
) -> Result<mail_door::Settings, StartError> {
    let mut settings = mail_door(config);
    settings.places = Some(places.clone());
    settings.session.xclient = declared.identity.contains(&outbound::Evidence::XClient);
    settings.session.bare = declared.bare;
    settings.tls = tls(declared)?.map(Arc::new);
    settings.proxies.clone_from(&declared.proxies);
    Ok(settings)
}

/// The connections that all mail doors share.
pub fn places(config: &Config) -> mail_door::Limits {
    mail_door::Limits::new(config.limits.connections, config.limits.per_peer, config.limits.size)
}

/// Reads a listener's certificate; an error says where in the file it is named.
pub fn tls(declared: &config::Listener) -> Result<Option<mail_door::Tls>, StartError> {
    let load = |tls: &config::Tls| {
        mail_door::Tls::load(&tls.cert, &tls.key, tls.implicit)
            .map_err(|why| StartError::new(78, tls.error(why).to_string()))
    };
    declared.tls.as_ref().map(load).transpose()
}

fn mail_door(config: &Config) -> mail_door::Settings {
    let limits = config.limits;
    let defaults = mail_door::Settings::default();
    mail_door::Settings {
        session: session::Settings {
            hostname: config.hostname.clone(),
            max_line: limits.line,
            max_size: limits.size,
            max_recipients: limits.recipients,
            max_errors: limits.errors,
            auth: config.accounts.iter().any(|account| account.password.is_some()),
            ..defaults.session
        },
        max_connections: limits.connections,
        max_per_peer: limits.per_peer,
        idle: limits.idle,
        whole: limits.session,
        ..defaults
    }
}

/// Listeners that hooks have of their own, each once, with its TLS.
pub fn hook_binds(config: &Config) -> BTreeMap<std::net::SocketAddr, Option<&config::HttpTls>> {
    let main = config.http.as_ref().map(|http| http.bind);
    let providers = config.gateways.iter().filter(|g| g.active).filter_map(|g| match &g.kind {
        config::Kind::Provider(provider) => Some(provider),
        _ => None,
    });
    let hooks = providers.flat_map(|provider| provider.hooks.values());
    hooks.filter_map(|at| Some((at.bind?, at.tls.as_ref()))).filter(|(bind, _)| Some(*bind) != main).collect()
}

/// Reads the certificates of an HTTP door; an error says where in the file they are named.
pub fn http_tls(declared: Option<&config::HttpTls>) -> Result<Option<Arc<TlsFiles>>, StartError> {
    let load = |tls: &config::HttpTls| {
        let files = TlsFiles::load(&tls.cert, &tls.key, tls.client_ca.as_deref(), &["http/1.1"]);
        files.map(Arc::new).map_err(|why| StartError::new(78, tls.error(why).to_string()))
    };
    declared.map(load).transpose()
}

/// The settings of an HTTP door, in clear.
pub fn http_door(config: &Config, node: &Node) -> http::Settings {
    let declared = config.http.as_ref();
    http::Settings {
        node: node.clone(),
        numbering: config.sms.numbering,
        max_body: declared.map_or(1 << 20, |h| usize::try_from(h.max_body).unwrap_or(usize::MAX)),
        max_connections: declared.map_or(256, |h| h.connections),
        timeout: declared.map_or(std::time::Duration::from_secs(60), |h| h.timeout),
        hosts: declared.map(|h| h.hosts.clone()).unwrap_or_default(),
        proxies: declared.map(|h| h.trusted_proxies.clone()).unwrap_or_default().into(),
        tls: None,
        gateways: deliverers(config).into(),
    }
}

/// Gateways as the HTTP door knows them.
pub fn deliverers(config: &Config) -> HashMap<GatewayId, http::Deliverer> {
    let deliverer = |g: &config::Gateway| http::Deliverer {
        password: g.password.clone(),
        receives: g.active && g.receive,
        number: g.number.as_ref().map(|n| n.as_str().to_owned()),
    };
    config.gateways.iter().map(|g| (g.id.clone(), deliverer(g))).collect()
}
