//! Hooks: what a provider's call to us says.

pub mod spec;
