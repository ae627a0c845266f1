//! The session cut at every place, flooded, and left without answers.

use super::*;

fn session(protocol: Protocol) -> Session {
    Session::new(Arc::new(Settings::default()), protocol, true)
}

/// Feeds `parts` one after the other; every recipient is accepted, every mail queued.
fn talk(session: &mut Session, parts: &[&[u8]]) -> (String, Vec<Vec<u8>>) {
    let (mut said, mut mails) = (Vec::new(), Vec::new());
    for mut part in parts.iter().copied() {
        loop {
            match session.step(&mut part) {
                Step::More | Step::Close(_) => break,
                Step::Flush => {
                    said.extend_from_slice(session.replies());
                    session.written();
                }
                Step::AskRecipient { .. } => session.answer(&Reply::new(250, Enhanced::new(2, 1, 5), "Ok")),
                Step::StartTls | Step::LogIn(_) => panic!("not offered"),
                Step::Mail(mail) => {
                    let replies = vec![Reply::new(250, Enhanced::new(2, 0, 0), "Queued"); mail.recipients.len()];
                    mails.push(mail.data);
                    session.answers(replies);
                }
            }
        }
    }
    said.extend_from_slice(session.replies());
    (String::from_utf8(said).expect("ASCII"), mails)
}

/// What looks like an end of data somewhere, cut at every two places: the same replies, and no second mail.
#[test]
fn smuggling_never_makes_a_second_mail() {
    for fake in ["\n.\r\n", "\r\n.\n", "\n.\n", "\r.\r", "\r\n.\r\r\n", "\r\n\0.\r\n", "\r.\r\n", "\n.\r"] {
        let stream = format!(
            "LHLO x\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<a@d.test>\r\nDATA\r\nx{fake}MAIL FROM:<e@b.test>\r\nRCPT \
             TO:<v@d.test>\r\nDATA\r\ny\r\n.\r\nQUIT\r\n"
        );
        let stream = stream.as_bytes();
        let (want, mails) = talk(&mut session(Protocol::Lmtp), &[stream]);
        assert!(mails.is_empty() && want.contains("550 5.5.2") && want.ends_with("Bye\r\n"), "{fake:?}: {want}");
        for a in 0..stream.len() {
            for b in [a, (a + 1).min(stream.len()), (a + stream.len()) / 2] {
                let got = talk(&mut session(Protocol::Lmtp), &[&stream[..a], &stream[a..b], &stream[b..]]);
                assert_eq!(got, (want.clone(), Vec::new()), "{fake:?} cut at {a} and {b}");
            }
        }
    }
}

#[test]
fn replies_are_flushed_before_they_grow_large() {
    let mut session = session(Protocol::Smtp);
    let flood = b"EHLO x\r\n".repeat(10_000);
    let mut input = &flood[..];
    let mut most = 0;
    while let Step::Flush = session.step(&mut input) {
        most = most.max(session.replies().len());
        session.written();
    }
    assert!(input.is_empty() && most > 0 && most < BATCH + 1024);
}

#[test]
fn a_door_that_gives_no_answers_gets_no_mail_lost() {
    let mut session = session(Protocol::Lmtp);
    let mut input = &b"LHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<a@d.test>\r\nRCPT TO:<b@d.test>\r\nDATA\r\n.\r\nNOOP\r\n"[..];
    loop {
        match session.step(&mut input) {
            Step::AskRecipient { .. } => session.answer(&Reply::new(250, Enhanced::new(2, 1, 5), "Ok")),
            Step::Mail(_) => {}
            _ => break,
        }
    }
    let said = String::from_utf8(session.replies().to_vec()).expect("ASCII");
    assert!(said.contains("354 ") && said.ends_with("250 2.0.0 Ok\r\n"));
    assert_eq!(said.matches("451 4.3.0").count(), 2);
}

#[test]
fn hanging_up_says_the_last_word() {
    let mut session = session(Protocol::Smtp);
    session.written();
    session.hang_up(&Reply::new(421, Enhanced::new(4, 3, 2), "Closing"));
    session.hang_up(&Reply::new(421, Enhanced::new(4, 4, 2), "Again"));
    assert_eq!(session.replies(), b"421 4.3.2 Closing\r\n");
    assert!(matches!(session.step(&mut &b"NOOP\r\n"[..]), Step::Close(Closed::HungUp)));
}
