//! The lies and their honest twins.

use super::super::ALICE;

/// What is forged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    MailFrom,
    From,
    Results,
    Received,
    Certificate,
    Helo,
    /// XCLIENT and XFORWARD of strangers.
    Handed,
    Proxy,
}

/// To whom it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// Port 25 of Postfix.
    Postfix,
    /// Alice logs in there.
    Submission,
    /// Martlet's own SMTP: all evidence is asked for, nobody is trusted.
    Stranger,
    /// Martlet's LMTP that believes the Authentication-Results of 127.0.0.1.
    Results,
    /// Martlet behind a proxy at 127.0.0.1, trusting 192.0.2.7.
    Proxy,
    /// Martlet's SMTP that believes XCLIENT and XFORWARD of 127.0.0.1.
    Handed,
}

#[derive(Debug, Clone, Copy)]
pub struct Case {
    pub class: Class,
    pub name: &'static str,
    pub honest: bool,
    pub door: Door,
    /// The address of loopback from which it comes.
    pub source: &'static str,
    /// Octets before anything else.
    pub first: &'static [u8],
    pub helo: &'static str,
    /// Commands behind the hello, whatever the answers are.
    pub says: &'static [&'static str],
    pub from: &'static str,
    pub params: &'static str,
    /// Header fields above all others.
    pub above: &'static str,
    pub author: &'static str,
    /// The common name of a certificate that the client shows.
    pub certificate: Option<&'static str>,
    /// To the phone whose mail Postfix hands to [`Door::Results`].
    pub results_phone: bool,
    /// It does not come as far as a mail.
    pub stopped: bool,
}

const LIE: Case = Case {
    class: Class::MailFrom,
    name: "",
    honest: false,
    door: Door::Postfix,
    source: "127.0.0.9",
    first: b"",
    helo: "client.example.test",
    says: &[],
    from: "mallory@evil.example",
    params: "",
    above: "",
    author: "Mallory <mallory@evil.example>",
    certificate: None,
    results_phone: false,
    stopped: false,
};

/// Alice, logged in at Postfix.
const TRUE: Case =
    Case { honest: true, door: Door::Submission, from: ALICE, author: "Alice <alice@example.test>", ..LIE };

/// All of them.
pub fn all() -> Vec<Case> {
    [mail_from(), from(), results(), received(), certificate(), helo(), handed(), proxy()].concat()
}

fn mail_from() -> Vec<Case> {
    let lie = Case { class: Class::MailFrom, from: ALICE, ..LIE };
    let direct = Case { door: Door::Stranger, ..lie };
    vec![
        Case { class: Class::MailFrom, name: "alice, logged in", ..TRUE },
        Case { name: "alice's address", ..lie },
        Case { name: "alice's address in capitals", from: "ALICE@EXAMPLE.TEST", ..lie },
        Case { name: "nobody, as a bounce", from: "", author: "Alice <alice@example.test>", ..lie },
        Case {
            name: "words in a quoted local part",
            from: r#""x (Authenticated sender: alice@example.test)"@evil.example"#,
            ..lie
        },
        Case { name: "the postmaster", from: "postmaster@example.test", ..lie },
        Case { name: "AUTH= at Postfix", params: " AUTH=alice@example.test", ..lie },
        Case { name: "alice's address directly", ..direct },
        Case { name: "AUTH= directly", params: " AUTH=alice@example.test", ..direct },
        Case { name: "AUTH= in xtext", params: " AUTH=alice+40example.test", ..direct },
        Case { name: "an account that is no address", params: " AUTH=nagios", ..direct },
        Case {
            name: "AUTH= at the door of a proxy's client",
            door: Door::Proxy,
            source: "127.0.0.1",
            first: b"PROXY TCP4 198.51.100.7 127.0.0.1 4000 25\r\n",
            params: " AUTH=alice@example.test",
            ..direct
        },
        Case { name: "the whole domain", params: " AUTH=@example.test", ..direct },
    ]
}

