//! Routing: under which key a message waits, which of several gateways takes it, and whether a gateway is well.
//!
//! | question | file |
//! |---|---|
//! | under which key does it wait, or why will nobody carry it? | `table`, `route`, `class`, `area` |
//! | what does a phone opt out of? | `ours` |
//! | who of those that pull from that key takes it? | `choose` |
//! | how many requests a second? | `bucket` |
//! | is the gateway well? | `breaker` |
//!
//! Pure: the journeys and the dispatcher supply what must be known, the time and the randomness. `docs/gateways.md`
//! tells it with an example.

mod area;
pub mod breaker;
mod bucket;
mod choose;
mod class;
mod ours;
mod route;
mod table;

pub use area::{Area, Costs, Price, Reach, is_price_prefix};
pub use breaker::Breaker;
pub use bucket::Bucket;
pub use choose::{Candidate, Choice, choose};
pub use class::Class;
pub use ours::Ours;
pub use route::{BadRewrite, Dialled, Rewrite, Route, whole};
pub use table::{Ask, NoWay, Placement, Shows, Table, Target, Way};
