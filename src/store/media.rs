//! Pictures and the like that came with a text and are fetched from elsewhere, before a mail is made of it.

use std::sync::Arc;

use crate::{
    ground::{GatewayId, MessageId, Timestamp},
    mail::{Elsewhere, MediaType},
};

/// A segment whose media are to be fetched.
#[derive(Debug, Clone)]
pub struct Due {
    pub segment: MessageId,
    pub gateway: GatewayId,
    /// When it was taken.
    pub since: Timestamp,
    /// Octets that are here already.
    pub have: u64,
    pub pieces: Vec<Piecemeal>,
}

/// One piece to fetch.
#[derive(Debug, Clone)]
pub struct Piecemeal {
    /// Its place, from 0.
    pub n: u8,
    pub kind: Option<MediaType>,
    pub from: Elsewhere,
    /// How often it was tried.
    pub tries: u32,
    /// Why it is not here yet.
    pub why: Option<String>,
}

/// What became of fetching a piece.
#[derive(Debug, Clone)]
pub struct Fetched {
    pub segment: MessageId,
    pub gateway: GatewayId,
    pub n: u8,
    pub outcome: Fetch,
}

#[derive(Clone)]
pub enum Fetch {
    Here {
        kind: MediaType,
        name: Option<String>,
        data: Arc<[u8]>,
    },
    /// It will not come: why, in plain words.
    Missing(String),
    /// There is nothing to be told of: it was the layout of the message.
    Nothing,
    Later {
        at: Timestamp,
        tries: u32,
        why: String,
    },
}

/// Without names and reasons.
impl std::fmt::Debug for Fetch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Here { kind, data, .. } => write!(f, "Here({kind}, [{}])", data.len()),
            Self::Missing(_) => f.write_str("Missing"),
            Self::Nothing => f.write_str("Nothing"),
            Self::Later { tries, .. } => write!(f, "Later({tries})"),
        }
    }
}
