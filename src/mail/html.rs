//! (html)