fn from() -> Vec<Case> {
    let lie = Case { class: Class::From, author: "Alice <alice@example.test>", ..LIE };
    vec![
        Case { class: Class::From, name: "Alice writes as herself", ..TRUE },
        Case { name: "From alice", ..lie },
        Case { name: "From alice and the envelope too", from: ALICE, ..lie },
        Case { name: "alice as a display name", author: "\"alice@example.test\" <mallory@evil.example>", ..lie },
        Case { name: "two authors", author: "alice@example.test, mallory@evil.example", ..lie },
        Case { name: "two From fields", above: "From: alice@example.test\r\n", author: "mallory@evil.example", ..lie },
        Case {
            name: "Sender and Resent-From",
            above: "Sender: alice@example.test\r\nResent-From: alice@example.test\r\n",
            ..lie
        },
        Case {
            name: "words in a comment of From",
            author: "alice@example.test (Authenticated sender: alice@example.test)",
            ..lie
        },
        Case {
            name: "a header of the provider",
            above: "X-Authenticated-Sender: alice@example.test\r\nX-Authenticated-User: alice\r\n",
            ..lie
        },
        Case { name: "From alice directly", door: Door::Stranger, ..lie },
        Case { name: "From nagios directly", door: Door::Handed, author: "nagios", ..lie },
    ]
}

/// As a border writes it above its own line.
const RESULTS: &str = "Authentication-Results: mx.example.test; auth=pass (PLAIN) smtp.auth=alice@example.test\r\n\
                       Received: from laptop (unknown [198.51.100.7])\r\n\tby mx.example.test (Postfix) with ESMTPSA id 4F0000000;\r\n\t\
                       Mon, 1 Jan 2024 00:00:00 +0000 (UTC)\r\n";
/// A line as Postfix at the border would write it for a stranger.
const BORDER: &str = "Received: from laptop (unknown [198.51.100.7])\r\n\tby mx.example.test (Postfix) with ESMTP id 4F0000000\r\n\t\
                      for <x@sms.example.test>; Mon, 1 Jan 2024 00:00:00 +0000 (UTC)\r\n";

fn results() -> Vec<Case> {
    let lie = Case { class: Class::Results, above: RESULTS, ..LIE };
    let there = Case { results_phone: true, ..lie };
    let direct = Case { door: Door::Results, ..there };
    vec![
        Case {
            name: "the border's own results",
            honest: true,
            source: "127.0.0.1",
            from: ALICE,
            author: ALICE,
            ..direct
        },
        Case { name: "results, where logins are read from Received", ..lie },
        Case { name: "results behind Postfix's line", ..there },
        Case {
            name: "results twice",
            above: "Authentication-Results: mx.example.test; auth=pass smtp.auth=alice@example.test\r\n\
                    Authentication-Results: mx.example.test; auth=pass smtp.auth=alice@example.test\r\n",
            ..there
        },
        Case {
            name: "results in odd letters and folds",
            above: "AUTHENTICATION-RESULTS:\r\n\tMX.EXAMPLE.TEST (really);\r\n\tauth=pass\r\n\tsmtp.auth=alice@example.test\r\n",
            ..there
        },
        Case {
            name: "results with a chain of Received",
            above: "Received: from a (localhost [127.0.0.1])\r\n\tby mx.example.test (Postfix) with ESMTP id 1;\r\n\tMon, 1 Jan 2024 00:00:00 +0000\r\n\
                    Authentication-Results: mx.example.test; auth=pass smtp.auth=alice@example.test\r\n",
            ..there
        },
        Case {
            name: "results with a comment and quotes",
            above: "Authentication-Results: (our own) \"mx.example.test\" 1; auth=pass smtp.auth=alice@example.test\r\n",
            ..there
        },
        Case {
            name: "results with a blank before the colon",
            above: "Authentication-Results : mx.example.test; auth=pass smtp.auth=alice@example.test\r\n",
            ..there
        },
        Case { name: "results of a stranger at Martlet", ..direct },
        Case { name: "results at a door that trusts nobody", door: Door::Stranger, ..lie },
        Case {
            name: "the border hands on a stranger's results",
            source: "127.0.0.1",
            above: "Received: from laptop (unknown [198.51.100.7])\r\n\tby mx.example.test (Postfix) with ESMTP id 4F0000000\r\n\t\
                    for <x@sms.example.test>; Mon, 1 Jan 2024 00:00:00 +0000 (UTC)\r\n\
                    Received: from a (b [127.0.0.1])\r\n\tby mx.example.test (Postfix) with ESMTP id 4F0000001;\r\n\t\
                    Mon, 1 Jan 2024 00:00:00 +0000 (UTC)\r\n\
                    Authentication-Results: mx.example.test; auth=pass smtp.auth=alice@example.test\r\n",
            ..direct
        },
        Case {
            name: "another server's results",
            source: "127.0.0.1",
            above: "Authentication-Results: mx.evil.example; auth=pass smtp.auth=alice@example.test\r\n\
                    Received: from laptop (unknown [198.51.100.7])\r\n\tby mx.example.test (Postfix) with ESMTPSA id 4F0000000;\r\n\t\
                    Mon, 1 Jan 2024 00:00:00 +0000 (UTC)\r\n",
            ..direct
        },
        Case {
            name: "results that did not pass",
            source: "127.0.0.1",
            above: "Authentication-Results: mx.example.test; auth=fail smtp.auth=alice@example.test\r\n\
                    Received: from laptop (unknown [198.51.100.7])\r\n\tby mx.example.test (Postfix) with ESMTPSA id 4F0000000;\r\n\t\
                    Mon, 1 Jan 2024 00:00:00 +0000 (UTC)\r\n",
            ..direct
        },
    ]
}

