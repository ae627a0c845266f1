//! Requests at the HTTP door that are too large, endless, or no text.

use std::{net::TcpStream, thread};

use libtest_mimic::Trial;

use super::{ALICE, World, daemon, from, log_is_sound, memory, push, rest, sent, serves, warm};
use crate::support::{http::call, trial};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("hostile: hooks of ten mebibytes, and without an end", large),
        trial("hostile: hooks of a definition: too large, without an end, no text, too slow", by_definition),
        trial("hostile: what is no UTF-8", no_text),
    ]
}

/// Writes `head`, then `piece` again and again up to `octets`, while the answer is read.
fn pour(world: &World, head: &str, piece: &[u8], octets: usize) -> String {
    let peer = from(1, world.martlet.http);
    let mut writer: TcpStream = peer.try_clone().expect("a handle");
    let (head, piece) = (head.to_owned(), piece.to_vec());
    let pouring = thread::spawn(move || {
        push(&mut writer, head.as_bytes());
        for _ in 0..octets / piece.len() {
            if std::io::Write::write_all(&mut writer, &piece).is_err() {
                return;
            }
        }
    });
    let mut peer = peer;
    let said = rest(&mut peer);
    drop(peer);
    pouring.join().expect("the writer");
    said
}

fn large() {
    let world = warm(daemon());
    let memory = memory(&world);
    const TEN: usize = 10 << 20;
    let piece = vec![b'x'; 64 << 10];
    let post = |more: &str| format!("POST /sms/deliver.html HTTP/1.1\r\nHost: localhost\r\n{more}\r\n");
    let length = format!("Content-Length: {TEN}\r\nContent-Type: application/x-www-form-urlencoded\r\n");
    let refused = |said: &str, what: &str, codes: &[&str]| {
        // Who pours on may find the line broken before the answer.
        let status = said.split(' ').nth(1).unwrap_or_default();
        assert!(said.is_empty() || codes.contains(&status), "{what}: {said}");
    };
    refused(&pour(&world, &post(&length), &piece, TEN), "a body", &["413"]);
    memory.is_small("a body of 10 MiB");
    let chunk = [b"10000\r\n", piece.as_slice(), b"\r\n"].concat();
    refused(&pour(&world, &post("Transfer-Encoding: chunked\r\n"), &chunk, 4 * TEN), "chunks", &["413"]);
    memory.is_small("40 MiB of chunks");
    let head = "POST /sms/deliver.html HTTP/1.1\r\nHost: localhost\r\nX-Long: ";
    refused(&pour(&world, head, &piece, TEN), "a long field", &["431", "400"]);
    let head = "GET /sms/?number=1&data=";
    refused(&pour(&world, head, &piece, TEN), "a long path", &["414", "431", "400"]);
    refused(
        &pour(&world, &post("").replace("\r\n\r\n", "\r\n"), b"X-Field: value\r\n", TEN),
        "fields",
        &["431", "400"],
    );
    memory.is_small("heads of 10 MiB");
    // Eight at once.
    let pourers: Vec<_> = (0..8u8)
        .map(|n| {
            let (port, request, piece) = (world.martlet.http, post(&length), piece.clone());
            thread::spawn(move || {
                let mut peer = from(2 + n, port);
                push(&mut peer, request.as_bytes());
                for _ in 0..TEN / piece.len() {
                    push(&mut peer, &piece);
                }
            })
        })
        .collect();
    for pourer in pourers {
        pourer.join().expect("a writer");
    }
    serves(&world, "after the floods");
    memory.is_small("eight bodies of 10 MiB at once");
    let two = "POST /sms/deliver.html HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /evil HTTP/1.1\r\n\r\n";
    let mut peer = from(1, world.martlet.http);
    push(&mut peer, two.as_bytes());
    let said = rest(&mut peer);
    assert!(said.matches("HTTP/1.1 ").count() <= 2 && !said.contains("200 OK"), "{said}");
    assert_eq!(sent(&world), ["after the floods"]);
    log_is_sound(&world);
}

