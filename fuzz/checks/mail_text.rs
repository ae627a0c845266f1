//! Any octets: a mail with words, or a typed refusal. Words are never empty, cuts are never blank, and what is cut
//! with everything switched on is a part of what stands there with everything off.

use martlet::mail::{self, Choices, Strip};

pub fn mail_text(data: &[u8]) {
    let (headers, body) = mail::header_block(data);
    assert!(headers.len() + body.len() <= data.len());
    let opened = mail::open(data);
    assert!(opened.len() <= data.len() + 2);
    let Ok(mail) = mail::read(&opened) else { return };
    assert!(mail.references.len() <= 20 && mail.attachments.len() <= 500);
    assert!(!mail.subject.contains(char::is_control));
    let template = "{subject}|{body}|{from}|{from_name}|{to}|{date}|{size}|{attachments}|{message_id}";
    let choices = [
        Choices::default(),
        Choices { strip: Strip::NOTHING, html_links: true, ..Choices::default() },
        Choices { template: Some(template.parse().expect("a template")), ..Choices::default() },
        Choices { attachment_notice: Some("[{attachments}]".parse().expect("a template")), ..Choices::default() },
    ];
    let got = choices.map(|c| mail::text(&mail, &c));
    for extract in got.iter().flatten() {
        assert!(!extract.text.trim().is_empty() && !extract.text.contains('\0'));
        assert!(extract.cuts.iter().all(|cut| !cut.text.trim().is_empty()));
    }
    let [stripped, whole, _, noticed] = got;
    assert_eq!(stripped.is_ok(), whole.is_ok(), "cutting never leaves nothing");
    assert!(noticed.is_ok() >= stripped.is_ok(), "a notice takes nothing away");
}
