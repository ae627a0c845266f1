//! (read)
