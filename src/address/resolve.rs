//! From a RCPT path to phones.
//!
//! Only recipients at a configured SMS domain, or matched by `[[address]]`, resolve: Martlet is no relay. What can go
//! wrong: a bare local part that merely contains digits (`bob5551234567`) must not become a phone.

use std::collections::HashMap;

use super::{AddressError, Helper, NumberError, Numbering, Path, Target, params, uri};
use crate::ground::AccountName;

/// What addresses resolve by.
#[derive(Debug, Clone)]
pub struct Domains {
    /// SMS domains, IDNA ASCII, lower case.
    pub domains: Vec<String>,
    /// Scheme names, `sms` first.
    pub prefixes: Vec<String>,
    pub bare_numbers: bool,
    pub numbering: Numbering,
    /// `[[address]]` by their address in lower case; see [`super::helper::read`].
    pub helpers: HashMap<String, Helper>,
}

#[derive(Debug, Clone)]
pub enum Resolution {
    Phones {
        targets: Vec<Target>,
        helper: Option<AccountName>,
    },
    /// `postmaster@` and `abuse@` of an SMS domain.
    Postmaster,
    /// Not at any of our domains: `550 5.1.2`.
    Foreign,
    Refused(AddressError),
}

/// What separates a local part from its extension.
const DELIMITER: char = '+';
impl Domains {
    /// Resolves one recipient.
    pub fn resolve(&self, path: &Path) -> Resolution {
        let Some(domain) = &path.domain else {
            return Resolution::Postmaster;
        };
        let ours = self.domains.contains(domain);
        let is = |name: &str| path.local.eq_ignore_ascii_case(name);
        if ours && (is("postmaster") || is("abuse")) {
            return Resolution::Postmaster;
        }
        if let Some(resolution) = self.by_helper(&path.local, domain) {
            return resolution;
        }
        match ours {
            true => self.by_number(&path.local).map_or_else(Resolution::Refused, |target| phones(vec![target], None)),
            false => Resolution::Foreign,
        }
    }

    /// The entry that matches an address, whole or as the front of an extension.
    pub fn helper(&self, path: &Path) -> Option<&Helper> {
        let domain = path.domain.as_deref()?;
        self.find_helper(&path.local, domain).map(|(helper, _)| helper)
    }

    fn find_helper<'a>(&self, local: &'a str, domain: &str) -> Option<(&Helper, Option<&'a str>)> {
        if self.helpers.is_empty() {
            return None;
        }
        let by = |local: &str| self.helpers.get(&format!("{}@{domain}", local.to_lowercase()));
        if let Some(helper) = by(local).filter(|helper| !helper.to.is_empty()) {
            return Some((helper, None));
        }
        // A local part may hold the delimiter itself: the shortest front that is an entry counts.
        local.match_indices(DELIMITER).take(4).find_map(|(at, _)| {
            let helper = by(&local[..at]).filter(|helper| helper.extension.is_some())?;
            Some((helper, Some(&local[at + DELIMITER.len_utf8()..])))
        })
    }

    fn by_helper(&self, local: &str, domain: &str) -> Option<Resolution> {
        let (helper, extension) = self.find_helper(local, domain)?;
        let account = Some(helper.account.clone());
        let Some(extension) = extension else {
            return Some(phones(helper.to.clone(), account));
        };
        let params = helper.extension.clone().unwrap_or_default();
        // Parameters are the administrator's: an extension is a number and nothing else.
        let target = match looks_like_a_number(extension) {
            true => uri::parse_rest(extension, &self.numbering).map(|target| Target { to: target.to, params }),
            false => Err(NumberError::NotANumber.into()),
        };
        Some(target.map_or_else(Resolution::Refused, |target| phones(vec![target], account)))
    }

    /// `sms:…` or a bare number at one of our domains.
    fn by_number(&self, local: &str) -> Result<Target, AddressError> {
        let local = local.trim();
        let rest = match uri::without_scheme(local, self.prefixes.iter().map(String::as_str)) {
            Some(rest) => rest,
            None if !looks_like_a_number(local.split('?').next().unwrap_or_default()) => {
                return Err(NumberError::NotANumber.into());
            }
            None if self.bare_numbers => local,
            None => return Err(AddressError::Syntax("numbers are written with sms: in front here")),
        };
        let target = uri::parse_rest(rest, &self.numbering)?;
        match target.params.body {
            Some(_) => Err(params::bad("body", "is the mail's own business")),
            None => Ok(target),
        }
    }
}

fn phones(targets: Vec<Target>, helper: Option<AccountName>) -> Resolution {
    Resolution::Phones { targets, helper }
}

