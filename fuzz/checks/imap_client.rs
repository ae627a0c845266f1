//! Whatever the server answers, the client ends, writes whole commands, keeps the password to its login, and says the mail
//! at most twice (once more where the folder had to be made).
//!
//! Input: what the server says, NUL, the mail.

use martlet::{
    ground::Secret,
    mailbox::{
        Login, Tls,
        data::lines,
        imap::{
            Append,
            dialogue::{Dialogue, Next},
            name::{self, Hierarchy},
            reader::Reader,
            session::Session,
        },
    },
};

pub fn imap_client(data: &[u8]) {
    let cut = data.iter().position(|b| *b == 0).unwrap_or(data.len());
    let (says, mail) = (&data[..cut], data.get(cut + 1..).unwrap_or_default());
    if let Ok(written) = std::str::from_utf8(mail)
        && name::wrong(written).is_none()
    {
        let dots = Hierarchy { prefix: "INBOX.".to_owned(), separator: Some('.'), others: Vec::new() };
        let placed = name::utf7(&dots.place(written));
        assert!(placed.bytes().all(|b| (b' '..=b'~').contains(&b)), "{placed}");
    }
    for (again, tls) in [(false, Tls::Never), (true, Tls::Never), (false, Tls::Required)] {
        talk(says, mail, again, tls);
    }
}

fn talk(says: &[u8], data: &[u8], again: bool, tls: Tls) {
    let mail = Append {
        folder: "Entwürfe/SMS",
        message_id: "1@sms.test",
        phone: None,
        data,
        seen: false,
        date: None,
        again,
    };
    let login = Login { user: "me".to_owned(), password: Secret::new("hunter-2".to_owned()) };
    let mut dialogue = Dialogue::new(Session::default(), &mail, &login, tls);
    let mut reader = Reader::default();
    let (mut encrypted, mut mails, mut steps) = (false, 0, 0);
    if reader.feed(says).is_err() {
        return;
    }
    while let Ok(Some(came)) = reader.take() {
        steps += 1;
        assert!(steps <= says.len(), "each response is some octets");
        let mut next = dialogue.take(came);
        if next == Next::Encrypt {
            if reader.has_more() {
                return;
            }
            encrypted = true;
            next = dialogue.encrypted();
        }
        match next {
            Next::Write(octets) => {
                assert!(octets.ends_with(b"\r\n") || octets.is_empty(), "whole lines");
                let open = octets.windows(8).any(|w| w == b"hunter-2");
                assert!(!open || !dialogue.is_session(), "the password belongs to the login");
                assert!(!open || encrypted || tls != Tls::Required, "no password before TLS");
                if dialogue.is_sent() {
                    mails += 1;
                    assert!(mails <= 2, "said once, and once more behind CREATE");
                    let wanted: Vec<u8> = lines(data).iter().map(|b| if *b == 0 { b' ' } else { *b }).collect();
                    let body = octets.strip_suffix(b"\r\n").expect("whole lines");
                    assert!(body.ends_with(&wanted), "the whole mail");
                }
            }
            Next::Read | Next::Encrypt => {}
            Next::Done { .. } => return,
        }
    }
}
