//! Mails with the null sender: a bounce of one of ours becomes a dead letter, anything else is refused.

use super::{
    Inner,
    accept::Common,
    rcpt::{Refusal, refuse},
};
use crate::{mail::header_block, observe, store::DeadLetter};

/// Beyond so many octets a bounce is not searched, and not kept.
const MOST: usize = 1024 * 1024;

impl Inner {
    /// After DATA of a null sender; nothing is sent in any case.
    pub(super) async fn bounce(&self, common: &Common<'_>) -> Result<(), Refusal> {
        // Passwords in its fields are masked before anything of it is kept.
        let (_, body) = header_block(&common.handed.data);
        let mut searched = [&common.original.headers[..], b"\r\n", &body[..body.len().min(MOST)]].concat();
        searched.truncate(MOST);
        for id in our_ids(&searched, &self.settings.hostname) {
            let found = self.store.sent_mail(&id).await.map_err(|down| {
                observe::log::store_down("bounce", down);
                refuse(451, (4, 3, 0), "the store cannot be read, try again later", "broken")
            })?;
            let Some(about) = found else { continue };
            let letter = DeadLetter {
                kind: "bounce",
                about: Some(about),
                cause: "a mail of ours came back".to_owned(),
                data: searched,
            };
            self.store.bury(letter).await.map_err(|down| {
                observe::log::store_down("bounce", down);
                refuse(451, (4, 3, 0), "the store cannot be written, try again later", "broken")
            })?;
            observe::log::report(about, "bounce", "buried");
            return Ok(());
        }
        Err(refuse(550, (5, 7, 1), "reports and automatic mails are not sent to phones", "null sender"))
    }
}

/// The longest left side of a Message-ID that is looked for.
const LONGEST: usize = 128;
/// So many of them are looked up.
const IDS: usize = 32;

/// Message-IDs at our host that stand in the mail, without brackets. Linear: only the octets in front of `@host>` that
/// can be an id are looked at.
fn our_ids(data: &[u8], hostname: &str) -> Vec<String> {
    let mark = format!("@{hostname}>");
    let mut found: Vec<String> = Vec::new();
    for at in memchr::memmem::find_iter(data, mark.as_bytes()) {
        let before = &data[at.saturating_sub(LONGEST + 1)..at];
        let Some(open) = before.iter().rposition(|&b| b == b'<') else { continue };
        let Ok(local) = std::str::from_utf8(&before[open + 1..]) else { continue };
        if local.is_empty() || !local.bytes().all(|b| b.is_ascii_graphic()) {
            continue;
        }
        let id = format!("{local}@{hostname}");
        if !found.contains(&id) {
            found.push(id);
        }
        if found.len() == IDS {
            break;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_ours_are_found_wherever_they_stand() {
        let mail = b"In-Reply-To: <a1@sms.example.test>\r\n\r\nMessage-ID: <b2@sms.example.test>\r\n<x@else.test> <@sms.example.test> <a1@sms.example.test>";
        assert_eq!(our_ids(mail, "sms.example.test"), ["a1@sms.example.test", "b2@sms.example.test"]);
        let long = format!("<{}@sms.example.test> <{}@sms.example.test>", "a".repeat(128), "b".repeat(129));
        assert_eq!(our_ids(long.as_bytes(), "sms.example.test").len(), 1);
    }

    #[test]
    fn a_mail_full_of_marks_costs_no_more_than_its_length() {
        let mail = "@sms.example.test>".repeat(MOST / 18);
        let began = std::time::Instant::now();
        assert!(our_ids(mail.as_bytes(), "sms.example.test").is_empty());
        // Looking back to the beginning of the mail each time took minutes.
        assert!(began.elapsed() < std::time::Duration::from_secs(5));
    }
}
