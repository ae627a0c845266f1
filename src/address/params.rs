//! Parameters of an `sms:` address (behind `?`, joined by `&`).
use super::{Mailbox, SenderId};
use crate::ground::{GatewayId, Secret};

/// Who claims to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Every reading of the user's name (`%` and `/` may stand for `@`), as written first.
    pub users: Vec<String>,
    pub pass: Secret<String>,
}

/// All parameters, decoded and checked one by one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Params {
    pub credentials: Option<Credentials>,
    /// 1–128.
    pub maxmsgs: Option<u8>,
    pub binary: bool,
    /// Information elements without the length octet.
    pub udh: Option<Vec<u8>>,
    pub pid: Option<u8>,
    pub dcs: Option<u8>,
    pub sender: Option<SenderId>,
    pub authenticated: bool,
    pub reply: Option<Mailbox>,
    pub id: Option<GatewayId>,
    pub value: Vec<String>,
    pub body: Option<String>,
    pub msgid: Option<String>,
}
