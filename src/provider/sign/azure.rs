//! Access keys of Azure Communication Services: HMAC-SHA256 over verb, path with query, date, host and digest of the body.

use super::parts;
use crate::{
    ground::{Secret, Timestamp},
    provider::{
        arguments::{Desk, Misfit},
        digest::{Encoding, Hash},
        web::Request,
    },
};

/// `azure-hmac`
#[derive(Debug, Clone)]
pub(super) struct Azure {
    key: Secret<Vec<u8>>,
}

impl Azure {
    pub fn read(desk: &Desk<'_>) -> Result<Self, Misfit> {
        let keys = desk.keys("key", Encoding::Base64).map_err(|_| Misfit::new("key", "an access key is base64"))?;
        let key = keys.into_iter().next().ok_or_else(|| Misfit::new("key", "is missing or empty"))?;
        Ok(Self { key })
    }

    pub fn sign(&self, request: &mut Request, now: Timestamp) {
        let date = now.utc().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let (host, path, query) = parts(&request.url);
        let path = if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") };
        let digest = Encoding::Base64.write(&Hash::Sha256.of(&request.body));
        let message = format!("{}\n{path}\n{date};{host};{digest}", request.method);
        let signature = Encoding::Base64.write(&Hash::Sha256.keyed(self.key.expose(), message.as_bytes()));
        request.headers.push("x-ms-date", date);
        request.headers.push("x-ms-content-sha256", digest);
        let field = format!("HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature={signature}");
        request.headers.push("Authorization", field);
    }
}
