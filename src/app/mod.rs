//! The application: builds every room from the configuration, binds the sockets, starts, waits, and stops in order.
//!
//! Sockets are bound before anything starts. What an earlier run left behind is settled before the lanes begin. What can
//! go wrong at start is told with what to do next, and nothing is left running.

mod build;
pub use build::{accounts, counted_tables, style};
mod doors;
mod fleet;
mod gateways;
pub use gateways::kind as gateway_kind;
mod hook_doors;
mod reload;
mod trial;
mod voice;
mod way_back;
mod words;
pub use trial::{Trial, run_trial};

use std::{process::ExitCode, sync::Arc, time::Duration};

use tokio::task::{JoinHandle, JoinSet};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{
    doors::{Behind, bind, control_socket, open},
    fleet::{Fleet, Readers},
    way_back::WayBack,
};
use crate::{
    config::{Config, Loaded},
    dispatch,
    doors::control,
    errand::Hands,
    gateway::{
        handset,
        inbox::Desk,
        provider::{Key, Positions},
    },
    ground::{Clock, Swap},
    inbound::Inbound,
    observe,
    outbound::Outbound,
    report::Reporter,
    store::Store,
};

/// How long doors may finish what they have, and attempts may take to end.
const DRAIN: Duration = Duration::from_secs(20);
const ATTEMPTS: Duration = Duration::from_secs(70);

/// A Martlet that runs.
pub struct Running {
    /// What was bound, as `lmtp 127.0.0.1:2424`.
    pub bound: Vec<String>,
    /// The phones of the handsets, for whoever looks at them.
    pub phones: Vec<handset::Phones>,
    pub store: Store,
    /// Asks for a new look at the configuration.
    reload: tokio::sync::mpsc::Sender<control::Reload>,
    stop: Stop,
    doors: JoinSet<()>,
    loops: JoinSet<()>,
    tasks: TaskTracker,
    shared: Arc<dispatch::Shared>,
    /// Gives the gateways back when it ends.
    live: JoinHandle<Fleet>,
    /// Takes what gateways hand in; ends when they are gone.
    events: JoinHandle<()>,
}

/// The order of stopping, as tokens.
#[derive(Clone, Default)]
struct Stop {
    doors: CancellationToken,
    lanes: CancellationToken,
    inbound: CancellationToken,
}

/// Why it could not start: one line with what to do next, and the exit code (sysexits).
#[derive(Debug)]
pub struct StartError {
    pub words: String,
    pub exit: u8,
}

impl StartError {
    fn new(exit: u8, words: impl Into<String>) -> Self {
        Self { words: words.into(), exit }
    }
}

/// `martlet serve`: runs until SIGTERM or SIGINT.
pub async fn run(config: Config) -> ExitCode {
    until_signalled(config, None, |_| {}).await
}

/// Runs until SIGTERM or SIGINT; `ready` is called with what is bound once every socket listens.
async fn until_signalled(config: Config, trial: Option<Trial>, ready: impl FnOnce(&[String])) -> ExitCode {
    voice::install(&config.log);
    let running = match start_with(config, Clock::system(), trial).await {
        Ok(running) => running,
        Err(error) => {
            observe::log::cannot_start(&error.words);
            return ExitCode::from(error.exit);
        }
    };
    voice::ready(&running.bound);
    ready(&running.bound);
    let why = signalled(&running.reload).await;
    observe::log::phase(why);
    voice::stopping();
    running.stop().await;
    ExitCode::SUCCESS
}

/// What only building shows: templates of gateways, hashes of passwords. For `martlet check` and before sockets.
pub fn check(config: &Config) -> Result<(), StartError> {
    for gateway in &config.gateways {
        let kind = gateways::kind(gateway)?;
        build::files(gateway, &kind)?;
    }
    build::mailbox(config)?;
    build::folders(config)?;
    words::own(config)?;
    build::tools(config, &Clock::system())?;
    for listener in &config.listeners {
        build::tls(listener)?;
    }
    build::http_tls(config.http.as_ref().and_then(|http| http.tls.as_ref()))?;
    for tls in build::hook_binds(config).into_values() {
        build::http_tls(tls)?;
    }
    rules(config)?;
    build::accounts(config).map(drop)
}

/// The rules of a configuration, held against its gateways.
fn rules(config: &Config) -> Result<Loaded, StartError> {
    config.rules.load(Some(&config.gateway_names())).map_err(|why| StartError::new(78, why))
}

