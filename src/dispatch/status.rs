//! How the gateways stand, for people: `martlet gateways`, the console.

use serde::{Deserialize, Serialize};

use super::{Shared, lane::Lane, roster::Lanes, vitals::Moment};
use crate::{
    ground::{GatewayId, Timestamp},
    routing::breaker::Health,
    store::{Down, Key},
};

/// How a gateway is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    Up,
    Down,
    /// One attempt tries it.
    Trial,
    /// By a person.
    Paused,
    /// It has sent its daily maximum.
    Done,
    /// It does not send, by the configuration.
    Off,
}

/// One gateway.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    pub id: GatewayId,
    pub state: Standing,
    /// Why it is down or paused: a word, and those of the trouble.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// What it says is wrong with it until a person mends it, whatever its state: a word, and words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// Since when it is in this state, if that has changed since the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// When it is tried again, or its day begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Timestamp>,
    pub priority: u32,
    pub weight: u32,
    /// Attempts under way, and how many may be.
    pub under_way: usize,
    pub window: usize,
    /// Segments of today.
    pub today: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daily_max: Option<u64>,
    /// Messages that only it may carry, and those that it may carry as well as others.
    pub waiting: u64,
    pub shared: u64,
}

/// Without the words of the trouble.
impl std::fmt::Debug for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Status({}, {:?})", self.id, self.state)
    }
}

/// All gateways, in order of their names.
///
/// # Errors
/// The store cannot be read.
pub async fn all(shared: &Shared) -> Result<Vec<Status>, Down> {
    let lanes = shared.lanes.now();
    let at = Moment::of(&shared.clock);
    let keys = keys(&lanes, shared.store.sets());
    let waiting = shared.store.waiting(&keys).await?;
    let depth: Vec<(&Key, u64)> = keys.iter().zip(waiting).filter(|(_, n)| *n > 0).collect();
    let mut all: Vec<Status> = lanes.all().iter().map(|lane| of(lane, &lanes, &depth, at)).collect();
    all.extend(lanes.off().iter().map(|id| off(id, &depth)));
    all.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(all)
}

fn keys(lanes: &Lanes, sets: Vec<Key>) -> Vec<Key> {
    let own = lanes.all().iter().map(|lane| &lane.id).chain(lanes.off()).cloned().map(Key::Gateway);
    let groups = lanes.groups().cloned().map(Key::Group);
    own.chain(groups).chain(sets).chain([Key::Any]).collect()
}

fn of(lane: &Lane, lanes: &Lanes, depth: &[(&Key, u64)], at: Moment) -> Status {
    let seen = lane.seen();
    let standing = lane.standing(at);
    let own = |key: &Key| *key == Key::Gateway(lane.id.clone());
    let serves = |key: &Key| !own(key) && lanes.members(key).iter().any(|member| member.id == lane.id);
    let sum = |wanted: &dyn Fn(&Key) -> bool| depth.iter().filter(|(key, _)| wanted(key)).map(|(_, n)| n).sum();
    let said = |word: &str| match &seen.words {
        Some(words) => format!("{word}: {words}"),
        None => word.to_owned(),
    };
    let (state, cause, next) = match seen.health {
        _ if seen.paused.is_some() => (Standing::Paused, Some("by hand".to_owned()), None),
        Health::Down { until, cause } => {
            let next = at.wall + until.saturating_sub(at.monotonic);
            (Standing::Down, Some(said(cause.word())), Some(next))
        }
        Health::Trial(cause) => (Standing::Trial, Some(said(cause.word())), None),
        Health::Up if standing.left == 0 => {
            (Standing::Done, Some("daily_max is reached".to_owned()), Some(standing.day_ends))
        }
        Health::Up => (Standing::Up, None, None),
    };
    Status {
        id: lane.id.clone(),
        state,
        cause,
        trouble: lane.trouble().map(|trouble| format!("{}: {}", trouble.word, trouble.words)),
        since: seen.paused.or(seen.since),
        next,
        priority: lane.settings.priority,
        weight: lane.settings.weight,
        under_way: seen.outstanding,
        window: lane.window(),
        today: seen.today,
        daily_max: lane.settings.bounds.daily_max,
        waiting: sum(&own),
        shared: sum(&serves),
    }
}

fn off(id: &GatewayId, depth: &[(&Key, u64)]) -> Status {
    let own = Key::Gateway(id.clone());
    Status {
        id: id.clone(),
        state: Standing::Off,
        cause: None,
        trouble: None,
        since: None,
        next: None,
        priority: 0,
        weight: 0,
        under_way: 0,
        window: 0,
        today: 0,
        daily_max: None,
        waiting: depth.iter().filter(|(key, _)| **key == own).map(|(_, n)| n).sum(),
        shared: 0,
    }
}
