//! Tags in a phone's text: whatever the text, a tag leads to an address at our domains or to a choice that there is, and what
//! is left of the text is no longer than it was.

use martlet::inbound::tags::{Tag, find};

pub fn tags(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let domains = ["example.test".to_owned(), "other.example.test".to_owned()];
    for choices in [0, 3] {
        let Some(found) = find(&text, &domains, choices) else { continue };
        assert!(found.rest.len() < text.len() && found.rest.trim() == found.rest);
        match found.tag {
            Tag::Choice(n) => assert!((1..=choices).contains(&n)),
            Tag::Mailbox(to) => {
                assert!(domains.iter().any(|domain| domain.eq_ignore_ascii_case(to.domain())), "{to:?}");
                let address = to.as_str();
                assert!(!address.contains(['%', '!', ' ', '\r', '\n', '\0', '<', '>', ',']), "{address:?}");
                assert_eq!(address.matches('@').count(), 1, "{address:?}");
            }
        }
    }
}
