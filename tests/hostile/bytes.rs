//! Octets at the mail doors that another reader might take for something else.

use libtest_mimic::Trial;

use super::{ALICE, TO, daemon, from, log_is_sound, memory, push, rest, sent, serves, warm};
use crate::support::trial;

pub fn trials() -> Vec<Trial> {
    vec![
        trial("hostile: no smuggling, whatever stands around the dot", smuggling),
        trial("hostile: bare line ends, NUL, long lines, eight bits in commands", commands),
        trial("hostile: what is pipelined behind STARTTLS is never obeyed", starttls),
        trial("hostile: nobody guesses passwords, and guessing costs little", guessing),
    ]
}

fn smuggling() {
    let world = warm(daemon());
    let memory = memory(&world);
    let ends: [&str; 13] = [
        "\n.\r\n",
        "\r\n.\n",
        "\n.\n",
        "\r.\r",
        "\r\n.\r\r\n",
        "\r.\r\n",
        "\r\n.\r",
        "\n.\r",
        "\r.\n",
        "\r\n.\0\r\n",
        "\0\r\n.\n",
        "\n\n.\n\n",
        "\r\n\u{2028}.\n",
    ];
    for (n, end) in ends.iter().enumerate() {
        for (greeting, port) in [("LHLO", world.lmtp), ("EHLO", world.smtp)] {
            let mut peer = from(1, port);
            let inner = format!("MAIL FROM:<{ALICE}>\r\nRCPT TO:<{TO}>\r\nDATA\r\nSubject: x\r\n\r\nsmuggled {n}\r\n");
            // Whatever is believed to be the end, the inner mail goes on behind it and ends as it should.
            push(
                &mut peer,
                format!("{greeting} mx.example.test\r\nMAIL FROM:<{ALICE}>\r\nRCPT TO:<{TO}>\r\nDATA\r\n").as_bytes(),
            );
            push(
                &mut peer,
                format!("From: {ALICE}\r\nSubject: x\r\n\r\nouter {n}{end}{inner}.\r\nQUIT\r\n").as_bytes(),
            );
            let said = rest(&mut peer);
            let said: Vec<_> = said.lines().collect();
            // The greeting, the extensions, MAIL, RCPT, DATA, one verdict about one mail, QUIT.
            let data = said.iter().position(|line| line.starts_with("354"));
            let Some(data) = data else {
                // The SMTP door knows nobody: there is no DATA to smuggle through, and so no mail at all.
                assert!(greeting == "EHLO" && !said.iter().any(|line| line.contains("queued")), "{end:?}: {said:?}");
                continue;
            };
            let behind = &said[data + 1..];
            assert!(
                behind.len() == 2 && behind[0].starts_with("550 5.5.2") && behind[1].starts_with("221"),
                "{end:?}: {said:?}"
            );
        }
    }
    serves(&world, "honest words");
    assert_eq!(sent(&world), ["honest words"], "nothing of a smuggler went out");
    memory.is_small("smuggling");
    log_is_sound(&world);
}

