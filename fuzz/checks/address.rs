//! Paths and what they resolve to: any octets give a value or a typed error, and what was read is written and read back.

use std::sync::LazyLock;

use martlet::address::{
    Accept, Domains, HelperEntry, Numbering, Path, Resolution, ReversePath, helper,
    params::{masked, masks},
};

static DOMAINS: LazyLock<Domains> = LazyLock::new(|| {
    let numbering = Numbering { region: "US".parse().expect("a region"), accept: Accept::Possible };
    let entry = |address: &str, to: &str| HelperEntry {
        address: address.to_owned(),
        to: vec![to.to_owned()],
        account: "ops".parse().expect("an account"),
        from: Vec::new(),
    };
    let entries = [entry("oncall@a.example", "sms:+12025550123"), entry("sms@b.example", "sms:{extension}?maxmsgs=1")];
    Domains {
        domains: vec!["a.example".to_owned()],
        prefixes: vec!["sms".to_owned()],
        bare_numbers: true,
        numbering,
        helpers: helper::read(&entries, &numbering).expect("helpers"),
    }
});

pub fn address(data: &[u8]) {
    let input = String::from_utf8_lossy(data);
    let Ok((path, rest)) = Path::parse(&input) else {
        let _ = ReversePath::parse(&input);
        return;
    };
    assert!(input.ends_with(rest));
    let wire = format!("<{}>", path.to_wire());
    assert!(!wire.contains(['\r', '\n', '\0']));
    assert_eq!(Path::parse(&wire).map(|(again, rest)| (again == path, rest.is_empty())), Ok((true, true)));
    for here in [path.clone(), Path { domain: Some("a.example".to_owned()), ..path.clone() }] {
        match DOMAINS.resolve(&here) {
            Resolution::Phones { targets, .. } => assert!(targets.iter().all(|t| !t.to.is_empty())),
            Resolution::Refused(why) => assert!(!why.to_string().contains(['\r', '\n'])),
            Resolution::Postmaster | Resolution::Foreign => {}
        }
    }
    assert_eq!(masked(&masked(&path.local)), masked(&path.local));
    assert!(masks(&path.local).iter().all(|form| !form.is_empty()));
}
