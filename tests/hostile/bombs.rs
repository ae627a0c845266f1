//! Mails that are small to send and large to read.

use libtest_mimic::Trial;

use super::{ALICE, World, daemon, hand_over, log_is_sound, memory, serves, warm};
use crate::support::trial;

pub fn trials() -> Vec<Trial> {
    vec![
        trial("hostile: MIME bombs", mime),
        trial("hostile: bombs in header fields", headers),
        trial("hostile: HTML bombs", html),
    ]
}

/// Each is answered, by 250 or by a refusal for good, and memory stays small.
fn each(world: &World, bombs: Vec<(&str, String)>) {
    for (name, bomb) in bombs {
        let memory = memory(world);
        let reply = hand_over(world, &bomb);
        assert!(matches!(reply.code, 250 | 500..=599), "{name}: {reply:?}");
        memory.is_small(name);
    }
    serves(world, "all is well");
    log_is_sound(world);
}

fn top(kind: &str) -> String {
    format!("From: {ALICE}\r\nTo: phone\r\nSubject: x\r\nMIME-Version: 1.0\r\nContent-Type: {kind}\r\n\r\n")
}

fn nested(depth: usize) -> String {
    let mut mail = top("multipart/mixed; boundary=b0");
    for n in 0..depth {
        mail += &format!("--b{n}\r\nContent-Type: multipart/mixed; boundary=b{}\r\n\r\n", n + 1);
    }
    mail + "the words\r\n"
}

fn mime() {
    let world = warm(daemon());
    let part = "--b\r\nContent-Type: text/plain\r\n\r\nx\r\n";
    let message = "Content-Type: message/rfc822\r\n\r\n";
    let base64 = format!("{}\r\n", "QUJD".repeat(19));
    each(
        &world,
        vec![
            ("depth", nested(20_000)),
            ("parts", top("multipart/mixed; boundary=b") + &part.repeat(60_000) + "--b--\r\n"),
            ("empty parts", top("multipart/mixed; boundary=b") + &"--b\r\n\r\n".repeat(300_000)),
            ("boundaries", top("multipart/mixed; boundary=b") + &"--b\r\n".repeat(500_000)),
            ("messages in messages", format!("From: {ALICE}\r\n{}the words\r\n", message.repeat(30_000))),
            ("a long boundary", top(&format!("multipart/mixed; boundary=\"{}\"", "b".repeat(100_000))) + "x\r\n"),
            (
                "base64",
                format!(
                    "From: {ALICE}\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n{}",
                    base64.repeat(60_000)
                ),
            ),
            (
                "quoted-printable",
                format!(
                    "From: {ALICE}\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n{}",
                    "=C3=A9=\r\n".repeat(400_000)
                ),
            ),
            ("calendars", top("text/calendar") + &"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n".repeat(80_000)),
            ("one long line", top("text/plain") + &"word ".repeat(600_000) + "\r\n"),
            ("quotes in quotes", top("text/plain") + &format!("{}x\r\n", ">".repeat(900)).repeat(3_000)),
            ("wide words", top("text/plain; charset=utf-8") + &"\u{1f468}\u{200d}".repeat(300_000) + "\r\n"),
        ],
    );
}

fn headers() {
    let world = warm(daemon());
    let mail = |fields: String| format!("From: {ALICE}\r\n{fields}\r\n\r\nthe words\r\n");
    let words = "=?utf-8?q?=C3=A9?= ".repeat(45);
    each(
        &world,
        vec![
            ("fields", mail("X-Field: value\r\n".repeat(150_000).trim_end().to_owned())),
            ("one field in many lines", mail(format!("Subject: x{}", "\r\n and on".repeat(200_000)))),
            ("encoded words", mail(format!("Subject: x{}", format!("\r\n {words}").repeat(2_500)))),
            ("encoded words without an end", mail(format!("Subject: x{}", "\r\n =?utf-8?b?".repeat(150_000)))),
            ("addresses", mail(format!("To: a{}", ",\r\n a@example.test".repeat(120_000)))),
            ("groups in groups", mail(format!("To: {}", "g:\r\n ".repeat(300_000)))),
            ("comments in comments", mail(format!("To: {}", "(((((((((\r\n ".repeat(100_000)))),
            ("quoted pairs", mail(format!("To: \"{}\" <a@b>", "\\\"\\\\\r\n ".repeat(200_000)))),
            (
                "parameters",
                mail(format!(
                    "Content-Type: text/plain{}",
                    (0..80_000).map(|n| format!(";\r\n a*{n}=x")).collect::<String>()
                )),
            ),
            ("references", mail(format!("References: {}", "<a@example.test>\r\n ".repeat(100_000)))),
            (
                "received",
                mail("Received: from a by b; Fri, 20 Nov 2026 10:00:00 +0000\r\n".repeat(40_000).trim_end().to_owned()),
            ),
            ("results", mail(format!("Authentication-Results: mx; {}", "a=b (((\r\n ".repeat(150_000)))),
        ],
    );
}

fn html() {
    let world = warm(daemon());
    let page = |body: String| top("text/html; charset=utf-8") + &body + "\r\n";
    let lines = |piece: &str, times: usize| format!("{}\r\n", piece.repeat(8)).repeat(times / 8);
    each(
        &world,
        vec![
            ("open tags", page(lines("<b", 800_000))),
            ("depth", page(lines("<div>", 300_000))),
            ("tables in tables", page(lines("<table><tr><td>", 100_000))),
            ("lists in lists", page(lines("<ul><li>", 150_000))),
            ("quotes in quotes", page(lines("<blockquote>", 120_000))),
            ("entities", page(lines("&amp;&#x41;&#99999999999;", 100_000))),
            ("attributes", page(format!("<p {}>", lines("a='b' ", 300_000)))),
            ("a comment without an end", page(format!("<!--{}", lines("- -!", 300_000)))),
            ("a style without an end", page(format!("<style>{}", lines("</styl ", 200_000)))),
            ("links", page(lines("<a href=http://example.test/a>x</a>", 60_000))),
            ("nothing but blanks", page(lines("&nbsp; ", 200_000))),
        ],
    );
}
