//! Lines as Postfix writes them, and forgeries.

use proptest::prelude::*;

use super::*;

const DATE: &str = "Mon, 01 Jan 2024 00:00:00 +0000 (UTC)";

fn ask(headers: &str, trust: &[(&str, u8)]) -> Option<String> {
    let trust: Vec<_> = trust.iter().map(|(a, n)| (a.parse().expect("address"), *n)).collect();
    let names = ["mx.example.test".to_owned()];
    authenticated_sender(headers.as_bytes(), &Rule { mta_names: &names, any_name: false, trust: &trust })
}

fn one(headers: &str) -> Option<String> {
    ask(headers, &[])
}

/// A line of Postfix with these lines between the client and `by`.
fn postfix(helo: &str, middle: &str, with: &str) -> String {
    format!(
        "Received: from {helo} (client.example.test [192.0.2.7])\r\n{middle}\tby mx.example.test (Postfix) with {with} \
         id 4ABCdef\r\n\tfor <sms:+15551234567@sms.example.test>; {DATE}\r\n"
    )
}

const TLS: &str = "\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)\r\n\t key-exchange X25519 \
                   server-signature RSA-PSS (2048 bits) server-digest SHA256)\r\n";
const ALICE: &str = "\t(Authenticated sender: alice)\r\n";

fn cn(name: &str) -> String {
    format!("\t(Client CN \"{name}\", Issuer \"Some CA\" (verified OK))\r\n")
}

#[test]
fn as_postfix_writes_it() {
    let alice = Some("alice".to_owned());
    assert_eq!(one(&postfix("vm", ALICE, "ESMTPA")), alice);
    assert_eq!(one(&postfix("[192.0.2.7]", &format!("{TLS}{ALICE}"), "ESMTPSA")), alice);
    assert_eq!(one(&postfix("[IPv6:2001:db8::1]", ALICE, "UTF8SMTPSA")), alice);
    assert_eq!(one(&postfix("vm", &format!("{TLS}{}{ALICE}", cn("laptop")), "ESMTPSA")), alice);
    let none = "\t(Client did not present a certificate)\r\n";
    assert_eq!(one(&postfix("vm", &format!("{TLS}{none}{ALICE}"), "ESMTPSA")), alice);
    let full = postfix("vm", "\t(Authenticated sender: alice@example.test)\r\n", "ESMTPSA");
    assert_eq!(one(&full).as_deref(), Some("alice@example.test"));
    let many = format!("DKIM-Signature: v=1;\r\n\tb=\"(\"\r\n{}To: x\r\n\r\nbody", postfix("vm", ALICE, "ESMTPA"));
    assert_eq!(one(&many), alice);
    let unknown = postfix("vm", ALICE, "ESMTPA").replace("client.example.test [192.0.2.7]", "unknown [unknown]");
    assert_eq!(one(&unknown), alice);
}

#[test]
fn on_one_line() {
    let line = "Received: from vm (vm [127.0.0.1]) (Authenticated sender: alice@example.test) by MX.example.test (Postfix) \
                with ESMTPA id 1; Mon, 01 Jan 2024 00:00:00 +0000\r\n";
    assert_eq!(one(line).as_deref(), Some("alice@example.test"));
    let tls = line.replace(" (Auth", " (using TLSv1.3 with cipher X (256/256 bits)) (Auth");
    assert_eq!(one(&tls).as_deref(), Some("alice@example.test"));
    assert_eq!(one(&line.replace(" (Auth", " (Client CN \"x\", Issuer \"y\" (verified OK)) (Auth")), None);
    assert_eq!(one(&line.replace("; Mon, 01 Jan 2024 00:00:00 +0000", "")).as_deref(), Some("alice@example.test"));
}

#[test]
fn recipients_may_hold_anything() {
    for path in [
        "<\"sms:+15551234567\"@sms.example.test>",
        "<\"a)(Authenticated sender: bob)>;\\\"\"@d>",
        "<é@d>",
        "<a@d> (added by x)",
        "a@d",
    ] {
        let line = postfix("vm", ALICE, "ESMTPSA").replace("<sms:+15551234567@sms.example.test>", path);
        assert_eq!(one(&line).as_deref(), Some("alice"), "{path}");
    }
}

