//! Delivery into mailboxes against an MTA that misbehaves; each case over LMTP and over SMTP.

use std::time::Duration;

use libtest_mimic::Trial;
use martlet::{
    address::Mailbox,
    ground::{Fault, Outcome, Scope, Secret},
    mailbox::{Client, Login, Settings, Tls, Url},
};

use crate::support::{
    mta::{Came, Deed, Mta, Script},
    run_async, trial,
};

pub fn trials() -> Vec<Trial> {
    let mut trials = vec![trial("mailbox::lmtp_over_a_unix_socket", || run_async(lmtp_over_a_unix_socket()))];
    for lmtp in [true, false] {
        let name = if lmtp { "lmtp" } else { "smtp" };
        let mut add = |test: &str, body: fn(bool)| {
            trials.push(trial(&format!("mailbox::{name}::{test}"), move || body(lmtp)));
        };
        add("a_mail_is_delivered_on_a_kept_connection", |l| run_async(a_mail_is_delivered_on_a_kept_connection(l)));
        add("data_is_crlf_and_stuffed", |l| run_async(data_is_crlf_and_stuffed(l)));
        add("senders_in_every_form", |l| run_async(senders_in_every_form(l)));
        add("refusals_become_outcomes", |l| run_async(refusals_become_outcomes(l)));
        add("a_dead_kept_connection_is_replaced", |l| run_async(a_dead_kept_connection_is_replaced(l)));
        add("a_broken_line_behind_the_dot_is_later", |l| run_async(a_broken_line_behind_the_dot_is_later(l)));
        add("a_silent_server_is_given_up", |l| run_async(a_silent_server_is_given_up(l)));
        add("nonsense_is_later", |l| run_async(nonsense_is_later(l)));
        add("eight_bits_are_told_or_encoded", |l| run_async(eight_bits_are_told_or_encoded(l)));
        add("a_login_goes_first", |l| run_async(a_login_goes_first(l)));
        add("starttls_or_nothing", |l| run_async(starttls_or_nothing(l)));
        add("no_server_is_later", |l| run_async(no_server_is_later(l)));
    }
    trials
}

const MAIL: &[u8] = b"Subject: x\r\n\r\nhello\r\n";

fn client(lmtp: bool, mta: &Mta, timeout: Duration) -> Client {
    made(settings(lmtp, mta, timeout))
}

fn settings(lmtp: bool, mta: &Mta, timeout: Duration) -> Settings {
    let addr = mta.addr.expect("on TCP");
    let (host, port) = (addr.ip().to_string(), addr.port());
    let url = if lmtp { Url::LmtpTcp { host, port } } else { Url::Smtp { host, port } };
    Settings::new(url, "sms.test".to_owned(), timeout)
}

fn made(settings: Settings) -> Client {
    Client::new(settings).expect("sound settings")
}

async fn pair(lmtp: bool, scripts: Vec<Script>) -> (Client, Mta) {
    let mta = Mta::tcp(scripts).await;
    (client(lmtp, &mta, Duration::from_secs(20)), mta)
}

fn alice() -> Mailbox {
    "alice@example.test".parse().expect("a mailbox")
}

async fn deliver(client: &Client, data: &[u8]) -> Outcome {
    client.deliver(Some("bounce@sms.test"), &alice(), data).await
}

fn later(outcome: Outcome) -> Fault {
    match outcome {
        Outcome::Later(fault) => fault,
        other => panic!("{other:?}"),
    }
}

fn line(connection: usize, text: &str) -> Came {
    Came::Line(connection, text.to_owned())
}

