//! (line)
