//! Who was logged in. Any header gives a login in good form or none; and whatever a stranger puts into the CN of his
//! certificate, into his HELO name or below the MTA's own line, he is not logged in by it.

use std::net::{IpAddr, Ipv4Addr};

use martlet::mail::received::{Rule, authenticated_sender};

pub fn received(data: &[u8]) {
    let names = ["mx.example.test".to_owned()];
    let trust = [(IpAddr::V4(Ipv4Addr::LOCALHOST), 8)];
    let rule = Rule { mta_names: &names, any_name: false, trust: &trust };

    if let Some(login) = authenticated_sender(data, &rule) {
        assert!(!login.is_empty() && login.len() <= 320);
        assert!(login.bytes().all(|b| b.is_ascii_graphic() && !b"()<>[]\\\",;:?".contains(&b)));
        let words = format!("(Authenticated sender: {login})");
        assert!(data.windows(words.len()).any(|w| w == words.as_bytes()), "words that do not stand there");
        // What stands behind the header changes nothing.
        let mut longer = data.to_vec();
        if data.ends_with(b"\r\n") && !data.windows(4).any(|w| w == b"\r\n\r\n") {
            longer.extend_from_slice(b"\r\nReceived: x\r\n");
            assert_eq!(authenticated_sender(&longer, &rule), Some(login.clone()));
        }
        // Without the MTA's name nothing is proved.
        assert_eq!(authenticated_sender(data, &Rule { mta_names: &[], any_name: false, trust: &trust }), None);
    }

    // A name in a certificate or in HELO cannot break the line: Postfix writes it into one.
    let name: Vec<u8> = data.iter().copied().filter(|b| !matches!(b, b'\r' | b'\n')).collect();
    let tail = b"\r\n\tby mx.example.test (Postfix) with ESMTPSA id 4A; Mon, 01 Jan 2024 00:00:00 +0000 (UTC)\r\n";
    let cn = [
        &b"Received: from vm (unknown [192.0.2.7])\r\n\t(using TLSv1.3)\r\n\t(Client CN \""[..],
        &name,
        b"\", Issuer \"CA\" (verified OK))",
        tail,
    ];
    assert_eq!(authenticated_sender(&cn.concat(), &rule), None, "logged in by a certificate");
    let any = Rule { any_name: true, ..rule };
    assert_eq!(authenticated_sender(&cn.concat(), &any), None, "logged in by a certificate at any MTA");
    let helo = [&b"Received: from "[..], &name, b" (unknown [192.0.2.7])", tail];
    assert_eq!(authenticated_sender(&helo.concat(), &rule), None, "logged in by a HELO name");
    assert_eq!(authenticated_sender(&helo.concat(), &any), None, "logged in by a HELO name at any MTA");
    // Foreign headers stand below the line of a client that is not trusted.
    let below = [&b"Received: from vm (unknown [192.0.2.7])"[..], tail, data];
    assert_eq!(authenticated_sender(&below.concat(), &rule), None, "logged in by a header of one's own");
    assert_eq!(authenticated_sender(&below.concat(), &any), None, "logged in by a header of one's own at any MTA");
}
