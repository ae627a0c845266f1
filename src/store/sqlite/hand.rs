//! A person's hand, and the delay warning.

use super::{attempt, put, row::Stage, work::Work};
use crate::{
    ground::MessageId,
    store::{DeadLetter, Hand, New, Settle, Why},
};

/// Hold, release, retry; `false` where the state does not allow it.
pub fn hand(work: &mut Work<'_>, id: MessageId, hand: Hand) -> bool {
    let Some(row) = work.row(id) else { return false };
    let allowed = match hand {
        Hand::Hold => row.is_waiting(),
        Hand::Release => row.stage == Stage::Held,
        Hand::Retry => row.is_open_for_hands(),
    };
    if !allowed {
        return false;
    }
    let now = work.now;
    work.change(id, |row| match hand {
        Hand::Hold => {
            row.stage = Stage::Held;
            row.why = Some(Why::Person);
        }
        Hand::Release | Hand::Retry => row.wait(now, now),
    });
    let what = match hand {
        Hand::Hold => "held",
        Hand::Release | Hand::Retry => "released",
    };
    work.event(id, what, None, None, Some("by hand"));
    true
}

/// Closes an item by hand, unless anything was tried since it was looked at: its report would not be true.
pub fn cancel(work: &mut Work<'_>, settle: &Settle, attempts: u32) -> bool {
    let as_seen = work.row(settle.id).is_some_and(|row| row.is_open_for_hands() && row.attempts == attempts);
    as_seen && attempt::settle(work, settle)
}

/// Marks an item as warned, and queues the warning.
pub fn warn(work: &mut Work<'_>, id: MessageId, warning: Option<&New>, dead: Option<&DeadLetter>) -> bool {
    if !work.row(id).is_some_and(|row| row.is_open_for_hands() && !row.warned) {
        return false;
    }
    work.change(id, |row| row.warned = true);
    work.event(id, "warned", None, None, None);
    if let Some(letter) = dead {
        work.bury(letter);
    }
    put::errands(work, warning.map(std::slice::from_ref).unwrap_or_default());
    true
}
