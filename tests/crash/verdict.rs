//! What became of everything that was accepted: counted, and held against what `martlet queue` says of it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use sqlx::{Connection, Row, SqliteConnection};

use super::{
    Choice,
    load::{Load, tokens},
};
use crate::support::{
    letter::{every_reading, header, text},
    martlet::Martlet,
    process::{DEADLINE, within},
    run_async,
    sink::{MailSink, Provider, Request, Seen, Taken},
};

/// What was seen at both ends so far.
#[derive(Default)]
struct Ends {
    requests: usize,
    taken: usize,
    /// Token → how often the provider was asked to send it.
    sent: BTreeMap<String, usize>,
    /// Tokens of texts that came into the mailbox, with their mail's Message-ID.
    arrived: BTreeMap<String, String>,
    /// Tokens that an unsure report is about.
    reported: BTreeSet<String>,
    /// Message-ID → how often that mail came.
    mails: BTreeMap<String, usize>,
    /// What must not be: other reports, the same text as two mails.
    wrong: Vec<String>,
}

impl Ends {
    fn look(&mut self, provider: &Seen<Request>, sink: &Seen<Taken>) {
        for request in provider.since(self.requests) {
            self.requests += 1;
            if request.path == ERRAND {
                continue;
            }
            match tokens(request.value("text")).pop() {
                Some(token) => *self.sent.entry(token).or_default() += 1,
                None => self.wrong.push(format!("sent without a token: {}", request.value("text"))),
            }
        }
        for taken in sink.since(self.taken) {
            self.taken += 1;
            self.mail(&taken);
        }
    }

    fn mail(&mut self, taken: &Taken) {
        let mail = String::from_utf8_lossy(&taken.data).into_owned();
        let id = header(&mail, "Message-ID").unwrap_or_default();
        if mail.contains("report-type") {
            let right = taken.mail.starts_with("MAIL FROM:<>")
                && mail.contains("Action: failed")
                && mail.contains("Status: 4.4.2")
                && every_reading(&mail).contains("may have arrived");
            if !right {
                self.wrong.push(format!("not an unsure report: {} {mail}", taken.mail));
            }
            self.reported.extend(tokens(&mail));
        } else {
            // The words alone: a token stands in the Subject too.
            for token in tokens(&text(&mail)) {
                let first = self.arrived.entry(token).or_insert_with(|| id.clone());
                if *first != id {
                    self.wrong.push(format!("handed over again as another mail: {mail}"));
                }
            }
        }
        *self.mails.entry(id).or_default() += 1;
    }
}

/// Where errands of rules call.
const ERRAND: &str = "/errand";

/// What became of the errands of everything that was accepted.
pub struct Errands {
    pub asked: usize,
    pub undone: Vec<String>,
    pub twice: usize,
}

/// Counts them when everything has come to its end.
pub fn errands(load: &Load, provider: &Provider) -> Errands {
    let mut done: BTreeMap<String, usize> = BTreeMap::new();
    for request in provider.seen.all().iter().filter(|request| request.path == ERRAND) {
        for token in tokens(request.value("words")) {
            *done.entry(token).or_default() += 1;
        }
    }
    let mails = load.mails.lock().expect("mails");
    let texts = load.texts.lock().expect("texts");
    let asked: Vec<&String> = mails.keys().chain(texts.iter()).collect();
    let undone = asked.iter().filter(|token| !done.contains_key(**token)).map(|token| (*token).clone()).collect();
    Errands { asked: asked.len(), undone, twice: done.values().filter(|times| **times > 1).count() }
}

/// The counts of one run.
#[derive(Debug, Default)]
pub struct Counts {
    pub mails: usize,
    pub texts: usize,
    /// Accepted, and neither sent, reported nor held; or in no mailbox.
    pub lost: Vec<String>,
    /// Sent more than once.
    pub doubled: usize,
    /// Of those: not to be seen in `martlet queue show`, or where nothing may be repeated.
    pub unexplained: Vec<String>,
    /// Texts of which nobody knew whether they went out.
    pub unsure: usize,
    /// Mails into mailboxes that came twice under the same Message-ID.
    pub mails_twice: usize,
    pub wrong: Vec<String>,
}

impl Counts {
    /// Nothing lost, nothing doubled without a word.
    pub fn must_be_right(&self, whose: &str) {
        assert!(self.lost.is_empty(), "{whose}: accepted and lost: {:?}", self.lost);
        assert!(self.unexplained.is_empty(), "{whose}: sent again without a word: {:?}", self.unexplained);
        assert!(self.wrong.is_empty(), "{whose}: {:?}", self.wrong);
        assert!(self.mails > 0 && self.texts > 0, "{whose}: no load");
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { mails, texts, lost, doubled, unsure, mails_twice, .. } = self;
        write!(
            f,
            "{mails} mails and {texts} texts accepted: {} lost, {doubled} doubled, {unsure} unsure; {mails_twice} mails handed over twice",
            lost.len()
        )
    }
}

