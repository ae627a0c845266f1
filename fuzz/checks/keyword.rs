//! STOP, START and HELP: whatever the text, what stands around a word changes nothing, and a word that an administrator
//! lists is read as itself.

use martlet::sms::keyword::{Keyword, Keywords, LONGEST, Words};

pub fn keyword(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let regions: Vec<_> = ["US", "FR", "RU", "TR"].iter().map(|region| region.parse().expect("a region")).collect();
    let shipped = Keywords::default();
    let found = shipped.read(&text, &regions);
    assert_eq!(shipped.read(&format!("\u{200b}\"{text}\" !\r\n"), &regions), found, "signs around it");
    // What is shipped has no spaces but those of two words.
    if found.is_some() {
        assert!(text.split_whitespace().count() <= 3 || text.chars().any(|c| !c.is_alphanumeric()), "a sentence");
        assert_eq!(shipped.read(&format!("{text} and more words"), &regions), None);
    }
    let lines: Vec<&str> = text.lines().take(8).collect();
    match Words::listed(&lines) {
        Ok(stop) => {
            let own = Keywords { stop, ..Keywords::default() };
            for line in lines.iter().filter(|line| **line != "*") {
                assert_eq!(own.read(line, &[]), Some(Keyword::Stop), "{line:?}");
                assert!(line.trim().chars().filter(|c| c.is_alphanumeric()).count() <= 3 * LONGEST);
            }
        }
        Err(at) => assert!(at < lines.len()),
    }
}
