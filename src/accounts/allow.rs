//! What a sender may do: the allowance, and whether a wish is within it.

use std::time::Duration;

use super::{Count, Limit, Pace, Row, Table, Wording};
use crate::{
    address::{Destination, Mailbox, Number, Params, Region, SenderId},
    ground::{AccountName, Enhanced, GatewayId, Timestamp},
    routing::Class,
};

/// A sender's rights, put together from its rows.
#[derive(Debug, Clone)]
pub struct Allowance {
    /// Who sends.
    pub who: AccountName,
    /// Whose counter is charged.
    pub pool: AccountName,
    pub limit: Limit,
    pub count: Count,
    /// With whose counter it is.
    pub rate: Option<(AccountName, Pace)>,
    pub daily: Option<(AccountName, Limit)>,
    pub daily_cost: Option<(AccountName, Limit)>,
    pub max_parts: u8,
    pub regions: Vec<Region>,
    pub short_codes: bool,
    pub premium: bool,
    /// Life of its texts where it is not the usual one.
    pub expire_after: Option<Duration>,
    pub senders: Vec<SenderId>,
    pub phone: Option<Number>,
    /// The sender's own addresses, the main one first.
    pub addresses: Vec<Mailbox>,
    pub gateway: Option<GatewayId>,
    /// The routes of these are open to it; at least one.
    pub classes: Vec<Class>,
    /// Rather not at all than without the wished sender.
    pub sender_required: bool,
    pub value: bool,
    pub wording: Wording,
}

/// What a message asks for.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    pub to: &'a Destination,
    pub params: &'a Params,
}

/// Why not. `Display` is fit for an SMTP reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denied {
    /// No row speaks for this sender.
    NoAccount,
    Inactive,
    Expired,
    Region(Option<Region>),
    ShortCode,
    Premium,
    Sender,
    Value,
    Gateway,
    ReplyAddress,
}

impl Denied {
    /// The enhanced code that fits.
    pub fn code(&self) -> Enhanced {
        Enhanced::new(5, 7, 1)
    }
}

impl std::fmt::Display for Denied {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let words = match self {
            Self::NoAccount => "this sender has no account for texting",
            Self::Inactive => "this account is switched off",
            Self::Expired => "this account has expired",
            Self::Region(Some(region)) => {
                return write!(f, "this account may not text numbers of region {}", region.as_str());
            }
            Self::Region(None) => "this account may not text numbers of no region",
            Self::ShortCode => "this account may not text short codes",
            Self::Premium => "this account may not text premium-rate numbers",
            Self::Sender => "this account may not show that originator (parameter sender)",
            Self::Value => "this account may not pass parameters to the gateway (parameter value)",
            Self::Gateway => "this account sends by another gateway (parameter id)",
            Self::ReplyAddress => "replies may go to the account's own addresses only (parameter reply)",
        };
        f.write_str(words)
    }
}

impl Table {
    pub(super) fn caps_parts(&self, who: &AccountName) -> bool {
        field(&self.speaking_for(who), |r| r.max_parts).is_some()
    }

    pub(super) fn allowance(&self, who: &AccountName, now: Timestamp) -> Result<Allowance, Denied> {
        let rows = self.speaking_for(who);
        if rows.is_empty() {
            return Err(Denied::NoAccount);
        }
        if field(&rows, |r| r.active) == Some(false) {
            return Err(Denied::Inactive);
        }
        if field(&rows, |r| r.expires).is_some_and(|end| end <= now) {
            return Err(Denied::Expired);
        }
        Ok(self.gathered(who, &rows))
    }