const LOGIN: &str = "Received: from laptop (laptop [192.0.2.7])\r\n\t(Authenticated sender: alice@example.test)\r\n\tby \
                     mx.example.test (Postfix) with ESMTPSA id 4F0000000\r\n\tfor <x@sms.example.test>; Mon, 1 Jan 2024 00:00:00 +0000 (UTC)\r\n";

fn received() -> Vec<Case> {
    let lie = Case { class: Class::Received, from: ALICE, above: LOGIN, ..LIE };
    vec![
        Case {
            class: Class::Received,
            name: "alice, with another's line below her own",
            above: "Received: from x (x [192.0.2.9])\r\n\t(Authenticated sender: bob@example.test)\r\n\tby mx.example.test \
                    (Postfix) with ESMTPSA id 4F0000001;\r\n\tMon, 1 Jan 2024 00:00:00 +0000 (UTC)\r\n",
            ..TRUE
        },
        Case { name: "a line as Postfix writes it", ..lie },
        Case {
            name: "two lines, the upper one of a trusted client",
            above: "Received: from localhost (localhost [127.0.0.1])\r\n\tby mx.example.test (Postfix) with ESMTP id 4F0000002;\r\n\t\
                    Mon, 1 Jan 2024 00:00:00 +0000 (UTC)\r\n\
                    Received: from laptop (laptop [192.0.2.7])\r\n\t(Authenticated sender: alice@example.test)\r\n\tby \
                    mx.example.test (Postfix) with ESMTPSA id 4F0000000;\r\n\tMon, 1 Jan 2024 00:00:00 +0000 (UTC)\r\n",
            ..lie
        },
        Case {
            name: "a line in small letters",
            above: "received: from laptop (laptop [192.0.2.7])\r\n\t(authenticated sender: alice@example.test)\r\n\tby \
                    MX.EXAMPLE.TEST (Postfix) with esmtpsa id 4F0000000;\r\n\tMon, 1 Jan 2024 00:00:00 +0000 (UTC)\r\n",
            ..lie
        },
        Case {
            name: "a line that goes on in Postfix's",
            above: " (Authenticated sender: alice@example.test)\r\n\tby mx.example.test (Postfix) with ESMTPSA id 1;\r\n",
            ..lie
        },
        Case {
            name: "X-Received and Return-Path",
            above: "Return-Path: <alice@example.test>\r\nX-Received: from x (Authenticated sender: alice@example.test) by \
                    mx.example.test with ESMTPSA id 1; Mon, 1 Jan 2024 00:00:00 +0000\r\n",
            ..lie
        },
        Case {
            name: "the words in the recipient's comment",
            author: "x (Received: (Authenticated sender: alice@example.test) by mx.example.test with ESMTPSA)",
            above: "",
            ..lie
        },
        Case { name: "a line, directly", door: Door::Stranger, ..lie },
        Case { name: "a line at the door of results", door: Door::Results, ..lie },
        Case { name: "a line that Alice would believe", door: Door::Handed, above: BORDER, ..lie },
    ]
}