/// Builds, binds and starts everything.
pub async fn start(config: Config, clock: Clock) -> Result<Running, StartError> {
    start_with(config, clock, None).await
}

/// As [`start`]; with `trial` the mailbox that it brings and its page are part of it.
pub async fn start_with(config: Config, clock: Clock, trial: Option<Trial>) -> Result<Running, StartError> {
    check(&config)?;
    let node = build::node(&config);
    let bound = bind(&config, &node).await?;
    let store = Store::open(config.store.clone(), clock.clone()).await.map_err(|down| {
        let path = config.store.path.display();
        StartError::new(74, format!("the store {path} cannot be opened: {down}"))
    })?;
    // Behind the store: its lock keeps a second daemon away from the socket, too.
    let socket = control_socket(&config).await?;
    let stop = Stop::default();
    let tasks = TaskTracker::new();
    let (desk, handed) = Desk::open();
    // The desk goes with the gateways: the end of both is the end of events.
    let key = store.hooks_key().await.map_err(|down| StartError::new(74, down.to_string()))?;
    let positions = positions(&store).await?;
    let (fleet, phones) = Fleet::start(&config, desk, clock.clone(), Key::new(key), positions)?;
    let (hooks, media) = fleet.hooks(&config)?;
    let (hooks, media) = (Swap::new(hooks), Swap::new(media));
    let accounts = build::accounts(&config)?;
    let loaded = self::rules(&config)?;
    let rules = Swap::new(loaded.set.clone());
    let hands = Arc::new(Hands::new(build::tools(&config, &clock)?, build::databases(&config)));
    let way_back = WayBack::new(&config);
    let reporter = Reporter::new(store.clone(), clock.clone(), build::report(&config, &way_back), words::own(&config)?);
    let outbound = Outbound::new(
        store.clone(),
        clock.clone(),
        config.addresses(),
        accounts.clone(),
        build::routes(&config)?,
        reporter.clone(),
        build::outbound(&config, &node, &way_back, &rules, &hands),
    );
    let settings = build::inbound(&config, &node, &way_back, &rules, &hands);
    let readers = Readers {
        outbound: outbound.clone(),
        inbound: settings.gateways.clone(),
        routes: settings.routes.clone(),
        deliverers: bound.http.as_ref().map(|(.., settings)| settings.gateways.clone()).unwrap_or_default(),
        numbers: build::numbers(&config).into(),
        hooks: hooks.clone(),
        media: media.clone(),
    };
    let inbound = Inbound::new(store.clone(), clock.clone(), accounts.clone(), reporter.clone(), settings);
    let rates = store.rates(clock.now()).await.map_err(|down| StartError::new(74, down.to_string()))?;
    outbound.recall(&rates);
    inbound.recall(&rates);
    let shared = Arc::new(dispatch::Shared {
        store: store.clone(),
        clock: clock.clone(),
        settings: build::dispatch(&config, &node),
        lanes: fleet.roster(&config),
        talking: Arc::default(),
        reporter,
        mailbox: build::mailbox(&config)?.into(),
        folders: build::folders(&config)?.into(),
        mail_window: tokio::sync::watch::Sender::new(config.mailbox.window),
        errands: hands,
        errand_window: tokio::sync::watch::Sender::new(config.errands.window),
        freed: tokio::sync::Notify::new(),
        tasks: tasks.clone(),
        stop: stop.lanes.clone(),
    });
    let recovered = dispatch::sweep::recover(&shared).await.map_err(|down| StartError::new(74, down.to_string()))?;
    if recovered > 0 {
        observe::log::phase("settled what an earlier run left under way");
    }
    let mut loops = JoinSet::new();
    loops.spawn(shared.clone().run());
    loops.spawn(dispatch::mails::run(shared.clone()));
    loops.spawn(dispatch::errands::run(shared.clone()));
    loops.spawn(inbound.clone().run(stop.inbound.clone()));
    loops.spawn(dispatch::media::run(dispatch::media::Media {
        store: store.clone(),
        clock: clock.clone(),
        settings: build::media(&config),
        fetchers: media,
        inbound: inbound.clone(),
        stop: stop.lanes.clone(),
    }));
    // Behind the recovery: no receipt moves what an earlier run left open.
    let events = dispatch::events::Events {
        store: store.clone(),
        clock: clock.clone(),
        reporter: shared.reporter.clone(),
        inbound: inbound.clone(),
        numbers: readers.numbers.clone(),
    };
    let events = tokio::spawn(events.run(handed));
    loops.spawn(dispatch::sweep::run(shared.clone()));
    let (reload, wishes) = tokio::sync::mpsc::channel(1);
    let names = bound.names(&config);
    let settings = control::Settings::default();
    let settings = control::Settings { timeout: settings.timeout.min(config.limits.idle), ..settings };
    let control = control::Shared {
        outbound: outbound.clone(),
        dispatch: shared.clone(),
        clock: clock.clone(),
        numbering: config.sms.numbering,
        group: config.control.group.clone(),
        settings,
        reload: reload.clone(),
    };
    let behind = Behind { clock: clock.clone(), store: store.clone(), outbound, inbound, hooks };
    let trial = trial.map(|trial| trial.open(&config, &behind, &phones, &mut loops, &stop)).transpose()?;
    let (mut doors, hook_doors) = open(bound, &config, behind, &stop, trial);
    let live = reload::Live {
        file: config.file.clone(),
        prints: config.prints.clone(),
        accounts,
        readers,
        dispatch: shared.clone(),
        fleet,
        hook_doors,
        way_back,
        started: config.clone(),
        rules: reload::Rules {
            current: rules,
            declared: config.rules.clone(),
            loaded: Arc::new(loaded),
            gateways: config.gateway_names(),
        },
        clock,
    };
    doors.spawn(control::serve(socket, Arc::new(control), stop.doors.clone()));
    let live = tokio::spawn(live.run(wishes, stop.doors.clone()));
    Ok(Running { bound: names, phones, store, reload, stop, doors, loops, tasks, shared, live, events })
}

