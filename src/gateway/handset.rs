//! The virtual handset: as yet it only keeps what it was sent.
#[derive(Debug, Clone)]
pub struct Settings;
