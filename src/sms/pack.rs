//! Septets to octets and back (TS 23.038 6.1.2.1): septet n begins at bit 7n, lowest bit first.
//!
//! Behind a user data header the first septet stands on the next septet border, so up to six fill bits come first (TS
//! 23.040 9.2.3.24). What can go wrong: padding with CR belongs to USSD, not here; the count of septets says where the
//! text ends, unused bits are 0.

/// Bits between a header of `octets` octets (its length octet included) and the first septet.
pub fn fill(octets: usize) -> usize {
    (7 - octets * 8 % 7) % 7
}

/// Septets that a header of `octets` octets takes, fill bits included.
pub fn header_septets(octets: usize) -> usize {
    (octets * 8).div_ceil(7)
}

/// Puts septets, one to an octet, behind `fill` zero bits and appends them to `out`. Eighth bits are not looked at.
pub fn pack(septets: &[u8], fill: usize, out: &mut Vec<u8>) {
    let (mut octets, mut bits) = (0u64, fill % 8);
    for eight in septets.chunks(8) {
        for septet in eight {
            octets |= u64::from(septet & 0x7f) << bits;
            bits += 7;
        }
        let whole = bits / 8;
        out.extend_from_slice(&octets.to_le_bytes()[..whole]);
        octets = octets.checked_shr(8 * whole as u32).unwrap_or(0);
        bits -= 8 * whole;
    }
    if bits > 0 {
        out.push(octets.to_le_bytes()[0]);
    }
}

/// At most `count` septets that stand behind `fill` bits; fewer where the octets end.
pub fn unpack(octets: &[u8], fill: usize, count: usize) -> Vec<u8> {
    let held = (octets.len() * 8).saturating_sub(fill) / 7;
    let septet = |n: usize| {
        let at = fill + 7 * n;
        let high = octets.get(at / 8 + 1).copied().unwrap_or(0);
        let pair = u16::from_le_bytes([octets[at / 8], high]);
        (pair >> (at % 8)).to_le_bytes()[0] & 0x7f
    };
    (0..count.min(held)).map(septet).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packed(septets: &[u8], fill: usize) -> Vec<u8> {
        let mut octets = Vec::new();
        pack(septets, fill, &mut octets);
        octets
    }

    #[test]
    fn known_answers() {
        assert_eq!(packed(b"hellohello", 0), [0xe8, 0x32, 0x9b, 0xfd, 0x46, 0x97, 0xd9, 0xec, 0x37]);
        assert!(packed(b"", 0).is_empty());
        // Seven septets leave seven zero bits: no carriage return there.
        assert_eq!(packed(b"1234567", 0), [0x31, 0xd9, 0x8c, 0x56, 0xb3, 0xdd, 0x00]);
        assert_eq!(packed(b"A", 1), [0x82]);
        assert_eq!(unpack(&[0x82], 1, 9), b"A");
    }

    #[test]
    fn fill_bits_of_headers() {
        for (octets, bits, septets) in [(0, 0, 0), (4, 3, 5), (6, 1, 7), (7, 0, 8), (9, 5, 11), (12, 2, 14)] {
            assert_eq!((fill(octets), header_septets(octets)), (bits, septets), "{octets}");
        }
    }

    proptest! {
        #[test]
        fn what_is_packed_is_unpacked(septets in proptest::collection::vec(0u8..128, 0..170), fill in 0usize..7) {
            let octets = packed(&septets, fill);
            prop_assert_eq!(octets.len(), (fill + 7 * septets.len()).div_ceil(8));
            prop_assert_eq!(unpack(&octets, fill, septets.len()), septets);
        }

        #[test]
        fn any_octets_are_unpacked(octets in proptest::collection::vec(any::<u8>(), 0..150), fill in 0usize..9, count in 0usize..300) {
            prop_assert!(unpack(&octets, fill, count).len() <= count);
        }
    }
}