fn commands() {
    let world = warm(daemon());
    let memory = memory(&world);
    let long = |octets: usize| "x".repeat(octets);
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (b"NOOP\nNOOP\r\n".to_vec(), "500"),
        (b"NOOP\rNOOP\r\n".to_vec(), "500"),
        (b"NO\0OP\r\n".to_vec(), "500"),
        (b"\0\0\0\0\r\n".to_vec(), "500"),
        (b"\xff\xfe\xfd\r\n".to_vec(), "500"),
        ("NOOP \u{e9}\r\n".into(), "250"),
        (format!("NOOP {}\r\n", long(5_000)).into(), "500"),
        (format!("{}\r\n", long(1 << 20)).into(), "500"),
        (format!("MAIL FROM:<{}@example.test>\r\n", long(3_000)).into(), "500"),
        (format!("MAIL FROM:<a@{}>\r\n", "b.".repeat(600)).into(), "5"),
        ("MAIL FROM:<\u{e9}lise@example.test>\r\n".into(), "553"),
        (b"MAIL FROM:<\xe9lise@example.test>\r\n".to_vec(), "5"),
        (format!("MAIL FROM:<{ALICE}> SIZE=99999999999999999999\r\n").into(), "5"),
        (format!("MAIL FROM:<{ALICE}> {}\r\n", "X=Y ".repeat(400)).into(), "5"),
        (b"MAIL FROM:<a@b\r\nRCPT TO:<c@d>\r\n".to_vec(), "5"),
        (b"BDAT 99999999999999999999 LAST\r\n".to_vec(), "5"),
        (b"BDAT -1\r\n".to_vec(), "5"),
    ];
    for (line, code) in cases {
        let mut peer = from(1, world.lmtp);
        push(&mut peer, b"LHLO mx.example.test\r\n");
        push(&mut peer, &line);
        push(&mut peer, b"QUIT\r\n");
        let said = rest(&mut peer);
        let shown = String::from_utf8_lossy(&line[..line.len().min(60)]).into_owned();
        let answer = said.lines().skip_while(|line| !line.starts_with("250 ")).nth(1).unwrap_or_default().to_owned();
        assert!(answer.starts_with(code), "{shown:?}: {said:?}");
    }
    serves(&world, "plain words");
    memory.is_small("commands");
    log_is_sound(&world);
}

fn starttls() {
    let world = warm(daemon());
    let memory = memory(&world);
    for n in 0..50 {
        let mut peer = from(1, world.smtp);
        push(&mut peer, b"EHLO mx.example.test\r\nSTARTTLS\r\n");
        push(&mut peer, format!("MAIL FROM:<{ALICE}>\r\nRCPT TO:<{TO}>\r\nDATA\r\nx{n}\r\n.\r\n").as_bytes());
        let said = rest(&mut peer);
        assert!(!said.contains("354") && !said.contains("queued"), "{said}");
        assert!(
            said.contains("554 ")
                || said.contains("220 2.0.0")
                || said.contains("220 Ready")
                || said.matches("220").count() == 2,
            "{said}"
        );
    }
    serves(&world, "in the clear");
    assert_eq!(sent(&world), ["in the clear"]);
    memory.is_small("STARTTLS");
}

fn guessing() {
    let world = warm(daemon());
    let memory = memory(&world);
    let long = "QUFB".repeat(4_000);
    for lines in [
        format!("AUTH PLAIN {long}\r\n"),
        "AUTH PLAIN !!!!\r\n".to_owned(),
        "AUTH PLAIN =\r\n".to_owned(),
        "AUTH CRAM-MD5\r\n".to_owned(),
        "AUTH LOGIN\r\n*\r\n".to_owned(),
        format!("AUTH LOGIN\r\n{long}\r\n"),
        "AUTH PLAIN AAAA\r\nAUTH PLAIN AAAA\r\n".to_owned(),
        "MAIL FROM:<>\r\nAUTH PLAIN AGEAYg==\r\n".to_owned(),
    ] {
        let mut peer = from(1, world.smtp);
        push(&mut peer, format!("EHLO mx.example.test\r\n{lines}QUIT\r\n").as_bytes());
        let said = rest(&mut peer);
        assert!(!said.contains("235") && said.lines().any(|line| line.starts_with('5')), "{said}");
    }
    // Forty at once, each password a hash to be computed.
    let token = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, format!("\0{ALICE}\0guess"));
    let guessers: Vec<_> = (0..40u8)
        .map(|n| {
            let (port, token) = (world.smtp, token.clone());
            std::thread::spawn(move || {
                let mut peer = from(2 + n % 4, port);
                push(
                    &mut peer,
                    format!("EHLO x\r\n{}QUIT\r\n", format!("AUTH PLAIN {token}\r\n").repeat(20)).as_bytes(),
                );
                rest(&mut peer)
            })
        })
        .collect();
    for guesser in guessers {
        let said = guesser.join().expect("a guesser");
        assert!(!said.contains("235 "), "{said}");
        let guesses = said.lines().filter(|line| line.starts_with("535") || line.starts_with("454")).count();
        assert!(guesses < 20, "twenty guesses on one connection: {said}");
    }
    serves(&world, "no guess");
    memory.is_small("guessing passwords");
    assert!(!world.martlet.log().contains("guess"), "a password in the log");
}
