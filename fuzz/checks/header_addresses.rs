//! Address lists of headers: whatever stands there, an address that is found reads as itself, and nothing in a quoted
//! display name becomes one.

use martlet::mail::{addresses, read};

pub fn header_addresses(data: &[u8]) {
    let value = String::from_utf8_lossy(data);
    let found = addresses(&value);
    for entry in &found {
        assert!(entry.address.contains('@') && !entry.address.chars().any(|c| c.is_control() && c != '\t'));
        assert!(!entry.name.chars().any(char::is_control));
        let again = addresses(&format!("X <{}>, y@z", entry.address));
        assert!(again.len() == 2 && again[0].address == entry.address && again[0].name == "X");
    }
    let quoted: String = value.chars().filter(|c| !c.is_control() && !matches!(c, '"' | '\\')).collect();
    if quoted.chars().count() < 60_000 {
        let named = addresses(&format!("\"{quoted}\" <a@b.test>"));
        assert!(named.len() == 1 && named[0].address == "a@b.test");
    }
    // A mail's author is the first address of its From.
    let line: String = value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if line.len() < 60_000
        && let Ok(mail) = read(format!("From: {line}\r\n\r\n").as_bytes())
    {
        let first = addresses(line.trim()).into_iter().next();
        assert_eq!(mail.from.map(|person| person.address), first.map(|entry| entry.address));
    }
}
