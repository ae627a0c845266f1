//! The octets of a mail that is on its way: in pieces, so that a large one never needs twice its room to grow.
//!
//! One vector that doubles has up to as much unused as used, and both its sizes at once while it is copied. A crowd of
//! mails that never end would cost twice what is counted of them.

/// A mail up to this size is one piece, as is each further one.
const PIECE: usize = 64 * 1024;

#[derive(Default)]
pub(super) struct Kept {
    /// All full but the last.
    pieces: Vec<Vec<u8>>,
    len: usize,
}

impl Kept {
    /// `hint`: so many octets will probably come.
    pub(super) fn new(hint: usize) -> Self {
        Self { pieces: vec![Vec::with_capacity(hint.min(PIECE))], len: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn push(&mut self, mut part: &[u8]) {
        self.len += part.len();
        while !part.is_empty() {
            let room = self.pieces.last().map_or(0, |last| PIECE - last.len());
            if room == 0 {
                // The first grows as it needs; who has sent one piece may well send another.
                let size = if self.pieces.is_empty() { 0 } else { PIECE };
                self.pieces.push(Vec::with_capacity(size));
                continue;
            }
            let (now, later) = part.split_at(room.min(part.len()));
            if let Some(last) = self.pieces.last_mut() {
                let wanted = last.len() + now.len();
                if wanted > last.capacity() {
                    last.reserve_exact(wanted.max(2 * last.len()).min(PIECE) - last.len());
                }
                last.extend_from_slice(now);
            }
            part = later;
        }
    }

    /// The last octet becomes another; where nothing is kept, nothing changes.
    pub(super) fn replace_last(&mut self, with: u8) {
        if let Some(last) = self.pieces.last_mut().and_then(|piece| piece.last_mut()) {
            *last = with;
        }
    }

    pub(super) fn ends_with(&self, end: &[u8]) -> bool {
        let last = self.pieces.iter().rev().flat_map(|piece| piece.iter().rev());
        self.len >= end.len() && end.iter().rev().eq(last.take(end.len()))
    }

    /// The whole, each piece given back as it is copied.
    pub(super) fn whole(mut self) -> Vec<u8> {
        if self.pieces.len() <= 1 {
            return self.pieces.pop().unwrap_or_default();
        }
        let mut whole = Vec::with_capacity(self.len);
        for piece in self.pieces {
            whole.extend_from_slice(&piece);
        }
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_become_the_whole() {
        for hint in [0, 10, PIECE, 10 * PIECE] {
            for len in [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 7] {
                let octets: Vec<u8> = (0..len).map(|n| (n % 251) as u8).collect();
                for size in [1, 1000, PIECE, 5 * PIECE] {
                    let mut kept = Kept::new(hint);
                    octets.chunks(size).for_each(|part| kept.push(part));
                    assert_eq!(kept.len(), len);
                    let unused: usize = kept.pieces.iter().map(|piece| piece.capacity() - piece.len()).sum();
                    assert!(unused <= PIECE, "{unused} octets for nothing");
                    assert!(kept.ends_with(&octets[len.saturating_sub(3)..]) && !kept.ends_with(b"\xff"));
                    assert!(kept.whole() == octets, "{len} by {size}");
                }
            }
        }
    }
}