/// Digits and what stands between them: no letters, so that no name becomes a phone.
fn looks_like_a_number(written: &str) -> bool {
    let written = written.trim();
    written.starts_with(|c: char| c.is_ascii_digit() || c == '+' || c == '(')
        && written.chars().all(|c| c.is_ascii_digit() || "+-.() ,".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::helper::{
        self,
        tests::{entry, numbering},
    };

    fn domains() -> Domains {
        let entries = [
            entry("OnCall@sms.example.com", &["sms:+15551234567?maxmsgs=2"]),
            entry("team@example.com", &["sms:+15551234567,+15557654321", "oncall@sms.example.com"]),
            entry("sms@example.com", &["sms:{extension}?maxmsgs=1"]),
        ];
        Domains {
            domains: vec!["sms.example.com".into(), "xn--bcher-kva.example".into()],
            prefixes: vec!["sms".into(), "text".into()],
            bare_numbers: true,
            numbering: numbering(),
            helpers: helper::read(&entries, &numbering()).expect("helpers"),
        }
    }

    /// Phones joined by blanks, or the reason.
    fn resolved(domains: &Domains, address: &str) -> String {
        match domains.resolve(&address.parse().expect(address)) {
            Resolution::Phones { targets, helper } => {
                let phones: Vec<_> = targets.iter().flat_map(|t| &t.to).map(|d| d.as_str().to_owned()).collect();
                let helper = helper.map(|h| format!(" by {h}")).unwrap_or_default();
                phones.join(" ") + &helper
            }
            Resolution::Postmaster => "postmaster".into(),
            Resolution::Foreign => "foreign".into(),
            Resolution::Refused(why) => why.to_string(),
        }
    }

    #[test]
    fn forms_that_resolve() {
        let domains = domains();
        for local in [
            "\"sms:+15551234567\"",
            "sms:+15551234567",
            "SMS:+15551234567",
            "text:+15551234567",
            "+15551234567",
            "15551234567",
            "5551234567",
            "\"sms:+15551234567?maxmsgs=3&sender=Acme\"",
            "sms:+15551234567?maxmsgs=3",
            "\"+1 (555) 123-4567\"",
            "sms:+1 (555) 123-4567",
            "+1.555.123.4567",
            "sms:01115551234567",
            "555-123-4567",
            "sms:%2B15551234567",
        ] {
            assert_eq!(resolved(&domains, &format!("{local}@sms.example.com")), "+15551234567", "{local}");
        }
        assert_eq!(resolved(&domains, "sms:+15551234567,+15557654321@sms.example.com"), "+15551234567 +15557654321");
        assert_eq!(resolved(&domains, "sms:+15551234567@Bücher.Example"), "+15551234567");
        assert_eq!(resolved(&domains, "sms:12345@sms.example.com"), "12345");
    }

    #[test]
    fn what_does_not_resolve() {
        let mut domains = domains();
        for (address, why) in [
            ("bob@sms.example.com", "this is not a phone number"),
            ("bob5551234567@sms.example.com", "this is not a phone number"),
            ("5551234567bob@sms.example.com", "this is not a phone number"),
            ("911@sms.example.com", "emergency numbers get no texts"),
            ("sms:@sms.example.com", "no number given"),
            ("sms:+1555?x=1@sms.example.com", "parameter x is not known"),
            ("\"sms:+15551234567?body=x\"@sms.example.com", "parameter body is the mail's own business"),
            ("alice@example.com", "foreign"),
            ("sms:+15551234567@example.org", "foreign"),
            ("sms:+15551234567@[192.0.2.1]", "foreign"),
        ] {
            assert_eq!(resolved(&domains, address), why, "{address}");
        }
        domains.bare_numbers = false;
        assert_eq!(resolved(&domains, "5551234567@sms.example.com"), "numbers are written with sms: in front here");
        assert_eq!(resolved(&domains, "sms:5551234567@sms.example.com"), "+15551234567");
    }

    #[test]
    fn postmaster_needs_no_phone() {
        let domains = domains();
        for address in ["postmaster", "PostMaster@sms.example.com", "abuse@sms.example.com"] {
            assert_eq!(resolved(&domains, address), "postmaster");
        }
        assert_eq!(resolved(&domains, "postmaster@example.com"), "foreign");
    }

    #[test]
    fn helpers_stand_for_phones() {
        let domains = domains();
        assert_eq!(resolved(&domains, "oncall@sms.example.com"), "+15551234567 by ops");
        assert_eq!(resolved(&domains, "TEAM@example.com"), "+15551234567 +15557654321 by ops");
        for address in ["sms+15551234567@example.com", "sms++15551234567@example.com", "SMS+555-123-4567@example.com"] {
            assert_eq!(resolved(&domains, address), "+15551234567 by ops", "{address}");
        }
        assert_eq!(resolved(&domains, "sms+bob@example.com"), "this is not a phone number");
        assert_eq!(resolved(&domains, "sms+15551234567?pass=x@example.com"), "this is not a phone number");
        assert_eq!(resolved(&domains, "sms@example.com"), "foreign");
        assert_eq!(resolved(&domains, "oncall+15551234567@sms.example.com"), "this is not a phone number");
        let path: Path = "sms+15551234567@example.com".parse().expect("a path");
        assert_eq!(domains.helper(&path).and_then(|h| h.extension.as_ref()).and_then(|p| p.maxmsgs), Some(1));
    }
}
