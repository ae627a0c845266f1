//! What people are told of a modem: its trouble in the log, in a mail to the postmaster, in metrics and beside the gateway's
//! state; its signal, its memory, its network.
//!
//! What can go wrong: the same trouble again and again is no news, and one that is over must not be shown for ever. Those that
//! show only when something is sent are over when something was sent.

use tokio::sync::watch;

use super::{dialogue::Facts, fault::Trouble};
use crate::{
    gateway::{self, inbox::Notice},
    ground::GatewayId,
    observe::{self, METRICS, metrics::Metrics},
};

/// The line is not there: nothing to be mailed about, a cable may be out for a while.
const AWAY: gateway::Trouble = gateway::Trouble {
    word: "away",
    words: "there is no line to the modem: it is unplugged or silent, another program has it, or it may not be opened",
};

/// Registration denied (TS 27.007 7.2).
const DENIED: u8 = 3;

pub struct Told {
    id: GatewayId,
    trouble: Option<Trouble>,
    shown: watch::Sender<Option<gateway::Trouble>>,
    operator: Option<String>,
}

impl Told {
    pub fn new(id: GatewayId, shown: watch::Sender<Option<gateway::Trouble>>) -> Self {
        Metrics::set(&METRICS.modem_ready, id.as_str(), 0);
        Self { id, trouble: None, shown, operator: None }
    }

    /// Trouble that a person must mend; what the postmaster is to be told, the first time.
    pub fn trouble(&mut self, trouble: Trouble) -> Option<Notice> {
        self.show(Some(shown(trouble)));
        if self.trouble.replace(trouble) == Some(trouble) {
            return None;
        }
        observe::log::modem_trouble(&self.id, trouble.word(), trouble.words());
        let text = format!(
            "Modem {}: {}.\n\nIts texts go by other gateways where there are any, and wait otherwise.",
            self.id,
            trouble.words()
        );
        Some(self.notice(trouble.word(), format!("Modem {}: {}", self.id, trouble.word()), text))
    }

    pub fn notice(&self, word: &str, subject: String, text: String) -> Notice {
        Notice { about: format!("modem {} {word}", self.id), subject, text }
    }

    /// It does not take texts: trouble that shows without sending.
    pub fn unfit(&mut self, trouble: Trouble) -> Option<Notice> {
        Metrics::set(&METRICS.modem_ready, self.id.as_str(), 0);
        self.trouble(trouble)
    }

    /// The line is closed.
    pub fn away(&self) {
        Metrics::set(&METRICS.modem_ready, self.id.as_str(), 0);
        self.show(Some(AWAY));
    }

    /// It works. Whether the network takes what it sends will be seen.
    pub fn ready(&mut self, facts: &Facts) -> Option<Notice> {
        observe::log::modem_ready(&self.id, facts.model.as_deref(), facts.operator.as_deref());
        Metrics::set(&METRICS.modem_ready, self.id.as_str(), 1);
        self.trouble = self.trouble.filter(|trouble| shows_by_sending(*trouble) || *trouble == Trouble::Denied);
        self.show(self.trouble.map(shown));
        self.facts(facts)
    }

    /// The network has taken something.
    pub fn sent(&mut self) {
        if let Some(trouble) = self.trouble.take_if(|trouble| shows_by_sending(*trouble)) {
            observe::log::modem(&self.id, &format!("over: {}", trouble.word()));
            self.show(None);
        }
    }

    /// What is known of it has changed; what the postmaster is to be told of that.
    pub fn facts(&mut self, facts: &Facts) -> Option<Notice> {
        let id = self.id.as_str();
        Metrics::set(&METRICS.modem_signal, id, facts.signal.map_or(-1, i64::from));
        Metrics::set(&METRICS.modem_registration, id, facts.registration.map_or(-1, i64::from));
        if let Some((_, used, room)) = &facts.storage {
            Metrics::set(&METRICS.modem_stored, id, i64::from(*used));
            Metrics::set(&METRICS.modem_room, id, i64::from(*room));
        }
        if self.operator != facts.operator {
            METRICS.modem_operator(id, self.operator.as_deref(), facts.operator.as_deref());
            self.operator.clone_from(&facts.operator);
        }
        if facts.registration == Some(DENIED) {
            return self.trouble(Trouble::Denied);
        }
        if facts.is_registered() && self.trouble == Some(Trouble::Denied) {
            self.trouble = None;
            self.show(None);
        }
        None
    }

    fn show(&self, trouble: Option<gateway::Trouble>) {
        self.shown.send_if_modified(|shown| {
            let changed = *shown != trouble;
            if changed {
                METRICS.modem_trouble(self.id.as_str(), shown.map(|t| t.word), trouble.map(|t| t.word));
                *shown = trouble;
            }
            changed
        });
    }
}

/// A modem that is gone from the configuration has no trouble any more.
impl Drop for Told {
    fn drop(&mut self) {
        self.show(None);
        METRICS.modem_operator(self.id.as_str(), self.operator.as_deref(), None);
    }
}

fn shown(trouble: Trouble) -> gateway::Trouble {
    gateway::Trouble { word: trouble.word(), words: trouble.words() }
}

fn shows_by_sending(trouble: Trouble) -> bool {
    matches!(trouble, Trouble::Barred | Trouble::Refuses | Trouble::Full)
}
