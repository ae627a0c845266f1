//! Errors of modems and networks: whom they concern, whether they last, and what is to be told (TS 27.005 3.2.5, TS 24.011
//! E-2, TS 23.040 9.2.3.22, TS 27.007 9.2).
//!
//! What can go wrong: taking the trouble of a SIM for that of a text bounces everything; taking that of a text for the
//! modem's blocks the queue. 332, 500 and no answer at all may mean that the network has the text.

use super::answer::AtError;
use crate::ground::{Enhanced, Fault, Outcome, Scope};

/// What an error means for one text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// This phone can never be reached so.
    Recipient,
    /// This text can never go so.
    Message,
    /// Later.
    Later,
    /// The network or the line to it: the modem is left alone for a while.
    Network,
    /// The modem or its SIM: nothing goes before somebody mends it.
    Device(Trouble),
    /// The network may have it.
    Unsure,
    /// It is there already.
    Taken,
    /// The network does not know the validity period: once more without one.
    WithoutValidity,
    /// The cause may be the modem or this very text.
    Suspect,
}

/// What is wrong with a modem or its SIM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Trouble {
    NoSim,
    SimFailure,
    PinWanted,
    PinRefused,
    Puk,
    Locked,
    /// The network refuses what this SIM sends: barred, not subscribed, or no credit.
    Barred,
    /// The network does not register it.
    Denied,
    Full,
    NoSmsc,
    NoPduMode,
    Refuses,
}

impl Trouble {
    /// A word for logs and metrics.
    pub fn word(self) -> &'static str {
        match self {
            Self::NoSim => "no-sim",
            Self::SimFailure => "sim-failure",
            Self::PinWanted => "pin-wanted",
            Self::PinRefused => "pin-refused",
            Self::Puk => "puk",
            Self::Locked => "locked",
            Self::Barred => "barred",
            Self::Denied => "denied",
            Self::Full => "full",
            Self::NoSmsc => "no-smsc",
            Self::NoPduMode => "no-pdu-mode",
            Self::Refuses => "refuses",
        }
    }

    /// What it is and what to do, for a person.
    pub fn words(self) -> &'static str {
        match self {
            Self::NoSim => "there is no SIM in the modem",
            Self::SimFailure => "the SIM cannot be read; take it out and put it in again, or try another one",
            Self::PinWanted => "the SIM wants a PIN and none is configured: set `pin`",
            Self::PinRefused => {
                "the SIM has refused the PIN; it is not tried again before `pin` changes, because three tries lock the SIM"
            }
            Self::Puk => "the SIM is locked and wants its PUK; unlock it in a phone",
            Self::Locked => "the modem is locked to another SIM or network",
            Self::Barred => "the network refuses what this SIM sends: it is barred, not subscribed, or without credit",
            Self::Denied => "the network does not let this SIM in: it is barred, unknown there, or has no roaming",
            Self::Full => "the memory for texts is full",
            Self::NoSmsc => "the number of the service centre is not known: set `smsc`",
            Self::NoPduMode => "the modem has no PDU mode",
            Self::Refuses => "the modem refuses one text after the other",
        }
    }
}

/// `+CMS ERROR`.
pub fn cms(code: u16) -> Class {
    use Class::{Later, Message, Network, Recipient, Suspect, Taken, Unsure, WithoutValidity};
    match code {
        1 | 30 | 195 | 196 => Recipient,
        8 | 10 | 28 | 29 | 50 | 193 => Class::Device(Trouble::Barred),
        21 => Suspect,
        22 | 27 | 41 | 81 | 127 | 192 | 194 | 210 | 211 | 212 | 255 => Later,
        38 | 42 | 47 | 331 => Network,
        69 | 95 | 96 | 97 | 98 | 99 | 111 | 128 | 129 | 130 | 143 | 144 | 145 | 159 | 160 | 161 | 175 | 176 | 213
        | 304 | 305 => Message,
        197 => Taken,
        198 | 199 => WithoutValidity,
        208 | 322 => Class::Device(Trouble::Full),
        209 | 310 => Class::Device(Trouble::NoSim),
        311 => Class::Device(Trouble::PinWanted),
        312 | 317 | 318 => Class::Device(Trouble::Locked),
        313 | 315 | 320 => Class::Device(Trouble::SimFailure),
        316 => Class::Device(Trouble::Puk),
        314 | 515 => Network,
        330 => Class::Device(Trouble::NoSmsc),
        332 | 500 => Unsure,
        _ => Suspect,
    }
}

