//! Mails with the null sender: a bounce of one of ours becomes a dead letter, anything else is refused.

use super::{
    Handed, Inner,
    rcpt::{Refusal, refuse},
};
use crate::{observe, store::DeadLetter};

/// Beyond so many octets a bounce is not searched, and not kept.
const MOST: usize = 1024 * 1024;

impl Inner {
    /// After DATA of a null sender; nothing is sent in any case.
    pub async fn bounce(&self, handed: &Handed) -> Result<(), Refusal> {
        let searched = &handed.data[..handed.data.len().min(MOST)];
        for id in our_ids(searched, &self.settings.hostname).take(32) {
            let found = self.store.sent_mail(&id).await.map_err(|down| {
                observe::log::store_down("bounce", down);
                refuse(451, (4, 3, 0), "the store cannot be read, try again later", "broken")
            })?;
            let Some(about) = found else { continue };
            let letter = DeadLetter {
                kind: "bounce",
                about: Some(about),
                cause: "a mail of ours came back".to_owned(),
                data: searched.to_vec(),
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

/// Message-IDs at our host that stand in the mail, without brackets.
fn our_ids<'a>(data: &'a [u8], hostname: &str) -> impl Iterator<Item = String> + 'a {
    let mark = format!("@{hostname}>");
    let text = String::from_utf8_lossy(data).into_owned();
    let mut found: Vec<String> = Vec::new();
    for (at, _) in text.match_indices(&mark) {
        let local = text[..at].rsplit('<').next().unwrap_or_default();
        let sound = !local.is_empty() && local.len() <= 128 && local.bytes().all(|b| b.is_ascii_graphic());
        if sound {
            let id = format!("{local}@{hostname}");
            if !found.contains(&id) && found.len() < 64 {
                found.push(id);
            }
        }
    }
    found.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_ours_are_found_wherever_they_stand() {
        let mail = b"In-Reply-To: <a1@sms.example.test>\r\n\r\nMessage-ID: <b2@sms.example.test>\r\n<x@else.test> <@sms.example.test> <a1@sms.example.test>";
        let ids: Vec<_> = our_ids(mail, "sms.example.test").collect();
        assert_eq!(ids, ["a1@sms.example.test", "b2@sms.example.test"]);
    }
}
