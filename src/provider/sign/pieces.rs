//! A digest, or a keyed one, of named pieces of the request: OVH's `$1$…`, seven's `X-Signature` and the like.
//!
//! Pieces are those of hooks (`proof`), and `time` and `nonce`. What can go wrong: a clock that differs from the provider's;
//! then `clock` says where to read it.

use crate::{
    ground::{Secret, Timestamp},
    provider::{
        arguments::{Desk, Misfit},
        digest::{Encoding, Hash},
        proof::Piece,
        web::Request,
    },
};

pub(super) const KEYED: &[&str] = &[
    "algorithm",
    "key",
    "key_encoding",
    "message",
    "separator",
    "header",
    "prefix",
    "encoding",
    "time_header",
    "time_unit",
    "nonce_header",
    "clock",
];
pub(super) const PLAIN: &[&str] = &[
    "algorithm",
    "message",
    "separator",
    "header",
    "prefix",
    "encoding",
    "time_header",
    "time_unit",
    "nonce_header",
    "clock",
];

/// `hmac`, `digest`
#[derive(Debug, Clone)]
pub(super) struct Pieces {
    hash: Hash,
    key: Option<Secret<Vec<u8>>>,
    message: Vec<Piece>,
    separator: String,
    header: String,
    prefix: String,
    encoding: Encoding,
    time_header: Option<String>,
    milliseconds: bool,
    nonce_header: Option<String>,
    pub clock: Option<String>,
}

impl Pieces {
    pub fn read(desk: &Desk<'_>, keyed: bool) -> Result<Self, Misfit> {
        let pieces = desk.texts("message")?.into_iter().map(Piece::read);
        let message = pieces.collect::<Result<Vec<_>, _>>().map_err(|cause| Misfit::new("message", cause))?;
        if message.is_empty() {
            return Err(Misfit::new("message", "say what is signed, such as [\"method\", \"url\", \"body\"]"));
        }
        let encoding = desk.word("key_encoding", &Encoding::WORDS)?.unwrap_or(Encoding::Text);
        let key = if keyed { desk.keys("key", encoding)?.into_iter().next() } else { None };
        let owned = |key: &str| Ok(desk.text(key)?.map(str::to_owned));
        Ok(Self {
            hash: desk.word("algorithm", &Hash::WORDS)?.unwrap_or(Hash::Sha256),
            key,
            message,
            separator: owned("separator")?.unwrap_or_default(),
            header: desk.need("header")?.to_owned(),
            prefix: owned("prefix")?.unwrap_or_default(),
            encoding: desk.word("encoding", &Encoding::WORDS)?.unwrap_or(Encoding::Hex),
            time_header: owned("time_header")?,
            milliseconds: desk.word("time_unit", &[("s", false), ("ms", true)])?.unwrap_or(false),
            nonce_header: owned("nonce_header")?,
            clock: owned("clock")?,
        })
    }

    pub fn sign(&self, request: &mut Request, now: Timestamp, nonce: &str) {
        let time = if self.milliseconds { now.0 } else { now.0 / 1000 }.to_string();
        let mut message = Vec::with_capacity(request.body.len() + 256);
        for (i, piece) in self.message.iter().enumerate() {
            if i > 0 {
                message.extend_from_slice(self.separator.as_bytes());
            }
            match piece {
                Piece::Body => message.extend_from_slice(&request.body),
                Piece::Digest(hash, None) => message.extend(hash.of(&request.body)),
                Piece::Digest(hash, Some(encoding)) => {
                    message.extend_from_slice(encoding.write(&hash.of(&request.body)).as_bytes());
                }
                Piece::Url => message.extend_from_slice(request.url.as_bytes()),
                Piece::Method => message.extend_from_slice(request.method.as_bytes()),
                Piece::Query => message.extend_from_slice(Piece::sorted_query(super::parts(&request.url).2).as_bytes()),
                Piece::Header(name) => {
                    message.extend_from_slice(request.headers.get(name).unwrap_or_default().as_bytes());
                }
                Piece::Words(words) => message.extend_from_slice(words.expose().as_bytes()),
                Piece::Time => message.extend_from_slice(time.as_bytes()),
                Piece::Nonce => message.extend_from_slice(nonce.as_bytes()),
            }
        }
        let digest = match &self.key {
            Some(key) => self.hash.keyed(key.expose(), &message),
            None => self.hash.of(&message),
        };
        if let Some(name) = &self.time_header {
            request.headers.push(name.as_str(), time);
        }
        if let Some(name) = &self.nonce_header {
            request.headers.push(name.as_str(), nonce);
        }
        request.headers.push(self.header.as_str(), format!("{}{}", self.prefix, self.encoding.write(&digest)));
    }
}
