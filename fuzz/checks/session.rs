//! Any bytes in any chunks: the same replies and the same mails however the stream is cut; as many replies behind
//! DATA as recipients were accepted; every reply well formed; every limit kept.
//!
//! The first byte chooses protocol, trust, what is offered, what becomes of bare line ends and over what the session goes; the second seeds the cuts; the rest is the stream.

use std::sync::Arc;

use martlet::{
    ground::Enhanced,
    smtp::{Link, LogIn, Protocol, Reply, Session, Step, data::Bare, session::Settings},
};

const MAX_SIZE: u64 = 64;
const MAX_RECIPIENTS: usize = 3;

pub fn session(data: &[u8]) {
    let [choice, seed, stream @ ..] = data else { return };
    let whole = run(*choice, &[stream]);
    assert_eq!(run(*choice, &stream.chunks(1).collect::<Vec<_>>()), whole);
    let (mut rest, mut state, mut parts) = (stream, u32::from(*seed) | 1, Vec::new());
    while !rest.is_empty() {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (part, behind) = rest.split_at(((state >> 24) as usize % 23).min(rest.len()));
        parts.push(part);
        rest = behind;
    }
    assert_eq!(run(*choice, &parts), whole);
}

/// All replies, all mails, and whether the session closed.
#[derive(Debug, PartialEq)]
struct Told {
    replies: String,
    mails: Vec<(usize, Vec<u8>)>,
    closed: bool,
}

fn run(choice: u8, parts: &[&[u8]]) -> Told {
    let protocol = if choice & 1 == 0 { Protocol::Lmtp } else { Protocol::Smtp };
    let settings = Settings {
        hostname: "sms.example.test".into(),
        max_line: 2048,
        max_size: MAX_SIZE,
        max_recipients: MAX_RECIPIENTS,
        max_errors: 50,
        max_hops: 2,
        tls: choice & 4 != 0,
        auth: choice & 4 != 0,
        xclient: choice & 8 != 0,
        bare: if choice & 64 == 0 { Bare::Refuse } else { Bare::Normalize },
    };
    let mut session = Session::new(Arc::new(settings), protocol, choice & 2 == 0).on(match choice >> 4 & 3 {
        0 => Link::Local,
        1 => Link::Encrypted,
        _ => Link::Open,
    });
    let mut told = Told { replies: String::new(), mails: Vec::new(), closed: false };
    // The greeting comes without any input.
    for mut part in [&b""[..]].into_iter().chain(parts.iter().copied()) {
        while step(&mut session, &mut part, protocol, &mut told) {}
        if !told.closed {
            assert!(part.is_empty(), "a session that goes on takes all of its input");
        }
    }
    for line in told.replies.split_terminator("\r\n") {
        assert!(line.len() <= 510 && line.bytes().all(|b| (b' '..=b'~').contains(&b)), "{line:?}");
        let code: u16 = line[..3].parse().expect("a code");
        assert!((200..600).contains(&code) && matches!(line.as_bytes()[3], b' ' | b'-'), "{line:?}");
    }
    told
}

/// One step; whether there is more to do with this input.
fn step(session: &mut Session, part: &mut &[u8], protocol: Protocol, told: &mut Told) -> bool {
    let go_on = match session.step(part) {
        Step::More => false,
        Step::Flush => true,
        Step::Close(_) => {
            told.closed = true;
            false
        }
        Step::AskRecipient { recipient, .. } => {
            let reply = match recipient.path.local.bytes().next() {
                Some(b'u') => Reply::new(550, Enhanced::new(5, 1, 1), "No such phone"),
                Some(b'b') => Reply::new(450, Enhanced::new(4, 2, 1), "Not now"),
                _ => Reply::new(250, Enhanced::new(2, 1, 5), "Ok"),
            };
            session.answer(&reply);
            true
        }
        Step::StartTls => {
            session.start_tls();
            session.encrypted();
            assert!(session.hello().is_none() && !session.in_transaction(), "the handshake forgets what was before");
            true
        }
        Step::LogIn(login) => {
            assert!(!login.user.is_empty() && !login.pass.expose().contains(&0));
            let outcome = match login.pass.expose().first() {
                Some(b'p') => LogIn::Known("alice".parse().expect("a name")),
                Some(b'b') => LogIn::Busy,
                _ => LogIn::Wrong,
            };
            session.logged_in(outcome);
            true
        }
        Step::Mail(mail) => {
            let count = mail.recipients.len();
            assert!((1..=MAX_RECIPIENTS).contains(&count) && mail.data.len() as u64 <= MAX_SIZE);
            assert!(!mail.data.contains(&0), "NUL in a mail");
            for (i, &b) in mail.data.iter().enumerate() {
                assert!(b != b'\n' || (i > 0 && mail.data[i - 1] == b'\r'), "a bare LF in a mail");
                assert!(b != b'\r' || mail.data.get(i + 1) == Some(&b'\n'), "a bare CR in a mail");
            }
            let before = session.replies().len();
            session.answers(vec![Reply::new(250, Enhanced::new(2, 0, 0), "Queued"); count]);
            let said = session.replies()[before..].split(|&b| b == b'\n').count() - 1;
            assert_eq!(said, if protocol == Protocol::Lmtp { count } else { 1 });
            told.mails.push((count, mail.data));
            true
        }
    };
    told.replies += std::str::from_utf8(session.replies()).expect("ASCII");
    session.written();
    go_on
}
