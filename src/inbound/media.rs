//! Pictures and the like beside the words: which stay with their text, and the octets of those that do.
//!
//! What came within the call itself is here at once; the rest is fetched before the text is looked at
//! (`dispatch/media.rs`).

use super::{Inner, assemble::Assembled};
use crate::{
    mail::{At, MediaType, Piece, media::Types},
    store::Down,
};

/// Names what is not taken as missing: by its type, and what goes beyond `most` octets of one text.
pub fn sifted(media: Vec<Piece>, types: &Types, most: u64) -> Vec<Piece> {
    let mut have = 0;
    let sift = |piece: Piece| {
        let At::Here(data) = &piece.at else { return Some(piece) };
        let said = piece.kind.clone().filter(|kind| !kind.is_vague());
        let kind = said.or_else(|| MediaType::sniffed(data)).unwrap_or_else(MediaType::octets);
        if kind.is_layout() {
            return None;
        }
        if !types.take(&kind) {
            return Some(Piece::missing(Some(kind.clone()), format!("its type {kind} is not taken")));
        }
        let size = data.len() as u64;
        if have + size > most {
            return Some(Piece::missing(Some(kind), too_much(most)));
        }
        have += size;
        Some(Piece { kind: Some(kind), ..piece })
    };
    media.into_iter().filter_map(sift).collect()
}

/// Why a piece has no place beside the others.
pub fn too_much(most: u64) -> String {
    format!("what came with this text is larger than {most} octets")
}

impl Inner {
    /// What came with a text, with its octets.
    pub(super) async fn media(&self, set: &Assembled) -> Result<Vec<Piece>, Down> {
        if set.media() == 0 {
            return Ok(Vec::new());
        }
        let ids: Vec<_> = set.segments.iter().map(|segment| segment.id).collect();
        self.store.media(&ids).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_taken_is_named() {
        let kind = |written: &str| Some(written.parse().expect("a type"));
        let here = |kind: Option<MediaType>, data: &[u8]| Piece { kind, name: None, at: At::Here(data.into()) };
        let media = vec![
            here(kind("image/png"), b"1234"),
            here(kind("text/html"), b"<p>"),
            here(kind("application/smil"), b"<smil/>"),
            here(None, b"\xff\xd8\xff"),
            here(None, b"MZ"),
            here(kind("image/gif"), b"1234"),
            here(kind("application/octet-stream"), b"GIF"),
        ];
        let sifted = sifted(media, &Types::default(), 10);
        let shown: Vec<_> = sifted
            .iter()
            .map(|piece| match &piece.at {
                At::Here(_) => piece.kind.as_ref().map_or("", MediaType::as_str),
                At::Missing(why) => why,
                At::Elsewhere(_) => "elsewhere",
            })
            .collect();
        let octets = "its type application/octet-stream is not taken";
        assert_eq!(
            shown,
            ["image/png", "its type text/html is not taken", "image/jpeg", octets, &too_much(10), octets]
        );
    }
}
