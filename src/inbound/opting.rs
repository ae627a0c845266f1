//! Phones that want no more texts: the list, and by which of ours they are on it.

use super::{Inbound, Inner};
use crate::{
    address::{Destination, Originator},
    ground::GatewayId,
    observe::{self, METRICS, metrics::Metrics},
    routing::Ours,
    store::{Down, How, Opting},
};

impl Inbound {
    /// The network's own word: a phone opts out of texts from our number there, or takes them again; `false`: it was so
    /// already.
    pub async fn opt(
        &self,
        gateway: &GatewayId,
        phone: &Originator,
        number: Option<&str>,
        out: bool,
    ) -> Result<bool, Down> {
        let Some(phone) = phone_of(phone) else { return Ok(false) };
        let changes = self.0.opting(gateway, phone, number, out, How::Provider);
        let changed = self.0.store.opt(changes).await?.contains(&true);
        if changed {
            voice(gateway, phone, out, How::Provider);
        }
        Ok(changed)
    }
}

impl Inner {
    /// The lines of the list that a phone's word changes: of the number that it dialled, as far as it is one of ours. One
    /// that no gateway is configured with stands for the gateway's own beside it, or the phone would get texts from that.
    pub(super) fn opting(
        &self,
        gateway: &GatewayId,
        phone: &str,
        dialled: Option<&str>,
        out: bool,
        how: How,
    ) -> Vec<Opting> {
        let gateways = self.settings.gateways.now();
        let own = Ours::of(gateway, gateways.numbers.get(gateway).map(String::as_str));
        let dialled = dialled.and_then(Ours::number).filter(|dialled| *dialled != own);
        let known = |number: &Ours| gateways.numbers.values().any(|n| Ours::number(n).as_ref() == Some(number));
        let all = match dialled {
            Some(number) if known(&number) => vec![number],
            Some(number) => vec![own, number],
            None => vec![own],
        };
        all.into_iter().map(|ours| Opting { phone: phone.to_owned(), ours, out, how }).collect()
    }

    /// By which of ours a text of Martlet's own can go: by this gateway, or by any that sends.
    pub(super) fn candidates_of_own(&self, gateway: Option<&GatewayId>) -> Vec<Ours> {
        let gateways = self.settings.gateways.now();
        let ours = |id: &GatewayId| Ours::of(id, gateways.numbers.get(id).map(String::as_str));
        match gateway {
            Some(id) => vec![ours(id)],
            None => gateways.sends.iter().map(ours).collect(),
        }
    }
}

/// What can be written to: no names.
pub(super) fn phone_of(from: &Originator) -> Option<&str> {
    match from {
        Originator::Number(_) | Originator::Digits(_) => Some(from.as_str()),
        Originator::Name(_) => None,
    }
}

/// Says that the list has changed.
pub(super) fn voice(gateway: &GatewayId, phone: &str, out: bool, how: How) {
    let masked = Destination::try_from(phone.to_owned()).map_or_else(|_| "***".to_owned(), |to| to.masked());
    observe::log::opting(Some(gateway), &masked, out, how.word());
    Metrics::count(&METRICS.opt_outs, if out { how.word() } else { "again" });
}
