//! Brakes at the doors: what a text counts against, the answer when one takes hold, and the postmaster, told once.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use super::{
    Inner,
    rcpt::{Refusal, refuse},
};
use crate::{
    accounts::{Allowance, brakes},
    ground::{AccountName, Timestamp},
    observe::{self, METRICS, metrics::Metrics},
    store::{BrakeKind, Braked},
};

/// Whom the postmaster was told of, so that a storm of refusals is one write and not as many.
#[derive(Default)]
pub struct Told(Mutex<HashMap<(BrakeKind, AccountName), Timestamp>>);

/// Beyond so many they are forgotten: the store knows them too.
const MOST: usize = 4_096;

impl Told {
    /// `true` the first time within its time.
    fn first(&self, kind: BrakeKind, who: &AccountName, now: Timestamp) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if told.get(&(kind, who.clone())).is_some_and(|until| *until > now) {
            return false;
        }
        if told.len() >= MOST {
            told.clear();
        }
        told.insert((kind, who.clone()), now + brakes::TOLD_FOR);
        true
    }
}

/// The answer to a text that a brake refuses.
pub fn refusal(braked: Braked) -> Refusal {
    let (code, enhanced) = brakes::code(braked.kind);
    Refusal::new(code, enhanced, brakes::words(braked), braked.kind.word())
}

impl Inner {
    /// Logs and counts a brake, and tells the postmaster once. The answer does not wait on that: a store that cannot
    /// take the notice is logged, and the next refusal tries again.
    pub async fn braked(&self, braked: Braked, who: &AccountName) {
        observe::log::braked(braked.kind.word(), Some(who), brakes::shown(braked.kind, braked.limit));
        Metrics::count(&METRICS.brakes, braked.kind.word());
        let now = self.clock.now();
        if !self.told.first(braked.kind, who, now) {
            return;
        }
        let (subject, text) = brakes::notice(braked, Some(who));
        let about = format!("brake {} {who}", braked.kind.word());
        let notice = self.reporter.notice(&about, &subject, &text, now + brakes::TOLD_FOR);
        if let Some(notice) = notice
            && let Err(down) = self.store.put(vec![notice], false).await
        {
            observe::log::store_down("notice", down);
        }
    }

    /// Is the account held back whatever it writes?
    pub async fn held_back(&self, allowance: &Allowance) -> Result<(), Refusal> {
        let now = self.clock.now();
        let counted = self.settings.brakes.of_account(allowance, brakes::Size::LEAST, now, &self.settings.zone);
        match self.store.would_refuse(&counted).await {
            Ok(Some(braked)) => {
                self.braked(braked, &allowance.who).await;
                Err(refusal(braked))
            }
            Ok(None) => Ok(()),
            // A store that cannot be read is no reason to refuse: DATA will tell.
            Err(_) => Ok(()),
        }
    }
}

/// What speaks for a whole group of which one entry was refused.
pub fn with_others() -> Refusal {
    refuse(450, (4, 7, 1), "another recipient of the same text was refused", "others")
}