/// They have a door of their own in front of the definition's verifier.
fn by_definition() {
    let key = "h00kKeyOfThisTest0123456789";
    let world = warm(daemon().keys("[http]", "timeout = \"2s\"").tables(&format!(
            "[[gateway]]\nid = \"vonage\"\ntype = \"http\"\nprovider = \"vonage-sms\"\npriority = 9\nnumber = \"+12025550100\"\n\
             settings = {{ api_key = \"abcd1234\", api_secret = \"s3cret\", hook_key = \"{key}\" }}\n"
        )));
    let memory = memory(&world);
    const TEN: usize = 10 << 20;
    let piece = vec![b'x'; 64 << 10];
    let chunk = [b"10000\r\n", piece.as_slice(), b"\r\n"].concat();
    let post = |more: &str| format!("POST /gateway/vonage/hook/status/{key} HTTP/1.1\r\nHost: localhost\r\n{more}\r\n");
    let status = |said: &str| said.split(' ').nth(1).unwrap_or_default().to_owned();
    for (what, head, piece, octets) in [
        ("a body", post(&format!("Content-Length: {TEN}\r\n")), &piece, TEN),
        ("chunks", post("Transfer-Encoding: chunked\r\n"), &chunk, 4 * TEN),
    ] {
        let said = pour(&world, &head, piece, octets);
        // Who pours on may find the line broken before the answer.
        assert!(said.is_empty() || status(&said) == "413", "{what}: {said}");
        memory.is_small(what);
    }
    for body in
        [&b"\xff\xfe\xfd"[..], b"msisdn=%ff&messageId=%c0%af&status=delivered", b"{\"msisdn\": \"\xff\"}", b"\0"]
    {
        let mut peer = from(1, world.martlet.http);
        push(&mut peer, post(&format!("Connection: close\r\nContent-Length: {}\r\n", body.len())).as_bytes());
        push(&mut peer, body);
        let said = rest(&mut peer);
        assert!(matches!(status(&said).as_str(), "200" | "400" | "403" | "404" | "422"), "{body:?}: {said}");
    }
    let mut peer = from(1, world.martlet.http);
    push(&mut peer, post("Content-Length: 100\r\n").as_bytes());
    push(&mut peer, b"msisdn=");
    assert_eq!(status(&rest(&mut peer)), "408", "a body that never comes");
    serves(&world, "behind the hooks");
    memory.is_small("hooks of a definition");
    assert!(!world.martlet.log().contains(key), "the key in the log");
    log_is_sound(&world);
}

fn no_text() {
    let world = warm(daemon());
    let memory = memory(&world);
    for octets in ["%ff", "%fe%ff", "%c3", "%c0%af", "%ed%a0%80", "%f8%88%80%80%80", "a%80b"] {
        let form = format!("id=main&pass=pin&number=%2B12015550123&data={octets}");
        assert_eq!(call(world.martlet.http, "POST", "/sms/deliver.html", &form).expect("a call").0, 400, "{octets}");
        let form = format!("number=%2B12015550123&data={octets}&user=alice%40example.test&pass=x");
        let (status, body) = call(world.martlet.http, "GET", "/sms/", &form).expect("a call");
        assert!((400..500).contains(&status), "{octets}: {status} {body}");
    }
    // In a mail it is damage, shown as such.
    for (kind, body) in [
        ("text/plain; charset=utf-8", &b"broken \xff\xfe\xc3 words"[..]),
        ("text/plain; charset=klingon", b"broken \xff words"),
        ("text/plain; charset=utf-7", b"broken +AGE words"),
        ("text/html; charset=utf-16", b"b\0r\0o\0k\0e\0n\0 \0w\0o\0r\0d\0s"),
    ] {
        let mut peer = from(1, world.lmtp);
        let head = format!(
            "LHLO x\r\nMAIL FROM:<{ALICE}> BODY=8BITMIME\r\nRCPT TO:<{}>\r\nDATA\r\nFrom: {ALICE}\r\nContent-Type: {kind}\r\n\r\n",
            super::TO
        );
        push(&mut peer, head.as_bytes());
        push(&mut peer, body);
        push(&mut peer, b"\r\n.\r\nQUIT\r\n");
        let said = rest(&mut peer);
        let verdict = said.lines().rev().nth(1).unwrap_or_default().to_owned();
        assert!(
            verdict.starts_with("250") || verdict.starts_with("550 5.5.2") || verdict.starts_with("5"),
            "{kind}: {said}"
        );
    }
    serves(&world, "whole words");
    memory.is_small("what is no text");
    log_is_sound(&world);
}
