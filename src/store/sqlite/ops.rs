//! The closed set of operations that write, and their order within one transaction.

use std::time::Duration;

use tokio::sync::oneshot;

use super::{attempt, brake, hand, inbound, load::Need, media, optout, put, receipt, work::Work, write::Table};
use crate::{
    ground::{GatewayId, MessageId, Timestamp},
    rules::Mark,
    store::{
        Begin, DeadLetter, Down, Fetched, Hand, InboundStep, Item, MoSegment, New, Note, Opting, Page, PageTaken,
        Placed, Position, Receipt, Refused, Settle, Taken,
    },
};

pub enum Op {
    Put {
        batch: Vec<New>,
        all: bool,
    },
    /// `together`: all of them or none; they go out as one text, the first leading.
    Begin {
        batch: Vec<Begin>,
        together: bool,
    },
    /// Of messages that went out as one text, the leading one first.
    Settle(Vec<Settle>),
    Warn {
        id: MessageId,
        warning: Option<Box<New>>,
        dead: Option<Box<DeadLetter>>,
    },
    Receipt(Box<Receipt>),
    Sweep(Timestamp),
    Hand {
        id: MessageId,
        hand: Hand,
    },
    /// A settlement by hand, from an item that had been tried so often.
    Cancel {
        settle: Box<Settle>,
        attempts: u32,
    },
    Bury(Box<DeadLetter>),
    Pause {
        gateway: GatewayId,
        paused: bool,
    },
    Note(Vec<Note>),
    /// Adds to what senders are counted by.
    Rates(Vec<Mark>),
    /// What an answer of a provider that is asked brought, and how far it is read by that.
    Page(Box<Page>),
    /// Onto the opt-out list or off it.
    Opt(Vec<Opting>),
    Take(Vec<MoSegment>),
    /// A piece of media was fetched, or not.
    Media(Box<Fetched>),
    Resolve(Box<InboundStep>),
    Purge(Timestamp),
    /// The wall clock was set back.
    SetBack {
        now: Timestamp,
        by: Duration,
    },
    /// Writes something that means nothing: could a message be written?
    Probe,
}

pub enum Answer {
    Placed(Vec<Result<Placed, Refused>>),
    Begun(Vec<Option<u32>>),
    Yes(bool),
    /// Whether each changed anything.
    Each(Vec<bool>),
    Items(Vec<Item>),
    Taken(Vec<Taken>),
    Page(PageTaken),
    Done,
    Gone(u64),
}

/// An operation, and who waits for its answer.
pub struct Job {
    pub op: Op,
    pub reply: oneshot::Sender<Result<Answer, Down>>,
    /// It failed alone before: look first whether what it adds is there already.
    pub careful: bool,
}

impl Op {
    /// Settlements first: what else is in the batch sees their outcome.
    pub fn order(&self) -> u8 {
        match self {
            Self::Settle(_) => 0,
            Self::Put { .. } => 1,
            Self::Resolve(_) => 2,
            Self::Take(_) | Self::Media(_) => 3,
            Self::Begin { .. } => 4,
            Self::Receipt(_) | Self::Page(_) => 5,
            Self::Hand { .. } | Self::Cancel { .. } => 6,
            Self::Warn { .. } => 7,
            Self::Bury(_) | Self::Pause { .. } | Self::Note(_) | Self::Opt(_) | Self::Rates(_) => 8,
            Self::Sweep(_) => 9,
            Self::Purge(_) => 10,
            Self::SetBack { .. } => 11,
            Self::Probe => 12,
        }
    }

    /// New items come in the order of their ids, which is that of their making: they go to the ends of tables then, and
    /// no page is split in the middle.
    pub fn first(&self) -> Option<MessageId> {
        match self {
            Self::Put { batch, .. } => batch.first().map(|new| new.id),
            _ => None,
        }
    }

    /// How many lines it is worth, so that batches stay bounded.
    pub fn weight(&self) -> usize {
        match self {
            Self::Put { batch, .. } => batch.len(),
            Self::Begin { batch, .. } => batch.len(),
            Self::Take(segments) => segments.len(),
            Self::Rates(marks) => marks.len(),
            Self::Page(page) => page.segments.len() + page.receipts.len() + page.opting.len() + 1,
            Self::Sweep(_) | Self::Purge(_) | Self::SetBack { .. } => 500,
            _ => 1,
        }
    }

