//! (received)