/// Waits until every phone's text is in a mailbox, or until it takes too long.
pub fn texts_arrive(load: &Load, sink: &MailSink) {
    let texts = load.texts.lock().expect("texts").clone();
    let (nothing, mut ends) = (Seen::new(), Ends::default());
    within(DEADLINE, || {
        ends.look(&nothing, &sink.seen);
        texts.iter().all(|token| ends.arrived.contains_key(token)).then_some(())
    });
}

/// Counts when everything has come to its end and the daemon too: the commands read the store by themselves.
pub fn count(load: &Load, provider: &Provider, sink: &MailSink, martlet: &Martlet, choice: Choice) -> Counts {
    let mails = load.mails.lock().expect("mails").clone();
    let texts = load.texts.lock().expect("texts").clone();
    let rows = run_async(rows(martlet));
    let held = |id: &String| rows.get(id).is_some_and(|row| row["stage"] == "held");
    let mut ends = Ends::default();
    ends.look(&provider.seen, &sink.seen);
    let told = |token: &String, id| match choice {
        Choice::Report => ends.reported.contains(token),
        Choice::Hold => held(id),
        Choice::Retry => false,
    };
    let unsent = mails.iter().filter(|(token, id)| !ends.sent.contains_key(*token) && !told(token, id));
    let unread = texts.iter().filter(|token| !ends.arrived.contains_key(*token));
    let lost = unsent.map(|(token, _)| token).chain(unread).cloned().collect();
    let mut counts = Counts { mails: mails.len(), texts: texts.len(), lost, ..Counts::default() };
    for (token, times) in ends.sent.iter().filter(|(_, times)| **times > 1) {
        counts.doubled += 1;
        let seen = mails.get(token).is_some_and(|id| shows(martlet, id, *times));
        if choice != Choice::Retry || !seen {
            counts.unexplained.push(format!("{token} {times} times"));
        }
    }
    let unknown = ends.sent.keys().filter(|token| !mails.contains_key(*token));
    ends.wrong.extend(unknown.map(|token| format!("{token} was sent and never accepted")));
    let forgotten = mails.iter().filter(|(_, id)| !rows.contains_key(*id));
    counts.lost.extend(forgotten.map(|(token, id)| format!("{token}, for the store does not know {id}")));
    let unsure = |row: &&Value| match choice {
        Choice::Report => row["result"] == "failed",
        Choice::Hold => row["stage"] == "held",
        Choice::Retry => row["attempts"].as_u64() > Some(1),
    };
    counts.unsure = mails.values().filter_map(|id| rows.get(id)).filter(unsure).count();
    counts.mails_twice = ends.mails.values().filter(|times| **times > 1).count();
    let repeated = rows.values().filter(|row| row["kind"] != "text" && row["attempts"].as_u64() > Some(1)).count();
    if counts.mails_twice > repeated {
        ends.wrong.push(format!("{} mails came twice, {repeated} say so", counts.mails_twice));
    }
    counts.wrong = ends.wrong;
    counts
}

/// Every row of the store, by id: more than `martlet queue list` shows at once.
async fn rows(martlet: &Martlet) -> BTreeMap<String, Value> {
    let path = martlet.config.with_file_name("data").join("martlet.db");
    let mut store = SqliteConnection::connect(&format!("sqlite:{}", path.display())).await.expect("the store");
    let sql = "SELECT CAST(row AS TEXT) FROM queue UNION ALL SELECT CAST(row AS TEXT) FROM closed";
    let rows = sqlx::query(sql).fetch_all(&mut store).await.expect("its rows");
    store.close().await.expect("closed");
    rows.iter()
        .map(|row| serde_json::from_str::<Value>(row.get(0)).expect("a row is JSON"))
        .map(|row| (row["id"].as_str().unwrap_or_default().to_owned(), row))
        .collect()
}

/// Does the history say that all attempts but the last were under way when the daemon ended?
fn shows(martlet: &Martlet, id: &str, times: usize) -> bool {
    let shown = martlet.json(&["queue", "show", id]);
    let said = |what: &str| shown["events"].as_array().into_iter().flatten().filter(|e| e["what"] == what).count();
    said("unsure") + 1 >= times && said("begun") >= times
}