    pub fn need(&self, need: &mut Need, careful: bool, cursor: &str) {
        match self {
            Self::Put { batch, .. } => put::need(batch, need, careful),
            Self::Begin { batch, .. } => attempt::need_begin(batch, need),
            Self::Settle(all) => all.iter().for_each(|settle| attempt::need(settle, need, careful)),
            Self::Cancel { settle, .. } => attempt::need(settle, need, careful),
            Self::Warn { id, warning, .. } => {
                need.rows.insert(*id);
                put::need(warning.as_deref(), need, careful);
            }
            Self::Receipt(receipt) => receipt::need(receipt, need),
            Self::Page(page) => {
                inbound::need_take(&page.segments, need);
                page.receipts.iter().for_each(|receipt| receipt::need(receipt, need));
                optout::need(&page.opting, need);
            }
            Self::Sweep(now) => {
                need.sweep = Some((cursor.to_owned(), *now));
                need.payloads = true;
            }
            Self::Hand { id, .. } => drop(need.rows.insert(*id)),
            Self::Opt(changes) => optout::need(changes, need),
            Self::Take(segments) => inbound::need_take(segments, need),
            Self::Resolve(step) => inbound::need_resolve(step, need, careful),
            Self::Bury(_)
            | Self::Media(_)
            | Self::Pause { .. }
            | Self::Note(_)
            | Self::Rates(_)
            | Self::Purge(_)
            | Self::SetBack { .. }
            | Self::Probe => {}
        }
    }

    /// Decides the operation. [`Op::Purge`] and [`Op::SetBack`] are the writer's own: they run statements.
    pub fn apply(&self, work: &mut Work<'_>) -> Answer {
        match self {
            Self::Put { batch, all } => Answer::Placed(put::put(work, batch, *all)),
            Self::Begin { batch, together: false } => Answer::Begun(attempt::begin(work, batch)),
            Self::Begin { batch, together: true } => Answer::Begun(attempt::begin_together(work, batch)),
            Self::Settle(all) => Answer::Yes(attempt::settle_together(work, all)),
            Self::Warn { id, warning, dead } => Answer::Yes(hand::warn(work, *id, warning.as_deref(), dead.as_deref())),
            Self::Receipt(receipt) => Answer::Items(receipt::receipt(work, receipt).into_iter().collect()),
            Self::Sweep(now) => Answer::Items(receipt::sweep(work, *now)),
            Self::Cancel { settle, attempts } => Answer::Yes(hand::cancel(work, settle, *attempts)),
            Self::Hand { id, hand } => Answer::Yes(hand::hand(work, *id, *hand)),
            Self::Bury(letter) => {
                work.bury(letter);
                Answer::Done
            }
            Self::Pause { gateway, paused } => {
                let now = work.now;
                if *paused {
                    work.writes.push(Table::GatewayPause, &(gateway, now));
                } else {
                    work.writes.push(Table::GatewayOn, &(gateway,));
                }
                Answer::Done
            }
            Self::Note(notes) => {
                for note in notes {
                    work.event(note.id, note.what, Some(&note.gateway), None, Some(&note.cause));
                }
                Answer::Done
            }
            Self::Rates(marks) => {
                brake::keep(work, marks);
                Answer::Done
            }
            Self::Page(page) => Answer::Page(one_page(work, page)),
            Self::Opt(changes) => Answer::Each(optout::opt(work, changes)),
            Self::Take(segments) => Answer::Taken(inbound::take(work, segments)),
            Self::Media(piece) => {
                media::fetched(work, piece);
                Answer::Done
            }
            Self::Resolve(step) => {
                inbound::resolve(work, step);
                Answer::Done
            }
            Self::Purge(_) | Self::SetBack { .. } => Answer::Done,
            Self::Probe => {
                work.writes.push(Table::Tally, &("probe", 0));
                Answer::Done
            }
        }
    }
}

/// Texts, receipts and words about opting, then how far the provider was read: a restart finds all of it or nothing.
fn one_page(work: &mut Work<'_>, page: &Page) -> PageTaken {
    let segments = inbound::take(work, &page.segments);
    let items = page.receipts.iter().filter_map(|receipt| receipt::receipt(work, receipt)).collect();
    let opting = optout::opt(work, &page.opting);
    if let Some(Position { gateway, poll, definition, position }) = &page.position {
        work.writes.push(Table::Poll, &(gateway, poll, definition, position));
    }
    PageTaken { segments, opting, items }
}
