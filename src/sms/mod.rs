//! Texts on the radio side: alphabets, segments, headers, reassembly, and making a text fit.
//!
//! Pure. Sources: 3GPP TS 23.038 (alphabets, national language tables), TS 23.040 (TPDUs, user data header, concatenation).

pub mod alphabet;
pub mod content;
pub mod dcs;
pub mod fit;
pub mod join;
pub mod keyword;
pub mod national;
pub mod pack;
pub mod separate;
pub mod split;
mod tables;
pub mod tidy;
pub mod tpdu;
pub mod udh;

pub use alphabet::Alphabet;
pub use content::{Body, Content, Segment};
pub use dcs::Dcs;