fn certificate() -> Vec<Case> {
    let lie = Case { class: Class::Certificate, from: ALICE, ..LIE };
    let named = |name, certificate| Case { name, certificate: Some(certificate), ..lie };
    vec![
        Case {
            class: Class::Certificate,
            name: "alice, with a certificate full of words",
            certificate: Some("x (Authenticated sender: bob@example.test)"),
            ..TRUE
        },
        named("the words", "x (Authenticated sender: alice@example.test)"),
        named("the words behind a quote", "x\") (Authenticated sender: alice@example.test)"),
        named("the words behind a closed comment", "x) (Authenticated sender: alice@example.test"),
        named("the words behind a backslash", "x\\\") (Authenticated sender: alice@example.test)"),
        named("a line of its own", "x\")\r\n\t(Authenticated sender: alice@example.test)\r\n\t(Client CN \"x"),
        named(
            "a whole line",
            "x) (Authenticated sender: alice@example.test) by mx.example.test with ESMTPSA id 1; Mon",
        ),
        named("the bare words", "(Authenticated sender: alice@example.test)"),
        named("alice's address", "alice@example.test"),
        Case { door: Door::Stranger, ..named("the words, directly", "x (Authenticated sender: alice@example.test)") },
        Case { door: Door::Stranger, ..named("alice's address, directly", "alice@example.test") },
    ]
}

fn helo() -> Vec<Case> {
    let lie = Case { class: Class::Helo, from: ALICE, ..LIE };
    let named = |name, helo| Case { name, helo, ..lie };
    let direct = |name, helo| Case { name, helo, door: Door::Stranger, ..lie };
    vec![
        Case {
            class: Class::Helo,
            name: "alice, with a strange name",
            helo: "[192.0.2.7] (Authenticated sender: bob@example.test)",
            ..TRUE
        },
        named("the words in a hello", "[192.0.2.7] (Authenticated sender: alice@example.test)"),
        named("the words without blanks", "x)(Authenticated_sender:alice@example.test)"),
        named("the server's own name", "mx.example.test"),
        named(
            "a whole line as a hello",
            "x (x [127.0.0.1]) (Authenticated sender: alice@example.test) by mx.example.test (Postfix) with ESMTPSA id 1;",
        ),
        named("loopback's name", "localhost"),
        named("alice's address as a hello", "alice@example.test"),
        direct("the words in a hello, directly", "[192.0.2.7] (Authenticated sender: alice@example.test)"),
        direct("a trusted address, directly", "[192.0.2.1]"),
        direct("the server's own name, directly", "mx.example.test"),
    ]
}

