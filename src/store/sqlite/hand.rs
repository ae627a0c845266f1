//! A person's hand, and the delay warning.

use super::{attempt::close, put, row::Stage, work::Work};
use crate::{
    ground::MessageId,
    store::{Closed, DeadLetter, Hand, New, Why},
};

/// Hold, release, retry, cancel; `false` where the state does not allow it.
pub fn hand(work: &mut Work<'_>, id: MessageId, hand: Hand) -> bool {
    let Some(row) = work.row(id) else { return false };
    let allowed = match hand {
        Hand::Hold => row.is_waiting(),
        Hand::Release => row.stage == Stage::Held,
        Hand::Retry | Hand::Cancel => row.is_open_for_hands(),
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
        Hand::Cancel => close(row, Closed::Cancelled),
    });
    let what = match hand {
        Hand::Hold => "held",
        Hand::Release | Hand::Retry => "released",
        Hand::Cancel => "cancelled",
    };
    work.event(id, what, None, None, Some("by hand"));
    true
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
