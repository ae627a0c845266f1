//! The PROXY protocol, versions 1 and 2 (haproxy's proxy-protocol.txt): a proxy announces whose connection it hands on.
//!
//! Only the client's address is kept. What can go wrong: a header that is cut anywhere, one that is endless, one that
//! says of the client nothing at all (`UNKNOWN`, `LOCAL`, Unix sockets): then nobody is announced, and nobody is trusted.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The longest header that is read: version 2 with its extensions.
pub const LONGEST: usize = 16 + 1024;
/// The longest line of version 1, CR LF included.
const LINE: usize = 107;
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// Whose connection it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Announced {
    Client(IpAddr),
    /// The proxy itself, or somebody whom it does not know.
    Nobody,
}

/// Not a header of either version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoHeader;

/// Reads a header at the beginning of `bytes`: whom it announces and its length. `None`: it goes on.
pub fn parse(bytes: &[u8]) -> Result<Option<(Announced, usize)>, NoHeader> {
    let common = bytes.len().min(SIGNATURE.len());
    if bytes[..common] == SIGNATURE[..common] {
        return second(bytes);
    }
    let common = bytes.len().min(6);
    if bytes[..common] != b"PROXY "[..common] {
        return Err(NoHeader);
    }
    match bytes.iter().take(LINE).position(|&b| b == b'\n') {
        Some(end) => first(&bytes[..end]).map(|announced| Some((announced, end + 1))),
        None if bytes.len() >= LINE => Err(NoHeader),
        None => Ok(None),
    }
}

fn first(line: &[u8]) -> Result<Announced, NoHeader> {
    let line = line.strip_suffix(b"\r").and_then(|line| std::str::from_utf8(line).ok()).ok_or(NoHeader)?;
    if !line.bytes().all(|b| (b' '..=b'~').contains(&b)) {
        return Err(NoHeader);
    }
    let words: Vec<&str> = line.split(' ').collect();
    let port = |word: &str| word.bytes().all(|b| b.is_ascii_digit()) && word.parse::<u16>().is_ok();
    match words[..] {
        ["PROXY", "UNKNOWN", ..] => Ok(Announced::Nobody),
        ["PROXY", family, from, to, a, b] if port(a) && port(b) => {
            let addr = |text: &str| -> Result<IpAddr, NoHeader> {
                match family {
                    "TCP4" => text.parse::<Ipv4Addr>().map(IpAddr::V4).map_err(|_| NoHeader),
                    "TCP6" => text.parse::<Ipv6Addr>().map(IpAddr::V6).map_err(|_| NoHeader),
                    _ => Err(NoHeader),
                }
            };
            addr(to)?;
            addr(from).map(|from| Announced::Client(from.to_canonical()))
        }
        _ => Err(NoHeader),
    }
}

