//! Logging in at Martlet's own doors, TLS on the way, and who is believed behind a proxy.

use std::{fs, path::Path};

use libtest_mimic::Trial;

use super::{
    ALICE, PHONE, mail,
    smtp::{phone, world},
};
use crate::support::{
    talk::{Identity, Letter, Place, Reply, Talk},
    trial,
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("secure: STARTTLS and a login send, whatever MAIL FROM says", starttls),
        trial("secure: TLS at once, and certificates that change", certificates),
        trial("secure: nothing may stand behind STARTTLS", pipelined),
        trial("secure: a login without TLS only where nobody can listen", plain),
        trial("secure: guessing passwords is slow, by AUTH and by HTTP", guessing),
        trial("secure: who is believed behind a proxy", proxies),
        trial("secure: XCLIENT's login counts where it is asked for", xclient),
        trial("secure: the networks of accounts", networks),
        trial("secure: results of the named mail server", results),
    ]
}

fn identity(dir: &Path) -> Identity {
    let identity = Identity::new("mx.example.test", &["mx.example.test"]);
    fs::write(dir.join("cert.pem"), &identity.cert_pem).expect("written");
    fs::write(dir.join("key.pem"), &identity.key_pem).expect("written");
    identity
}

fn tls(dir: &Path, implicit: bool) -> String {
    let dir = dir.display();
    format!("tls = {{ cert = \"{dir}/cert.pem\", key = \"{dir}/key.pem\", implicit = {implicit} }}")
}

fn one(talk: &mut Talk, from: &str, data: &str) -> Reply {
    let to = phone(PHONE);
    let letter = Letter { from, to: vec![&to], data: data.to_owned(), ..Letter::default() };
    talk.one(&letter, false).expect("a session")
}

fn letter(id: &str) -> String {
    mail(&format!("{id}@example.test"), ALICE, "See you", "")
}

fn hello(port: u16) -> (Talk, Reply) {
    let mut talk = Talk::to(&Place::Tcp(port)).expect("the SMTP door");
    let offers = talk.say("EHLO mx.example.test").expect("EHLO");
    (talk, offers)
}

fn refused(reply: &Reply) {
    assert_eq!((reply.code, reply.enhanced()), (550, "5.7.1"), "{reply:?}");
}

fn starttls() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = identity(dir.path());
    let (world, port) = world(&tls(dir.path(), false));
    let mut talk = Talk::tls(port, &server, None).expect("encrypted");
    refused(&one(&mut talk, ALICE, &letter("nobody")));
    assert_eq!(talk.login(ALICE, "wrong").expect("AUTH").code, 535);
    assert_eq!(talk.login(ALICE, "alice-pw").expect("AUTH").code, 235);
    let reply = one(&mut talk, "mallory@elsewhere.example", &letter("alice"));
    assert_eq!(reply.code, 250, "{reply:?}");
    assert_eq!(world.provider.seen.wait("the text", |_| true).value("text"), "See you");
    assert!(!world.martlet.log().contains("alice-pw"));
}

fn certificates() {
    let dir = tempfile::tempdir().expect("a folder");
    let first = identity(dir.path());
    let (world, port) = world(&tls(dir.path(), true));
    assert!(Talk::tls_at_once(port, &first).is_ok());
    let second = identity(dir.path());
    assert!(Talk::tls_at_once(port, &second).is_ok(), "the new pair counts at once");
    assert!(Talk::tls_at_once(port, &first).is_err(), "the old one no more");
    fs::write(dir.path().join("cert.pem"), &first.cert_pem).expect("written");
    assert!(Talk::tls_at_once(port, &second).is_ok(), "a pair that does not fit changes nothing");
    assert!(world.martlet.log().contains("not a pair"), "and is told");
}

fn pipelined() {
    let dir = tempfile::tempdir().expect("a folder");
    identity(dir.path());
    let (_world, port) = world(&tls(dir.path(), false));
    let (mut talk, offers) = hello(port);
    assert!(offers.text().contains("STARTTLS"), "{offers:?}");
    talk.write(b"STARTTLS\r\nMAIL FROM:<mallory@elsewhere.example>\r\n").expect("written");
    assert_eq!(talk.reply().expect("a reply").code, 554);
    assert!(talk.reply().is_err(), "and it hangs up");
}

fn plain() {
    let (world, port) = world("login_domain = \"example.test\"");
    let (mut talk, offers) = hello(port);
    assert!(offers.text().contains("AUTH PLAIN LOGIN") && !offers.text().contains("STARTTLS"), "{offers:?}");
    assert_eq!(talk.login("alice", "alice-pw").expect("AUTH").code, 235, "a bare name gets the domain");
    assert_eq!(one(&mut talk, ALICE, &letter("plain")).code, 250);
    let (mut talk, _) = hello(port);
    let codes: Vec<u16> = (0..3).map(|_| talk.login("alice", "wrong").expect("AUTH").code).collect();
    assert_eq!(codes, [535, 535, 421]);
    assert!(talk.say("NOOP").is_err());
    world.martlet.settled();
}

