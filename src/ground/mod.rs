//! The ground every room stands on: time, ids, secrets, retry intervals, outcomes.
//!
//! Nothing here knows mail, texts or storage.

pub mod backoff;
pub mod clock;
pub mod id;
pub mod outcome;
pub mod secret;
pub mod written;

pub use backoff::Backoff;
pub use clock::{Clock, Hand, Timestamp};
pub use id::{AccountName, GatewayId, MessageId};
pub use outcome::{Enhanced, Fault, Outcome, RemoteId, Scope};
pub use secret::Secret;
