//! Dialogues as text: what the server says (`S:`), what is written (`C:`), and how it ends (`=`). Each verb, each offer
//! and each refusal has one.

use super::{
    Append,
    dialogue::{Dialogue, Next},
    reader::Reader,
    session::Session,
};
use crate::{
    ground::{Outcome, Secret, Timestamp},
    mailbox::{Login, Tls},
};

/// What is special about one dialogue.
#[derive(Clone, Copy)]
struct Case<'a> {
    folder: &'a str,
    data: &'a [u8],
    tls: Tls,
    again: bool,
    phone: Option<&'a str>,
    seen: bool,
    date: Option<Timestamp>,
    password: &'a str,
}

const USUAL: Case<'_> = Case {
    folder: "SMS",
    data: b"Subject: x\r\n\r\nhi\r\n",
    tls: Tls::Never,
    again: false,
    phone: None,
    seen: false,
    date: None,
    password: "pw",
};

/// Plays it; the lines of the script are in the order in which they must come.
fn play(case: &Case<'_>, script: &str) {
    let mail = Append {
        folder: case.folder,
        message_id: "1@sms.test",
        phone: case.phone,
        data: case.data,
        seen: case.seen,
        date: case.date,
        again: case.again,
    };
    let login = Login { user: "me".to_owned(), password: Secret::new(case.password.to_owned()) };
    let mut dialogue = Dialogue::new(Session::default(), &mail, &login, case.tls);
    let mut reader = Reader::default();
    let mut written = String::new();
    let mut ended = None;
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (who, rest) = line.split_once(' ').unwrap_or((line, ""));
        match who {
            "C:" => {
                let taken = written.split_once("\r\n").map(|(line, rest)| (line.to_owned(), rest.to_owned()));
                let Some((first, rest_of)) = taken else {
                    panic!("nothing was written where {rest:?} should be:\n{script}")
                };
                assert_eq!(first, rest, "\n{script}");
                written = rest_of;
            }
            "S:" => {
                assert_eq!(written, "", "before {line}\n{script}");
                reader.feed(format!("{rest}\r\n").as_bytes()).expect("bounded");
                while let Some(came) = reader.take().expect("a response") {
                    let mut next = dialogue.take(came);
                    if next == Next::Encrypt {
                        written.push_str("TLS\r\n");
                        next = dialogue.encrypted();
                    }
                    match next {
                        Next::Write(octets) => written.push_str(&String::from_utf8(octets).expect("UTF-8")),
                        Next::Read | Next::Encrypt => {}
                        Next::Done { outcome, reusable } => ended = Some((outcome, reusable)),
                    }
                }
            }
            "=" => {
                let (outcome, reusable) = ended.take().unwrap_or_else(|| panic!("it goes on:\n{script}"));
                let kept = if reusable { "kept" } else { "closed" };
                let words = match outcome {
                    Outcome::Sent(id) => {
                        format!("sent {} {kept}", id.map_or("-".to_owned(), |id| id.as_str().to_owned()))
                    }
                    Outcome::Later(fault) => format!("later {} {kept}", fault.code),
                    Outcome::Never(fault) => format!("never {} {kept}", fault.code),
                    Outcome::Unsure(fault) => format!("unsure {} {kept}", fault.code),
                };
                assert_eq!(words, rest, "\n{script}");
            }
            other => panic!("{other}"),
        }
    }
    assert!(ended.is_none() && written.is_empty(), "there is more: {written:?}\n{script}");
}

