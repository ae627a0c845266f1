//! The page of `martlet try` as it is written: conversations by mailbox, and the words of others escaped.

use super::*;
use crate::doors::trial::letters::read;

fn facts<'a>(phones: &'a [Phone], letters: &'a [Letter], form: &'a Form) -> Facts<'a> {
    Facts {
        phones,
        letters,
        fates: &[],
        people: "example.test",
        sms_domain: "sms.example.test",
        command: "printf 'x' | curl -T -",
        mailbox: None,
        form,
        wrong: None,
    }
}

fn letters() -> Vec<Letter> {
    let mail = |id: &str, more: &str| format!("From: a@x\r\nMessage-ID: <{id}>\r\nSubject: <b>s</b>\r\n{more}");
    let written = mail("1@x", "\r\n<script>alert(1)</script>\r\n");
    let reply = mail("2@x", "In-Reply-To: <1@x>\r\n\r\nyes\r\n");
    let report = mail("3@x", "Auto-Submitted: auto-replied\r\n\r\nFirst.\r\n\r\nSecond.\r\n");
    vec![
        read(1, Timestamp(0), "alice@example.test", written.as_bytes(), Vec::new(), true),
        read(2, Timestamp(0), "alice@example.test", reply.as_bytes(), Vec::new(), false),
        read(3, Timestamp(0), "bob@example.test", report.as_bytes(), Vec::new(), false),
    ]
}

#[test]
fn conversations_by_mailbox() {
    let (letters, form) = (letters(), Form::default());
    let all = page(&facts(&[], &letters, &form));
    let shape: Vec<Vec<_>> =
        all.threads.iter().map(|t| t.letters.iter().map(|l| (l.n, l.depth, l.kind)).collect()).collect();
    assert_eq!(shape, [vec![(3, 0, "report")], vec![(1, 0, "written"), (2, 1, "reply")]]);
    assert_eq!(
        (all.threads[0].letters[0].words.as_str(), all.threads[0].letters[0].rest.as_str()),
        ("First.", "Second.")
    );
    let of_bob = page(&Facts { mailbox: Some("bob@example.test"), ..facts(&[], &letters, &form) });
    assert_eq!(of_bob.threads.len(), 1);
    assert!(of_bob.senders[1].looked_into && !of_bob.senders[0].looked_into);
}

#[test]
fn the_words_of_others_are_escaped() {
    let mut env = minijinja::Environment::new();
    env.add_template("page.html", include_str!("../../../html/try/page.html")).expect("a template");
    let (letters, form) = (letters(), Form { to: "\"><img>".to_owned(), ..Form::default() });
    let view = page(&Facts { wrong: Some("<i>"), ..facts(&[], &letters, &form) });
    let html = env.get_template("page.html").expect("it").render(minijinja::value::Serde(view)).expect("renders");
    for raw in ["<script>alert", "<b>s</b>", "<img>", "<i>\n"] {
        assert!(!html.contains(raw), "{raw}");
    }
    assert!(html.contains("&lt;script&gt;alert(1)&lt;&#x2f;script&gt;"));
}
