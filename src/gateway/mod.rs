//! Gateways: ways to the mobile network. One contract: one attempt at one message, answered with typed outcomes.
//!
//! A gateway knows nothing of accounts, queue or store. It makes the attempt it is given, bounded in time, and says
//! what happened; whether to try again is the dispatcher's policy. A dropped reply counts as unsure.
//! Adding a kind is one folder and one line in [`start`].

pub mod guard;
pub mod handset;
pub mod http;
pub mod inbox;
pub mod modem;
pub mod provider;
pub mod tls;

use std::{ops::Range, sync::Arc, time::Duration};

use self::inbox::Inbox;
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::{JoinHandle, JoinSet},
};

use crate::{
    address::{Destination, SenderId, Trace},
    ground::{GatewayId, MessageId, Outcome},
    routing::Dialled,
    sms::{Content, Segment},
};

/// How a gateway takes a message of several segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Split {
    /// Whole: it concatenates by itself.
    #[default]
    Provider,
    /// One request per segment, each with its user data header.
    Udh,
    /// Each segment a message of its own, without a header.
    Separate,
}

/// What a gateway can do, as far as choosing and cutting need to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traits {
    pub split: Split,
    pub binary: bool,
    /// It takes words in national language tables, named in the header of each segment.
    pub shift_tables: bool,
    /// It reports delivery: messages stay `sent` until a receipt comes.
    pub receipts: bool,
    /// It can show another originator than its own number.
    pub sender: bool,
    /// Attempts in flight at once.
    pub window: usize,
    /// It knows a message by our id: what is unsure may be asked again, and is sent once.
    pub idempotent: bool,
}

/// One message as a gateway gets it. `Debug` shows neither number nor text.
#[derive(Clone)]
pub struct Attempt {
    pub id: MessageId,
    /// From 1.
    pub n: u32,
    pub to: Destination,
    /// The number as it is dialled here, where a route writes it anew.
    pub wire: Option<Dialled>,
    /// The whole message.
    pub content: Content,
    /// Its segments for `Split::Udh` and `Split::Separate`; for `Split::Provider` exactly one with the whole.
    pub segments: Vec<Segment>,
    /// How many segments the whole takes on the radio side (`%parts%`).
    pub parts: u8,
    pub sender: Option<SenderId>,
    pub sender_phone: Option<String>,
    pub pid: Option<u8>,
    pub dcs: Option<u8>,
    /// Passed on to the request untouched.
    pub value: Vec<String>,
    /// Hosts of ours that it went through, this one last: by it another Martlet sees a loop.
    pub trace: Trace,
    /// What is left of the message's life.
    pub validity: Duration,
}

impl Attempt {
    /// The number for the wire.
    pub fn number(&self) -> &str {
        self.wire.as_ref().map_or_else(|| self.to.as_str(), Dialled::as_str)
    }
}

impl std::fmt::Debug for Attempt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attempt")
            .field("id", &self.id)
            .field("n", &self.n)
            .field("to", &self.to.masked())
            .field("content", &self.content)
            .field("segments", &self.segments.len())
            .finish_non_exhaustive()
    }
}

/// One attempt at some of the segments; bounded in time by the gateway's own time-outs.
///
/// Segments go in order. Behind one that was not sent the others are not tried: they are `Later` or `Never` with it,
/// and `Later` behind an unsure one; with [`Split::Separate`] a refusal stops nothing.
#[derive(Debug)]
pub struct Job {
    pub attempt: Arc<Attempt>,
    /// Which of `attempt.segments`, from 0.
    pub parts: Range<u8>,
    /// One outcome per segment. Dropped without an answer: unsure.
    pub reply: oneshot::Sender<Vec<(u8, Outcome)>>,
}

/// What is wrong with a gateway until a person mends it, as far as it says so itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trouble {
    /// For metrics.
    pub word: &'static str,
    pub words: &'static str,
}

/// A running gateway.
#[derive(Debug)]
pub struct Gateway {
    pub id: GatewayId,
    pub traits: watch::Receiver<Traits>,
    pub trouble: watch::Receiver<Option<Trouble>>,
    pub jobs: mpsc::Sender<Job>,
    /// Ends when every `jobs` sender is gone and the attempts in flight are over.
    pub task: JoinHandle<()>,
}

/// The kinds of gateway, each with its settings.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "one per gateway and start")]
pub enum Kind {
    Http(http::Settings),
    Handset(handset::Settings),
    Modem(modem::Settings),
    Provider(Box<provider::Settings>),
}

impl Kind {
    /// What such a gateway can do.
    pub fn traits(&self) -> Traits {
        match self {
            Self::Http(settings) => settings.traits.clone(),
            Self::Handset(settings) => settings.traits.clone(),
            Self::Modem(settings) => settings.traits(),
            Self::Provider(settings) => settings.traits.clone(),
        }
    }
}

impl Kind {
    /// May an old task of it finish while a new one works already?
    pub fn stands_beside(&self) -> bool {
        match self {
            Self::Http(_) | Self::Handset(_) | Self::Provider(_) => true,
            // A line is opened once.
            Self::Modem(_) => false,
        }
    }
}

/// Why a gateway cannot start: a file that cannot be read, a certificate that is none. One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartError(pub String);

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StartError {}

/// Starts the task of one gateway; needs a tokio runtime.
///
/// At most `traits.window` attempts run at once; further jobs wait in a channel of that size, so that a sender feels
/// the back-pressure. A job whose caller is gone before its turn is not begun: nobody could settle it. What the network
/// brings goes to `inbox`.
pub fn start(id: GatewayId, kind: Kind, inbox: Inbox) -> Result<Gateway, StartError> {
    Ok(match kind {
        Kind::Modem(settings) => modem::start(id, settings, inbox),
        Kind::Provider(settings) => provider::start(id, *settings, &inbox)?,
        // The others get nothing from the network by themselves: it comes through the HTTP door.
        Kind::Http(settings) => {
            // What its network brings comes through the HTTP door.
            drop(inbox);
            let traits = settings.traits.clone();
            let shell = Arc::new(http::Shell::new(id.clone(), settings)?);
            spawn(id, traits, move |job| Arc::clone(&shell).run(job))
        }
        Kind::Handset(settings) => handset::start(id, settings, inbox),
    })
}

fn spawn<F>(id: GatewayId, traits: Traits, run: impl Fn(Job) -> F + Send + 'static) -> Gateway
where
    F: Future<Output = ()> + Send + 'static,
{
    let window = traits.window.max(1);
    let (jobs, mut queue) = mpsc::channel::<Job>(window);
    // The sender lives in the task: its end tells readers that the gateway is gone.
    let (declared, traits) = watch::channel(traits);
    let task = tokio::spawn(async move {
        let mut running = JoinSet::new();
        loop {
            tokio::select! {
                // A panic of one attempt drops its reply: unsure, as it should be.
                Some(_) = running.join_next() => {}
                job = queue.recv(), if running.len() < window => match job {
                    Some(job) if job.reply.is_closed() => {}
                    Some(job) => {
                        running.spawn(run(job));
                    }
                    None => break,
                },
            }
        }
        while running.join_next().await.is_some() {}
        drop(declared);
    });
    Gateway { id, traits, trouble: watch::channel(None).1, jobs, task }
}
