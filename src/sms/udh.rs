//! User data header: information elements (TS 23.040 9.2.3.24).
//!
//! Elements come without the length octet of the whole header. What can go wrong: a length that reaches behind the end
//! (nothing from there on is an element), and concatenation elements with part 0 or a part beyond the total, which are
//! to be ignored (9.2.3.24.1).

use super::split::Reference;

/// Identifier of concatenation with an 8-bit reference (9.2.3.24.1).
const CONCAT_8: u8 = 0x00;
/// Identifier of concatenation with a 16-bit reference (9.2.3.24.8).
const CONCAT_16: u8 = 0x08;

/// One part of a concatenated message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Concat {
    pub reference: Reference,
    pub total: u8,
    /// From 1.
    pub seq: u8,
}

impl Concat {
    /// Octets of the element in octets, identifier and length included.
    pub(super) fn size(reference: Reference) -> usize {
        match reference {
            Reference::Eight(_) => 5,
            Reference::Sixteen(_) => 6,
        }
    }

    /// The element in front of `others`.
    pub fn before(self, others: &[u8]) -> Vec<u8> {
        let mut ies = Vec::with_capacity(6 + others.len());
        match self.reference {
            Reference::Eight(reference) => ies.extend([CONCAT_8, 3, reference]),
            Reference::Sixteen(reference) => {
                let [high, low] = reference.to_be_bytes();
                ies.extend([CONCAT_16, 4, high, low]);
            }
        }
        ies.extend([self.total, self.seq]);
        ies.extend(others);
        ies
    }

    fn read(identifier: u8, data: &[u8]) -> Option<Self> {
        let (reference, total, seq) = match (identifier, data) {
            (CONCAT_8, &[reference, total, seq]) => (Reference::Eight(reference), total, seq),
            (CONCAT_16, &[high, low, total, seq]) => (Reference::Sixteen(u16::from_be_bytes([high, low])), total, seq),
            _ => return None,
        };
        (1..=total).contains(&seq).then_some(Self { reference, total, seq })
    }
}

/// The elements one by one: identifier and data. Ends where the octets are no element any more.
pub fn elements(ies: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut rest = ies;
    std::iter::from_fn(move || {
        let [identifier, length, tail @ ..] = rest else { return None };
        let (data, tail) = tail.split_at_checked(usize::from(*length))?;
        rest = tail;
        Some((*identifier, data))
    })
}

/// The concatenation element among these elements, if it is sound; the last one where there are several
/// (9.2.3.24: a repeated element replaces the earlier). `ies` has no length octet.
pub fn concat(ies: &[u8]) -> Option<Concat> {
    elements(ies).filter_map(|(identifier, data)| Concat::read(identifier, data)).last()
}

fn is_concat(identifier: u8) -> bool {
    matches!(identifier, CONCAT_8 | CONCAT_16)
}

/// The elements other than concatenation, and octets at the end that are no element.
pub fn without_concat(ies: &[u8]) -> Vec<u8> {
    let mut others = Vec::with_capacity(ies.len());
    let mut read = 0;
    for (identifier, data) in elements(ies) {
        let size = 2 + data.len();
        if !is_concat(identifier) {
            others.extend(&ies[read..read + size]);
        }
        read += size;
    }
    others.extend(&ies[read..]);
    others
}

/// How many octets [`without_concat`] gives.
pub(super) fn size_without_concat(ies: &[u8]) -> usize {
    ies.len() - elements(ies).filter(|(id, _)| is_concat(*id)).map(|(_, data)| 2 + data.len()).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PORTS: [u8; 6] = [0x05, 4, 0x0b, 0x84, 0x23, 0xf0];

    #[test]
    fn concatenation_is_found_among_others() {
        let eight = Concat { reference: Reference::Eight(7), total: 3, seq: 2 };
        let sixteen = Concat { reference: Reference::Sixteen(0x1234), total: 3, seq: 3 };
        assert_eq!(eight.before(&PORTS)[..5], [0, 3, 7, 3, 2]);
        assert_eq!(sixteen.before(&[]), [8, 4, 0x12, 0x34, 3, 3]);
        assert_eq!(concat(&eight.before(&PORTS)), Some(eight));
        assert_eq!(concat(&[&PORTS[..], &sixteen.before(&[])].concat()), Some(sixteen));
        assert_eq!(concat(&eight.before(&sixteen.before(&[]))), Some(sixteen), "the last one counts");
        assert_eq!(without_concat(&eight.before(&PORTS)), PORTS);
    }

    #[test]
    fn unsound_elements_are_ignored() {
        for ies in [
            &[0, 3, 1, 0, 0][..],
            &[0, 3, 1, 2, 0],
            &[0, 3, 1, 2, 3],
            &[0, 2, 1, 2],
            &[0, 3, 1, 2],
            &[8, 3, 1, 2, 1],
            &[0],
            &[],
        ] {
            assert_eq!(concat(ies), None, "{ies:?}");
        }
        assert_eq!(without_concat(&[0x24, 1, 3, 0x70, 9, 1]), [0x24, 1, 3, 0x70, 9, 1]);
        assert_eq!(elements(&[0x24, 1, 3, 0x70, 9, 1]).count(), 1);
    }

    proptest! {
        #[test]
        fn any_octets_are_walked(ies in proptest::collection::vec(0u8..12, 0..60)) {
            let others = without_concat(&ies);
            prop_assert_eq!(others.len(), size_without_concat(&ies));
            prop_assert_eq!(without_concat(&others).len(), others.len());
            prop_assert!(concat(&ies).is_none_or(|c| c.seq >= 1 && c.seq <= c.total));
        }
    }
}
