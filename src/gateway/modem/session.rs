//! Keeping one modem going: open the line, let the dialogue work, open it again when it breaks.
//!
//! What can go wrong: the line is gone (0 octets, an error), silent (the dialogue says so), or cannot be opened. Then what
//! was under way ends, a second passes, and everything starts anew. While a modem is away its texts wait a few seconds,
//! then they are given back, so that other gateways take them.

use std::{collections::HashMap, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::mpsc,
    task::JoinSet,
};

use super::{
    Settings, balance,
    dialogue::{Dialogue, Event, SendEnd, Ticket},
    fault::{Class, Trouble},
    job::{NOT_THERE, Next, Under, refuse},
    pin, port, reference,
    suspects::Suspects,
    told::Told,
};
use crate::{
    address::Trace,
    gateway::{
        Job,
        inbox::{self, About, Fate, Inbox, Incoming, Notice, Part, Word},
    },
    ground::{Enhanced, Fault, GatewayId, Scope},
    observe::{self, METRICS},
    sms::{
        Body, Segment,
        tpdu::{Stage, StatusReport, Toward, Tpdu, read_pdu},
    },
};

/// Between a line that broke and the next try.
const PAUSE: Duration = Duration::from_secs(1);
/// How long texts wait for a modem that is away.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a line may take what is written.
const WRITING: Duration = Duration::from_secs(16);
/// PID of texts that are acknowledged and thrown away (TS 23.040 9.2.3.9).
const TYPE_0: u8 = 0x40;

/// Why a session ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// Nothing more will be sent.
    Stop,
    Gone,
}

pub struct Session {
    id: GatewayId,
    settings: Settings,
    inbox: Inbox,
    under: HashMap<u64, Under>,
    serial: u64,
    suspects: Suspects,
    told: Told,
    pin: Option<pin::Memory>,
    commits: JoinSet<Option<(Ticket, bool)>>,
    /// When the balance is asked for.
    ask_balance: Duration,
    unfit: Option<Trouble>,
    away_since: Option<Duration>,
}

impl Session {
    pub fn new(settings: Settings, inbox: Inbox, id: GatewayId, told: Told) -> Self {
        let pin = settings.pin.as_ref().map(|pin| pin::Memory::new(&settings.state, id.as_str(), pin.expose()));
        Self {
            id,
            settings,
            inbox,
            under: HashMap::new(),
            serial: 0,
            suspects: Suspects::default(),
            told,
            pin,
            commits: JoinSet::new(),
            ask_balance: Duration::ZERO,
            unfit: None,
            away_since: None,
        }
    }

