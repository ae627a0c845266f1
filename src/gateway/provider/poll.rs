//! Asking providers that do not call: each `[[poll]]` of a definition by a task of its own.
//!
//! What an answer brings and the cursor behind it are kept together or not at all, so that a restart goes on where reading had
//! come to and nothing doubles, not even what has no id. An item is taken away at the provider only when it is kept here. What
//! can go wrong is told in the log, and the next round tries again, later each time.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use tokio::task::JoinHandle;

use super::{call::Shell, hooks::Reader, positions};
use crate::{
    address::Trace,
    gateway::inbox::{Event, Inbox, Page, Position},
    ground::Backoff,
    observe::{self, METRICS},
};

/// Rounds at once, while each brings a new cursor: a long list is read in pages.
const PAGES: usize = 20;
/// The longest pause after trouble.
const LONGEST: Duration = Duration::from_secs(900);
/// Items that are kept here and could not be taken away over there: so many are tried again.
const LEFT: usize = 10_000;

/// The tasks; they end when this is dropped.
pub struct Polls(Vec<JoinHandle<()>>);

impl Drop for Polls {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

/// A task for each poll.
pub fn start(shell: &Arc<Shell>, inbox: &Inbox) -> Polls {
    let definition = &shell.settings.definition;
    // What is read is deleted over there: where no texts are taken, only polls that bring nothing but reports run.
    let runs =
        |poll: &usize| shell.settings.receive || definition.polls[*poll].events.iter().all(|event| event.is_report());
    let polls = (0..definition.polls.len()).filter(runs);
    Polls(polls.map(|poll| tokio::spawn(run(Arc::clone(shell), inbox.clone(), poll))).collect())
}

async fn run(shell: Arc<Shell>, inbox: Inbox, poll: usize) {
    let Some(every) = shell.settings.definition.polls.get(poll).map(|poll| poll.every) else { return };
    let backoff = Backoff { min: every.max(Duration::from_secs(1)), max: LONGEST.max(every) };
    let mut asking = Asking::new(shell.clone(), inbox, poll);
    let mut failures: u32 = 0;
    loop {
        let pause = match asking.round().await {
            Ok(()) => {
                failures = 0;
                every
            }
            Err(why) => {
                failures = failures.saturating_add(1);
                observe::log::gateway(&shell.id, "poll failed", &why, None);
                METRICS.door("poll", "failed");
                backoff.pause(failures, 0.5)
            }
        };
        shell.settings.clock.sleep(pause).await;
    }
}

/// A poll and how far it has read.
struct Asking {
    shell: Arc<Shell>,
    inbox: Inbox,
    poll: usize,
    cursor: Option<String>,
    /// The cursor is of an earlier run, and the provider has not taken it yet.
    old: bool,
    /// What is kept and stands over there still.
    left: VecDeque<String>,
}

impl Asking {
    fn new(shell: Arc<Shell>, inbox: Inbox, poll: usize) -> Self {
        let definition = &shell.settings.definition;
        let name = definition.polls.get(poll).map_or("", |poll| poll.name.as_str());
        let cursor = shell.settings.positions.of(&shell.id, name, &definition.name);
        Self { old: cursor.is_some(), shell, inbox, poll, cursor, left: VecDeque::new() }
    }

    /// One look, page by page while the cursor moves.
    async fn round(&mut self) -> Result<(), String> {
        for _ in 0..PAGES {
            let before = self.cursor.clone();
            let items = self.page().await?;
            if items == 0 || self.cursor == before {
                break;
            }
        }
        Ok(())
    }

