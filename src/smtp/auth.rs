//! Logging in: the words of SASL PLAIN (RFC 4616) and LOGIN (draft-murchison-sasl-login), as RFC 4954 carries them.
//!
//! What can go wrong: a user or password that is no text, one in the name of another (authorization identity), and
//! secrets that reach a log; so none of this can be printed.

use base64::{Engine, prelude::BASE64_STANDARD};

use crate::ground::Secret;

/// The mechanisms that are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    Plain,
    Login,
}

/// What a client gives to log in with.
pub struct Login {
    pub user: String,
    pub pass: Secret<Vec<u8>>,
}

/// Why an answer of the client is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaslError {
    /// `*`: the client does not go on.
    Cancelled,
    NotBase64,
    /// Not what the mechanism has there.
    Shape,
    /// In the name of another: nobody may.
    Other,
}

/// Longest user and longest password, octets (RFC 4616 2 allows 255 characters each).
const LONGEST: usize = 1020;

/// One answer of the client; `=` is an empty one (RFC 4954 4).
pub(super) fn answer(line: &str) -> Result<Vec<u8>, SaslError> {
    match line {
        "*" => Err(SaslError::Cancelled),
        "=" => Ok(Vec::new()),
        line => BASE64_STANDARD.decode(line).map_err(|_| SaslError::NotBase64),
    }
}

/// `[authzid] NUL authcid NUL passwd`.
pub(super) fn plain(message: &[u8]) -> Result<Login, SaslError> {
    let mut pieces = message.split(|&b| b == 0);
    let (Some(other), Some(name), Some(pass), None) = (pieces.next(), pieces.next(), pieces.next(), pieces.next())
    else {
        return Err(SaslError::Shape);
    };
    let login = login(user(name)?, pass)?;
    if other.is_empty() || other == name { Ok(login) } else { Err(SaslError::Other) }
}

/// A user's name.
pub(super) fn user(name: &[u8]) -> Result<String, SaslError> {
    let name = std::str::from_utf8(name).map_err(|_| SaslError::Shape)?;
    let sound = (1..=LONGEST).contains(&name.len()) && !name.chars().any(char::is_control);
    if sound { Ok(name.to_owned()) } else { Err(SaslError::Shape) }
}

/// A user with a password.
pub(super) fn login(user: String, pass: &[u8]) -> Result<Login, SaslError> {
    if !(1..=LONGEST).contains(&pass.len()) || pass.contains(&0) {
        return Err(SaslError::Shape);
    }
    Ok(Login { user, pass: Secret::new(pass.to_vec()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_has_three_pieces() {
        for (message, want) in [
            (&b"\0alice\0pw"[..], Ok("alice")),
            (b"alice\0alice\0pw", Ok("alice")),
            (b"bob\0alice\0pw", Err(SaslError::Other)),
            (b"alice\0pw", Err(SaslError::Shape)),
            (b"\0alice\0pw\0", Err(SaslError::Shape)),
            (b"\0alice\0", Err(SaslError::Shape)),
            (b"\0\0pw", Err(SaslError::Shape)),
            (b"\0a\xff\0pw", Err(SaslError::Shape)),
            (b"\0a\r\n\0pw", Err(SaslError::Shape)),
            (b"", Err(SaslError::Shape)),
        ] {
            let got = plain(message);
            assert_eq!(got.as_ref().map(|l| l.user.as_str()).map_err(|e| *e), want, "{}", message.escape_ascii());
            assert!(got.is_err() || got.is_ok_and(|l| l.pass.expose() == b"pw"));
        }
        assert!(plain(&[&b"\0a\0"[..], &[b'x'; 1021]].concat()).is_err());
    }

    #[test]
    fn answers_are_base64() {
        assert_eq!(answer("AGE="), Ok(b"\0a".to_vec()));
        assert_eq!(answer("="), Ok(Vec::new()));
        assert_eq!(answer("*"), Err(SaslError::Cancelled));
        for bad in ["AGE", "A GE=", "AGE=\t", "-_-_"] {
            assert_eq!(answer(bad), Err(SaslError::NotBase64), "{bad}");
        }
    }
}
