//! Any line gives a command or a refusal in good form; nothing of a command holds control characters; case of the
//! verb and blanks at the end of the parameters change nothing.

use martlet::smtp::{Command, line::LIMIT};

pub fn command(data: &[u8]) {
    let line = &data[..data.len().min(LIMIT - 2)];
    match Command::parse(line) {
        Ok(command) => {
            let text = std::str::from_utf8(line).expect("a command is UTF-8");
            sound(&command, text);
            let verb = text.split(' ').next().unwrap_or_default();
            let lower = verb.to_ascii_lowercase() + &text[verb.len()..];
            assert!(Command::parse(lower.as_bytes()).ok().as_ref() == Some(&command), "the case of the verb matters");
            if matches!(command, Command::Mail(_) | Command::Rcpt { .. }) {
                let longer = format!("{text} ");
                assert!(Command::parse(longer.as_bytes()).ok() == Some(command), "a blank at the end matters");
            }
        }
        Err(error) => {
            let reply = error.reply();
            assert!((500..560).contains(&reply.code()));
            assert_eq!(reply.enhanced().map(|code| code.class()), Some(5));
        }
    }
}

fn sound(command: &Command, line: &str) {
    let plain = |text: &Option<String>| {
        assert!(text.as_ref().is_none_or(|text| !text.is_empty() && !text.chars().any(char::is_control)));
    };
    match command {
        Command::Hello(_, name) => assert!(name.bytes().all(|b| b.is_ascii_graphic()) && name.len() <= 255),
        Command::Mail(envelope) => {
            plain(&envelope.auth);
            plain(&envelope.dsn.envid);
            assert!(envelope.dsn.envid.as_ref().is_none_or(|id| id.is_ascii() && id.len() <= 100));
            assert!(envelope.auth.as_deref() != Some("<>"));
            assert!(envelope.smtputf8 || line.is_ascii());
        }
        Command::Rcpt { recipient, needs_utf8 } => {
            plain(&recipient.orcpt);
            assert!(recipient.orcpt.as_ref().is_none_or(|o| o.contains(';') && o.len() <= 500));
            assert_eq!(*needs_utf8, !line.is_ascii());
        }
        Command::XForward(told) => {
            for value in [&told.name, &told.addr, &told.proto, &told.helo, &told.ident, &told.source] {
                plain(value);
                assert!(value.as_ref().is_none_or(|value| value.len() <= 255));
            }
        }
        _ => {}
    }
}