fn second(bytes: &[u8]) -> Result<Option<(Announced, usize)>, NoHeader> {
    let Some((head, rest)) = bytes.split_at_checked(16) else { return Ok(None) };
    let (version, family) = (head[12], head[13]);
    let length = usize::from(u16::from_be_bytes([head[14], head[15]]));
    if version >> 4 != 2 || version & 15 > 1 || family >> 4 > 3 || family & 15 > 2 || 16 + length > LONGEST {
        return Err(NoHeader);
    }
    let Some(body) = rest.get(..length) else { return Ok(None) };
    let local = version & 15 == 0;
    let announced = match (local, family) {
        (false, 0x11) => {
            let from: [u8; 4] = body.get(..12).and_then(|b| b[..4].try_into().ok()).ok_or(NoHeader)?;
            Announced::Client(IpAddr::V4(from.into()))
        }
        (false, 0x21) => {
            let from: [u8; 16] = body.get(..36).and_then(|b| b[..16].try_into().ok()).ok_or(NoHeader)?;
            Announced::Client(IpAddr::V6(from.into()).to_canonical())
        }
        _ => Announced::Nobody,
    };
    Ok(Some((announced, 16 + length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second_version(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len()).expect("short").to_be_bytes();
        [&SIGNATURE[..], &[0x20 | command, family], &length, body].concat()
    }

    #[test]
    fn both_versions() {
        let client = |text: &str| Ok(Announced::Client(text.parse().expect(text)));
        let four = [192, 0, 2, 7, 198, 51, 100, 1, 0xc0, 0, 0, 25];
        let mut six = [0; 36];
        six[..16].copy_from_slice(&"2001:db8::7".parse::<Ipv6Addr>().expect("six").octets());
        let mut mapped = [0; 36];
        mapped[..16].copy_from_slice(&"::ffff:192.0.2.7".parse::<Ipv6Addr>().expect("mapped").octets());
        let cases: Vec<(Vec<u8>, Result<Announced, NoHeader>)> = vec![
            (b"PROXY TCP4 192.0.2.7 198.51.100.1 49152 25\r\n".to_vec(), client("192.0.2.7")),
            (b"PROXY TCP6 2001:db8::7 2001:db8::1 49152 25\r\n".to_vec(), client("2001:db8::7")),
            (b"PROXY TCP6 ::ffff:127.0.0.1 ::1 1 2\r\n".to_vec(), client("127.0.0.1")),
            (b"PROXY UNKNOWN\r\n".to_vec(), Ok(Announced::Nobody)),
            (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n".to_vec(), Ok(Announced::Nobody)),
            (b"PROXY TCP4 2001:db8::7 2001:db8::1 1 2\r\n".to_vec(), Err(NoHeader)),
            (b"PROXY TCP4 192.0.2.7 198.51.100.1 49152 99999\r\n".to_vec(), Err(NoHeader)),
            (b"PROXY TCP4 192.0.2.7 198.51.100.1 49152 25 \r\n".to_vec(), Err(NoHeader)),
            (b"PROXY TCP4  192.0.2.7 198.51.100.1 49152 25\r\n".to_vec(), Err(NoHeader)),
            (b"PROXY TCP4 192.0.2.7 198.51.100.1 49152 25\n".to_vec(), Err(NoHeader)),
            (b"PROXY TCP5 192.0.2.7 198.51.100.1 49152 25\r\n".to_vec(), Err(NoHeader)),
            (b"EHLO x\r\n".to_vec(), Err(NoHeader)),
            (second_version(1, 0x11, &four), client("192.0.2.7")),
            (second_version(1, 0x11, &[&four[..], b"\x04\0\x01x"].concat()), client("192.0.2.7")),
            (second_version(1, 0x21, &six), client("2001:db8::7")),
            (second_version(1, 0x21, &mapped), client("192.0.2.7")),
            (second_version(0, 0x11, &four), Ok(Announced::Nobody)),
            (second_version(0, 0, b""), Ok(Announced::Nobody)),
            (second_version(1, 0x31, &[0; 216]), Ok(Announced::Nobody)),
            (second_version(1, 0x11, &four[..11]), Err(NoHeader)),
            (second_version(2, 0x11, &four), Err(NoHeader)),
            (second_version(1, 0x41, &four), Err(NoHeader)),
            (second_version(1, 0, &[0; 1025]), Err(NoHeader)),
        ];
        for (header, want) in cases {
            let name = header.escape_ascii().to_string();
            let got = parse(&header);
            assert_eq!(got.map(|found| found.map(|(who, _)| who)), want.map(Some), "{name}");
            let Ok(Some((_, length))) = got else { continue };
            assert_eq!(length, header.len(), "{name}");
            assert!((0..length).all(|cut| parse(&header[..cut]) == Ok(None)), "{name} cut");
            assert_eq!(parse(&[&header[..], b"EHLO x\r\n"].concat()), got, "{name} and what follows");
        }
        assert_eq!(parse(&[&b"PROXY UNKNOWN "[..], &[b'x'; 200]].concat()), Err(NoHeader));
    }
}
