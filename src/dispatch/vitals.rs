//! How a gateway is: what it has under way, its breaker, its bucket, its day, and whether a person paused it.
//!
//! It outlives the gateway's settings: a reload changes what a gateway may do, not what it has done.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::tz::TimeZone;

use crate::{
    ground::{Clock, MessageId, Timestamp},
    routing::{
        Breaker, Bucket,
        breaker::{Change, Health, Room, Rules, Sign},
    },
    store::{Day, Spend},
};

/// Both times at one look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    pub wall: Timestamp,
    pub monotonic: Duration,
}

impl Moment {
    pub fn of(clock: &Clock) -> Self {
        Self { wall: clock.now(), monotonic: clock.monotonic() }
    }
}

/// What bounds a gateway.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// Requests a second.
    pub rate: Option<f64>,
    /// Segments a calendar day of `zone`.
    pub daily_max: Option<u64>,
    pub zone: TimeZone,
    pub breaker: Rules,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { rate: None, daily_max: None, zone: TimeZone::UTC, breaker: Rules::default() }
    }
}

/// What a gateway can take on at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Neither paused nor down.
    pub up: bool,
    /// Attempts that may begin now.
    pub free: usize,
    pub outstanding: usize,
    /// Segments left of its day.
    pub left: u64,
    /// When its day ends.
    pub day_ends: Timestamp,
    /// Messages of which a part is out already: they go on whatever is left of the day.
    pub partly: usize,
}

#[derive(Default)]
pub struct Vitals(Mutex<State>);

#[derive(Default)]
struct State {
    outstanding: usize,
    breaker: Breaker,
    bucket: Option<(f64, Bucket)>,
    /// Since when a person wants it left alone.
    paused: Option<Timestamp>,
    /// When its state changed last, and the words of the trouble.
    since: Option<Timestamp>,
    words: Option<String>,
    today: Option<Today>,
    spent: BTreeMap<Day, u64>,
    /// The day whose end was told.
    told: Option<Day>,
    partly: usize,
    /// The message of the last fault.
    faulty: Option<MessageId>,
}

/// The day, and between which moments that is known.
#[derive(Debug, Clone, Copy)]
struct Today {
    day: Day,
    from: Timestamp,
    ends: Timestamp,
}

/// How a gateway stands, for people.
#[derive(Clone, PartialEq, Eq)]
pub struct Look {
    pub paused: Option<Timestamp>,
    pub health: Health,
    pub since: Option<Timestamp>,
    pub words: Option<String>,
    pub outstanding: usize,
    pub today: u64,
}

impl std::fmt::Debug for Vitals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vitals")
    }
}

/// Without the words of the trouble.
impl std::fmt::Debug for Look {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Look({:?}, {:?}, {:?}, {})", self.paused, self.health, self.since, self.outstanding)
    }
}

impl Vitals {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is remembered from before the start.
    pub fn recall(&self, paused: Option<Timestamp>, spent: impl Iterator<Item = (Day, u64)>) {
        let mut state = self.state();
        state.paused = paused;
        state.since = paused;
        state.spent.extend(spent);
    }

    pub fn standing(&self, bounds: &Bounds, window: usize, at: Moment) -> Standing {
        let mut state = self.state();
        let today = state.today(bounds, at.wall);
        let slots = window.saturating_sub(state.outstanding);
        let tokens = state.bucket(bounds, at.monotonic).map_or(usize::MAX, |bucket| bucket.whole(at.monotonic));
        let room = match state.breaker.room(at.monotonic) {
            _ if state.paused.is_some() => Room::None,
            room => room,
        };
        let free = match room {
            Room::None => 0,
            Room::One => slots.min(tokens).min(1),
            Room::All => slots.min(tokens),
        };
        let spent = state.spent.get(&today.day).copied().unwrap_or(0);
        Standing {
            up: room != Room::None,
            free,
            outstanding: state.outstanding,
            left: bounds.daily_max.map_or(u64::MAX, |most| most.saturating_sub(spent)),
            day_ends: today.ends,
            partly: state.partly,
        }
    }

    /// An attempt takes a slot, a token, and its segments of the day.
    pub fn began(&self, bounds: &Bounds, segments: u8, at: Moment) -> (Spend, Option<Change>) {
        let mut state = self.state();
        let day = state.today(bounds, at.wall).day;
        state.outstanding += 1;
        *state.spent.entry(day).or_default() += u64::from(segments);
        while state.spent.len() > 3 {
            state.spent.pop_first();
        }
        if let Some(bucket) = state.bucket(bounds, at.monotonic) {
            bucket.take(at.monotonic);
        }
        let change = state.breaker.began(at.monotonic);
        state.note(change, None, at.wall);
        (Spend { day, segments }, change)
    }

