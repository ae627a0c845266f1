//! Which addresses Martlet lets itself be sent to by others: those of the public Internet, and networks that the
//! configuration names.
//!
//! An address in a provider's call is a stranger's word. Without this a picture could be "fetched" from the router, from the
//! metadata of the machine's cloud, or from Martlet itself (SSRF). Names are resolved once, each address is checked, and only
//! checked ones are connected to, so that a name that changes its mind (DNS rebinding) gains nothing. After the IANA special-purpose
//! registries (RFC 6890 and its updates).

use std::{fmt, net::IpAddr, sync::Arc};

use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Networks that are not the public Internet, or that nobody out there serves anything from.
const CLOSED: [&str; 21] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10", // carriers' NAT, and the metadata of one cloud
    "127.0.0.0/8",
    "168.63.129.16/32", // the host of one cloud, an address like any other
    "169.254.0.0/16",   // link-local, and the metadata of most clouds
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "2001::/23", // Teredo and other things within things
    "2001:db8::/32",
    "2002::/16", // 6to4: another address inside
    "3fff::/20",
    "2620:4f:8000::/48",
];
/// All that is given out of IPv6: what is outside (::1, ::ffff:0:0/96, fc00::/7, fe80::/10, ff00::/8 …) is closed.
const GIVEN_OUT: &str = "2000::/3";
/// Addresses of IPv4 as networks without it see them (RFC 6052): as closed as what is inside.
const TRANSLATED: &str = "64:ff9b::/96";

fn network(written: &str) -> IpNet {
    written.parse().expect("invariant: the tables hold networks")
}

/// Whether anybody may be sent there.
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V6(v6) if network(TRANSLATED).contains(&ip) => {
            let [.., a, b, c, d] = v6.octets();
            is_public(IpAddr::from([a, b, c, d]))
        }
        IpAddr::V6(_) if !network(GIVEN_OUT).contains(&ip) => false,
        _ => !CLOSED.iter().any(|closed| network(closed).contains(&ip)),
    }
}

/// Where one may be sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Guard(Arc<Inner>);

#[derive(PartialEq, Eq)]
struct Inner {
    public: bool,
    networks: Vec<IpNet>,
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Guard({}, {:?})", self.0.public, self.0.networks)
    }
}

impl Guard {
    /// The public Internet, and these networks.
    pub fn public_and(networks: Vec<IpNet>) -> Self {
        Self(Arc::new(Inner { public: true, networks }))
    }

    /// These networks alone.
    pub fn only(networks: Vec<IpNet>) -> Self {
        Self(Arc::new(Inner { public: false, networks }))
    }

    pub fn opens(&self, ip: IpAddr) -> bool {
        self.0.public && is_public(ip) || self.0.networks.iter().any(|network| network.contains(&ip))
    }
}

/// A name whose addresses are all closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed;

impl Closed {
    pub const WORDS: &str = "its address is not a public one";
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::WORDS)
    }
}

impl std::error::Error for Closed {}

/// Gives a client the open addresses of a name and no others. It is not asked for addresses that stand in the URL
/// themselves: those are looked at before.
impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let found: Vec<_> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let open: Vec<_> = found.into_iter().filter(|addr| guard.opens(addr.ip())).collect();
            if open.is_empty() {
                return Err(Closed.into());
            }
            Ok::<Addrs, Box<dyn std::error::Error + Send + Sync>>(Box::new(open.into_iter()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_are_open_and_closed() {
        for open in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.1",
            "168.63.129.17",
            "169.253.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2001:200::1",
            "2001:4860:4860::8888",
            "2606:4700:4700::1111",
            "2a00:1450:4001::1",
            "64:ff9b::808:808",
        ] {
            assert!(is_public(open.parse().expect(open)), "{open}");
        }
        for closed in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "10.255.255.255",
            "100.64.0.1",
            "100.100.100.200",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "168.63.129.16",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.7",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "::ffff:169.254.169.254",
            "64:ff9b::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::808:808",
            "100::1",
            "2001::1",
            "2001:20::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "2002:808:808::1",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(closed.parse().expect(closed)), "{closed}");
        }
    }

    #[test]
    fn the_configuration_opens_its_own_networks() {
        let own = vec![network("10.1.0.0/16"), network("fd12::/16")];
        let (both, only) = (Guard::public_and(own.clone()), Guard::only(own));
        for (ip, by_both, by_only) in [
            ("10.1.2.3", true, true),
            ("fd12::1", true, true),
            ("10.2.0.1", false, false),
            ("127.0.0.1", false, false),
            ("8.8.8.8", true, false),
        ] {
            let ip = ip.parse().expect(ip);
            assert_eq!((both.opens(ip), only.opens(ip)), (by_both, by_only), "{ip}");
        }
    }

    #[tokio::test]
    async fn a_name_leads_to_open_addresses_only() {
        let guard = Guard::public_and(Vec::new());
        let refused = guard.resolve("localhost".parse().expect("a name")).await.err().expect("closed");
        assert_eq!(refused.downcast_ref::<Closed>(), Some(&Closed));
        let guard = Guard::only(vec![network("127.0.0.0/8")]);
        let found: Vec<_> = guard.resolve("localhost".parse().expect("a name")).await.expect("open").collect();
        assert!(!found.is_empty() && found.iter().all(|addr| addr.ip().is_loopback() && addr.is_ipv4()), "{found:?}");
    }
}
