//! Numbers as people and networks write them: no panic, one spelling, no emergency number gets through.

use martlet::address::{Accept, Destination, Numbering, Originator, Originators, SenderId};

pub fn number(data: &[u8]) {
    let input = String::from_utf8_lossy(data);
    for region in ["US", "DE", "IT"] {
        let numbering = Numbering { region: region.parse().expect("a region"), accept: Accept::Possible };
        if let Ok(reading) = numbering.read(&input) {
            let stored = String::from(reading.destination.clone());
            assert_eq!(Destination::try_from(stored.clone()).as_ref(), Ok(&reading.destination));
            assert_eq!(numbering.read(&stored).map(|again| again.destination), Ok(reading.destination.clone()));
            assert!(!["112", "911", "999", "110"].contains(&stored.as_str()));
            assert!(stored.len() < 6 || !format!("{reading:?}").contains(&stored));
        }
        for mode in [Originators::Auto, Originators::International, Originators::National] {
            let from = Originator::read(&input, numbering.region, mode, |n| n.ends_with('7'));
            assert!(
                !from.as_str().is_empty() && from.as_str().len() <= 64 && !from.as_str().contains(char::is_control)
            );
            assert!(from.number().is_none_or(|n| n.as_str() == from.as_str()));
        }
    }
    if let Ok(sender) = input.parse::<SenderId>() {
        assert_eq!(sender.as_str().parse(), Ok(sender.clone()));
    }
}