async fn a_mail_is_delivered_on_a_kept_connection(lmtp: bool) {
    let (client, mut mta) = pair(lmtp, vec![]).await;
    let hello = if lmtp { "LHLO sms.test" } else { "EHLO sms.test" };
    assert!(matches!(deliver(&client, MAIL).await, Outcome::Sent(Some(id)) if id.as_str() == "saved"));
    assert!(matches!(deliver(&client, MAIL).await, Outcome::Sent(_)));
    let mut wanted = vec![line(1, hello)];
    for _ in 0..2 {
        wanted.push(line(1, "MAIL FROM:<bounce@sms.test>"));
        wanted.push(line(1, "RCPT TO:<alice@example.test>"));
        wanted.push(line(1, "DATA"));
        wanted.push(Came::Data(1, [MAIL, b".\r\n"].concat()));
    }
    assert_eq!(mta.rest(), wanted);
}

async fn lmtp_over_a_unix_socket() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("lmtp.sock");
    let mut mta = Mta::unix(&path);
    let url = Url::LmtpUnix(path);
    let client = made(Settings::new(url, "sms.test".to_owned(), Duration::from_secs(20)));
    assert!(matches!(deliver(&client, MAIL).await, Outcome::Sent(_)));
    assert_eq!(mta.data().await.1, [MAIL, b".\r\n"].concat());
}

async fn data_is_crlf_and_stuffed(lmtp: bool) {
    let (client, mut mta) = pair(lmtp, vec![]).await;
    let cases: [(&[u8], &[u8]); 7] = [
        (b"a\n.\nMAIL FROM:<x@y>\n", b"a\r\n..\r\nMAIL FROM:<x@y>\r\n.\r\n"),
        (b"a\r.\r\nb", b"a\r\n..\r\nb\r\n.\r\n"),
        (b"a\n.\r\nb", b"a\r\n..\r\nb\r\n.\r\n"),
        (b"a\r\n.\nb", b"a\r\n..\r\nb\r\n.\r\n"),
        (b"a\r\n.\r\nb", b"a\r\n..\r\nb\r\n.\r\n"),
        (b".", b"..\r\n.\r\n"),
        (b"a\r\n\r\n", b"a\r\n\r\n.\r\n"),
    ];
    for (data, wire) in cases {
        assert!(matches!(deliver(&client, data).await, Outcome::Sent(_)), "{data:?}");
        let (connection, data) = mta.data().await;
        assert_eq!((connection, data.as_slice()), (1, wire));
    }
}

async fn senders_in_every_form(lmtp: bool) {
    let (client, mut mta) = pair(lmtp, vec![]).await;
    for (from, wanted) in [
        (None, "MAIL FROM:<>"),
        (Some("\"sms:+15551234567\"@sms.test"), "MAIL FROM:<\"sms:+15551234567\"@sms.test>"),
        (Some("+15551234567@sms.test"), "MAIL FROM:<+15551234567@sms.test>"),
    ] {
        assert!(matches!(client.deliver(from, &alice(), MAIL).await, Outcome::Sent(_)));
        let came = mta.rest();
        assert!(came.contains(&line(1, wanted)), "{came:?}");
    }
    for bad in ["a@b>\r\nRCPT TO:<eve@x", "no-domain", "a b@c", "sms:+1555@c"] {
        let outcome = client.deliver(Some(bad), &alice(), MAIL).await;
        assert!(matches!(outcome, Outcome::Never(fault) if fault.code.to_string() == "5.1.7"), "{bad}");
    }
    assert_eq!(mta.rest(), [], "nothing of it was said");
}

