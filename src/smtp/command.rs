//! (command)