    /// An attempt at `message` ended; `words` are those of its fault. One message that fails again and again says
    /// nothing new of the gateway: the others go on.
    pub fn ended(
        &self,
        bounds: &Bounds,
        message: MessageId,
        sign: Sign,
        words: Option<&str>,
        at: Moment,
        jitter: f64,
    ) -> Option<Change> {
        let mut state = self.state();
        let sign = match sign {
            Sign::Fault if state.faulty == Some(message) => Sign::Again,
            Sign::Fault => {
                state.faulty = Some(message);
                sign
            }
            Sign::Well => {
                state.faulty = None;
                sign
            }
            sign => sign,
        };
        let change = state.breaker.ended(sign, &bounds.breaker, at.monotonic, jitter);
        state.note(change, words, at.wall);
        change
    }

    /// Nothing of an attempt went out.
    pub fn unspent(&self, spend: Spend) {
        let mut state = self.state();
        let left = state.spent.entry(spend.day).or_default();
        *left = left.saturating_sub(u64::from(spend.segments));
    }

    /// An attempt that took a slot was never made.
    pub fn not_made(&self, at: Moment) {
        self.state().breaker.left(at.monotonic);
    }

    /// A slot is free again.
    pub fn freed(&self) {
        let mut state = self.state();
        state.outstanding = state.outstanding.saturating_sub(1);
    }

    /// A part of a message went out and more of it follows, or that has begun.
    pub fn partly(&self, more: bool) {
        let mut state = self.state();
        state.partly = if more { state.partly + 1 } else { state.partly.saturating_sub(1) };
    }

    /// Looks for attempts that are stuck.
    pub fn look(&self, bounds: &Bounds, at: Moment, jitter: f64) -> Option<Change> {
        let mut state = self.state();
        let change = state.breaker.look(&bounds.breaker, at.monotonic, jitter);
        state.note(change, Some("attempts are under way and none is answered"), at.wall);
        change
    }

    /// The first time that its day is seen to be over.
    pub fn day_over(&self, bounds: &Bounds, at: Moment) -> bool {
        let mut state = self.state();
        let day = state.today(bounds, at.wall).day;
        let spent = state.spent.get(&day).copied().unwrap_or(0);
        let over = bounds.daily_max.is_some_and(|most| spent >= most) && state.told != Some(day);
        if over {
            state.told = Some(day);
        }
        over
    }

    /// A person pauses it or lets it go on; `false`: it was so already.
    pub fn pause(&self, paused: bool, now: Timestamp) -> bool {
        let mut state = self.state();
        let changed = state.paused.is_some() != paused;
        if changed {
            state.paused = paused.then_some(now);
            state.since = Some(now);
        }
        changed
    }

    /// A person wants a gateway that is down tried at once.
    pub fn try_now(&self, at: Moment) {
        self.state().breaker.try_now(at.monotonic);
    }

    /// How long until something changes by the passing of time.
    pub fn turns(&self, bounds: &Bounds, at: Moment) -> Option<Duration> {
        let mut state = self.state();
        let health = state.breaker.turns(&bounds.breaker, at.monotonic);
        let token = state.bucket(bounds, at.monotonic).and_then(|bucket| bucket.next(at.monotonic));
        let clock = health.into_iter().chain(token).min().map(|moment| moment.saturating_sub(at.monotonic));
        let day = bounds.daily_max.map(|_| state.today(bounds, at.wall).ends.since(at.wall));
        clock.into_iter().chain(day).min()
    }

    pub fn seen(&self, bounds: &Bounds, now: Timestamp) -> Look {
        let mut state = self.state();
        let day = state.today(bounds, now).day;
        Look {
            paused: state.paused,
            health: state.breaker.health(),
            since: state.since,
            words: state.words.clone(),
            outstanding: state.outstanding,
            today: state.spent.get(&day).copied().unwrap_or(0),
        }
    }
}

impl State {
    fn today(&mut self, bounds: &Bounds, now: Timestamp) -> Today {
        match self.today {
            Some(today) if (today.from..today.ends).contains(&now) => today,
            _ => {
                let (day, ends) = Day::of(now, &bounds.zone);
                // Whatever began on another day may go on in this one.
                self.partly = 0;
                *self.today.insert(Today { day, from: now, ends })
            }
        }
    }

    fn bucket(&mut self, bounds: &Bounds, now: Duration) -> Option<&mut Bucket> {
        let rate = bounds.rate?;
        let fits = matches!(&self.bucket, Some((known, _)) if known.total_cmp(&rate).is_eq());
        if !fits {
            let bucket = match &self.bucket {
                Some((_, other)) => other.at_rate(rate, now),
                None => Bucket::new(rate, now),
            };
            self.bucket = Some((rate, bucket));
        }
        self.bucket.as_mut().map(|(_, bucket)| bucket)
    }

    fn note(&mut self, change: Option<Change>, words: Option<&str>, now: Timestamp) {
        match change {
            Some(Change::Down { .. }) => {
                self.since = Some(now);
                self.words = words.map(str::to_owned);
            }
            Some(Change::Up) => {
                self.since = Some(now);
                self.words = None;
            }
            // It is the same trouble still.
            Some(Change::Trial) | None => {}
        }
    }
}
