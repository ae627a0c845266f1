//! What is remembered of a PIN: that it was tried, so that it is tried once.
//!
//! A word is written before the PIN is entered, and taken away when the SIM has taken it. So a crash between the two, and
//! a line that breaks, count as refused: three tries lock a SIM. The word is a digest of gateway and PIN: another PIN in
//! the configuration is another word.

use std::{io, path::PathBuf};

use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;

/// Where the word on one gateway's PIN stands.
#[derive(Clone)]
pub struct Memory {
    path: PathBuf,
    digest: String,
}

named!(Memory);

impl Memory {
    pub fn new(folder: &std::path::Path, gateway: &str, pin: &str) -> Self {
        let digest = Sha256::digest(format!("martlet pin {gateway} {pin}"));
        let digest = digest.iter().map(|octet| format!("{octet:02x}")).collect();
        Self { path: folder.join(format!("modem-{gateway}.pin-tried")), digest }
    }

    /// Whether this PIN may be entered; from now on it may not.
    pub async fn try_once(&self) -> io::Result<bool> {
        match tokio::fs::read_to_string(&self.path).await {
            Ok(tried) if tried.trim() == self.digest => return Ok(false),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let mut file = tokio::fs::File::create(&self.path).await?;
        file.write_all(self.digest.as_bytes()).await?;
        file.sync_all().await?;
        if let Some(folder) = self.path.parent() {
            tokio::fs::File::open(folder).await?.sync_all().await?;
        }
        Ok(true)
    }

    /// The SIM has taken it, or has not looked at it.
    pub async fn forget(&self) {
        // What cannot be taken away is said at the next start: the PIN is not tried then.
        let _ = tokio::fs::remove_file(&self.path).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn once_and_no_more() {
        let folder = tempfile::tempdir().expect("a folder");
        let memory = |pin| Memory::new(folder.path(), "main", pin);
        assert!(memory("1234").try_once().await.expect("written"));
        assert!(!memory("1234").try_once().await.expect("read"), "tried, and no word of the SIM");
        assert!(memory("4321").try_once().await.expect("written"), "another one");
        memory("4321").forget().await;
        assert!(memory("4321").try_once().await.expect("written"), "it was taken");
    }
}
