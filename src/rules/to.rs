//! The `To:` that rules see: `number[@gateway][&name=value…]`.
//!
//! `@@` counts as `@`, an empty value means none. After the rules the part behind `@` is a gateway, a group, or an
//! address of a mail domain; which of them is the journey's to know.

/// `To:` taken apart.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct To {
    pub number: String,
    /// Behind the `@`.
    pub at: Option<String>,
    pub params: Vec<(String, String)>,
}

/// Without the number and what parameters hold.
impl std::fmt::Debug for To {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "To(@{:?}, params[{}])", self.at, self.params.len())
    }
}

impl To {
    /// Takes a rewritten value apart.
    pub fn read(written: &str) -> Self {
        let mut pieces = written.trim().split('&');
        let (address, params) = (pieces.next().unwrap_or_default(), pieces);
        let (number, at) = address.split_once('@').unwrap_or((address, ""));
        let at = at.trim_start_matches('@').trim();
        let param = |piece: &str| {
            let (name, value) = piece.split_once('=')?;
            let (name, value) = (name.trim().to_ascii_lowercase(), value.trim().to_owned());
            (!name.is_empty() && !value.is_empty()).then_some((name, value))
        };
        Self {
            number: number.trim().to_owned(),
            at: (!at.is_empty()).then(|| at.to_owned()),
            params: params.filter_map(param).collect(),
        }
    }

    /// A parameter's value.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().rev().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

impl std::fmt::Display for To {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.number)?;
        if let Some(at) = &self.at {
            write!(f, "@{at}")?;
        }
        self.params.iter().try_for_each(|(name, value)| write!(f, "&{name}={value}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        for (written, number, at, params) in [
            ("+12025550123", "+12025550123", None, 0),
            ("+12025550123@main", "+12025550123", Some("main"), 0),
            ("+12025550123@@main&sender=%2B1&x=", "+12025550123", Some("main"), 1),
            ("+12025550123@", "+12025550123", None, 0),
            (" +1 @ a.example&Sender=Acme&sender=Other", "+1", Some("a.example"), 2),
        ] {
            let to = To::read(written);
            assert_eq!((to.number.as_str(), to.at.as_deref(), to.params.len()), (number, at, params), "{written}");
            assert_eq!(To::read(&to.to_string()), to, "{written}");
        }
        assert_eq!(To::read("1&sender=a&SENDER=b").param("sender"), Some("b"));
    }
}
