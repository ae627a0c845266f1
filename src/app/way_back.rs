//! The way back into mailboxes, and how it changes while Martlet runs: another server, a corrected password, another postmaster.
//!
//! A new way is built whole before any of it counts. Mails and folders under way go on by the old one, which ends with the last of
//! them; those that wait go by the new one when they are due.

use super::{StartError, build};
use crate::{
    address::Mailbox,
    config::{self, Config},
    dispatch,
    ground::Swap,
    mailbox::{self, imap::Folders},
};

/// What other rooms know of it, and what it was built from.
pub struct WayBack {
    pub postmaster: Swap<Mailbox>,
    /// Folders stand in each mailbox's own account.
    pub each_has_a_login: Swap<bool>,
    declared: config::WayBack,
}

/// One that is built and not taken yet.
pub struct Fresh {
    client: mailbox::Client,
    folders: Option<Folders>,
}

impl WayBack {
    pub fn new(config: &Config) -> Self {
        let declared = config.mailbox.clone();
        Self {
            postmaster: declared.postmaster.clone().into(),
            each_has_a_login: each_has_a_login(&declared).into(),
            declared,
        }
    }

    /// What the configuration says now; `None` where it says what is so already. Files of authorities may hold something new.
    pub fn fresh(&self, config: &Config) -> Result<Option<Fresh>, StartError> {
        let declared = &config.mailbox;
        let files = declared.ca.is_some() || declared.folders.as_ref().is_some_and(|folders| folders.ca.is_some());
        if !files && self.declared == *declared {
            return Ok(None);
        }
        Ok(Some(Fresh { client: build::mailbox(config)?, folders: build::folders(config)? }))
    }

    /// From now on this one.
    pub fn take(&mut self, config: &Config, fresh: Fresh, shared: &dispatch::Shared) {
        self.declared = config.mailbox.clone();
        self.postmaster.replace(self.declared.postmaster.clone());
        self.each_has_a_login.replace(each_has_a_login(&self.declared));
        shared.mailbox.replace(fresh.client);
        shared.folders.replace(fresh.folders);
        shared.mail_window.send_replace(self.declared.window);
    }
}

fn each_has_a_login(declared: &config::WayBack) -> bool {
    declared.folders.as_ref().is_some_and(|folders| folders.user.is_each())
}