async fn refusals_become_outcomes(lmtp: bool) {
    let dot = if lmtp { Scope::Recipient } else { Scope::Message };
    type Answers<'a> = &'a [(&'static str, Deed)];
    let cases: [(Answers<'_>, bool, Scope, &str); 13] = [
        (&[("", Deed::Say(b"554 5.3.2 no service\r\n"))], false, Scope::Gateway, "4.3.2"),
        (&[("", Deed::Say(b"421 4.3.2 busy\r\n"))], false, Scope::Gateway, "4.3.2"),
        (&[("MAIL", Deed::Say(b"451 4.3.0 wait\r\n"))], false, Scope::Message, "4.3.0"),
        (&[("MAIL", Deed::Say(b"530 5.7.0 log in\r\n"))], false, Scope::Gateway, "4.7.0"),
        (&[("RCPT", Deed::Say(b"450 4.2.1 busy\r\n"))], false, Scope::Recipient, "4.2.1"),
        (&[("RCPT", Deed::Say(b"550-5.1.1 no\r\n550 5.1.1 such user\r\n"))], true, Scope::Recipient, "5.1.1"),
        (&[("RCPT", Deed::Say(b"550 kein solcher Empf\xe4nger\r\n"))], true, Scope::Recipient, "5.1.1"),
        (&[("DATA", Deed::Say(b"554 5.6.0 no\r\n"))], true, Scope::Message, "5.6.0"),
        (&[("DATA", Deed::Say(b"250 what?\r\n"))], false, Scope::Gateway, "4.5.0"),
        (&[(".", Deed::Say(b"452 4.2.2 over quota\r\n"))], false, dot, "4.2.2"),
        (&[(".", Deed::Say(b"552 5.2.2 over quota\r\n"))], true, dot, "5.2.2"),
        (&[(".", Deed::Say(b"354 still here\r\n"))], false, Scope::Gateway, "4.5.0"),
        (&[(".", Deed::Say(b"421 4.3.2 bye\r\n"))], false, Scope::Gateway, "4.3.2"),
    ];
    for (script, never, scope, code) in cases {
        let script: Script = Box::leak(script.to_vec().into_boxed_slice());
        let (client, mut mta) = pair(lmtp, vec![script]).await;
        let fault = match deliver(&client, MAIL).await {
            Outcome::Never(fault) if never => fault,
            Outcome::Later(fault) if !never => fault,
            other => panic!("{script:?}: {other:?}"),
        };
        assert_eq!((fault.scope, fault.code.to_string().as_str()), (scope, code), "{script:?}: {fault:?}");
        // Whatever is left of that connection, the next mail does not depend on it.
        assert!(matches!(deliver(&client, MAIL).await, Outcome::Sent(_)), "{script:?}");
        assert!(mta.rest().contains(&line(2, "DATA")), "on a connection of its own");
    }
}

async fn a_dead_kept_connection_is_replaced(lmtp: bool) {
    const DEAD: Script = &[(".", Deed::AnswerAndClose)];
    let (client, mut mta) = pair(lmtp, vec![DEAD]).await;
    assert!(matches!(deliver(&client, MAIL).await, Outcome::Sent(_)));
    while mta.next().await != Came::End(1) {}
    assert!(matches!(deliver(&client, MAIL).await, Outcome::Sent(_)));
    assert_eq!(mta.data().await.0, 2);
    // One that says 421 instead is replaced too.
    let mta = Mta::tcp(vec![&[(".", Deed::Say(b"250 2.0.0 saved\r\n421 4.4.2 idle too long\r\n"))]]).await;
    let client = self::client(lmtp, &mta, Duration::from_secs(20));
    for _ in 0..2 {
        assert!(matches!(deliver(&client, MAIL).await, Outcome::Sent(_)));
    }
}

async fn a_broken_line_behind_the_dot_is_later(lmtp: bool) {
    let (client, mut mta) = pair(lmtp, vec![&[(".", Deed::Close)]]).await;
    let fault = later(deliver(&client, MAIL).await);
    assert_eq!((fault.scope, fault.code.to_string().as_str()), (Scope::Gateway, "4.4.2"));
    assert_eq!(mta.data().await.0, 1);
    while mta.next().await != Came::End(1) {}
    assert_eq!(mta.rest(), [], "not repeated within the attempt");
}

async fn a_silent_server_is_given_up(lmtp: bool) {
    for script in [&[("", Deed::Silence)] as Script, &[("MAIL", Deed::Silence)], &[(".", Deed::Silence)]] {
        let mut mta = Mta::tcp(vec![script]).await;
        let client = client(lmtp, &mta, Duration::from_millis(300));
        assert_eq!(later(deliver(&client, MAIL).await).scope, Scope::Gateway);
        // A connection given up in the middle must not serve the next mail.
        assert!(matches!(deliver(&client, MAIL).await, Outcome::Sent(_)), "{script:?}");
        assert!(mta.rest().contains(&line(2, "DATA")));
    }
}

async fn nonsense_is_later(lmtp: bool) {
    for script in [
        &[("", Deed::Say(b"HTTP/1.1 400 Bad Request\r\n"))] as Script,
        &[("", Deed::Close)],
        &[("MAIL", Deed::Say(b"\x00\xff\xfe\r\n"))],
        &[("RCPT", Deed::Endless)],
        &[(".", Deed::Endless)],
        &[("MAIL", Deed::Close)],
    ] {
        let (client, _mta) = pair(lmtp, vec![script]).await;
        let fault = later(deliver(&client, MAIL).await);
        assert_eq!(fault.scope, Scope::Gateway, "{script:?}");
        assert!(!fault.text.contains("in time"), "{script:?}: {}", fault.text);
    }
}

async fn eight_bits_are_told_or_encoded(lmtp: bool) {
    let plain: Script = &[("LHLO", Deed::Say(b"250 mta.test\r\n")), ("EHLO", Deed::Say(b"250 mta.test\r\n"))];
    let (client, mut mta) = pair(lmtp, vec![]).await;
    assert!(matches!(deliver(&client, "é\r\n".as_bytes()).await, Outcome::Sent(_)));
    assert!(mta.rest().contains(&line(1, "MAIL FROM:<bounce@sms.test> BODY=8BITMIME")));
    let (client, mut mta) = pair(lmtp, vec![plain]).await;
    let mail = "Content-Type: text/plain; charset=utf-8\n\nein Café, später\n.\nQUIT\n";
    assert!(matches!(deliver(&client, mail.as_bytes()).await, Outcome::Sent(_)));
    let (_, data) = mta.data().await;
    let wanted = "Content-Type: text/plain; charset=utf-8\r\nMIME-Version: 1.0\r\n\
                  Content-Transfer-Encoding: quoted-printable\r\n\r\nein Caf=C3=A9, sp=C3=A4ter\r\n=2E\r\nQUIT\r\n.\r\n";
    assert_eq!(String::from_utf8_lossy(&data), wanted);
}

/// Over a line without TLS to a server of this machine; every answer to it but 235 is ours to mend.
async fn a_login_goes_first(lmtp: bool) {
    const PLAIN: &[u8] = b"250-mta.test\r\n250 AUTH LOGIN PLAIN\r\n";
    const LOGIN: &[u8] = b"250-mta.test\r\n250 AUTH CRAM-MD5 LOGIN\r\n";
    const NONE: &[u8] = b"250-mta.test\r\n250 AUTH CRAM-MD5\r\n";
    let hello = if lmtp { "LHLO" } else { "EHLO" };
    type Case = (&'static [u8], &'static [u8], &'static [&'static str], Option<&'static str>);
    let cases: [Case; 6] = [
        (PLAIN, b"235 2.7.0 welcome\r\n", &["AUTH PLAIN AG1lAHB3"], None),
        (PLAIN, b"535 5.7.8 who?\r\n", &["AUTH PLAIN AG1lAHB3"], Some("4.7.8")),
        (PLAIN, b"454 4.7.0 later\r\n", &["AUTH PLAIN AG1lAHB3"], Some("4.7.0")),
        (PLAIN, b"334 \r\n", &["AUTH PLAIN AG1lAHB3"], Some("4.5.0")),
        (LOGIN, b"334 VXNlcm5hbWU6\r\n", &["AUTH LOGIN", "bWU=", "cHc="], None),
        (NONE, b"", &[], Some("4.7.4")),
    ];
    for (offer, answer, said, fails) in cases {
        let mut script = vec![(hello, Deed::Say(offer)), ("AUTH", Deed::Say(answer))];
        script.push(("bWU=", Deed::Say(b"334 UGFzc3dvcmQ6\r\n")));
        script.push(("cHc=", Deed::Say(b"235 2.7.0 welcome\r\n")));
        let mut mta = Mta::tcp(vec![Box::leak(script.into_boxed_slice())]).await;
        let mut settings = settings(lmtp, &mta, Duration::from_secs(20));
        settings.login = Some(Login { user: "me".to_owned(), password: Secret::new("pw".to_owned()) });
        let client = made(settings);
        match (deliver(&client, MAIL).await, fails) {
            (Outcome::Sent(_), None) => {
                assert!(matches!(deliver(&client, MAIL).await, Outcome::Sent(_)), "on the kept connection");
            }
            (Outcome::Later(fault), Some(code)) => {
                assert_eq!((fault.scope, fault.code.to_string().as_str()), (Scope::Gateway, code), "{}", fault.text);
                assert!(!fault.text.contains("AG1l"), "{}", fault.text);
            }
            (outcome, _) => panic!("{}: {outcome:?}", String::from_utf8_lossy(answer)),
        }
        let came = mta.rest();
        let lines: Vec<_> =
            came.iter().filter_map(|c| if let Came::Line(1, l) = c { Some(l.as_str()) } else { None }).collect();
        assert_eq!(lines[1..=said.len()], *said, "once, behind the greeting");
        let mails = lines.iter().filter(|l| l.starts_with("MAIL")).count();
        assert_eq!(mails, if fails.is_some() { 0 } else { 2 }, "{lines:?}");
    }
}

/// STARTTLS asked of servers that do not give it, or whose answer somebody has lengthened on the way.
async fn starttls_or_nothing(lmtp: bool) {
    let nobody = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(nobody.path(), crate::support::talk::Identity::new("nobody", &["localhost"]).cert_pem)
        .expect("write");
    let hello = if lmtp { "LHLO" } else { "EHLO" };
    let offered: &'static [u8] = b"250-mta.test\r\n250 STARTTLS\r\n";
    for (offer, answer, code) in [
        (&b"250-mta.test\r\n250 SIZE 1\r\n"[..], &b""[..], "4.7.4"),
        (offered, b"454 4.7.0 no certificate\r\n", "4.7.4"),
        (offered, b"220 go\r\n250-injected\r\n250 AUTH PLAIN\r\n", "4.4.2"),
        (offered, b"220 go\r\nHTTP/1.1 this is no TLS\r\n", "4.4.2"),
    ] {
        let script: Script =
            Box::leak(vec![(hello, Deed::Say(offer)), ("STARTTLS", Deed::Say(answer))].into_boxed_slice());
        let mut mta = Mta::tcp(vec![script, script]).await;
        let mut settings = settings(lmtp, &mta, Duration::from_secs(20));
        settings.tls = Tls::Required;
        settings.ca = Some(nobody.path().to_owned());
        settings.login = Some(Login { user: "me".to_owned(), password: Secret::new("pw".to_owned()) });
        let fault = later(deliver(&made(settings.clone()), MAIL).await);
        assert_eq!((fault.scope, fault.code.to_string().as_str()), (Scope::Gateway, code), "{}", fault.text);
        let said =
            |came: &[Came], word: &str| came.iter().any(|c| matches!(c, Came::Line(_, l) if l.starts_with(word)));
        let came = mta.rest();
        assert!(!said(&came, "MAIL") && !said(&came, "AUTH"), "{came:?}");
        if code == "4.7.4" {
            // Where it is only welcome, the mail goes in clear.
            (settings.tls, settings.login) = (Tls::Offered, None);
            assert!(matches!(deliver(&made(settings), MAIL).await, Outcome::Sent(_)));
        }
    }
}

async fn no_server_is_later(lmtp: bool) {
    let mta = Mta::tcp(vec![]).await;
    let gone = client(lmtp, &mta, Duration::from_secs(20));
    drop(mta);
    // The port is free again once the listener's task has ended.
    tokio::task::yield_now().await;
    let fault = later(deliver(&gone, MAIL).await);
    assert_eq!(fault.scope, Scope::Gateway);
}
