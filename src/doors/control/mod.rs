//! The control socket: what `martlet queue`, `send` and `reload` say to the running daemon.
//!
//! A Unix socket with a mode and a group; the kernel tells who connects ([`peer`]). Requests are a closed set
//! ([`words`]), one line each; every deed leaves a line in the log with who and what. What can go wrong: strangers
//! (refused in words), lines without end, silence, half-open connections: each has its limit.

pub mod peer;
mod serve;
pub mod words;

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

pub use serve::serve;

use self::{
    peer::Admin,
    words::{Answer, Opt, Request, Send, Trouble, Why},
};
use crate::{
    address::{Destination, Numbering, Trace, uri},
    dispatch::{
        self,
        hand::{Did, Wish},
        status::{Standing, Status},
    },
    ground::{Clock, GatewayId, MessageId},
    observe::{self, METRICS, metrics::Metrics},
    outbound::{
        Outbound, Refusal, bad_address,
        call::{Called, Claim},
    },
    store::{Down, Filter, How, Opting, Shown},
};

/// The limits of the door.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Connections at once; further ones wait in the socket's queue.
    pub connections: usize,
    /// For a line to come whole, and for an answer to be taken.
    pub timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { connections: 32, timeout: Duration::from_secs(30) }
    }
}

/// The most messages of one list.
const LONGEST_LIST: usize = 10_000;

/// What handlers reach.
pub struct Shared {
    pub outbound: Outbound,
    pub dispatch: Arc<dispatch::Shared>,
    pub clock: Clock,
    pub numbering: Numbering,
    /// Whose members may, beside root and the daemon's own user.
    pub group: Option<String>,
    pub settings: Settings,
    pub reload: mpsc::Sender<Reload>,
}

/// Wish for a new look at the configuration; whoever holds the receiver answers.
pub struct Reload(pub oneshot::Sender<Result<Reloaded, String>>);

/// What a new look at the configuration came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reloaded {
    /// What holds from now on, in words of the file.
    pub applied: Vec<String>,
    /// What has changed and waits for a restart.
    pub restart: Vec<String>,
}

impl Shared {
    /// Does what is asked, and says so in the log where it is a deed.
    async fn answer(&self, admin: &Admin, request: Request) -> Answer {
        match request {
            Request::Status => Ok(json!({ "version": env!("CARGO_PKG_VERSION"), "pid": std::process::id() })),
            Request::Send(send) => self.send(admin, send).await,
            Request::List { states, limit } => {
                let limit = limit.unwrap_or(1_000).clamp(1, LONGEST_LIST);
                let rows = self.dispatch.store.list(Filter { states, limit }).await.map_err(|why| down(&why))?;
                Ok(value(&rows))
            }
            Request::Show { id } => {
                let shown = self.dispatch.store.show(id).await.map_err(|why| down(&why))?;
                shown.map(|shown| value(&shown)).ok_or_else(|| missing(id))
            }
            Request::Hold { id } => self.hand(admin, id, Wish::Hold).await,
            Request::Release { id } => self.hand(admin, id, Wish::Release).await,
            Request::Retry { id } => self.hand(admin, id, Wish::Retry).await,
            Request::Cancel { id } => self.hand(admin, id, Wish::Cancel).await,
            Request::Reload => self.reload(admin).await,
            Request::Gateways => {
                dispatch::status::all(&self.dispatch).await.map(|all| value(&all)).map_err(|why| down(&why))
            }
            Request::Pause { gateway } => self.pause(admin, &gateway, true).await,
            Request::Resume { gateway } => self.pause(admin, &gateway, false).await,
            Request::Test { gateway } => self.test(admin, &gateway).await,
            Request::OptOuts { phone, after, limit } => {
                let limit = limit.unwrap_or(1_000).clamp(1, LONGEST_LIST);
                let (phone, after) = (phone.as_ref().map(Destination::as_str), after.as_ref().map(Destination::as_str));
                let page = self.dispatch.store.opt_outs(phone, after, limit).await.map_err(|why| down(&why))?;
                Ok(value(&page))
            }
            Request::OptOut(opt) => self.opt(admin, opt, true).await,
            Request::OptIn(opt) => self.opt(admin, opt, false).await,
        }
    }