/// Up to where the mail is brought, by a server that can do everything.
const IN: &str = "S: * OK [CAPABILITY IMAP4rev1 SASL-IR LITERAL+ AUTH=PLAIN] ready
    C: m1 AUTHENTICATE PLAIN AG1lAHB3
    S: m1 OK [CAPABILITY IMAP4rev1 LITERAL+ UIDPLUS NAMESPACE] welcome
    C: m2 NAMESPACE
    S: * NAMESPACE ((\"\" \"/\")) NIL NIL
    S: m2 OK done";

fn inside(rest: &str) -> String {
    format!("{IN}\n{rest}")
}

const MAIL: &str = "C: Subject: x
    C:
    C: hi
    C:";

#[test]
fn a_mail_goes_into_its_folder() {
    play(
        &USUAL,
        &inside(&format!("C: m3 APPEND SMS {{18+}}\n{MAIL}\nS: m3 OK [APPENDUID 7 42] saved\n= sent 7:42 kept")),
    );
    let marked = Case { seen: true, date: Some(Timestamp(1_700_000_000_123)), folder: "Archiv 2026/SMS", ..USUAL };
    play(
        &marked,
        &inside(&format!(
            "C: m3 APPEND \"Archiv 2026/SMS\" (\\Seen) \"14-Nov-2023 22:13:20 +0000\" {{18+}}\n{MAIL}\nS: m3 OK saved\n= sent - kept"
        )),
    );
}

#[test]
fn the_old_ways_are_known_too() {
    // Nothing offered with the greeting, LOGIN, no NAMESPACE, a literal that is asked for.
    play(
        &USUAL,
        &format!(
            "S: * OK hello
            C: m1 CAPABILITY
            S: * CAPABILITY IMAP4rev1
            S: m1 OK done
            C: m2 LOGIN me pw
            S: m2 OK welcome
            C: m3 CAPABILITY
            S: * CAPABILITY IMAP4rev1 LITERAL-
            S: m3 OK done
            C: m4 LIST \"\" \"\"
            S: * LIST (\\Noselect) \".\" \"\"
            S: m4 OK done
            C: m5 APPEND SMS {{18+}}
            {MAIL}
            S: m5 OK saved
            = sent - kept"
        ),
    );
    // A password that has to be a literal, and AUTHENTICATE without its first answer.
    let foreign = Case { password: "pä", ..USUAL };
    play(
        &foreign,
        "S: * OK [CAPABILITY IMAP4rev1] hello
        C: m1 LOGIN me {3}
        S: + go
        C: pä
        S: m1 NO [AUTHENTICATIONFAILED] who?
        = later 4.7.8 closed",
    );
    play(
        &USUAL,
        "S: * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN LOGINDISABLED] hello
        C: m1 AUTHENTICATE PLAIN
        S: +
        C: AG1lAHB3
        S: m1 NO who?
        = later 4.7.8 closed",
    );
    // A server that wants to be asked before each mail.
    let asking = IN.replace("IMAP4rev1 LITERAL+ UIDPLUS", "IMAP4rev1");
    play(&USUAL, &format!("{asking}\nC: m3 APPEND SMS {{18}}\nS: + go\n{MAIL}\nS: m3 OK saved\n= sent - kept"));
    play(&USUAL, &format!("{asking}\nC: m3 APPEND SMS {{18}}\nS: m3 NO [OVERQUOTA] full\n= later 4.2.2 kept"));
}

#[test]
fn a_folder_that_is_not_there_is_made() {
    let made = |answer: &str, subscribed: &str| {
        inside(&format!(
            "C: m3 APPEND SMS {{18+}}\n{MAIL}
            S: m3 NO [TRYCREATE] no such folder
            C: m4 CREATE SMS
            S: m4 {answer}
            {subscribed}"
        ))
    };
    let subscribe = |said: &str, tag: u32| {
        format!(
            "C: m5 SUBSCRIBE SMS\nS: m5 {said}\nC: m{tag} APPEND SMS {{18+}}\n{MAIL}\nS: m{tag} OK saved\n= sent - kept"
        )
    };
    play(&USUAL, &made("OK made", &subscribe("OK done", 6)));
    play(&USUAL, &made("OK made", &subscribe("NO not here", 6)));
    let there = format!("C: m5 APPEND SMS {{18+}}\n{MAIL}\nS: m5 OK saved\n= sent - kept");
    play(&USUAL, &made("NO [ALREADYEXISTS] it is there", &there));
    play(&USUAL, &made("NO it is there", &there));
    play(&USUAL, &made("NO [NOPERM] not by you", "= never 5.7.1 kept"));
    play(&USUAL, &made("NO [CANNOT] what a name", "= never 5.1.3 kept"));
    play(&USUAL, &made("NO [OVERQUOTA] too many", "= later 4.2.2 kept"));
    // One that is made and is not there all the same is not made again.
    let again = format!("C: m5 APPEND SMS {{18+}}\n{MAIL}\nS: m5 NO [TRYCREATE] no such folder\n= later 4.2.0 kept");
    play(&USUAL, &made("NO it is there", &again));
}

#[test]
fn what_was_tried_before_is_looked_for_first() {
    let again = Case { again: true, ..USUAL };
    let looked = |found: &str, rest: &str| {
        inside(&format!(
            "C: m3 EXAMINE SMS
            S: * 5 EXISTS
            S: m3 OK [READ-ONLY] open
            C: m4 UID SEARCH HEADER Message-ID 1@sms.test
            S: {found}
            S: m4 OK done
            {rest}"
        ))
    };
    let brought = format!("C: m5 APPEND SMS {{18+}}\n{MAIL}\nS: m5 OK saved\n= sent - closed");
    play(&again, &looked("* SEARCH 4", "= sent - closed"));
    play(&again, &looked("* ESEARCH (TAG \"m4\") UID ALL 4", "= sent - closed"));
    play(&again, &looked("* SEARCH", &brought));
    let told_apart =
        looked("* SEARCH 4", "= sent - closed").replace("1@sms.test", "1@sms.test HEADER X-SMS-To +15551234567");
    play(&Case { phone: Some("+15551234567"), ..again }, &told_apart);
    play(&again, &looked("* ESEARCH (TAG \"m4\") UID", &brought));
    // No folder, or one that cannot be searched.
    let nothing = format!("C: m4 APPEND SMS {{18+}}\n{MAIL}\nS: m4 OK saved\n= sent - kept");
    play(&again, &inside(&format!("C: m3 EXAMINE SMS\nS: m3 NO no such folder\n{nothing}")));
    play(&again, &looked("* SEARCH", &brought).replace("m4 OK", "m4 BAD").replace("* SEARCH", "* 6 EXISTS"));
}

#[test]
fn names_are_written_as_the_server_wants_them() {
    let umlauts = Case { folder: "Entwürfe/SMS", ..USUAL };
    play(&umlauts, &inside(&format!("C: m3 APPEND Entw&APw-rfe/SMS {{18+}}\n{MAIL}\nS: m3 OK saved\n= sent - kept")));
    let courier = IN.replace("((\"\" \"/\")) NIL NIL", "((\"INBOX.\" \".\")) NIL ((\"shared.\" \".\"))");
    for (folder, wanted) in [("a/SMS", "INBOX.a.SMS"), ("shared/SMS", "shared.SMS"), ("inbox", "INBOX")] {
        let case = Case { folder, ..USUAL };
        play(&case, &format!("{courier}\nC: m3 APPEND {wanted} {{18+}}\n{MAIL}\nS: m3 OK saved\n= sent - kept"));
    }
    // UTF-8 where it is offered and enabled, else not.
    let utf8 = IN.replace("UIDPLUS", "ENABLE UTF8=ACCEPT");
    let enable = |said: &str, name: &str| {
        format!("{utf8}\nC: m3 ENABLE UTF8=ACCEPT\n{said}\nC: m4 APPEND {name}\n{MAIL}\nS: m4 OK saved\n= sent - kept")
    };
    let written = "{13}\nS: + go\nC: Entwürfe/SMS {18+}";
    play(&umlauts, &enable("S: * ENABLED UTF8=ACCEPT\nS: m3 OK done", written));
    play(&umlauts, &enable("S: * ENABLED\nS: m3 OK done", "Entw&APw-rfe/SMS {18+}"));
    play(&umlauts, &enable("S: m3 NO never", "Entw&APw-rfe/SMS {18+}"));
    // No NAMESPACE after all.
    let refused = IN.replace("S: * NAMESPACE ((\"\" \"/\")) NIL NIL\n", "").replace("m2 OK", "m2 BAD");
    play(&USUAL, &format!("{refused}\nC: m3 APPEND SMS {{18+}}\n{MAIL}\nS: m3 OK saved\n= sent - kept"));
}

#[test]
fn no_login_goes_before_tls() {
    let required = Case { tls: Tls::Required, ..USUAL };
    let offered = Case { tls: Tls::Offered, ..USUAL };
    play(
        &required,
        "S: * OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] hello
        C: m1 STARTTLS
        S: m1 OK go
        C: TLS
        C: m2 CAPABILITY
        S: * CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR
        S: m2 OK done
        C: m3 AUTHENTICATE PLAIN AG1lAHB3
        S: * BYE shutting down
        = later 4.3.2 closed",
    );
    play(&required, "S: * OK [CAPABILITY IMAP4rev1] hello\n= later 4.7.4 closed");
    play(&required, "S: * PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] hello\n= later 4.7.4 closed");
    let refused = "S: * OK [CAPABILITY IMAP4rev1 STARTTLS] hello\nC: m1 STARTTLS\nS: m1 BAD no";
    play(&required, &format!("{refused}\n= later 4.7.4 closed"));
    play(&offered, &format!("{refused}\nC: m2 LOGIN me pw\nS: m2 NO who\n= later 4.7.8 closed"));
    play(&USUAL, "S: * OK [CAPABILITY IMAP4rev1 LOGINDISABLED] hello\n= later 4.7.4 closed");
}

#[test]
fn a_server_that_is_not_well_ends_it() {
    play(&USUAL, "S: * BYE too many\n= later 4.3.2 closed");
    play(&USUAL, "S: * OK hello\nC: m1 CAPABILITY\nS: m1 BAD what\n= later 4.3.2 closed");
    play(&USUAL, "S: * OK hello\nC: m1 CAPABILITY\nS: m1 OK done\n= later 4.5.0 closed");
    play(&USUAL, "S: * OK hello\nC: m1 CAPABILITY\nS: m7 OK done\n= later 4.5.0 closed");
    play(&USUAL, "S: * OK hello\nC: m1 CAPABILITY\nS: + go\n= later 4.5.0 closed");
    play(&USUAL, &inside(&format!("C: m3 APPEND SMS {{18+}}\n{MAIL}\nS: * BYE bye\n= unsure 4.3.2 closed")));
    for (said, wanted) in [
        ("NO [OVERQUOTA] full", "later 4.2.2 kept"),
        ("NO [TOOBIG] no", "never 5.2.3 kept"),
        ("NO [UNAVAILABLE] wait", "later 4.3.2 kept"),
        ("BAD what", "later 4.2.0 closed"),
    ] {
        play(&USUAL, &inside(&format!("C: m3 APPEND SMS {{18+}}\n{MAIL}\nS: * 1 EXISTS\nS: m3 {said}\n= {wanted}")));
    }
}

#[test]
fn the_mail_is_crlf_and_without_nul() {
    let odd = Case { data: b"a\0b\nc\r\n", ..USUAL };
    play(&odd, &inside("C: m3 APPEND SMS {8+}\nC: a b\nC: c\nC:\nS: m3 OK saved\n= sent - kept"));
}

#[test]
fn another_mail_goes_over_a_kept_connection() {
    let login = Login { user: "me".to_owned(), password: Secret::new("pw".to_owned()) };
    let mail = Append {
        folder: "SMS",
        message_id: "2@sms.test",
        phone: None,
        data: b"x\r\n",
        seen: false,
        date: None,
        again: false,
    };
    let known = Session {
        offers: Some(super::session::Offers::default()),
        logged_in: true,
        hierarchy: Some(super::name::Hierarchy::default()),
        ..Session::default()
    };
    let mut dialogue = Dialogue::new(known, &mail, &login, Tls::Never);
    assert_eq!(dialogue.resume(), Next::Write(b"m1 APPEND SMS {3}\r\n".to_vec()));
    assert!(dialogue.is_session() && !dialogue.is_sent());
}
