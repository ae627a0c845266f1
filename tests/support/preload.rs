//! Libraries of the tests that stand in front of the C library of a daemon.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    process::Command,
    sync::Mutex,
};

/// The library made of a C source below `tests/`, compiled once.
pub fn library(source: &str) -> PathBuf {
    static MADE: Mutex<Option<HashMap<String, PathBuf>>> = Mutex::new(None);
    let mut made = MADE.lock().expect("no compiler panics here twice");
    made.get_or_insert_default().entry(source.to_owned()).or_insert_with(|| compiled(source)).clone()
}

fn compiled(source: &str) -> PathBuf {
    let name = Path::new(source).file_stem().expect("a name").to_string_lossy().into_owned();
    let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.so"));
    let own = library.with_extension(format!("{}.so", std::process::id()));
    let mut cc = Command::new("cc");
    cc.args(["-O1", "-shared", "-fPIC", "-Wall", "-Wextra", "-o"]).arg(&own);
    cc.arg(super::root().join("tests").join(source)).args(["-lpthread", "-ldl"]);
    super::process::run(&mut cc);
    // Another run of the tests may be using the old one.
    std::fs::rename(&own, &library).expect("renamed");
    library
}
