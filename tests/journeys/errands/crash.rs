//! A kill between the commit and the errand, and while it is done: it is done at least once, and never lost.

use std::fs;

use libtest_mimic::Trial;

use super::{file, folder, is_gone, new, queued, rules, say};
use crate::support::{process::until, trial};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("errands: a kill before or while an errand is done loses none", killed),
        trial("errands: a stop waits for no slow program; it is ended, kept and done after the start", stopped),
    ]
}

/// Writes its id down, then waits for a word.
const NOTE: &str = r#"
sed -n 's/.*"id":"\([^"]*\)".*/\1/p' >> DIR/ran
while [ ! -e DIR/go ] && [ -d DIR ]; do sleep 0.05; done
"#;

fn stopped() {
    let mut world = new("");
    file(&world, "note.sh", &format!("echo $$ > DIR/pid\n{NOTE}"));
    rules(
        &world,
        "[[rule]]\ntitle = \"note\"\ndo = [ { run = { program = [\"/bin/sh\", \"DIR/note.sh\"], timeout = \"5m\" } } ]\n",
    );
    let dir = folder(&world);
    let ran = || fs::read_to_string(dir.join("ran")).unwrap_or_default();
    assert!(say(&world, "s1", "note it").starts_with("250"));
    until("the program", || (ran().lines().count() == 1).then_some(()));
    let pid = fs::read_to_string(dir.join("pid")).expect("a process");
    world.martlet.stop();
    until("its end", || is_gone(&pid).then_some(()));
    fs::write(dir.join("go"), "").expect("written");
    world.martlet.restart();
    world.martlet.settled();
    assert_eq!(ran().lines().count(), 2);
    let done = &queued(&world, "run")[0];
    assert_eq!((&done["result"], &done["attempts"]), (&"relayed".into(), &2.into()));
}

fn killed() {
    let mut world = new("[errands]\nprograms = 1\n");
    file(&world, "note.sh", NOTE);
    rules(
        &world,
        "[[rule]]\ntitle = \"note\"\ndo = [ { run = { program = [\"/bin/sh\", \"DIR/note.sh\"], timeout = \"5m\" } } ]\n",
    );
    let dir = folder(&world);
    let ran = || -> Vec<String> {
        let text = fs::read_to_string(dir.join("ran")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    };
    for id in ["k1", "k2", "k3"] {
        assert!(say(&world, id, "note it").starts_with("250"));
    }
    until("the first one under way", || (ran().len() == 1).then_some(()));
    let asked: Vec<_> =
        queued(&world, "run").iter().map(|item| item["id"].as_str().expect("an id").to_owned()).collect();
    assert_eq!(asked.len(), 3, "committed with their texts");
    world.martlet.kill();
    world.martlet.restart();
    until("the first one again", || (ran().len() == 2).then_some(()));
    assert_eq!(ran()[0], ran()[1], "the same id tells the repetition");
    fs::write(dir.join("go"), "").expect("written");
    world.martlet.settled();
    let done = ran();
    assert!(asked.iter().all(|id| done.contains(id)), "{asked:?} {done:?}");
    assert_eq!(done.len(), 4, "three, and one of them twice: {done:?}");
    assert!(queued(&world, "run").iter().all(|item| item["result"] == "relayed"));
    // Handed over once more, nothing is done once more.
    assert!(say(&world, "k1", "note it").starts_with("250"));
    world.martlet.settled();
    assert_eq!(ran().len(), 4);
}
