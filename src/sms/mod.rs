//! Texts on the radio side: alphabets, segments, headers, reassembly, and making a text fit.
//!
//! Pure. Sources: 3GPP TS 23.038 (alphabets, national language tables), TS 23.040 9.2.3.24 (user data header, concatenation).

pub mod alphabet;
pub mod content;
pub mod fit;
pub mod join;
pub mod national;
pub mod separate;
pub mod split;
mod tables;
pub mod tidy;
pub mod udh;

pub use alphabet::Alphabet;
pub use content::{Body, Content, Segment};
