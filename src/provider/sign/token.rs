//! A JSON web token (RFC 7519) for each request, signed with RSA and SHA-256: Vonage's Messages.
//!
//! What can go wrong is a private key that is none or too short, which is told when the signer is made.

use std::{fmt, sync::Arc, time::Duration};

use ring::{rand::SystemRandom, signature};
use rustls::pki_types::{PrivateKeyDer, pem::PemObject};
use serde_json::{Map, Value};

use crate::{
    ground::Timestamp,
    provider::{
        arguments::{Desk, Misfit},
        digest::Encoding,
        web::Request,
    },
};

/// `jwt-rs256`
#[derive(Clone)]
pub(super) struct Token {
    key: Arc<signature::RsaKeyPair>,
    id: Option<String>,
    claims: Map<String, Value>,
    lifetime: Duration,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token([secret])")
    }
}

impl Token {
    pub fn read(desk: &Desk<'_>) -> Result<Self, Misfit> {
        let bad = || Misfit::new("key", "expected an RSA private key in PEM, of 2048 bits or more");
        let key = match PrivateKeyDer::from_pem_slice(desk.need("key")?.as_bytes()).map_err(|_| bad())? {
            PrivateKeyDer::Pkcs8(der) => signature::RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(der) => signature::RsaKeyPair::from_der(der.secret_pkcs1_der()),
            _ => return Err(bad()),
        };
        let claims = desk.table("claims")?.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        let usual = Duration::from_secs(900);
        Ok(Self {
            key: Arc::new(key.map_err(|_| bad())?),
            id: desk.text("id")?.map(str::to_owned),
            claims,
            lifetime: desk.duration("lifetime", Some(usual))?.unwrap_or(usual),
        })
    }

    pub fn sign(&self, request: &mut Request, now: Timestamp, nonce: &str) {
        let mut claims = self.claims.clone();
        claims.insert("iat".to_owned(), (now.0 / 1000).into());
        claims.insert("exp".to_owned(), ((now + self.lifetime).0 / 1000).into());
        claims.insert("jti".to_owned(), nonce.into());
        let mut header = serde_json::json!({ "alg": "RS256", "typ": "JWT" });
        if let Some(id) = &self.id {
            header["kid"] = id.as_str().into();
        }
        let part = |value: Value| Encoding::Base64Url.write(value.to_string().as_bytes());
        let message = format!("{}.{}", part(header), part(Value::Object(claims)));
        let mut octets = vec![0; self.key.public().modulus_len()];
        // The random source only blinds the computation: the signature is the same each time.
        self.key
            .sign(&signature::RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut octets)
            .expect("a checked key and a buffer of its length");
        let token = format!("{message}.{}", Encoding::Base64Url.write(&octets));
        request.headers.push("Authorization", format!("Bearer {token}"));
    }
}
