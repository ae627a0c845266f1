//! Any mail becomes ASCII, once and for all, without a line more in its header than it must have; and the words of a
//! text in UTF-8 are read out of it as they were.

use martlet::{
    mail::{self, Choices, Strip},
    mailbox::data::lines,
};

pub fn seven_bit(data: &[u8]) {
    let mail = lines(data);
    let once = mail::seven_bit(&mail);
    assert!(once.is_ascii());
    assert_eq!(mail::seven_bit(&once), once);
    if mail.is_ascii() {
        assert_eq!(once, mail);
    }
    let count = |mail: &[u8]| mail::header_block(mail).0.iter().filter(|b| **b == b'\n').count();
    // An octet that is no UTF-8 may become three.
    let subject = 3 * mail.len() / 40;
    assert!(count(&once) <= count(&mail) + 2 + subject, "MIME-Version, an encoding, and words of the subject");

    let Ok(words) = std::str::from_utf8(data) else { return };
    let header = "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n";
    let mail = [header.as_bytes(), &lines(words.as_bytes())].concat();
    let read = |octets: &[u8]| {
        let choices = Choices { strip: Strip::NOTHING, ..Choices::default() };
        mail::text(&mail::read(octets).ok()?, &choices).ok().map(|extract| extract.text)
    };
    assert_eq!(read(&mail::seven_bit(&mail)), read(&mail));
}
