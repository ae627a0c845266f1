//! The ground every room stands on: time, ids, secrets, retry intervals, outcomes, values that are replaced while they are read.
//!
//! Nothing here knows mail, texts or storage.

pub mod backoff;
pub mod clock;
pub mod id;
pub mod outcome;
pub mod secret;
pub mod swap;
pub mod written;

pub use backoff::Backoff;
pub use clock::{Clock, Hand, Timestamp};
pub use id::{AccountName, GatewayId, MessageId};
pub use outcome::{Enhanced, Fault, Outcome, RemoteId, Scope};
pub use secret::Secret;
pub use swap::Swap;
