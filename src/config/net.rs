//! Where to listen, whom to trust, and where mails go: `bind`, `trust`, `mailbox.url`.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use toml::Value;

use super::value::{Read, Wrong, domain, quoted, text};
use crate::mailbox::Url;

/// The longest path of a Unix socket (`sun_path`, less its NUL).
pub const SOCKET_PATH: usize = 107;

/// `bind` as written; the mode and the group of a socket stand in keys of their own.
pub enum Written {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl Read for Written {
    fn read(value: &Value) -> Result<Self, Wrong> {
        let given = text(value)?;
        if let Some(path) = given.strip_prefix("unix:") {
            return match path {
                "" => Err("the path behind `unix:` is empty".into()),
                path if path.contains('\0') => Err("a path has no NUL".into()),
                path if path.len() > SOCKET_PATH => {
                    Err(format!("the path of a Unix socket has at most {SOCKET_PATH} octets").into())
                }
                path => Ok(Self::Unix(path.into())),
            };
        }
        socket(given).map(Self::Tcp)
    }
}

/// `host:port`, the host as an address.
pub struct Tcp(pub SocketAddr);

impl Read for Tcp {
    fn read(value: &Value) -> Result<Self, Wrong> {
        socket(text(value)?).map(Self)
    }
}

fn socket(given: &str) -> Result<SocketAddr, Wrong> {
    if let Ok(addr) = given.parse() {
        return Ok(addr);
    }
    let (host, port) = given.rsplit_once(':').unwrap_or((given, ""));
    let port = port.parse::<u16>().ok();
    Err(match (host, port) {
        ("localhost", Some(port)) => {
            format!("`localhost` is a name: write an address, \"127.0.0.1:{port}\" or \"[::1]:{port}\"")
        }
        ("*" | "", Some(port)) => format!("write \"0.0.0.0:{port}\" or \"[::]:{port}\" for every address"),
        (host, None) if host.parse::<IpAddr>().is_ok() => {
            format!("{} has no port, such as \"127.0.0.1:2424\"", quoted(given))
        }
        _ if given.starts_with('/') => {
            format!("{} is a path: write \"unix:{}\"", quoted(given), quoted(given).trim_matches('`'))
        }
        _ => format!("{} is neither address:port, such as \"127.0.0.1:2424\", nor \"unix:/path\"", quoted(given)),
    }
    .into())
}

/// Permission bits: `"0660"`, or an octal number `0o660`.
pub struct Mode(pub u32);

impl Read for Mode {
    fn read(value: &Value) -> Result<Self, Wrong> {
        let bits = match value {
            Value::Integer(n) => u32::try_from(*n).ok(),
            other => {
                let given = text(other)?;
                let octal = given.len() >= 3 && given.bytes().all(|b| (b'0'..=b'7').contains(&b));
                octal.then(|| u32::from_str_radix(given, 8).ok()).flatten()
            }
        };
        match bits {
            Some(bits) if bits <= 0o777 => Ok(Self(bits)),
            _ => Err("permission bits are three or four octal digits in quotes, such as \"0660\"".into()),
        }
    }
}

/// A network: address and prefix length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network(pub IpAddr, pub u8);

impl Read for Network {
    fn read(value: &Value) -> Result<Self, Wrong> {
        let given = text(value)?;
        let no = || format!("{} is no network such as \"127.0.0.1/32\" or \"2001:db8::/32\"", quoted(given));
        let (host, length) = given.split_once('/').map_or((given, None), |(host, length)| (host, Some(length)));
        let addr: IpAddr = host.parse().map_err(|_| no())?;
        let full: u8 = if addr.is_ipv4() { 32 } else { 128 };
        let length = match length {
            None => full,
            Some(digits) => digits.parse::<u8>().ok().filter(|n| *n <= full).ok_or_else(no)?,
        };
        let network = masked(addr, length);
        if network != addr {
            return Err(
                format!("{} has bits behind its prefix; did you mean \"{network}/{length}\"?", quoted(given)).into()
            );
        }
        Ok(Self(addr, length))
    }
}

fn masked(addr: IpAddr, length: u8) -> IpAddr {
    match addr {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
            IpAddr::V4((v4.to_bits() & mask).into())
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
            IpAddr::V6((v6.to_bits() & mask).into())
        }
    }
}

/// `mailbox.url`: where to, and whether by TLS from the first octet on.
#[derive(Debug, PartialEq, Eq)]
pub struct MailServer {
    pub url: Url,
    pub tls_at_once: bool,
}