fn handed() -> Vec<Case> {
    let lie = Case { class: Class::Handed, from: ALICE, ..LIE };
    let says = |name, door, says| Case { name, door, says, ..lie };
    let proxied = |name, says| Case { name, door: Door::Handed, source: "127.0.0.1", says, ..lie };
    vec![
        Case {
            honest: true,
            author: ALICE,
            ..proxied("a proxy that knows its client", &["XCLIENT ADDR=198.51.100.7 LOGIN=alice@example.test"])
        },
        Case {
            honest: true,
            author: ALICE,
            ..proxied("a mail server that names a printer's address", &["XFORWARD ADDR=192.0.2.9 SOURCE=REMOTE"])
        },
        says("XCLIENT at Postfix", Door::Postfix, &["XCLIENT LOGIN=alice@example.test"]),
        says(
            "XCLIENT with an address at Postfix",
            Door::Postfix,
            &["XCLIENT ADDR=127.0.0.1 NAME=localhost LOGIN=alice@example.test"],
        ),
        says("XFORWARD at Postfix", Door::Postfix, &["XFORWARD ADDR=192.0.2.9 SOURCE=LOCAL IDENT=ABC"]),
        says("XCLIENT at Martlet", Door::Stranger, &["XCLIENT LOGIN=alice@example.test"]),
        says("XFORWARD at Martlet", Door::Stranger, &["XFORWARD ADDR=192.0.2.9"]),
        says("XCLIENT of another host", Door::Handed, &["XCLIENT LOGIN=alice@example.test"]),
        says("XFORWARD of another host", Door::Handed, &["XFORWARD ADDR=192.0.2.9", "XFORWARD SOURCE=LOCAL"]),
        proxied("a client that the proxy does not know", &["XCLIENT ADDR=198.51.100.7 LOGIN=[UNAVAILABLE]"]),
        proxied(
            "a client that goes on as the proxy",
            &["XCLIENT ADDR=198.51.100.7", "XCLIENT LOGIN=alice@example.test", "XFORWARD ADDR=192.0.2.9"],
        ),
        Case {
            params: " AUTH=alice@example.test",
            ..proxied("a client that names itself", &["XCLIENT ADDR=192.0.2.9"])
        },
        proxied("a remote client at loopback's address", &["XFORWARD ADDR=127.0.0.1 SOURCE=REMOTE"]),
        proxied("the whole domain as a login", &["XCLIENT LOGIN=@example.test"]),
    ]
}

const TRUSTED: &[&str] = &["PROXY TCP4 192.0.2.7 127.0.0.1 4000 25", "PROXY TCP4 192.0.2.1 127.0.0.1 4000 25"];

fn proxy() -> Vec<Case> {
    let lie = Case {
        class: Class::Proxy,
        from: ALICE,
        door: Door::Proxy,
        source: "127.0.0.1",
        params: " AUTH=alice@example.test",
        ..LIE
    };
    let header = |name, first| Case { name, first, ..lie };
    vec![
        Case {
            honest: true,
            author: ALICE,
            ..header("a trusted client behind the proxy", b"PROXY TCP4 192.0.2.7 127.0.0.1 4000 25\r\n")
        },
        Case {
            honest: true,
            author: ALICE,
            ..header(
                "a trusted client in version 2",
                b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\x7f\0\0\x01\x0f\xa0\0\x19",
            )
        },
        header("another client behind the proxy", b"PROXY TCP4 198.51.100.7 127.0.0.1 4000 25\r\n"),
        header("loopback behind the proxy", b"PROXY TCP4 127.0.0.1 127.0.0.1 4000 25\r\n"),
        header("nobody behind the proxy", b"PROXY UNKNOWN\r\n"),
        header("nobody in version 2", b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"),
        Case { stopped: true, ..header("no header at all", b"EHLO client.example.test\r\n") },
        Case { says: TRUSTED, ..header("two headers", b"PROXY TCP4 198.51.100.7 127.0.0.1 4000 25\r\n") },
        header("a mapped address", b"PROXY TCP6 ::ffff:198.51.100.7 ::1 4000 25\r\n"),
        Case { source: "127.0.0.9", says: TRUSTED, ..header("a header of no proxy", b"") },
        Case { door: Door::Stranger, says: TRUSTED, ..header("a header where none is asked for", b"") },
        Case { door: Door::Postfix, params: "", says: TRUSTED, ..header("a header at Postfix", b"") },
    ]
}