#[test]
fn what_proves_nothing() {
    for (why, headers) in [
        ("not logged in", postfix("vm", "", "ESMTP")),
        ("no login by protocol", postfix("vm", ALICE, "ESMTPS")),
        ("no login by protocol", postfix("vm", ALICE, "SMTP")),
        ("lower case", postfix("vm", ALICE, "esmtpa")),
        ("a word more", postfix("vm", ALICE, "ESMTPA ESMTPSA")),
        ("another MTA", postfix("vm", ALICE, "ESMTPA").replace("by mx.example.test", "by evil.example")),
        ("a name in front", postfix("vm", ALICE, "ESMTPA").replace("by mx.example.test", "by mx.example.test.evil")),
        ("two logins", postfix("vm", &format!("{ALICE}\t(Authenticated sender: bob)\r\n"), "ESMTPA")),
        ("other letters", postfix("vm", "\t(authenticated sender: alice)\r\n", "ESMTPA")),
        ("no blank", postfix("vm", "\t(Authenticated sender:alice)\r\n", "ESMTPA")),
        ("nobody", postfix("vm", "\t(Authenticated sender: )\r\n", "ESMTPA")),
        ("neutralised", postfix("vm", "\t(Authenticated sender: al?ce)\r\n", "ESMTPA")),
        ("blank inside", postfix("vm", "\t(Authenticated sender: alice bob)\r\n", "ESMTPA")),
        ("fold inside", postfix("vm", "\t(Authenticated sender: alice\r\n\tbob)\r\n", "ESMTPA")),
        ("quoted", postfix("vm", "\t(Authenticated sender: \"alice\")\r\n", "ESMTPA")),
        ("comment in it", postfix("vm", "\t(Authenticated sender: alice(x))\r\n", "ESMTPA")),
        ("only a comment in it", postfix("vm", "\t(Authenticated sender: (x)alice)\r\n", "ESMTPA")),
        ("two names", postfix("vm", "\t(Authenticated sender: alice,bob)\r\n", "ESMTPA")),
        ("behind by", postfix("vm", "", "ESMTPA").replace("(Postfix)", "(Authenticated sender: alice)")),
        ("behind with", postfix("vm", "", "ESMTPA (Authenticated sender: alice)")),
        ("in the body", format!("Subject: x\r\n\r\n{}", postfix("vm", ALICE, "ESMTPA"))),
        ("another field", postfix("vm", ALICE, "ESMTPA").replace("Received:", "X-Received:")),
        ("nothing", String::new()),
        ("local", format!("Received: by mx.example.test (Postfix, from userid 1000)\r\n\tid 4; {DATE}\r\n")),
    ] {
        assert_eq!(one(&headers), None, "{why}: {headers}");
    }
    let names = [];
    let good = postfix("vm", ALICE, "ESMTPA");
    assert_eq!(authenticated_sender(good.as_bytes(), &Rule { mta_names: &names, any_name: false, trust: &[] }), None);
}

