//! The command line as a whole: the page about it, completions as real shells take them, manual pages, `check` and its
//! word on what answers.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::{Command, Output},
};

use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::support::{
    Needs,
    process::{Scratch, run},
    root,
    sink::{Answer, MailSink, Provider},
    trial, trial_with,
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("commands: the page and the program name the same commands and exit codes", page),
        trial_with("commands: completions in bash, zsh and fish", &[Needs::Shells], completions),
        trial_with("commands: manual pages are sound", &[Needs::Mandoc], manual),
        trial("commands: check says everything as one JSON value", check_json),
        trial("commands: check --online says who answers", online),
    ]
}

fn martlet(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_martlet")).args(args).current_dir(root()).output().expect("the program runs")
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

/// The names that stand below `Commands:`.
fn listed(args: &[&str]) -> Vec<String> {
    let help = out(&martlet(&[args, &["--help"]].concat()));
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let named = commands.filter_map(|line| line.strip_prefix("  ")?.split(' ').next().map(str::to_owned));
    named.filter(|name| !name.is_empty() && name != "help").collect()
}

fn page() {
    let page = fs::read_to_string(root().join("docs/commands.md")).expect("docs/commands.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `martlet ")?.split('`').next());
    let documented: BTreeSet<String> = rows
        .map(|row| {
            row.split(' ')
                .take_while(|word| word.starts_with(|c: char| c.is_ascii_lowercase()))
                .collect::<Vec<_>>()
                .join(" ")
        })
        .map(|name| name.trim_end_matches(" FILE.eml").to_owned())
        .collect();
    let mut known = BTreeSet::new();
    for name in listed(&[]) {
        let further = listed(&[&name]);
        match further.is_empty() {
            true => drop(known.insert(name)),
            false => known.extend(further.into_iter().map(|sub| format!("{name} {sub}"))),
        }
    }
    assert!(known.len() > 15, "{known:?}");
    assert_eq!(documented, known);

    let help = out(&martlet(&["--help"]));
    let said: BTreeSet<String> = help
        .lines()
        .skip_while(|line| !line.starts_with("Exit codes"))
        .skip(1)
        .filter_map(|line| line.trim().split_once("  ").map(|(code, words)| format!("{code} {}", words.trim())))
        .collect();
    let tabled: BTreeSet<String> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |")?.split_once(" | "))
        .filter(|(code, _)| code.parse::<u8>().is_ok())
        .map(|(code, words)| format!("{code} {words}"))
        .collect();
    assert!(said.len() > 10);
    assert_eq!(said, tabled);
}

fn completions() {
    let scratch = Scratch::new();
    let script = |shell: &str, name: &str| {
        let path = scratch.path().join(name);
        let output = martlet(&["completions", shell]);
        assert!(output.status.success() && !output.stdout.is_empty());
        fs::write(&path, output.stdout).expect("written");
        path
    };
    let (bash, zsh, fish) = (script("bash", "martlet.bash"), script("zsh", "_martlet"), script("fish", "martlet.fish"));
    for (shell, path) in [("bash", &bash), ("zsh", &zsh), ("fish", &fish)] {
        run(Command::new(shell).arg("-n").arg(path));
    }
    let asked = format!(
        "source {}; COMP_WORDS=(martlet queue ca); COMP_CWORD=2; _martlet martlet ca queue; echo \"${{COMPREPLY[@]}}\"",
        bash.display()
    );
    assert_eq!(run(Command::new("bash").args(["--norc", "-c", &asked])).trim(), "cancel");
    let asked = format!("source {}; complete -C 'martlet queue re'", fish.display());
    let answered = run(Command::new("fish").args(["--no-config", "-c", &asked]).env("HOME", scratch.path()));
    let words: BTreeSet<&str> = answered.lines().filter_map(|line| line.split('\t').next()).collect();
    assert_eq!(words, BTreeSet::from(["release", "retry"]));
    // What zsh autoloads must define the function of its own name.
    let asked = format!(
        "fpath=({} $fpath); autoload -Uz compinit _martlet; compinit -u -d {}/dump; echo $_comps[martlet]",
        scratch.path().display(),
        scratch.path().display()
    );
    assert_eq!(run(Command::new("zsh").args(["-f", "-c", &asked])).trim(), "_martlet");
    assert_eq!(martlet(&["completions", "cobol"]).status.code(), Some(64));
}