    /// Field by field from the rows that speak for the sender, most precise first.
    pub(super) fn gathered(&self, who: &AccountName, rows: &[(AccountName, &Row)]) -> Allowance {
        let limited_by = rows.iter().find(|(_, row)| row.monthly_max.is_some());
        let pool = limited_by.map_or_else(|| who.clone(), |row| pool(who, row));
        Allowance {
            who: who.clone(),
            pool,
            limit: limited_by.and_then(|(_, row)| row.monthly_max).unwrap_or(Limit::Unlimited),
            count: field(rows, |r| r.count).unwrap_or_default(),
            rate: pooled(who, rows, |r| r.rate),
            daily: pooled(who, rows, |r| r.daily_max),
            daily_cost: pooled(who, rows, |r| r.daily_cost),
            max_parts: field(rows, |r| r.max_parts).unwrap_or(self.max_parts),
            regions: field(rows, |r| r.regions.clone()).unwrap_or_else(|| vec![self.region]),
            short_codes: field(rows, |r| r.short_codes).unwrap_or(false),
            premium: field(rows, |r| r.premium).unwrap_or(false),
            expire_after: field(rows, |r| r.expire_after),
            senders: field(rows, |r| r.senders.clone()).unwrap_or_default(),
            phone: field(rows, |r| r.phone.clone()),
            addresses: own_addresses(who, rows),
            gateway: field(rows, |r| r.gateway.clone()),
            classes: field(rows, |r| r.classes.clone()).unwrap_or_else(|| vec![Class::global()]),
            sender_required: field(rows, |r| r.sender_required).unwrap_or(false),
            value: field(rows, |r| r.value).unwrap_or(false),
            wording: rows.iter().fold(Wording::default(), |wording, (_, row)| wording.or(&row.wording)),
        }
    }
}

/// Whose counter a limit of this row uses.
fn pool(who: &AccountName, (name, row): &(AccountName, &Row)) -> AccountName {
    if row.shared { name.clone() } else { who.clone() }
}

/// A limit, and whose counter it uses.
fn pooled<T>(
    who: &AccountName,
    rows: &[(AccountName, &Row)],
    pick: impl Fn(&Row) -> Option<T>,
) -> Option<(AccountName, T)> {
    rows.iter().find_map(|row| pick(row.1).map(|limit| (pool(who, row), limit)))
}

fn field<T>(rows: &[(AccountName, &Row)], pick: impl Fn(&Row) -> Option<T>) -> Option<T> {
    rows.iter().find_map(|(_, row)| pick(row))
}

/// The account's own address first: its name where that is one, else its `reply`; then its `addresses`. These come
/// from the sender's own row alone: a domain's list would let each of its members write as any other.
fn own_addresses(who: &AccountName, rows: &[(AccountName, &Row)]) -> Vec<Mailbox> {
    let own = rows.iter().find(|(name, _)| name == who).map(|(_, row)| *row);
    let mut all: Vec<Mailbox> = who.as_str().parse().ok().into_iter().collect();
    let further = own.into_iter().flat_map(|row| row.reply.iter().chain(row.addresses.iter().flatten()));
    for address in further {
        if !all.contains(address) {
            all.push(address.clone());
        }
    }
    all
}

impl Allowance {
    /// Is this address the sender's own?
    pub fn owns(&self, address: &Mailbox) -> bool {
        self.addresses.contains(address)
    }

    /// The address that reports and replies fall back to.
    pub fn address(&self) -> Option<&Mailbox> {
        self.addresses.first()
    }

    /// Is the wish within the rights? Quota is decided where it is counted.
    pub fn check(&self, wish: Wish<'_>) -> Result<(), Denied> {
        match wish.to {
            Destination::Short(_) if !self.short_codes => return Err(Denied::ShortCode),
            Destination::Short(_) => {}
            Destination::Number(number) => {
                let region = number.region();
                if !region.is_some_and(|r| self.regions.contains(&r)) {
                    return Err(Denied::Region(region));
                }
                if number.is_premium() && !self.premium {
                    return Err(Denied::Premium);
                }
            }
        }
        let params = wish.params;
        if params.sender.as_ref().is_some_and(|s| !self.may_show(s)) {
            return Err(Denied::Sender);
        }
        if !params.value.is_empty() && !self.value {
            return Err(Denied::Value);
        }
        if let (Some(own), Some(wished)) = (&self.gateway, &params.id)
            && own != wished
        {
            return Err(Denied::Gateway);
        }
        if params.reply.as_ref().is_some_and(|r| !self.owns(r)) {
            return Err(Denied::ReplyAddress);
        }
        Ok(())
    }

    fn may_show(&self, sender: &SenderId) -> bool {
        let own_phone = self
            .phone
            .as_ref()
            .is_some_and(|p| p.as_str().trim_start_matches('+') == sender.as_str().trim_start_matches('+'));
        own_phone || self.senders.contains(sender)
    }
}
