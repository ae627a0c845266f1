//! What gateways hand in: texts of phones go into the inbound journey, receipts settle what they are about.
//!
//! Each event is answered when the store has it, and not before. Events are worked on side by side, so that the store
//! gathers their commits; what can go wrong is a store that is down: then the gateway hears [`Busy`], nothing is kept,
//! and the network brings it again.

use std::{collections::HashMap, sync::Arc};

use tokio::{sync::mpsc, task::JoinSet};

use super::sweep;
use crate::{
    gateway::{
        self,
        inbox::{About, Busy, Event, Fate, Handed, Incoming, Noted, Notice, OptOut, Word},
    },
    ground::{Clock, GatewayId, Swap},
    inbound::Inbound,
    observe,
    report::Reporter,
    store::{Down, Item, MoSegment, Page, Part, Position, Receipt, Reference, SegmentState, Store, Taken},
};

/// For how long the postmaster is not told the same again.
const TOLD_FOR: std::time::Duration = std::time::Duration::from_secs(86_400);
/// Events worked on at once.
const AT_ONCE: usize = 256;

/// What the events of all gateways need. It holds no lane: a gateway ends when its lane is gone.
pub struct Events {
    pub store: Store,
    pub clock: Clock,
    pub reporter: Reporter,
    pub inbound: Inbound,
    /// Our number at each gateway that has one: where the network does not say what was dialled.
    pub numbers: Swap<HashMap<GatewayId, String>>,
}

impl Events {
    /// Works until every gateway and the desk are gone.
    pub async fn run(self, mut handed: mpsc::Receiver<Handed>) {
        let events = Arc::new(self);
        let mut working = JoinSet::new();
        loop {
            tokio::select! {
                Some(_) = working.join_next() => {}
                next = handed.recv(), if working.len() < AT_ONCE => match next {
                    Some(next) => {
                        let events = events.clone();
                        working.spawn(async move { events.take(next).await });
                    }
                    None => break,
                },
            }
        }
        while working.join_next().await.is_some() {}
    }

    async fn take(&self, handed: Handed) {
        let Handed { gateway, event, answer } = handed;
        let noted = match event {
            Event::Segment(incoming) => self.segment(&gateway, incoming).await.map(|noted| (noted, Vec::new())),
            Event::Receipt(word) => self.receipt(&gateway, word).await,
            Event::OptOut(said) => self.opt(&gateway, &said).await.map(|noted| (noted, Vec::new())),
            Event::Notice(notice) => self.notice(&notice).await.map(|noted| (noted, Vec::new())),
            Event::Page(page) => self.page(&gateway, page).await.map(|items| (Noted::New, items)),
        };
        let (noted, answered) = match noted {
            Ok((noted, items)) => (Ok(noted), items),
            Err(down) => {
                observe::log::store_down("events", down);
                (Err(Busy), Vec::new())
            }
        };
        // A gateway that is gone brings it again: repetitions are known by their reference.
        let _ = answer.send(noted);
        for item in answered {
            sweep::receipted(&self.store, &self.reporter, &item).await;
        }
    }

    async fn segment(&self, gateway: &GatewayId, incoming: Incoming) -> Result<Noted, Down> {
        let mo = self.mo(gateway, incoming).await?;
        let taken = self.inbound.take(vec![mo]).await?;
        Ok(match taken.first() {
            Some(Taken::New(_)) => Noted::New,
            Some(Taken::Duplicate) | None => Noted::Again,
        })
    }

    async fn mo(&self, gateway: &GatewayId, incoming: Incoming) -> Result<MoSegment, Down> {
        let from = self.inbound.originator(gateway, &incoming.from).await?;
        Ok(MoSegment {
            gateway: gateway.clone(),
            number: incoming.number.or_else(|| self.numbers.now().get(gateway).cloned()),
            from,
            segment: incoming.segment,
            reference: incoming.reference,
            sent: incoming.sent,
            received: self.clock.now(),
            trace: incoming.trace,
            media: self.inbound.sifted(incoming.media),
        })
    }

    async fn opt(&self, gateway: &GatewayId, said: &OptOut) -> Result<Noted, Down> {
        let phone = self.inbound.originator(gateway, &said.phone).await?;
        let changed = self.inbound.opt(gateway, &phone, said.number.as_deref(), said.out).await?;
        Ok(if changed { Noted::New } else { Noted::Again })
    }

    /// One transaction: a crash finds all of it kept and read up to there, or nothing.
    async fn page(&self, gateway: &GatewayId, page: gateway::inbox::Page) -> Result<Vec<Item>, Down> {
        let gateway::inbox::Page { segments, receipts, opt_outs, position } = page;
        let mut all = Page::default();
        for incoming in segments {
            all.segments.push(self.mo(gateway, incoming).await?);
        }
        all.receipts = receipts.into_iter().map(|word| self.read(gateway, word)).collect();
        for said in opt_outs {
            let phone = self.inbound.originator(gateway, &said.phone).await?;
            all.opting.extend(self.inbound.by_network(gateway, &phone, said.number.as_deref(), said.out));
        }
        let at = |gateway::inbox::Position { poll, definition, position }| Position {
            gateway: gateway.clone(),
            poll,
            definition,
            position,
        };
        all.position = position.map(at);
        self.inbound.take_page(gateway, all).await
    }

    async fn notice(&self, notice: &Notice) -> Result<Noted, Down> {
        let until = self.clock.now() + TOLD_FOR;
        let Some(mail) = self.reporter.notice(&notice.about, &notice.subject, &notice.text, until) else {
            return Ok(Noted::Again);
        };
        self.store.put(vec![mail], false).await?;
        Ok(Noted::New)
    }

    /// The item that the receipt answers is settled behind the answer to the network: should a crash come between, the
    /// sweeper finds it.
    async fn receipt(&self, gateway: &GatewayId, word: Word) -> Result<(Noted, Vec<Item>), Down> {
        let item = self.store.receipt(self.read(gateway, word)).await?;
        Ok((if item.is_some() { Noted::New } else { Noted::Again }, item.into_iter().collect()))
    }

    fn read(&self, gateway: &GatewayId, word: Word) -> Receipt {
        let (state, fault) = match word.fate {
            Fate::UnderWay => (SegmentState::Sent, None),
            Fate::Delivered => (SegmentState::Delivered, None),
            Fate::Failed(fault) => (SegmentState::Failed, Some(fault)),
        };
        let at = word.at.unwrap_or_else(|| self.clock.now());
        let reference = match word.about {
            About::Theirs(id) => Reference::Theirs(id),
            About::Ours(id, n) => Reference::Ours(id, n),
        };
        let part = match word.part {
            gateway::inbox::Part::Named => Part::Named,
            gateway::inbox::Part::Number(n) => Part::Number(n),
            gateway::inbox::Part::Counted(event) => Part::Counted(event),
        };
        let (gateway, reused, total) = (gateway.clone(), word.reused, word.total);
        Receipt { gateway, reference, part, total, state, fault, at, reused }
    }
}