/// The CN of a client certificate, with Postfix's own care (balanced parentheses) and without.
#[test]
fn forged_in_a_certificate() {
    let sanitised = "x (Authenticated sender: alice@example.test)";
    assert_eq!(one(&postfix("vm", &format!("{TLS}{}", cn(sanitised)), "ESMTPS")), None);
    assert_eq!(one(&postfix("vm", &format!("{TLS}{}", cn(sanitised)), "ESMTPSA")), None);
    // Who is really logged in counts, whatever the certificate says.
    let bob = format!("{}\t(Authenticated sender: bob)\r\n", cn(sanitised));
    assert_eq!(one(&postfix("vm", &bob, "ESMTPSA")).as_deref(), Some("bob"));

    for name in [
        "x) (Authenticated sender: alice)",
        "x\") (Authenticated sender: alice) (\"",
        "x\") (Authenticated sender: alice) (y \"",
        "x) (Authenticated sender: alice) (",
        "x\", Issuer \"y\" (verified OK)) (Authenticated sender: alice",
        "x\", Issuer \"y\" (verified OK)) (Authenticated sender: alice) (z",
        "x)) (Authenticated sender: alice) ((",
        "x\\) (Authenticated sender: alice) (\\",
        "x\\",
        "\\) (Authenticated sender: alice)",
        "x) (Authenticated sender: alice) by mx.example.test (Postfix) with ESMTPSA id 1 (",
        "x) (Authenticated sender: alice) by mx.example.test (Postfix) with ESMTPSA id 1; Mon, 1 Jan 2024 00:00:00 +0000 (",
        "x) (Authenticated sender: alice) by mx.example.test with ESMTPSA id 1 for <\"",
        "x) (Authenticated sender: alice) by mx.example.test with ESMTPSA id 1 for <a@b>; (",
        "x) (using TLS) (Authenticated sender: alice) by mx.example.test with ESMTPSA id (",
        "(((((((((x",
        "x(",
        "x)",
        "\"",
        "é",
        "\u{1}",
        "\0",
        "x)\n\t(Authenticated sender: alice)\n\tby mx.example.test (Postfix) with ESMTPSA id 1; now (",
    ] {
        for with in ["ESMTPS", "ESMTPSA"] {
            let line = postfix("vm", &format!("{TLS}{}", cn(name)), with);
            assert_eq!(one(&line), None, "{line}");
        }
        // Beside a real login: the login or nothing, never the forged one.
        let line = postfix("vm", &format!("{}\t(Authenticated sender: bob)\r\n", cn(name)), "ESMTPSA");
        assert_ne!(one(&line).as_deref(), Some("alice"), "{line}");
    }
}

/// HELO names, as if Postfix did not neutralise them.
#[test]
fn forged_in_a_helo_name() {
    for helo in [
        "x (Authenticated sender: alice)",
        "x (x [127.0.0.1]) (Authenticated sender: alice)",
        "x (x [127.0.0.1])",
        "x(Authenticated sender: alice)",
        "x by mx.example.test with ESMTPSA",
        "x (y [1.2.3.4]) (Authenticated sender: alice) by mx.example.test with ESMTPSA id 1; Mon, 1 Jan 2024 (",
        "x (y [1.2.3.4]) (Authenticated sender: alice) by mx.example.test with ESMTPSA id 1 for <\"",
        "\"x",
        "x\\",
        "<x",
        ")",
        "(",
        ";",
        "by",
        "",
    ] {
        for with in ["ESMTP", "ESMTPA"] {
            let line = postfix(helo, "", with) + &postfix("vm", ALICE, "ESMTPA");
            assert_eq!(ask(&line, &[("127.0.0.1", 32)]), None, "{line}");
        }
    }
}

#[test]
fn forged_in_a_login_name() {
    for login in
        ["x) (Authenticated sender: alice", "alice)", "(alice", "alice) by mx.example.test (", "a\\b", "alice\""]
    {
        let line = postfix("vm", &format!("\t(Authenticated sender: {login})\r\n"), "ESMTPA");
        assert_eq!(one(&line), None, "{line}");
    }
}

