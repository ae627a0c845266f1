//! First line: the originator. The rest: its words. The mail has exactly our fields, one body, and the same words.

use martlet::{
    address::Originator,
    ground::{GatewayId, MessageId, Timestamp},
    mail::{self, Choices, Reply, Strip},
};

const FIELDS: [&str; 15] = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    "X-SMS-From",
    "X-SMS-To",
    "X-SMS-Gateway",
    "X-SMS-Id",
    "X-Martlet-Trace",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
];

fn lines(text: &str) -> Vec<&str> {
    text.trim().lines().map(str::trim_end).collect()
}

pub fn mail_write(data: &[u8]) {
    let data = String::from_utf8_lossy(data);
    let (from, words) = data.split_once('\n').unwrap_or((&data, ""));
    let gateway: GatewayId = "main".parse().expect("a gateway");
    let id: MessageId = "0190163d8694739b8e1b4d6f7c5a2b1e".parse().expect("an id");
    let given = [from.to_owned()];
    for originator in [Originator::Name(from.into()), Originator::Number(from.into()), Originator::Digits(from.into())]
    {
        let reply = Reply {
            trace: &martlet::address::Trace::default(),
            originator: &originator,
            display: from,
            pattern: "sms:%s@sms.example.test",
            no_reply: "postmaster@example.test",
            to: "ann@example.test",
            answers: Some(from).filter(|_| words.len() % 2 == 0),
            text: words,
            missing: 0,
            date: Timestamp(1_795_162_500_000),
            message_id: "m1@sms.example.test",
            in_reply_to: Some("q1@example.test"),
            references: &given,
            number: Some(from),
            gateway: &gateway,
            id,
            host: "sms.example.test",
            keyword: None,
            media: &[],
        };
        let raw = reply.write().expect("all that is ours is sound");
        assert!(!raw.windows(2).any(|w| w[1] == b'\n' && w[0] != b'\r' || w[0] == b'\r' && w[1] != b'\n'));
        assert!(raw.split(|b| *b == b'\n').all(|line| line.len() <= 999) && !raw.contains(&0));
        let (headers, _) = mail::header_block(&raw);
        let headers = std::str::from_utf8(headers).expect("ASCII headers");
        assert!(headers.is_ascii());
        let names = headers.lines().filter(|l| !l.starts_with(' ')).map(|l| l.split(':').next().unwrap_or_default());
        assert!(names.eq(FIELDS), "{headers}");
        let mail = mail::read(&raw).expect("our own mail");
        assert_eq!(mail.from.as_ref().map(|f| f.address.as_str()), Some(reply.sender().as_str()));
        assert_eq!(mail.in_reply_to.as_deref(), Some("q1@example.test"));
        let wanted = mail::write::words(words);
        if !wanted.trim().is_empty() {
            let choices = Choices { strip: Strip::NOTHING, ..Choices::default() };
            let got = mail::text(&mail, &choices).expect("words").text;
            if !wanted.trim_start().starts_with("-----BEGIN PGP") {
                assert_eq!(lines(&got), lines(&wanted));
            }
        }
    }
}