    async fn send(&self, admin: &Admin, send: Send) -> Answer {
        let Send { to, text, account, dry_run } = send;
        let mut target = uri::parse(&to, &self.numbering).map_err(|error| refused(bad_address(&error)))?;
        if target.params.body.take().is_some() {
            return Err(Trouble::new(Why::Refused, "parameter body: the text stands behind the address already"));
        }
        let claim = match account {
            Some(name) => Claim::Account(name),
            None => Claim::Admin(admin.name.clone()),
        };
        let call = uri::Call { target, data: Some(text), dry_run };
        match self.outbound.call_as(call, claim, Trace::default(), "control").await {
            Ok(Called::Queued(ids)) => {
                for id in &ids {
                    observe::log::admin(&admin.name, admin.uid, "send", Some(*id), "queued");
                }
                Ok(json!({ "queued": ids }))
            }
            Ok(Called::WouldQueue) => Ok(json!({ "would_queue": true })),
            Err(refusal) => Err(refused(refusal)),
        }
    }

    async fn hand(&self, admin: &Admin, id: MessageId, wish: Wish) -> Answer {
        let did = dispatch::hand::hand(&self.dispatch, id, wish).await.map_err(|why| down(&why))?;
        let (outcome, answer) = match did {
            Did::Done(shown) => ("done", Ok(value(&shown))),
            Did::NotNow(shown) => ("not now", Err(not_now(&shown, wish))),
            Did::NoSuch => ("no such message", Err(missing(id))),
        };
        observe::log::admin(&admin.name, admin.uid, wish.word(), Some(id), outcome);
        answer
    }

    /// Its status, if it sends.
    async fn gateway(&self, id: &GatewayId) -> Result<Status, Trouble> {
        let all = dispatch::status::all(&self.dispatch).await.map_err(|why| down(&why))?;
        let found = all.into_iter().find(|status| status.id == *id);
        let found = found
            .ok_or_else(|| Trouble::new(Why::Missing, format!("there is no gateway {id}: see `martlet gateways`")))?;
        match found.state {
            Standing::Off => Err(Trouble::new(Why::State, format!("{id} does not send, by the configuration"))),
            _ => Ok(found),
        }
    }

    async fn pause(&self, admin: &Admin, id: &GatewayId, paused: bool) -> Answer {
        let before = self.gateway(id).await?;
        let did = self.dispatch.pause(id, paused).await.map_err(|why| down(&why))?;
        let (word, outcome) = (if paused { "pause" } else { "resume" }, if did { "done" } else { "it is so already" });
        observe::log::admin_gateway(&admin.name, admin.uid, word, id, outcome);
        if !did && (before.state == Standing::Paused) == paused {
            let how = if paused { "is paused already" } else { "is not paused" };
            return Err(Trouble::new(Why::State, format!("{id} {how}")));
        }
        self.gateway(id).await.map(|status| value(&status))
    }

    async fn test(&self, admin: &Admin, id: &GatewayId) -> Answer {
        let status = self.gateway(id).await?;
        match status.state {
            Standing::Paused => Err(Trouble::new(Why::State, format!("{id} is paused: `martlet gateway resume {id}`"))),
            Standing::Done => {
                let words = format!("{id} has sent its daily maximum of {}", status.daily_max.unwrap_or_default());
                Err(Trouble::new(Why::State, words))
            }
            Standing::Up | Standing::Down | Standing::Trial | Standing::Off => {
                self.dispatch.try_now(id);
                observe::log::admin_gateway(&admin.name, admin.uid, "test", id, "done");
                Ok(value(&status))
            }
        }
    }

