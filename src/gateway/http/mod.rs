//! HTTP gateways by URL template.
#[derive(Debug, Clone)]
pub struct Settings;
