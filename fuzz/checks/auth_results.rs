//! Who was logged in, by `Authentication-Results`. Any header gives a login in good form or none; below the line of a
//! stranger nothing counts, and a second field of the same name ends all belief.

use std::net::{IpAddr, Ipv4Addr};

use martlet::mail::auth_results::{Rule, authenticated};

const LINE: &[u8] = b"Received: from a (b [192.0.2.7])\r\n\tby mx.example.test (Postfix) with ESMTPS id 4F00;\r\n\tMon, 1 Jan \
    2024 00:00:00 +0000 (UTC)\r\n";
const OURS: &[u8] = b"Authentication-Results: mx.example.test; auth=pass smtp.auth=alice\r\n";

pub fn auth_results(data: &[u8]) {
    let trust = [(IpAddr::V4(Ipv4Addr::LOCALHOST), 8)];
    let rule = Rule { id: "mx.example.test", trust: &trust };
    if let Some(login) = authenticated(data, &rule) {
        assert!((1..=320).contains(&login.len()));
        assert!(login.bytes().all(|b| b.is_ascii_graphic() && !b"()<>[]\\\",;:?".contains(&b)));
        // The same with another field of ours in front is one too many; with another name it is nobody's.
        assert_eq!(authenticated(&[OURS, data].concat(), &rule), None, "two fields");
        assert_eq!(authenticated(data, &Rule { id: "mx.other.test", trust: &trust }).filter(|_| names_one(data)), None);
    }
    // As the one value of a field of another server's it proves nothing, whatever stands in it.
    let value: Vec<u8> = data.iter().copied().filter(|b| !matches!(b, b'\r' | b'\n')).collect();
    let foreign = [&b"Authentication-Results: evil.test; "[..], &value, b"\r\n", LINE].concat();
    assert_eq!(authenticated(&foreign, &rule), None, "logged in by another server");
    // What a client brought stands below the line of that client.
    let below = [LINE, LINE, data].concat();
    assert_eq!(authenticated(&below, &rule), None, "logged in by a header of one's own");
}

/// Only one server is named at all.
fn names_one(data: &[u8]) -> bool {
    !data.windows(8).any(|w| w.eq_ignore_ascii_case(b"mx.other"))
}