impl Read for MailServer {
    fn read(value: &Value) -> Result<Self, Wrong> {
        const SHAPES: &str = "smtp://host:port, smtps://host:port, lmtp://host:port or lmtp:/path";
        let given = text(value)?;
        let Some((scheme, rest)) = given.split_once(':') else {
            return Err(format!("{} is no way to a mailbox: {SHAPES}", quoted(given)).into());
        };
        let in_clear = |url| Ok(Self { url, tls_at_once: false });
        if let Some(host) = rest.strip_prefix("//") {
            if host.contains('@') {
                return Err("no user in this URL: `user` and `password` are keys of their own".into());
            }
            let (host, port) = host_port(host.strip_suffix('/').unwrap_or(host))
                .ok_or_else(|| format!("{} has no host, or a bad port: {SHAPES}", quoted(given)))?;
            return match scheme {
                "smtp" => in_clear(Url::Smtp { host, port: port.unwrap_or(25) }),
                "smtps" => Ok(Self { url: Url::Smtp { host, port: port.unwrap_or(465) }, tls_at_once: true }),
                "lmtp" => in_clear(Url::LmtpTcp { host, port: port.unwrap_or(24) }),
                "imap" | "imaps" => Err("mails go by SMTP or LMTP; folders are `imap`, a key of its own".into()),
                _ => Err(format!("{} is no way to a mailbox: {SHAPES}", quoted(given)).into()),
            };
        }
        match (scheme, rest) {
            ("lmtp", path) if path.starts_with('/') && path.len() <= SOCKET_PATH && !path.contains('\0') => {
                in_clear(Url::LmtpUnix(path.into()))
            }
            ("lmtp+unix" | "unix", path) if path.starts_with('/') => {
                Err(format!("write \"lmtp:{}\" for a Unix socket", quoted(path).trim_matches('`')).into())
            }
            ("lmtp", _) => Err(format!(
                "a Unix socket is written with its whole path, \"lmtp:/run/…\", at most {SOCKET_PATH} octets"
            )
            .into()),
            _ => Err(format!("{} is no way to a mailbox: {SHAPES}", quoted(given)).into()),
        }
    }
}

/// Host (name, address, or IPv6 address in brackets) and port.
pub(super) fn host_port(given: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = match given.strip_prefix('[') {
        Some(rest) => {
            let (host, behind) = rest.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (host.to_owned(), behind.strip_prefix(':').or(behind.is_empty().then_some(""))?)
        }
        None => {
            let (host, port) = given.split_once(':').unwrap_or((given, ""));
            if given.ends_with(':') {
                return None;
            }
            (domain(host)?, port)
        }
    };
    let port = if port.is_empty() { None } else { Some(port.parse::<u16>().ok().filter(|p| *p > 0)?) };
    Some((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: Read>(given: &str) -> Result<T, String> {
        T::read(&Value::String(given.into())).map_err(|wrong| wrong.cause)
    }

    #[test]
    fn ways_to_a_mailbox() {
        let smtp = |host: &str, port| Url::Smtp { host: host.into(), port };
        let cases = [
            ("smtp://127.0.0.1:2525", smtp("127.0.0.1", 2525), false),
            ("smtp://mx.example.test", smtp("mx.example.test", 25), false),
            ("smtps://mx.example.test", smtp("mx.example.test", 465), true),
            ("smtps://[::1]:4650/", smtp("::1", 4650), true),
            ("lmtp://[::1]:2424", Url::LmtpTcp { host: "::1".into(), port: 2424 }, false),
            ("lmtp://dovecot/", Url::LmtpTcp { host: "dovecot".into(), port: 24 }, false),
            ("lmtp:/run/dovecot/lmtp", Url::LmtpUnix("/run/dovecot/lmtp".into()), false),
        ];
        for (given, url, tls_at_once) in cases {
            assert_eq!(read::<MailServer>(given), Ok(MailServer { url, tls_at_once }), "{given}");
        }
        for bad in [
            "",
            "smtp:",
            "smtp://",
            "smtp://a:0",
            "smtp://a:",
            "smtp://a:99999",
            "smtp://[::1",
            "smtps://",
            "lmtps://a",
            "imap://a",
            "http://a",
            "lmtp:run/x",
            "smtp:/run/x",
            "smtp://u:p@a",
        ] {
            assert!(read::<MailServer>(bad).is_err(), "{bad}");
        }
        assert!(read::<MailServer>("lmtp+unix:/run/x").is_err_and(|e| e.contains("\"lmtp:/run/x\"")));
    }

    #[test]
    fn networks() {
        assert_eq!(read::<Network>("127.0.0.1"), Ok(Network([127, 0, 0, 1].into(), 32)));
        assert_eq!(read::<Network>("0.0.0.0/0"), Ok(Network([0, 0, 0, 0].into(), 0)));
        assert!(read::<Network>("2001:db8::/32").is_ok() && read::<Network>("::/0").is_ok());
        assert!(read::<Network>("10.1.2.3/8").is_err_and(|e| e.contains("\"10.0.0.0/8\"")));
        for bad in ["", "localhost", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/8/8", "::/129"] {
            assert!(read::<Network>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn binds() {
        assert!(matches!(read::<Written>("127.0.0.1:0"), Ok(Written::Tcp(_))));
        assert!(matches!(read::<Written>("[::1]:2424"), Ok(Written::Tcp(_))));
        assert!(matches!(read::<Written>("unix:run/m.sock"), Ok(Written::Unix(_))));
        for (bad, says) in [
            ("localhost:24", "127.0.0.1:24"),
            ("*:24", "0.0.0.0:24"),
            ("127.0.0.1", "no port"),
            ("/run/x", "unix:/run/x"),
            ("unix:", "empty"),
            (&format!("unix:/{}", "a".repeat(107)), "107"),
            ("é", "neither"),
        ] {
            assert!(read::<Written>(bad).is_err_and(|e| e.contains(says)), "{bad}");
        }
    }

    #[test]
    fn permission_bits() {
        assert_eq!(read::<Mode>("0660").map(|m| m.0), Ok(0o660));
        assert_eq!(Mode::read(&Value::Integer(0o660)).map(|m| m.0).ok(), Some(0o660));
        assert!(Mode::read(&Value::Integer(660)).is_err(), "660 without 0o is not octal");
        for bad in ["", "66", "0880", "1777", "rw"] {
            assert!(read::<Mode>(bad).is_err(), "{bad}");
        }
    }
}
