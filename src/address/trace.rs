//! The hosts of ours that a message went through, as a mail or a request between two Martlets names them.
//!
//! Whoever finds its own name there has a loop before it. What can go wrong: a list that a stranger wrote; it is bounded,
//! and what is no host name is left out.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::domain;

/// Hosts, the first one first. At most [`Trace::MOST`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Trace(Vec<String>);

impl Trace {
    /// A message that went through so many is in a loop.
    pub const MOST: usize = 10;

    /// Reads one or several lists of host names, separated by commas.
    pub fn read<'a>(lists: impl IntoIterator<Item = &'a str>) -> Self {
        let hosts = lists.into_iter().flat_map(|list| list.split(',')).filter_map(|host| domain::ascii(host.trim()));
        Self(hosts.take(Self::MOST).collect())
    }

    /// Has it been at the host of this name, or at too many?
    pub fn loops_at(&self, host: &str) -> bool {
        self.0.len() >= Self::MOST || self.0.iter().any(|seen| seen.eq_ignore_ascii_case(host))
    }

    /// Has it been here, or at too many?
    pub fn loops_here(&self, node: &Node) -> bool {
        self.loops_at(&node.name) || self.loops_at(&node.hostname)
    }

    /// With this one as the last.
    pub fn through(&self, node: &Node) -> Self {
        let mut hosts = self.0.clone();
        hosts.push(node.name.clone());
        Self(hosts)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// `a.example, b.example`.
impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}

/// One running Martlet: its host, and a name that no other has, not even one of the same host name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    name: String,
    hostname: String,
}

impl Node {
    /// `salt` tells it from others of its host name.
    pub fn new(hostname: &str, salt: u32) -> Self {
        Self { name: format!("{salt:08x}.{hostname}").to_ascii_lowercase(), hostname: hostname.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_read_bounded_and_found_again() {
        let trace = Trace::read(["a.example, B.example", "c d, x\r\ny,, sms.bücher.example"]);
        assert_eq!(trace.to_string(), "a.example, b.example, sms.xn--bcher-kva.example");
        assert!(trace.loops_at("b.example") && trace.loops_at("A.EXAMPLE") && !trace.loops_at("c.example"));
        let (here, there) = (Node::new("c.example", 1), Node::new("c.example", 2));
        let went = Trace::read([trace.through(&here).to_string().as_str()]);
        assert!(went.loops_here(&here) && !went.loops_here(&there), "another of the same name is another");
        assert!(Trace::read(["c.example"]).loops_here(&here), "a mail of ours names the host alone");
        let many = "h.example,".repeat(1_000);
        assert!(Trace::read([many.as_str()]).loops_at("other.example"), "too many is a loop too");
        assert!(Trace::read([""]).is_empty());
    }
}
