//! (mask)
