//! Replays every fuzz corpus through the checks that the fuzz targets use, on stable and without a fuzzer.
//!
//! A target without a check, a check without a target, and a corpus of fewer than twenty seeds are failures too.

use std::{collections::BTreeSet, fs, path::Path};

use libtest_mimic::Trial;

use crate::support::{root, trial};

macro_rules! checks {
    ($($name:ident = $path:literal),* $(,)?) => {
        $(#[path = $path] mod $name;)*
        const CHECKS: &[(&str, fn(&[u8]))] = &[$((stringify!($name), $name::$name)),*];
    };
}

checks! {
    address = "../fuzz/checks/address.rs",
    answer = "../fuzz/checks/answer.rs",
    auth_results = "../fuzz/checks/auth_results.rs",
    command = "../fuzz/checks/command.rs",
    config = "../fuzz/checks/config.rs",
    control = "../fuzz/checks/control.rs",
    data = "../fuzz/checks/data.rs",
    dialogue = "../fuzz/checks/dialogue.rs",
    forwarded = "../fuzz/checks/forwarded.rs",
    header_addresses = "../fuzz/checks/header_addresses.rs",
    html = "../fuzz/checks/html.rs",
    imap_client = "../fuzz/checks/imap_client.rs",
    keyword = "../fuzz/checks/keyword.rs",
    lmtp_client = "../fuzz/checks/lmtp_client.rs",
    mail_text = "../fuzz/checks/mail_text.rs",
    mail_write = "../fuzz/checks/mail_write.rs",
    mask = "../fuzz/checks/mask.rs",
    media = "../fuzz/checks/media.rs",
    number = "../fuzz/checks/number.rs",
    provider_answer = "../fuzz/checks/provider_answer.rs",
    provider_hook = "../fuzz/checks/provider_hook.rs",
    provider_proof = "../fuzz/checks/provider_proof.rs",
    provider_read = "../fuzz/checks/provider_read.rs",
    proxy = "../fuzz/checks/proxy.rs",
    received = "../fuzz/checks/received.rs",
    report = "../fuzz/checks/report.rs",
    rules = "../fuzz/checks/rules.rs",
    segments = "../fuzz/checks/segments.rs",
    session = "../fuzz/checks/session.rs",
    seven_bit = "../fuzz/checks/seven_bit.rs",
    tags = "../fuzz/checks/tags.rs",
    template = "../fuzz/checks/template.rs",
    tpdu = "../fuzz/checks/tpdu.rs",
    trace = "../fuzz/checks/trace.rs",
    udh = "../fuzz/checks/udh.rs",
    uri = "../fuzz/checks/uri.rs",
}

pub fn trials() -> Vec<Trial> {
    let mut trials = vec![trial("corpora::targets_checks_and_seeds_belong_together", targets_checks_and_seeds)];
    for (name, check) in CHECKS {
        trials.push(trial(&format!("corpora::{name}"), move || replay(name, *check)));
    }
    trials
}

fn seeds(name: &str) -> Vec<(String, Vec<u8>)> {
    let folder = root().join("fuzz/corpus").join(name);
    let Ok(entries) = fs::read_dir(&folder) else { return Vec::new() };
    entries
        .flatten()
        .filter(|entry| entry.path().is_file())
        .map(|entry| (entry.path().display().to_string(), fs::read(entry.path()).expect("a seed")))
        .collect()
}

fn replay(name: &str, check: fn(&[u8])) {
    for (path, seed) in seeds(name) {
        let outcome = std::panic::catch_unwind(|| check(&seed));
        assert!(outcome.is_ok(), "{path} breaks {name}");
    }
}

fn stems(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).expect("a folder of the fuzz workspace");
    let rust = entries.flatten().map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "rs"));
    rust.filter_map(|p| Some(p.file_stem()?.to_string_lossy().into_owned())).collect()
}

fn targets_checks_and_seeds() {
    let listed: BTreeSet<String> = CHECKS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(stems(&root().join("fuzz/checks")), listed, "every check is listed in tests/corpora.rs");
    assert_eq!(stems(&root().join("fuzz/fuzz_targets")), listed, "every check has its target");
    let manifest = fs::read_to_string(root().join("fuzz/Cargo.toml")).expect("fuzz/Cargo.toml");
    for name in &listed {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name} is no [[bin]] of fuzz/Cargo.toml");
        assert!(seeds(name).len() >= 20, "{name} has {} seeds, at least 20 are wanted", seeds(name).len());
    }
}