/// Waits grow with each wrong one, so one of the next tries falls into a wait however slow this machine is.
fn guessing() {
    let (world, port) = world("login_domain = \"example.test\"");
    let by_auth = || hello(port).0.login("alice", "wrong").expect("AUTH").code;
    let answers: Vec<u16> = std::iter::repeat_with(by_auth).take(200).take_while(|code| *code != 454).collect();
    assert!((5..200).contains(&answers.len()) && answers.iter().all(|code| *code == 535), "{answers:?}");
    let call = "user=bob&pass=wrong&number=%2B12015550123&data=x";
    let by_http = || crate::support::http::call(world.martlet.http, "POST", "/sms/", call).expect("a call").0;
    let answers: Vec<u16> = std::iter::repeat_with(by_http).take(200).take_while(|status| *status != 429).collect();
    assert!((5..200).contains(&answers.len()) && answers.iter().all(|status| *status == 401), "{answers:?}");
    // Another spelling of the same name is no other account.
    let as_user = |user: &str| {
        let call = format!("user={user}&pass=wrong&number=%2B12015550123&data=x");
        crate::support::http::call(world.martlet.http, "POST", "/sms/", &call).expect("a call").0
    };
    let tries =
        std::iter::repeat_with(|| (as_user("carol%40example.test"), as_user("carol%25Example.Test."))).take(200);
    let both = tries.take_while(|both| *both != (429, 429)).collect::<Vec<_>>();
    // Five are free, and each one more waits twice as long; two accounts would have five each.
    let looked_at = both.iter().flat_map(|(one, other)| [one, other]).filter(|status| **status == 401).count();
    assert!((5..10).contains(&looked_at), "{both:?}");
}

fn proxies() {
    let keys = "trust = [\"127.0.0.1/32\"]\nidentity = [\"envelope\"]\nproxy_protocol = [\"127.0.0.0/8\"]";
    let (_world, port) = world(keys);
    for (client, believed) in [("127.0.0.1", true), ("192.0.2.7", false)] {
        let mut talk = Talk::connect(&Place::Tcp(port)).expect("the SMTP door");
        talk.write(format!("PROXY TCP4 {client} 127.0.0.1 4000 25\r\n").as_bytes()).expect("written");
        assert_eq!(talk.reply().expect("a greeting").code, 220);
        let offers = talk.say("EHLO client.example.test").expect("EHLO");
        assert_eq!(offers.text().contains("AUTH"), believed, "others can listen between the client and the proxy");
        let reply = one(&mut talk, ALICE, &letter(client));
        if believed { assert_eq!(reply.code, 250, "{reply:?}") } else { refused(&reply) }
    }
    let mut talk = Talk::connect(&Place::Tcp(port)).expect("the SMTP door");
    talk.write(b"EHLO client.example.test\r\n").expect("written");
    assert!(talk.reply().is_err(), "a proxy that says nothing of its client");
}

fn xclient() {
    let (_world, port) = world("trust = [\"127.0.0.1/32\"]\nidentity = [\"xclient\", \"mail-from-auth\"]");
    for (login, believed) in [(ALICE, true), ("[UNAVAILABLE]", false)] {
        let (mut talk, offers) = hello(port);
        assert!(offers.text().contains("XCLIENT"), "{offers:?}");
        assert_eq!(talk.say(&format!("XCLIENT ADDR=192.0.2.7 LOGIN={login}")).expect("XCLIENT").code, 220);
        assert_eq!(talk.say("EHLO client.example.test").expect("EHLO").code, 250);
        let to = phone(PHONE);
        let params = " AUTH=bob@example.test";
        let data = letter(login.trim_matches(['[', ']']));
        let letter = Letter { from: ALICE, mail_params: params, to: vec![&to], data, ..Letter::default() };
        let reply = talk.one(&letter, false).expect("a session");
        if believed { assert_eq!(reply.code, 250, "{reply:?}") } else { refused(&reply) }
    }
}

fn networks() {
    let keys = "trust = [\"127.0.0.1/32\"]\nidentity = [\"xforward\"]\n[[account]]\nuser = \"nagios\"\n\
                addresses = [\"alice@example.test\"]\nnetworks = [\"192.0.2.0/24\"]";
    let (_world, port) = world(keys);
    for (client, believed) in [("192.0.2.7", true), ("198.51.100.7", false), ("[UNAVAILABLE]", false)] {
        let (mut talk, _) = hello(port);
        assert_eq!(talk.say(&format!("XFORWARD ADDR={client} SOURCE=REMOTE")).expect("XFORWARD").code, 250);
        let reply = one(&mut talk, ALICE, &letter(client.trim_matches(['[', ']'])));
        if believed { assert_eq!(reply.code, 250, "{reply:?}") } else { refused(&reply) }
    }
}

fn results() {
    let keys = "trust = [\"127.0.0.1/32\"]\nidentity = [\"authentication-results:mx.example.test\"]";
    let (_world, port) = world(keys);
    let line = "Received: from a (b [192.0.2.7])\r\n\tby mx.example.test with ESMTPSA id 1;\r\n\tMon, 1 Jan 2024 00:00:00 +0000\r\n";
    let ours = format!("Authentication-Results: mx.example.test; auth=pass smtp.auth={ALICE}\r\n");
    for (n, (headers, believed)) in [
        (format!("{ours}{line}"), true),
        (format!("{line}{line}{ours}"), false),
        (format!("{ours}{line}{ours}"), false),
        (format!("{line}{}", ours.replace("mx.example", "mx.evil")), false),
        (String::new(), false),
    ]
    .into_iter()
    .enumerate()
    {
        let (mut talk, _) = hello(port);
        let reply = one(&mut talk, ALICE, &format!("{headers}{}", letter(&format!("results{n}"))));
        if believed { assert_eq!(reply.code, 250, "{reply:?}") } else { refused(&reply) }
    }
}
