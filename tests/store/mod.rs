//! The store through its contract, on real files: states, durability, quotas, receipts, the way in from phones.

mod accept;
mod brakes;
mod durable;
mod gateways;
mod inbound;
mod receipts;
mod states;
mod walk;

use std::{path::Path, sync::Arc, time::Duration};

use libtest_mimic::Trial;
use martlet::{
    address::{Destination, Mailbox},
    ground::{Clock, Enhanced, Fault, GatewayId, MessageId, RemoteId, Scope, Timestamp},
    sms::Content,
    smtp::Notify,
    store::*,
};

pub fn trials() -> Vec<Trial> {
    [
        accept::trials(),
        brakes::trials(),
        durable::trials(),
        gateways::trials(),
        inbound::trials(),
        receipts::trials(),
        states::trials(),
        walk::trials(),
    ]
    .concat_all()
}

trait ConcatAll {
    fn concat_all(self) -> Vec<Trial>;
}

impl<const N: usize> ConcatAll for [Vec<Trial>; N] {
    fn concat_all(self) -> Vec<Trial> {
        self.into_iter().flatten().collect()
    }
}

const START: Timestamp = Timestamp(1_800_000_000_000);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

struct World {
    store: Store,
    hand: martlet::ground::Hand,
    clock: Clock,
    dir: tempfile::TempDir,
}

fn settings(dir: &Path) -> Settings {
    Settings {
        path: dir.join("deep/martlet.db"),
        min_free: 0,
        keep_closed: 90 * DAY,
        keep_texts: 30 * DAY,
        dedupe: 35 * DAY,
    }
}

impl World {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let (clock, hand) = Clock::manual(START);
        let mut settings = settings(dir.path());
        change(&mut settings);
        let store = Store::open(settings, clock.clone()).await.expect("a store");
        Self { store, hand, clock, dir }
    }

    /// What a crash would leave at this moment: the files as they are, opened by a new process.
    async fn crash(&self) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(dir.path().join("deep")).expect("a folder");
        for name in ["martlet.db", "martlet.db-wal"] {
            let from = self.dir.path().join("deep").join(name);
            std::fs::copy(from, dir.path().join("deep").join(name)).expect("a copy");
        }
        let store = Store::open(settings(dir.path()), self.clock.clone()).await.expect("a store");
        Self { store, hand: self.hand.clone(), clock: self.clock.clone(), dir }
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    async fn put(&self, new: New) -> MessageId {
        match self.store.put(vec![new], false).await.expect("a store")[0] {
            Ok(Placed::New(id)) => id,
            other => panic!("{other:?}"),
        }
    }

    /// Puts a text, leases and begins it.
    async fn tried(&self) -> (MessageId, u32) {
        let id = self.put(text()).await;
        (id, self.begin(id).await)
    }

    async fn begin(&self, id: MessageId) -> u32 {
        let item = self.lease(id).await;
        self.store.begin(vec![begin(&item)]).await.expect("a store")[0].expect("it begins")
    }

    /// A person takes it out of the queue.
    async fn cancel(&self, id: MessageId) -> bool {
        let Some(item) = self.store.item(id).await.expect("a store") else { return false };
        let settlement = settle(id, 0, Next::Closed(Closed::Cancelled), "cancelled");
        self.store.cancel(&item, settlement).await.expect("a store")
    }

    async fn lease(&self, id: MessageId) -> Item {
        let keys = [Key::Any, Key::Gateway(gateway()), Key::Mailbox];
        let items = self.store.lease(&keys, 1000, self.now()).await.expect("a store");
        let others: Vec<_> = items.iter().map(|i| i.id).filter(|i| *i != id).collect();
        self.store.give_back(&others);
        items.into_iter().find(|item| item.id == id).expect("it can be leased")
    }

    async fn leasable(&self) -> Vec<MessageId> {
        let items = self.store.lease(&[Key::Any], 1000, self.now()).await.expect("a store");
        let ids: Vec<_> = items.iter().map(|item| item.id).collect();
        self.store.give_back(&ids);
        ids
    }

    async fn show(&self, id: MessageId) -> Shown {
        self.store.show(id).await.expect("a store").expect("it is there")
    }

    async fn state(&self, id: MessageId) -> (State, Option<Closed>) {
        let shown = self.show(id).await;
        (shown.state, shown.result)
    }

    async fn events(&self, id: MessageId) -> Vec<String> {
        self.show(id).await.events.into_iter().map(|event| event.what).collect()
    }
}