fn manual() {
    let scratch = Scratch::new();
    let dir = scratch.path().join("man");
    let dir = dir.to_str().expect("UTF-8");
    assert!(martlet(&["man", "--dir", dir]).status.success());
    let pages: BTreeSet<String> =
        fs::read_dir(dir).expect("pages").flatten().map(|e| e.file_name().to_string_lossy().into_owned()).collect();
    for name in ["martlet.1", "martlet-serve.1", "martlet-queue.1", "martlet-queue-cancel.1", "martlet-send.1"] {
        assert!(pages.contains(name), "{name}: {pages:?}");
    }
    for page in &pages {
        lint(&Path::new(dir).join(page));
    }
    let shown = run(Command::new("mandoc").args(["-Tutf8"]).arg(Path::new(dir).join("martlet.1")));
    assert!(shown.contains("Exit codes") && shown.contains("78"), "{shown}");
    // One page alone, as it stands in its file.
    let one = martlet(&["man", "queue", "cancel"]);
    assert_eq!(one.stdout, fs::read(Path::new(dir).join("martlet-queue-cancel.1")).expect("the page"));
    assert!(out(&one).contains("martlet queue cancel") || out(&one).contains("martlet\\-queue\\-cancel"));
    assert_eq!(martlet(&["man", "fly"]).status.code(), Some(64));
}

fn lint(page: &Path) {
    let output = Command::new("mandoc").args(["-Tlint", "-Werror"]).arg(page).output().expect("mandoc");
    assert!(output.status.success(), "{}: {}", page.display(), String::from_utf8_lossy(&output.stdout));
}

/// The one JSON value on the standard output.
fn value(output: &Output) -> Value {
    let text = out(output);
    assert_eq!(text.matches('\n').count(), 1, "one line: {text}");
    serde_json::from_str(&text).unwrap_or_else(|why| panic!("{why}: {text}"))
}

fn check_json() {
    let sound = martlet(&["check", "--config", "config/quickstart.toml", "--json"]);
    let said = value(&sound);
    assert_eq!(
        (sound.status.code(), &said["sound"], &said["domains"]),
        (Some(0), &json!(true), &json!(["sms.example.test"]))
    );
    assert_eq!(said["gateways"], json!([{ "id": "phone", "type": "handset", "active": true }]));
    assert!(said["warnings"][0]["cause"].as_str().is_some_and(|cause| cause.contains("envelope")));
    let wrong = martlet(&["check", "--config", "tests/bad-configs/unknown-key-top/martlet.toml", "--json"]);
    let said = value(&wrong);
    assert_eq!((wrong.status.code(), &said["sound"]), (Some(78), &json!(false)));
    assert_eq!((&said["errors"][0]["line"], &said["errors"][0]["column"]), (&json!(2), &json!(1)));
}

fn online() {
    let (scratch, mails) = (Scratch::new(), MailSink::smtp());
    let provider = Provider::start(|_| Answer::Say(404, "nothing here".into()));
    let path = scratch.path().join("martlet.toml");
    let config = |gateway: u16, mails: u16| {
        let text = format!(
            "domains = [\"sms.example.test\"]\n[http]\nbind = \"127.0.0.1:1\"\n[mailbox]\nurl = \"smtp://127.0.0.1:{mails}\"\n\
             postmaster = \"p@example.test\"\n[[gateway]]\nid = \"main\"\ntype = \"http\"\n\
             url = \"http://key:hunter2@127.0.0.1:{gateway}/send?to=%number%&text=%data%\"\n\
             [[gateway]]\nid = \"phone\"\ntype = \"handset\"\n[[account]]\nuser = \"*\"\n"
        );
        fs::write(&path, text).expect("written");
    };
    let check =
        |more: &[&str]| martlet(&[&["check", "--config", path.to_str().expect("UTF-8"), "--online"], more].concat());
    config(provider.port, mails.port);
    let well = check(&[]);
    assert_eq!(well.status.code(), Some(0), "{}", String::from_utf8_lossy(&well.stderr));
    assert!(out(&well).contains("gateway main answers: HTTP status 404"), "{}", out(&well));
    assert!(out(&well).contains("answers: 220 sink.example.test ready"), "{}", out(&well));
    // No message, and no login: only the root of the host.
    let asked = provider.seen.all();
    assert_eq!((asked.len(), asked[0].path.as_str(), mails.seen.len()), (1, "/", 0));

    // Ports that nobody can listen on at the same time.
    let nobody = || std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
    config(nobody(), nobody());
    let silent = check(&["--json"]);
    let said = value(&silent);
    assert_eq!((silent.status.code(), &said["sound"]), (Some(69), &json!(true)));
    let online = said["online"].as_array().expect("a list");
    let answers: Vec<bool> = online.iter().filter_map(|one| one["answers"].as_bool()).collect();
    assert_eq!(answers, [false, true, false], "{said}");
    assert!(!said.to_string().contains("hunter2"), "{said}");
}
