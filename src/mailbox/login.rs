//! Our login at the mail server: AUTH PLAIN and LOGIN (RFC 4954, RFC 4616). Pure.
//!
//! Whether the line is private enough for it is decided where the client is made ([`super::Client::new`]).

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::ground::{Enhanced, Fault, Scope, Secret};

/// Who we are at the mail server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    pub user: String,
    pub password: Secret<String>,
}

/// The mechanisms of AUTH that a server offers and Martlet speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mechanisms {
    pub plain: bool,
    pub login: bool,
}

impl Login {
    /// What is said, line by line; each but the last is answered with 334.
    pub fn lines(&self, offered: Mechanisms) -> Result<Vec<Secret<String>>, Fault> {
        let line = |words: String| Secret::new(words + "\r\n");
        let (user, password) = (&self.user, self.password.expose());
        if offered.plain {
            let token = STANDARD.encode(format!("\0{user}\0{password}"));
            return Ok(vec![line(format!("AUTH PLAIN {token}"))]);
        }
        if offered.login {
            let answers = [user, password].map(|words| line(STANDARD.encode(words)));
            return Ok(std::iter::once(line("AUTH LOGIN".to_owned())).chain(answers).collect());
        }
        let text = "the mail server offers no login (AUTH PLAIN or LOGIN) on this connection";
        Err(Fault::new(Scope::Gateway, Enhanced::new(4, 7, 4), text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_is_preferred() {
        let login = Login { user: "me".to_owned(), password: Secret::new("hünter2".to_owned()) };
        let said = |plain, login_offered| {
            let lines = login.lines(Mechanisms { plain, login: login_offered });
            lines.map(|l| l.iter().map(|line| line.expose().clone()).collect::<Vec<_>>())
        };
        let plain = vec![format!("AUTH PLAIN {}\r\n", STANDARD.encode("\0me\0hünter2"))];
        assert_eq!(said(true, true), Ok(plain.clone()));
        assert_eq!(said(true, false), Ok(plain));
        let login_lines = ["AUTH LOGIN\r\n".to_owned(), "bWU=\r\n".to_owned(), "aMO8bnRlcjI=\r\n".to_owned()];
        assert_eq!(said(false, true), Ok(login_lines.to_vec()));
        assert!(said(false, false).is_err_and(|fault| fault.scope == Scope::Gateway && fault.code.class() == 4));
        assert!(!format!("{login:?}").contains("nter2"));
    }
}