    /// One request; how many items it brought.
    async fn page(&mut self) -> Result<usize, String> {
        let shell = Arc::clone(&self.shell);
        let settings = &shell.settings;
        let definition = &settings.definition;
        let token = shell.tokens.current(&shell).await.map_err(|fault| fault.to_string())?;
        let secret = token.as_ref().map(|held| held.token.as_ref());
        let request =
            definition.poll_request(&settings.settings, self.poll, self.cursor.as_deref(), secret, shell.now());
        let mut request = request.ok_or("there is no such poll")?.map_err(|fault| fault.to_string())?;
        shell.sign(&mut request).await;
        let heard = shell.send(request, None, token.as_ref()).await.map_err(|silent| silent.fault().to_string())?;
        let status = heard.answer.status;
        if let Some(held) = token.as_ref().filter(|_| definition.refreshes(status)) {
            shell.tokens.outdated(held).await;
        }
        if !(200..300).contains(&status) || !heard.whole {
            return Err(self.refused(status));
        }
        self.old = false;
        let polled =
            definition.polled(&settings.settings, self.poll, &heard.answer).ok_or("the answer cannot be read")?;
        let (trace, receive) = (Trace::read(heard.answer.headers.all(crate::mail::TRACE)), settings.receive);
        let reader = Reader { gateway: &shell.id, definition, key: settings.key.as_ref(), receive, trace: &trace };
        let (count, mut page, mut gone) = (polled.items.len(), Page::default(), Vec::new());
        for (taken, item) in polled.items {
            match taken.and_then(|taken| reader.event(taken, false)) {
                Some(Event::Segment(incoming)) => page.segments.push(incoming),
                Some(Event::Receipt(word)) => page.receipts.push(word),
                Some(Event::OptOut(said)) => page.opt_outs.push(said),
                // A definition's events are no others.
                Some(Event::Notice(_) | Event::Page(_)) | None => {}
            }
            gone.extend(item);
        }
        self.keep(page, polled.cursor.filter(|cursor| self.cursor.as_ref() != Some(cursor))).await?;
        gone.retain(|item| !self.left.contains(item));
        self.left.extend(gone.into_iter().take(LEFT.saturating_sub(self.left.len())));
        while let Some(item) = self.left.front() {
            remove(&shell, self.poll, item).await?;
            self.left.pop_front();
        }
        Ok(count)
    }

    /// What an answer of this status means for the cursor.
    fn refused(&mut self, status: u16) -> String {
        // One that the provider has forgotten would be asked with for ever: reading begins anew, and what comes again is
        // known by its id.
        let forgotten = matches!(status, 400 | 404 | 410 | 416 | 422);
        if forgotten && std::mem::take(&mut self.old) {
            self.cursor = None;
            return format!("HTTP {status}: reading begins anew, without the position of the last run");
        }
        format!("HTTP {status}")
    }

    /// Keeps a page; the next request goes on behind its cursor, also after a restart.
    async fn keep(&mut self, mut page: Page, cursor: Option<String>) -> Result<(), String> {
        let definition = &self.shell.settings.definition;
        let poll = definition.polls.get(self.poll).map(|poll| poll.name.clone()).unwrap_or_default();
        let too_long = cursor.as_ref().is_some_and(|cursor| cursor.len() > positions::LONGEST);
        let position = cursor.filter(|_| !too_long);
        page.position = position.map(|position| Position { poll, definition: definition.name.clone(), position });
        let position = page.position.clone();
        let brought = page.segments.len() + page.receipts.len() + page.opt_outs.len();
        if brought > 0 || position.is_some() {
            self.inbox.hand(Event::Page(page)).await.map_err(|busy| busy.to_string())?;
        }
        (0..brought).for_each(|_| METRICS.door("poll", "taken"));
        if let Some(position) = position {
            self.cursor = Some(position.position.clone());
            self.shell.settings.positions.keep(&self.shell.id, position);
        }
        if too_long { Err("its cursor is too long".to_owned()) } else { Ok(()) }
    }
}

async fn remove(shell: &Shell, poll: usize, item: &str) -> Result<(), String> {
    let token = shell.tokens.current(shell).await.map_err(|fault| fault.to_string())?;
    let secret = token.as_ref().map(|held| held.token.as_ref());
    let settings = &shell.settings;
    let Some(made) = settings.definition.removal(&settings.settings, poll, item, secret, shell.now()) else {
        return Ok(());
    };
    let mut request = made.map_err(|fault| fault.to_string())?;
    shell.sign(&mut request).await;
    let heard = shell.send(request, None, token.as_ref()).await.map_err(|silent| silent.fault().to_string())?;
    match heard.answer.status {
        // Gone already: somebody else took it away.
        200..=299 | 404 | 410 => Ok(()),
        status => Err(format!("an item could not be taken away: HTTP {status}")),
    }
}
