//! First line: the network's words. Second line: the address. Then the original, headers and body. The report has
//! exactly our fields, three parts, sound line ends, and a status part that nothing has forged.

use martlet::{
    ground::{Enhanced, Fault, Scope, Timestamp},
    mail::{self, Event, Original, Report, Words},
};

pub fn report(data: &[u8]) {
    let mut parts = data.splitn(3, |b| *b == b'\n');
    let mut line = || String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    let (said, address) = (line(), line());
    let (headers, body) = mail::header_block(parts.next().unwrap_or_default());
    let fault = Fault::new(Scope::Recipient, Enhanced::new(5, 1, 1), &said);
    let words = Words::default();
    for event in Event::ALL {
        let report = Report {
            event,
            from: "postmaster@sms.example.test",
            to: "ann@example.test",
            host: "sms.example.test",
            date: Timestamp(1_795_162_500_000),
            message_id: "r1@sms.example.test",
            original: Original {
                headers,
                body: Some(body),
                message_id: Some(&said),
                subject: &said,
                envid: Some(&said),
                ..Original::default()
            },
            with_text: true,
            number: &address,
            original_recipient: Some(&address),
            final_recipient: &address,
            fault: Some(&fault),
            gateway: None,
            parts: Some((1, 2)),
            last_attempt: None,
            until: Some(Timestamp(1_795_172_500_000)),
        };
        let raw = report.write(&words).expect("all that is ours is sound");
        check(&raw, event);
    }
}

fn check(raw: &[u8], event: Event) {
    assert!(!raw.windows(2).any(|w| w[1] == b'\n' && w[0] != b'\r' || w[0] == b'\r' && w[1] != b'\n'));
    assert!(raw.split(|b| *b == b'\n').all(|line| line.len() <= 999) && !raw.contains(&0));
    let mail = mail::read(raw).expect("our own mail");
    assert!(mail.is_dsn && mail.to.as_ref().is_some_and(|t| t.address == "ann@example.test"));
    let text = String::from_utf8_lossy(raw);
    let (_, rest) = text.split_once("boundary=\"").expect("a boundary");
    let (boundary, _) = rest.split_once('"').expect("its end");
    let marks = text.matches(&format!("\r\n--{boundary}\r\n")).count();
    assert_eq!((marks, text.matches(&format!("\r\n--{boundary}--\r\n")).count()), (3, 1));
    let status = text.split(&format!("\r\n--{boundary}\r\n")).nth(2).expect("the second part");
    assert!(status.starts_with("Content-Type: message/delivery-status\r\n\r\n") && status.is_ascii());
    assert_eq!(status.matches("\r\nAction: ").count(), 1);
    assert!(status.contains(&format!("\r\nAction: {}\r\nStatus: ", event.action())));
    assert_eq!(status.trim_end().split("\r\n\r\n").count(), 3);
}