    /// A phone goes on the opt-out list or off it; the answer is what it has opted out of then.
    async fn opt(&self, admin: &Admin, opt: Opt, out: bool) -> Answer {
        let Opt { phone, ours } = opt;
        let store = &self.dispatch.store;
        let ours = match (ours.is_empty(), out) {
            (false, _) => ours,
            (true, true) => self.dispatch.lanes.now().all().iter().map(|lane| lane.ours()).collect(),
            (true, false) => {
                let lines = store.opt_outs(Some(phone.as_str()), None, LONGEST_LIST).await.map_err(|why| down(&why))?;
                lines.into_iter().map(|line| line.ours).collect()
            }
        };
        let opting = |ours| Opting { phone: phone.as_str().to_owned(), ours, out, how: How::Hand };
        let changed = store.opt(ours.into_iter().map(opting).collect()).await.map_err(|why| down(&why))?;
        let (word, did) = (if out { "optout" } else { "optin" }, changed.contains(&true));
        if did {
            observe::log::opting(None, &phone.masked(), out, "hand");
            Metrics::count(&METRICS.opt_outs, if out { "hand" } else { "again" });
        }
        observe::log::admin(&admin.name, admin.uid, word, None, if did { "done" } else { "it is so already" });
        if !did && !out {
            let words = format!("{} is not on the opt-out list: see `martlet optouts list`", phone.as_str());
            return Err(Trouble::new(Why::Missing, words));
        }
        let lines = store.opt_outs(Some(phone.as_str()), None, LONGEST_LIST).await.map_err(|why| down(&why))?;
        Ok(value(&lines))
    }

    async fn reload(&self, admin: &Admin) -> Answer {
        let (reply, answer) = oneshot::channel();
        let gone = || Trouble::new(Why::Later, "the daemon is stopping");
        self.reload.send(Reload(reply)).await.map_err(|_| gone())?;
        let answer = answer.await.map_err(|_| gone())?;
        let outcome = if answer.is_ok() { "done" } else { "the configuration is wrong" };
        observe::log::admin(&admin.name, admin.uid, "reload", None, outcome);
        answer.map(|reloaded| value(&reloaded)).map_err(|words| Trouble::new(Why::Config, words))
    }
}

fn value(what: &impl Serialize) -> Value {
    serde_json::to_value(what).expect("rows are plain data: strings and numbers")
}

fn down(why: &Down) -> Trouble {
    Trouble::new(Why::Later, why.to_string())
}

fn missing(id: MessageId) -> Trouble {
    Trouble::new(Why::Missing, format!("there is no message {id}: see `martlet queue list`"))
}

fn refused(refusal: Refusal) -> Trouble {
    let reply = refusal.voiced("control");
    let why = if reply.code() < 500 { Why::Later } else { Why::Refused };
    Trouble::new(why, reply.words())
}

/// Why a hand does nothing now, and what would.
fn not_now(shown: &Shown, wish: Wish) -> Trouble {
    use crate::store::State;
    let id = shown.id;
    let words = match (shown.state, wish) {
        _ if shown.kind == "segment" => format!("{id} is a part of a text from a phone: it can only be shown"),
        (State::Trying, _) => format!("{id} is being sent at this moment: ask again when that is decided"),
        (State::Sent, _) => format!("{id} was taken by the network: nothing can be done about it any more"),
        (State::Closed, _) => {
            let how = shown.result.map(|result| value(&result)).and_then(|v| v.as_str().map(str::to_owned));
            format!("{id} is closed ({}): nothing can be done about it any more", how.unwrap_or_default())
        }
        (State::Held, Wish::Hold) => format!("{id} is held already"),
        (State::Waiting, Wish::Release) => format!("{id} is not held"),
        (State::Waiting | State::Held, _) => format!("{id} was tried at this moment: ask again"),
    };
    Trouble::new(Why::State, words)
}
