//! Whatever the server answers, the client ends, says only whole lines, and sends the text at most once.
//!
//! Input: what the server says, NUL, the mail.

use martlet::{
    ground::Secret,
    mail::seven_bit,
    mailbox::{
        Login, Mail,
        data::{is_path, lines, stuffed},
        lmtp::{Dialogue, Next},
        reply::Reader,
    },
};

pub fn lmtp_client(data: &[u8]) {
    let cut = data.iter().position(|b| *b == 0).unwrap_or(data.len());
    let (says, text) = (&data[..cut], data.get(cut + 1..).unwrap_or_default());
    check_data(text);
    if let Ok(path) = std::str::from_utf8(text)
        && is_path(path)
    {
        assert!(path.contains('@') && !path.contains(['\r', '\n', '\0']));
    }
    let mail = Mail { from: None, to: "alice@example.test", data: text };
    let login = Login { user: "me".to_owned(), password: Secret::new("pw".to_owned()) };
    talk(Dialogue::open("sms.test", &mail, None), says, text);
    talk(Dialogue::open("sms.test", &mail, Some(&login)), says, text);
}

fn talk(mut dialogue: Dialogue<'_>, mut says: &[u8], text: &[u8]) {
    let mut reader = Reader::default();
    let mut texts = 0;
    while !says.is_empty() {
        let Ok((used, reply)) = reader.feed(says) else { return };
        says = &says[used..];
        let Some(reply) = reply else {
            assert!(says.is_empty(), "only the end of the input leaves a reply open");
            return;
        };
        match dialogue.take(&reply) {
            Next::Done { .. } => return,
            Next::Write(octets) if dialogue.data_sent() => {
                texts += 1;
                assert_eq!(texts, 1);
                let encoded = !dialogue.offers().eight_bit && !text.is_ascii();
                assert_eq!(octets, if encoded { stuffed(&seven_bit(&lines(text))) } else { stuffed(text) });
            }
            Next::Write(octets) => {
                assert!(octets.ends_with(b"\r\n"));
                assert_eq!(octets.iter().filter(|b| **b == b'\n').count(), 1);
            }
        }
    }
}

fn check_data(text: &[u8]) {
    let wire = stuffed(text);
    let ends = wire.windows(5).filter(|w| *w == b"\r\n.\r\n").count() + usize::from(wire.starts_with(b".\r\n"));
    assert_eq!(ends, 1, "the data ends once");
    for (i, octet) in wire.iter().enumerate() {
        match octet {
            b'\n' => assert!(i > 0 && wire[i - 1] == b'\r'),
            b'\r' => assert_eq!(wire.get(i + 1), Some(&b'\n')),
            _ => {}
        }
    }
    assert_eq!(lines(&lines(text)), lines(text));
}
