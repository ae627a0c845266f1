//! `sms:` URIs, classic HTTP calls and forms: no panic, bounded lists, no secret in an error.

use martlet::address::{
    Accept, Numbering, Target,
    uri::{MOST_RECIPIENTS, form, parse, parse_call},
};

pub fn uri(data: &[u8]) {
    let input = String::from_utf8_lossy(data);
    let numbering = Numbering { region: "US".parse().expect("a region"), accept: Accept::Possible };
    let sound = |target: &Target| {
        assert!((1..=MOST_RECIPIENTS).contains(&target.to.len()));
        assert!(target.params.maxmsgs.is_none_or(|n| (1..=128).contains(&n)));
        assert!(target.params.credentials.as_ref().is_none_or(|c| !c.users.is_empty() && !c.pass.expose().is_empty()));
        let again = parse(&target.to.iter().map(|d| d.as_str()).collect::<Vec<_>>().join(","), &numbering);
        assert!(again.is_ok_and(|again| again.to == target.to));
    };
    match parse(&input, &numbering) {
        Ok(target) => sound(&target),
        Err(why) => assert!(why.to_string().is_ascii()),
    }
    if let Ok(call) = parse_call(&input, &numbering) {
        sound(&call.target);
        assert!(call.target.params.body.is_none());
    }
    let _ = form(&input);
}
