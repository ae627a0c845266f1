//! `type = "modem"`: any device of 3GPP TS 27.005 on a serial port or TCP, in PDU mode.
//!
//! The dialogue (`dialogue`) knows neither line nor clock; `session` opens the line, keeps it going and opens it again
//! when it breaks. What can go wrong: everything that hangs on a cable. A modem that is gone, silent or unfit answers its
//! texts with *later*, so that other gateways take them, and comes back by itself.

/// `Debug` that names a type and shows nothing of what it holds: numbers, texts, PINs.
macro_rules! named {
    ($kind:ident) => {
        impl std::fmt::Debug for $kind {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(stringify!($kind))
            }
        }
    };
}

pub mod answer;
pub mod balance;
pub mod dialogue;
pub mod fault;
mod job;
mod line;
mod masked;
mod pin;
pub mod port;
mod reference;
mod session;
pub mod sim;
mod suspects;
pub mod talk;
mod told;

use std::path::PathBuf;

use tokio::sync::{mpsc, watch};

pub use self::{balance::Balance, port::Device};
use super::{Gateway, Split, Traits, inbox::Inbox};
use crate::ground::{Clock, GatewayId, Secret};

/// A modem as configured.
#[derive(Clone)]
pub struct Settings {
    pub device: Device,
    pub baud: u32,
    pub pin: Option<Secret<String>>,
    pub smsc: Option<String>,
    pub storage: Option<String>,
    /// Texts come at once and are acknowledged to the network instead of being stored in the modem.
    pub direct: bool,
    pub receive: bool,
    /// Status reports are asked for.
    pub receipts: bool,
    pub balance: Option<Balance>,
    /// Where is remembered that a PIN was refused.
    pub state: PathBuf,
    /// Folders in which a modem is looked for by IMEI or IMSI.
    pub search: Vec<PathBuf>,
    /// Texts under way at once.
    pub window: usize,
    pub clock: Clock,
}

named!(Settings);

impl Settings {
    /// With everything as it is by default.
    pub fn new(device: Device, state: PathBuf, clock: Clock) -> Self {
        Self {
            device,
            baud: 115_200,
            pin: None,
            smsc: None,
            storage: None,
            direct: false,
            receive: true,
            receipts: true,
            balance: None,
            state,
            search: vec![PathBuf::from("/dev/serial/by-id"), PathBuf::from("/dev")],
            window: 10,
            clock,
        }
    }

    /// What such a gateway can do.
    pub fn traits(&self) -> Traits {
        Traits {
            split: Split::Udh,
            binary: true,
            shift_tables: true,
            receipts: self.receipts,
            sender: false,
            window: self.window.max(1),
            idempotent: false,
        }
    }

    fn setup(&self) -> dialogue::Setup {
        dialogue::Setup {
            has_pin: self.pin.is_some(),
            smsc: self.smsc.clone(),
            storage: self.storage.clone(),
            direct: self.direct,
            receive: self.receive,
        }
    }
}

/// Starts the task of one modem.
pub(super) fn start(id: GatewayId, settings: Settings, inbox: Inbox) -> Gateway {
    let traits = settings.traits();
    let (jobs, queue) = mpsc::channel(traits.window);
    let (declared, traits) = watch::channel(traits);
    let (shown, trouble) = watch::channel(None);
    let told = told::Told::new(id.clone(), shown);
    let session = session::Session::new(settings, inbox, id.clone(), told);
    let task = tokio::spawn(async move {
        session.run(queue).await;
        drop(declared);
    });
    Gateway { id, traits, trouble, jobs, task }
}