fn gateway() -> GatewayId {
    "main".parse().expect("a gateway")
}

fn mailbox(address: &str) -> Mailbox {
    address.parse().expect("a mailbox")
}

fn remote(id: &str) -> RemoteId {
    RemoteId::new(id).expect("an id")
}

fn fault(words: &str) -> Fault {
    Fault::new(Scope::Recipient, Enhanced::new(4, 4, 2), words)
}

/// A text of `account` that may go at once.
fn text_of(account: &str) -> New {
    let origin = Origin {
        report_to: Some(mailbox("alice@example.test")),
        reply_to: Some(mailbox("alice@example.test")),
        notify: Notify::default(),
        ret: None,
        envid: None,
        orcpt: None,
        written: "+15550001111@sms.example.test".into(),
        auto_replied: false,
        arrived: START,
        message_id: Some("m1@example.test".into()),
        references: vec!["m0@example.test".into()],
        subject: Some("Lunch".into()),
        original: None,
    };
    let text = Text {
        trace: martlet::address::Trace::default(),
        to: Destination::try_from("+15550001111".to_owned()).expect("a number"),
        content: Content::text("the secret words"),
        parts: 1,
        reference: 7,
        sender: None,
        sender_required: false,
        wire: None,
        sender_phone: None,
        pid: None,
        dcs: None,
        value: Vec::new(),
        confirms: false,
        charged: None,
        account: account.parse().expect("an account"),
        origin,
    };
    New {
        id: MessageId::new(),
        key: Key::Any,
        priority: Priority::Normal,
        due: START,
        expires: START + 5 * DAY,
        warn_at: Some(START + 4 * HOUR),
        payload: Payload::Text(text.into()),
        candidates: Vec::new(),
        charge: None,
        brakes: Vec::new(),
        mate: None,
        fingerprint: None,
        held: None,
        note: None,
        original: None,
    }
}

fn text() -> New {
    text_of("alice@example.test")
}

/// A report about a message.
fn report(about: MessageId) -> New {
    let id = MessageId::new();
    let mail = Mail {
        from: None,
        to: mailbox("alice@example.test"),
        ladder: vec![mailbox("postmaster@example.test")],
        message_id: format!("{id}@sms.example.test"),
        data: Arc::from(&b"Subject: \xff\r\n\r\nNot delivered\r\n"[..]),
        about: About::Report(Some(about)),
    };
    New { id, key: Key::Mailbox, warn_at: None, payload: Payload::Mail(mail.into()), ..text() }
}

fn begin(item: &Item) -> Begin {
    let text = item.payload.text().is_some();
    Begin {
        id: item.id,
        gateway: text.then(gateway),
        parts: 0..1,
        frozen: None,
        link: text.then(link),
        spend: None,
        ours: None,
    }
}

fn link() -> NewLink {
    NewLink {
        phone: "+15550001111".into(),
        gateway: gateway(),
        number: Some("+15559990000".into()),
        mailbox: mailbox("alice@example.test"),
        expires: START + 72 * HOUR,
    }
}

/// A settlement without anything beside its next state.
fn settle(id: MessageId, attempt: u32, next: Next, event: &'static str) -> Settle {
    Settle {
        id,
        attempt,
        segments: Vec::new(),
        next,
        fault: None,
        event,
        errands: Vec::new(),
        refund: None,
        unlink: false,
        dead: None,
        withdraw: false,
    }
}

/// The gateway took it, under this id.
fn sent(id: MessageId, attempt: u32, as_id: &str) -> Settle {
    let until = START + 72 * HOUR;
    Settle {
        segments: vec![(0, SegmentState::Sent, RemoteId::new(as_id))],
        ..settle(id, attempt, Next::Sent { until }, "sent")
    }
}

fn unsure(id: MessageId, attempt: u32, errands: Vec<New>) -> Settle {
    Settle {
        segments: vec![(0, SegmentState::Unsure, None)],
        fault: Some(fault("the line broke")),
        errands,
        ..settle(id, attempt, Next::Closed(Closed::Failed), "unsure")
    }
}

fn receipt(of: &str, state: SegmentState) -> Receipt {
    Receipt {
        gateway: gateway(),
        reference: remote(of).into(),
        part: Default::default(),
        total: None,
        state,
        fault: None,
        at: START,
        reused: false,
    }
}