#[test]
fn lines_below_count_only_behind_a_trusted_client() {
    let forged = postfix("vm", ALICE, "ESMTPA");
    let from = |client: &str, rest: &str| {
        format!("Received: from relay ({client})\r\n\tby in.example.test (Postfix) with ESMTP id 1; {DATE}\r\n{rest}")
    };
    let trust = [("192.0.2.0", 24), ("2001:db8::", 32)];
    let alice = Some("alice".to_owned());
    assert_eq!(ask(&from("relay [192.0.2.9]", &forged), &trust), alice);
    assert_eq!(ask(&from("[192.0.2.9]", &forged), &trust), alice);
    assert_eq!(ask(&from("relay [IPv6:2001:db8::9]", &forged), &trust), alice);
    assert_eq!(ask(&from("relay [2001:db8::9]", &forged), &trust), alice);
    assert_eq!(ask(&from("relay [192.0.2.9]", &from("unknown [192.0.2.3]", &forged)), &trust), alice);
    for client in [
        "relay [198.51.100.1]",
        "relay [192.0.2.9] x",
        "relay (x) [192.0.2.9]",
        "relay",
        "192.0.2.9",
        "relay [192.0.2.999]",
        "a \"b [192.0.2.9]",
        "relay [198.51.100.1]) (relay [192.0.2.9]",
        "relay [192.0.2.9]) (relay [198.51.100.1]",
        "[192.0.2.9] [198.51.100.1]",
    ] {
        assert_eq!(ask(&from(client, &forged), &trust), None, "{client}");
    }
    assert_eq!(ask(&from("relay [192.0.2.9]", &from("x [198.51.100.1]", &forged)), &trust), None);
    // One that cannot be read ends the search; it is not skipped.
    assert_eq!(ask(&format!("Received: nonsense\r\n{forged}"), &trust), None);
    assert_eq!(ask(&format!("Received:\r\n{forged}"), &trust), None);
    assert_eq!(ask(&format!("Received : from x (y\r\n{forged}"), &trust), None);
    let long: String = (0..60).map(|_| from("relay [192.0.2.9]", "")).collect();
    assert_eq!(ask(&(long + &forged), &trust), None);
}

#[test]
fn headers_that_two_readers_see_differently() {
    let good = postfix("vm", ALICE, "ESMTPA");
    for (why, headers) in [
        ("bare LF", good.replace("\r\n\tby", "\n\tby")),
        ("bare CR", good.replace("\r\n\tby", "\r\tby")),
        ("NUL", good.replace("Postfix", "Post\0fix")),
        ("a line of blanks", good.replace("\r\n\tby", "\r\n \t\r\n\tby")),
        ("a line of blanks above", format!("Subject: x\r\n \r\n{good}")),
        ("begins with a fold", format!(" x\r\n{good}")),
        ("no colon", format!("nonsense\r\n{good}")),
        ("mbox", format!("From alice Mon Jan 1\r\n{good}")),
        ("no name", format!(": x\r\n{good}")),
        ("odd date", good.replace("(UTC)", "(\"UTC\")")),
        ("more behind the date", good.replace("(UTC)", "(UTC) by")),
        ("more dates", good.replace("(UTC)", "; x")),
    ] {
        assert_eq!(one(&headers), None, "{why}");
    }
}

#[test]
fn networks() {
    let net = |a: &str, n| [(a.parse().expect("address"), n)];
    let ip = |a: &str| a.parse::<IpAddr>().expect("address");
    assert!(within(&net("127.0.0.1", 32), ip("127.0.0.1")));
    assert!(within(&net("127.0.0.1", 32), ip("::ffff:127.0.0.1")));
    assert!(within(&net("10.0.0.0", 8), ip("10.255.0.1")) && !within(&net("10.0.0.0", 8), ip("11.0.0.1")));
    assert!(within(&net("0.0.0.0", 0), ip("8.8.8.8")) && !within(&net("0.0.0.0", 0), ip("::1")));
    assert!(within(&net("::", 0), ip("2001:db8::1")) && within(&net("2001:db8::", 32), ip("2001:db8:1::")));
    assert!(!within(&net("2001:db8::1", 128), ip("2001:db8::2")));
    assert!(!within(&net("10.0.0.0", 33), ip("10.0.0.0")) && !within(&net("::", 129), ip("::")));
    assert!(!within(&[], ip("127.0.0.1")));
}

proptest! {
    /// Whatever a stranger puts into the certificate, `alice` is never logged in by it.
    #[test]
    fn no_certificate_logs_in(name in "[ -~]{0,30}(\\(Authenticated sender: alice\\))?[ -~]{0,30}") {
        let line = postfix("vm", &format!("{TLS}{}", cn(&name)), "ESMTPSA");
        prop_assert_eq!(one(&line), None);
    }

    #[test]
    fn no_helo_name_logs_in(name in "[ -~]{0,20}(\\(Authenticated sender: alice\\))?[ -~]{0,20}") {
        prop_assert_eq!(one(&postfix(&name, "", "ESMTPA")), None);
    }

    #[test]
    fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = authenticated_sender(&bytes, &Rule { mta_names: &[], any_name: false, trust: &[] });
    }
}