impl Running {
    /// Doors close → lanes begin nothing new → attempts finish → mails and texts in hand end → the store closes.
    pub async fn stop(mut self) {
        observe::log::phase("closing the doors");
        self.stop.doors.cancel();
        joined(&mut self.doors, DRAIN + Duration::from_secs(5), "doors").await;
        observe::log::phase("finishing attempts");
        self.stop.lanes.cancel();
        self.stop.inbound.cancel();
        // The loops first: after them no task comes up any more.
        joined(&mut self.loops, Duration::from_secs(5), "lanes").await;
        self.tasks.close();
        if tokio::time::timeout(ATTEMPTS, self.tasks.wait()).await.is_err() {
            observe::log::oddity("stop", "attempts were still under way; they will be found unsure");
        }
        // Without lanes nobody holds a gateway's jobs any more: their tasks end.
        self.shared.lanes.replace(dispatch::roster::Lanes::default());
        match tokio::time::timeout(Duration::from_secs(5), self.live).await {
            Ok(Ok(fleet)) => fleet.stop().await,
            _ => observe::log::oddity("stop", "a reload was still under way"),
        }
        if tokio::time::timeout(Duration::from_secs(5), self.events).await.is_err() {
            observe::log::oddity("stop", "a gateway still held its inbox; what it hands in will come again");
        }
        observe::log::phase("closing the store");
        self.store.close().await;
    }
}

/// How far providers that are asked were read by earlier runs.
async fn positions(store: &Store) -> Result<Positions, StartError> {
    let known = store.positions().await.map_err(|down| StartError::new(74, down.to_string()))?;
    let positions = Positions::default();
    for crate::store::Position { gateway, poll, definition, position } in known {
        positions.keep(&gateway, crate::gateway::inbox::Position { poll, definition, position });
    }
    Ok(positions)
}

async fn joined(set: &mut JoinSet<()>, limit: Duration, what: &str) {
    let all = async { while set.join_next().await.is_some() {} };
    if tokio::time::timeout(limit, all).await.is_err() {
        observe::log::oddity("stop", format_args!("{what} did not end in time"));
        set.abort_all();
    }
}

/// Why the process was asked to stop. SIGHUP is a wish to look at the configuration anew.
async fn signalled(reload: &tokio::sync::mpsc::Sender<control::Reload>) -> &'static str {
    use tokio::signal::unix::{SignalKind, signal};
    let handlers = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()), signal(SignalKind::hangup()));
    let (Ok(mut term), Ok(mut int), Ok(mut hup)) = handlers else {
        // Without handlers the default action ends the process.
        return std::future::pending().await;
    };
    loop {
        tokio::select! {
            _ = term.recv() => return "stopping: SIGTERM",
            _ = int.recv() => return "stopping: SIGINT",
            _ = hup.recv() => voice::reloading(reload).await,
        }
    }
}
