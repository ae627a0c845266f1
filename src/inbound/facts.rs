//! What rules are told of a phone's text. Pure.

use crate::{
    address::Originator,
    ground::Timestamp,
    rules::{Direction, Facts, to::To},
};

/// One text, behind its tag.
#[derive(Clone, Copy)]
pub struct Heard<'a> {
    /// The phone.
    pub from: &'a Originator,
    /// That it came by.
    pub gateway: &'a str,
    /// Ours, that the phone wrote to.
    pub number: Option<&'a str>,
    pub words: &'a str,
    /// It is data and no words.
    pub binary: bool,
    pub now: Timestamp,
}

impl Heard<'_> {
    /// Everything that is known, but for rates.
    pub fn facts(&self) -> Facts {
        let region = self.from.number().and_then(|number| Some(number.region()?.as_str().to_owned()));
        Facts {
            to: To { number: self.number.unwrap_or_default().to_owned(), ..To::default() },
            size: self.words.len() as u64,
            body: self.words.to_owned(),
            binary: self.binary,
            gateway: Some(self.gateway.to_owned()),
            originator: Some(self.from.as_str().to_owned()),
            originator_region: region,
            ..Facts::empty(Direction::In, self.now)
        }
    }
}