/// `+CME ERROR`.
pub fn cme(code: u16) -> Class {
    match code {
        10 => Class::Device(Trouble::NoSim),
        11 => Class::Device(Trouble::PinWanted),
        12 => Class::Device(Trouble::Puk),
        13 | 15 | 23 => Class::Device(Trouble::SimFailure),
        5 | 17 | 18 | 40..=47 => Class::Device(Trouble::Locked),
        16 => Class::Device(Trouble::PinRefused),
        20 => Class::Device(Trouble::Full),
        14 | 30 | 32 | 515 => Class::Network,
        31 => Class::Unsure,
        24..=27 => Class::Message,
        _ => Class::Suspect,
    }
}

/// What an error means; `submitted`: it came behind the PDU. Before that nothing can be with the network.
pub fn class(error: AtError, submitted: bool) -> Class {
    let class = match error {
        AtError::Plain => Class::Suspect,
        AtError::Cms(code) => cms(code),
        AtError::Cme(code) => cme(code),
    };
    if class == Class::Unsure && !submitted { Class::Suspect } else { class }
}

/// The outcome for the dispatcher. Suspect, taken and what is tried again at once are decided by who counts.
pub fn outcome(class: Class, said: &str) -> Outcome {
    let fault = |scope, class, subject, detail, words: &str| {
        Fault::new(scope, Enhanced::new(class, subject, detail), format!("{words} ({said})"))
    };
    match class {
        Class::Recipient => Outcome::Never(fault(Scope::Recipient, 5, 1, 1, "the network does not know this number")),
        Class::Message => Outcome::Never(fault(Scope::Message, 5, 6, 0, "the network refuses this text")),
        Class::Later | Class::WithoutValidity | Class::Suspect => {
            Outcome::Later(fault(Scope::Message, 4, 4, 0, "the network does not take it now"))
        }
        Class::Network => Outcome::Later(fault(Scope::Gateway, 4, 4, 1, "no way into the network")),
        Class::Device(trouble) => Outcome::Later(fault(Scope::Gateway, 4, 3, 5, trouble.words())),
        Class::Unsure => Outcome::Unsure(fault(Scope::Message, 4, 4, 2, "the network did not say whether it took it")),
        Class::Taken => Outcome::Sent(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table() {
        use Class::{Device, Later, Message, Network, Recipient, Suspect, Taken, Unsure, WithoutValidity};
        for (codes, class) in [
            (&[1, 30, 195, 196][..], Recipient),
            (&[69, 95, 96, 97, 98, 99, 111, 128, 143, 144, 159, 176, 304, 305], Message),
            (&[22, 27, 41, 192, 194, 255], Later),
            (&[38, 42, 47, 314, 331, 515], Network),
            (&[8, 10, 28, 29, 50, 193], Device(Trouble::Barred)),
            (&[208, 322], Device(Trouble::Full)),
            (&[310], Device(Trouble::NoSim)),
            (&[330], Device(Trouble::NoSmsc)),
            (&[332, 500], Unsure),
            (&[197], Taken),
            (&[198, 199], WithoutValidity),
            (&[21, 300, 512, 999], Suspect),
        ] {
            for code in codes {
                assert_eq!(cms(*code), class, "{code}");
            }
        }
        assert_eq!(
            (cme(10), cme(12), cme(30), cme(100)),
            (Device(Trouble::NoSim), Device(Trouble::Puk), Network, Suspect)
        );
    }

    #[test]
    fn nothing_is_unsure_before_the_text_was_handed_over() {
        assert_eq!(class(AtError::Cms(500), false), Class::Suspect);
        assert_eq!(class(AtError::Cms(500), true), Class::Unsure);
        assert!(matches!(outcome(cms(304), "x"), Outcome::Never(fault) if fault.scope == Scope::Message));
        assert!(matches!(outcome(cms(8), "x"), Outcome::Later(fault) if fault.scope == Scope::Gateway));
    }
}
