//! Metrics in Prometheus' text form, each with its help text.

use std::sync::{
    LazyLock,
    atomic::{AtomicI64, AtomicU64},
};

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Door {
    pub door: String,
    /// `accepted`, `again`, or why it was refused.
    pub result: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Attempts {
    pub gateway: String,
    /// `sent`, `later`, `never`, `unsure`.
    pub outcome: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Changes {
    pub gateway: String,
    /// `down`, `trial`, `up`, `paused`, `resumed`, `day over`, `replaced`, `removed`.
    pub state: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfGateway {
    gateway: String,
    /// `pin-refused`, `barred`, … or the network's name.
    is: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Kind {
    pub kind: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Errands {
    /// `run`, `call`, `sql`, `append`.
    pub kind: String,
    /// `done`, `later`, `never`; of a question: `answered`, `unanswered`.
    pub outcome: String,
}

/// Every metric of this process.
pub struct Metrics {
    registry: Registry,
    pub doors: Family<Door, Counter<u64, AtomicU64>>,
    pub attempts: Family<Attempts, Counter<u64, AtomicU64>>,
    pub mails: Family<Kind, Counter<u64, AtomicU64>>,
    pub reports: Family<Kind, Counter<u64, AtomicU64>>,
    pub inbound: Family<Kind, Counter<u64, AtomicU64>>,
    pub media: Family<Kind, Counter<u64, AtomicU64>>,
    pub queue: Family<Kind, Gauge<i64, AtomicI64>>,
    pub oldest: Gauge<i64, AtomicI64>,
    pub gateway_up: Family<Kind, Gauge<i64, AtomicI64>>,
    pub brakes: Family<Kind, Counter<u64, AtomicU64>>,
    pub opt_outs: Family<Kind, Counter<u64, AtomicU64>>,
    pub gateway_changes: Family<Changes, Counter<u64, AtomicU64>>,
    pub modem_ready: Family<Kind, Gauge<i64, AtomicI64>>,
    pub modem_signal: Family<Kind, Gauge<i64, AtomicI64>>,
    pub modem_registration: Family<Kind, Gauge<i64, AtomicI64>>,
    pub modem_stored: Family<Kind, Gauge<i64, AtomicI64>>,
    pub modem_room: Family<Kind, Gauge<i64, AtomicI64>>,
    balance: Family<Kind, Gauge<f64, AtomicU64>>,
    modem_trouble: Family<OfGateway, Gauge<i64, AtomicI64>>,
    modem_operator: Family<OfGateway, Gauge<i64, AtomicI64>>,
    errands: Family<Errands, Counter<u64, AtomicU64>>,
    questions: Family<Errands, Counter<u64, AtomicU64>>,
}

/// The one registry: metrics are counted from everywhere and read at `/metrics`.
pub static METRICS: LazyLock<Metrics> = LazyLock::new(Metrics::new);

impl Metrics {
    fn new() -> Self {
        let mut registry = Registry::with_prefix("martlet");
        let doors = Family::default();
        registry.register("messages", "Texts handed over at a door, by what became of them", doors.clone());
        let attempts = Family::default();
        registry.register("attempts", "Attempts to send, by gateway and outcome", attempts.clone());
        let mails = Family::default();
        registry.register("mails", "Attempts to hand a mail to the mail server, by outcome", mails.clone());
        let reports = Family::default();
        registry.register("reports", "Reports by kind: failure, delay, success, withheld", reports.clone());
        let inbound = Family::default();
        registry.register("inbound", "Texts from phones, by the step that found their mailbox", inbound.clone());
        let media = Family::default();
        registry.register(
            "media",
            "Attempts to fetch what came with a phone's text: fetched, later, missing, layout",
            media.clone(),
        );
        let queue = Family::default();
        registry.register("queue_depth", "Items in the store, by state", queue.clone());
        let oldest = Gauge::default();
        registry.register("queue_oldest_seconds", "Age of the oldest waiting item", oldest.clone());
        let gateway_up = Family::default();
        registry.register(
            "gateway_up",
            "1 while the gateway is used, 0 while it is down or paused",
            gateway_up.clone(),
        );
        let brakes = Family::default();
        registry.register(
            "brakes",
            "Texts refused or held because a limit over a stretch of time was reached, by its kind",
            brakes.clone(),
        );
        let opt_outs = Family::default();
        registry.register(
            "opt_outs",
            "Phones that opted out (word, provider, hand), took texts again (again), or asked for help (help)",
            opt_outs.clone(),
        );
        let gateway_changes = Family::default();
        registry.register("gateway_changes", "How often a gateway went into each state", gateway_changes.clone());
        let [modem_ready, modem_signal, modem_registration, modem_stored, modem_room] =
            std::array::from_fn(|_| Family::default());
        registry.register("modem_ready", "1 while the modem works, by gateway", modem_ready.clone());
        registry.register("modem_signal", "Signal of the modem, 0 to 31, -1 unknown", modem_signal.clone());
        registry.register(
            "modem_registration",
            "State of registration (TS 27.007 7.2): 1 home, 5 roaming, -1 unknown",
            modem_registration.clone(),
        );
        registry.register("modem_stored", "Texts in the memory of the modem", modem_stored.clone());
        registry.register("modem_room", "Texts that the memory of the modem can hold", modem_room.clone());
        let balance = Family::default();
        registry.register("modem_balance", "What the SIM has left, in the network's currency", balance.clone());
        let [modem_trouble, modem_operator] = std::array::from_fn(|_| Family::default());
        registry.register(
            "modem_trouble",
            "1 for what is wrong with the modem or its SIM until a person mends it",
            modem_trouble.clone(),
        );
        registry.register(
            "modem_operator",
            "1 for the network that the modem is registered with",
            modem_operator.clone(),
        );
        let errands = Family::default();
        registry.register("errands", "Attempts at errands of rules, by kind and outcome", errands.clone());
        let questions = Family::default();
        registry.register(
            "questions",
            "What rules asked before a commit, by kind, and whether there was an answer",
            questions.clone(),
        );
        Self {
            registry,
            doors,
            attempts,
            mails,
            reports,
            inbound,
            media,
            queue,
            oldest,
            gateway_up,
            brakes,
            opt_outs,
            gateway_changes,
            modem_ready,
            modem_signal,
            modem_registration,
            modem_stored,
            modem_room,
            balance,
            modem_trouble,
            modem_operator,
            errands,
            questions,
        }
    }

    /// Counts one text at a door.
    pub fn door(&self, door: &str, result: &str) {
        self.doors.get_or_create(&Door { door: door.to_owned(), result: result.to_owned() }).inc();
    }

    /// Counts one attempt at an errand of a rule.
    pub fn errand(&self, kind: &str, outcome: &str) {
        self.errands.get_or_create(&Errands { kind: kind.to_owned(), outcome: outcome.to_owned() }).inc();
    }

    /// Counts one question of a rule.
    pub fn question(&self, kind: &str, outcome: &str) {
        self.questions.get_or_create(&Errands { kind: kind.to_owned(), outcome: outcome.to_owned() }).inc();
    }

    /// Counts one attempt.
    pub fn attempt(&self, gateway: &str, outcome: &str) {
        self.attempts.get_or_create(&Attempts { gateway: gateway.to_owned(), outcome: outcome.to_owned() }).inc();
    }

    /// A gateway is there.
    pub fn gateway(&self, gateway: &str, up: bool) {
        Self::set(&self.gateway_up, gateway, i64::from(up));
    }

    /// A gateway went into another state.
    pub fn gateway_change(&self, gateway: &str, state: &str) {
        let changes = Changes { gateway: gateway.to_owned(), state: state.to_owned() };
        self.gateway_changes.get_or_create(&changes).inc();
        match state {
            "down" | "paused" | "removed" => Self::set(&self.gateway_up, gateway, 0),
            "up" | "resumed" => Self::set(&self.gateway_up, gateway, 1),
            _ => {}
        }
    }

    /// What a SIM has left.
    pub fn modem_balance(&self, gateway: &str, amount: f64) {
        self.balance.get_or_create(&Kind { kind: gateway.to_owned() }).set(amount);
    }

    /// What is wrong with a modem, and was before.
    pub fn modem_trouble(&self, gateway: &str, before: Option<&str>, now: Option<&str>) {
        Self::state(&self.modem_trouble, gateway, before, now);
    }

    /// The network of a modem, and that of before.
    pub fn modem_operator(&self, gateway: &str, before: Option<&str>, now: Option<&str>) {
        Self::state(&self.modem_operator, gateway, before, now);
    }

    fn state(
        family: &Family<OfGateway, Gauge<i64, AtomicI64>>,
        gateway: &str,
        before: Option<&str>,
        now: Option<&str>,
    ) {
        let labels = |is: &str| OfGateway { gateway: gateway.to_owned(), is: is.to_owned() };
        if let Some(before) = before {
            family.remove(&labels(before));
        }
        if let Some(now) = now {
            family.get_or_create(&labels(now)).set(1);
        }
    }

    /// Counts in a family with one label.
    pub fn count(family: &Family<Kind, Counter<u64, AtomicU64>>, kind: &str) {
        family.get_or_create(&Kind { kind: kind.to_owned() }).inc();
    }

    /// Sets a gauge of a family with one label.
    pub fn set(family: &Family<Kind, Gauge<i64, AtomicI64>>, kind: &str, value: i64) {
        family.get_or_create(&Kind { kind: kind.to_owned() }).set(value);
    }

    /// The text of `/metrics`.
    pub fn text(&self) -> String {
        let mut out = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut out, &self.registry);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_has_a_help_text() {
        METRICS.door("lmtp", "accepted");
        METRICS.attempt("main", "sent");
        let text = METRICS.text();
        assert!(text.contains("martlet_messages_total{door=\"lmtp\",result=\"accepted\"}"));
        for line in text.lines().filter_map(|l| l.strip_prefix("# TYPE ")) {
            let name = line.split(' ').next().expect("a name");
            assert!(text.lines().any(|l| l.starts_with(&format!("# HELP {name} ")) && l.len() > name.len() + 20));
        }
    }
}