    /// Until nothing more will be sent.
    pub async fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        loop {
            let opened = port::open(&self.settings.device, self.settings.baud, &self.settings.search).await;
            let end = match opened {
                Ok(port) => {
                    observe::log::modem(&self.id, "line open");
                    self.session(port, &mut jobs).await
                }
                Err(error) => {
                    if self.away_since.is_none() {
                        observe::log::modem_trouble(&self.id, "cannot open", &error);
                    }
                    End::Gone
                }
            };
            if end == End::Stop || !self.closed(&mut jobs).await {
                return;
            }
        }
    }

    /// The line is closed: texts wait a little, then they are given back. `false`: nothing more will be sent.
    async fn closed(&mut self, jobs: &mut mpsc::Receiver<Job>) -> bool {
        self.told.away();
        let now = self.settings.clock.monotonic();
        let since = *self.away_since.get_or_insert(now);
        let until = now + PAUSE;
        loop {
            let now = self.settings.clock.monotonic();
            let patient = now < since + PATIENCE;
            tokio::select! {
                () = self.settings.clock.sleep_to(until) => return !jobs.is_closed(),
                job = jobs.recv(), if !patient => match job {
                    Some(job) => refuse(job, Class::Network, NOT_THERE),
                    None => return false,
                },
                done = self.commits.join_next(), if !self.commits.is_empty() => drop(done),
            }
        }
    }

    async fn session(&mut self, port: port::Port, jobs: &mut mpsc::Receiver<Job>) -> End {
        let clock = self.settings.clock.clone();
        let (mut from, mut to) = tokio::io::split(port);
        let mut dialogue = Dialogue::new(self.settings.setup(), clock.monotonic());
        let mut buffer = [0; 4_096];
        let mut open = true;
        let end = loop {
            if !self.events(&mut dialogue).await {
                break End::Gone;
            }
            let out = dialogue.take_out();
            if !out.is_empty() {
                match tokio::time::timeout(WRITING, to.write_all(&out)).await {
                    Ok(Ok(())) => continue,
                    Ok(Err(_)) | Err(_) => break End::Gone,
                }
            }
            if !open && self.under.is_empty() && self.commits.is_empty() {
                break End::Stop;
            }
            let due = self.due(&dialogue);
            tokio::select! {
                read = from.read(&mut buffer) => match read {
                    Ok(0) | Err(_) => break End::Gone,
                    Ok(n) => dialogue.receive(&buffer[..n], clock.monotonic()),
                },
                job = jobs.recv(), if open && self.under.len() < self.settings.window => match job {
                    Some(job) => self.take(job, &mut dialogue),
                    None => open = false,
                },
                done = self.commits.join_next(), if !self.commits.is_empty() => {
                    if let Some(Ok(Some((ticket, durable)))) = done {
                        dialogue.committed(ticket, durable, clock.monotonic());
                    }
                }
                () = clock.sleep_to(due.unwrap_or(Duration::MAX)), if due.is_some() => {
                    self.tick(&mut dialogue, clock.monotonic());
                }
            }
        };
        dialogue.lost();
        self.events(&mut dialogue).await;
        self.commits.abort_all();
        while self.commits.join_next().await.is_some() {}
        observe::log::modem(&self.id, "line closed");
        end
    }

    fn due(&self, dialogue: &Dialogue) -> Option<Duration> {
        let balance = (self.settings.balance.is_some() && dialogue.is_ready()).then_some(self.ask_balance);
        dialogue.due().into_iter().chain(balance).min()
    }

    fn tick(&mut self, dialogue: &mut Dialogue, now: Duration) {
        dialogue.tick(now);
        if let Some(balance) = &self.settings.balance
            && dialogue.is_ready()
            && self.ask_balance <= now
        {
            self.ask_balance = now + balance.every;
            dialogue.ussd(&balance.code, now);
        }
    }

    fn take(&mut self, job: Job, dialogue: &mut Dialogue) {
        // Its caller is gone: nobody could settle it.
        if job.reply.is_closed() {
            return;
        }
        if let Some(trouble) = self.unfit.filter(|_| !dialogue.is_ready()) {
            return refuse(job, Class::Device(trouble), trouble.word());
        }
        self.serial += 1;
        let id = self.serial;
        let (under, next) = Under::new(job).submit(id, &self.settings);
        self.next(id, under, next, dialogue);
    }

    fn next(&mut self, id: u64, under: Option<Under>, next: Next, dialogue: &mut Dialogue) {
        if let Some(under) = under {
            self.under.insert(id, under);
        }
        match next {
            Next::Submit(submission) => dialogue.submit(submission, self.settings.clock.monotonic()),
            Next::Over(Some(trouble)) => {
                let notice = self.told.trouble(trouble);
                self.notice(notice);
            }
            Next::Over(None) => {}
        }
    }

    /// Everything that the dialogue has to say; `false`: the line is dead.
    async fn events(&mut self, dialogue: &mut Dialogue) -> bool {
        let mut alive = true;
        while let Some(event) = dialogue.next_event() {
            match event {
                Event::Line { out, words } => observe::log::modem_line(&self.id, out, &words),
                Event::PinWanted => {
                    let may = match &self.pin {
                        Some(memory) => memory.try_once().await.unwrap_or_else(|error| {
                            observe::log::modem_trouble(
                                &self.id,
                                "the PIN is not tried: its memory cannot be written",
                                &error,
                            );
                            false
                        }),
                        None => false,
                    };
                    let pin = self.settings.pin.as_ref().filter(|_| may).map(|pin| pin.expose().as_str());
                    dialogue.pin(pin, self.settings.clock.monotonic());
                }
                Event::PinTaken(Some(false)) => {}
                Event::PinTaken(_) => {
                    if let Some(memory) = &self.pin {
                        memory.forget().await;
                    }
                }
                Event::Ready => self.ready(dialogue),
                Event::Unfit(trouble) => {
                    self.unfit = Some(trouble);
                    let notice = self.told.unfit(trouble);
                    self.notice(notice);
                }
                Event::Changed => {
                    let notice = self.told.facts(dialogue.facts());
                    self.notice(notice);
                }
                Event::Ended(id, end) => {
                    if matches!(end, SendEnd::Sent(_)) {
                        self.told.sent();
                    }
                    if let Some(under) = self.under.remove(&id) {
                        let (under, next) = under.ended(end, id, &self.settings, &mut self.suspects);
                        self.next(id, under, next, dialogue);
                    }
                }
                Event::Arrived(ticket, pdu) => self.arrived(ticket, &pdu),
                Event::Ussd { text, dcs } => self.ussd(&balance::words(&text, dcs)),
                Event::NoUssd(error) => observe::log::modem_trouble(&self.id, "balance", error),
                Event::Dead(why) => {
                    observe::log::modem(&self.id, why);
                    alive = false;
                }
            }
        }
        alive
    }

    fn ready(&mut self, dialogue: &Dialogue) {
        self.unfit = None;
        self.away_since = None;
        let notice = self.told.ready(dialogue.facts());
        self.notice(notice);
    }

    fn notice(&mut self, notice: Option<Notice>) {
        let Some(notice) = notice else { return };
        let inbox = self.inbox.clone();
        self.commits.spawn(async move {
            // A store that is down has more to tell than this.
            let _ = inbox.hand(inbox::Event::Notice(notice)).await;
            None
        });
    }

    fn ussd(&mut self, words: &str) {
        let Some(balance) = &self.settings.balance else { return };
        let Some(amount) = balance.find(words) else {
            observe::log::modem_trouble(&self.id, "balance", "no amount in the network's answer");
            return;
        };
        observe::log::modem_balance(&self.id, amount);
        METRICS.modem_balance(self.id.as_str(), amount);
        if balance.warn_below.is_some_and(|limit| amount < limit) {
            let text = format!("The SIM of modem {} has {amount:.2} left.", self.id);
            let subject = format!("Modem {}: little credit left", self.id);
            let notice = self.told.notice("balance", subject, text);
            self.notice(Some(notice));
        }
    }

    /// Hands in what came; the dialogue hears when it is durable.
    fn arrived(&mut self, ticket: Ticket, pdu: &[u8]) {
        let event = match read_pdu(pdu, Toward::Phone) {
            Ok((_, Tpdu::Report(report))) => match word(&report) {
                Some(word) => inbox::Event::Receipt(word),
                None => return self.done(ticket),
            },
            // It is acknowledged, and nobody shall see it.
            Ok((_, Tpdu::Deliver(deliver))) if deliver.pid == TYPE_0 => return self.done(ticket),
            Ok((_, Tpdu::Deliver(deliver))) => inbox::Event::Segment(Incoming {
                from: deliver.from.written(),
                number: None,
                sent: deliver.sent.moment(),
                reference: reference::came(pdu),
                segment: deliver.data.segment,
                media: Vec::new(),
                trace: Trace::default(),
            }),
            // Nothing that a network sent is thrown away: it goes on as data.
            Ok(_) | Err(_) => inbox::Event::Segment(Incoming {
                from: String::new(),
                number: None,
                sent: None,
                reference: reference::came(pdu),
                segment: Segment { body: Body::Binary(pdu.to_vec()), udh: Vec::new() },
                media: Vec::new(),
                trace: Trace::default(),
            }),
        };
        let inbox = self.inbox.clone();
        self.commits.spawn(async move { Some((ticket, inbox.hand(event).await.is_ok())) });
    }

    fn done(&mut self, ticket: Ticket) {
        self.commits.spawn(async move { Some((ticket, true)) });
    }
}

/// A status report as the core reads it. What is passed on without a confirmation is no delivery.
fn word(report: &StatusReport) -> Option<Word> {
    let status = report.status;
    let fate = match status.stage() {
        Stage::Delivered => Fate::Delivered,
        Stage::Relayed | Stage::Trying => Fate::UnderWay,
        Stage::Failed { temporary } => {
            let (class, subject, detail) = match status.0 {
                0x46 => (5, 4, 7),
                0x47 => (5, 7, 1),
                0x41 | 0x42 => (5, 2, 1),
                _ if temporary => (4, 4, 0),
                _ => (5, 0, 0),
            };
            Fate::Failed(Fault::new(Scope::Recipient, Enhanced::new(class, subject, detail), status.words()))
        }
    };
    let reference = reference::sent(report.reference, report.to.as_str())?;
    Some(Word {
        about: About::Theirs(reference),
        part: Part::Named,
        total: None,
        fate,
        at: report.done.moment(),
        reused: true,
    })
}
