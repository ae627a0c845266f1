//! `multipart/form-data` (RFC 7578). The boundary is a digest of what stands between it, so that a request is the same
//! each time it is made and the boundary is not in it.

use sha2::{Digest as _, Sha256};

use crate::provider::template::filter::hex;

/// Content type and body.
pub fn write(parts: &[(&str, Vec<u8>)]) -> (String, Vec<u8>) {
    let mut digest = Sha256::new();
    for (name, value) in parts {
        digest.update(name.as_bytes());
        digest.update([0]);
        digest.update(value);
        digest.update([0]);
    }
    let boundary = format!("martlet-{}", &hex(&digest.finalize())[..32]);
    let mut body = Vec::new();
    for (name, value) in parts {
        // A quote or a line end in a name would end it (RFC 7578 clause 2, as browsers write it).
        let name = name.replace('"', "%22").replace(['\r', '\n'], "");
        let head = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(value);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    (format!("multipart/form-data; boundary={boundary}"), body)
}
