//! Mails and their ends, whole and cut at every octet.

use proptest::prelude::*;

use super::*;

/// The result, and how many bytes were left over.
type End = Option<(Result<Vec<u8>, DataError>, usize)>;

fn whole(stream: &[u8], cuts: &[usize], limit: u64) -> End {
    whole_with(stream, cuts, limit, Bare::Refuse)
}

fn whole_with(stream: &[u8], cuts: &[usize], limit: u64, bare: Bare) -> End {
    let mut receiver = Receiver::new(limit, None).with(bare);
    let mut from = 0;
    for &to in cuts.iter().chain([&stream.len()]) {
        let mut part = &stream[from..to];
        if let Some(end) = receiver.feed(&mut part) {
            return Some((end, part.len() + stream.len() - to));
        }
        assert!(part.is_empty());
        from = to;
    }
    None
}

fn everywhere(stream: &[u8], limit: u64) -> End {
    everywhere_with(stream, limit, Bare::Refuse)
}

fn everywhere_with(stream: &[u8], limit: u64, bare: Bare) -> End {
    let want = whole_with(stream, &[], limit, bare);
    for a in 0..=stream.len() {
        for b in a..=stream.len() {
            assert_eq!(whole_with(stream, &[a, b], limit, bare), want, "cut at {a} and {b}");
        }
    }
    let single: Vec<usize> = (0..stream.len()).collect();
    assert_eq!(whole_with(stream, &single, limit, bare), want, "byte by byte");
    want
}

#[test]
fn what_is_a_mail() {
    let cases: &[(&[u8], &[u8], usize)] = &[
        (b".\r\n", b"", 0),
        (b".\r\nQUIT\r\n", b"", 6),
        (b"a\r\n.\r\n", b"a\r\n", 0),
        (b"\r\n.\r\n", b"\r\n", 0),
        (b"..\r\n.\r\n", b".\r\n", 0),
        (b"...\r\n.\r\n", b"..\r\n", 0),
        (b".a\r\n.\r\n", b"a\r\n", 0),
        (b"a.\r\n..b\r\n.\r\nNOOP", b"a.\r\n.b\r\n", 4),
        (b"a\r\n.\r\n.\r\n", b"a\r\n", 3),
        (b"\xff\xfe\r\n.\r\n", b"\xff\xfe\r\n", 0),
    ];
    for (stream, want, left) in cases {
        assert_eq!(everywhere(stream, 1000), Some((Ok(want.to_vec()), *left)), "{stream:?}");
    }
}

/// Each of these ends a mail for some reader somewhere. Here none does, and the mail that holds it is refused.
#[test]
fn what_smuggles() {
    let fakes: &[&[u8]] = &[
        b"\n.\r\n",
        b"\r\n.\n",
        b"\n.\n",
        b"\r.\r",
        b"\r\n.\r\r\n",
        b"\r\n.\r",
        b"\r.\r\n",
        b"\r\n\0.\r\n",
        b"\r\n.\0\r\n",
        b"\n.\r",
        b"\r.\n",
        b"\r\r\n.\r\r\n",
        b"\n\n.\n\n",
        b"\r\n.\r\0\n",
        b"\n",
        b"\r",
        b"\0",
        b"\r\n..\n",
        b"\n\r.\n\r",
    ];
    for fake in fakes {
        let stream = [b"Subject: x\r\n\r\nhello", *fake, b"MAIL FROM:<x@y>\r\n.\r\nQUIT\r\n"].concat();
        assert_eq!(everywhere(&stream, 1000), Some((Err(DataError::Bytes), 6)), "{fake:?}");
        let open = [b"hello", *fake, b"x"].concat();
        assert_eq!(everywhere(&open, 1000), None, "{fake:?} ended the mail");
    }
}

#[test]
fn the_limit_counts_the_mail_without_stuffing() {
    let mail = b"..23\r\n78\r\n.\r\n";
    assert_eq!(everywhere(mail, 9), Some((Ok(b".23\r\n78\r\n"[..9].to_vec()), 0)));
    assert_eq!(everywhere(mail, 8), Some((Err(DataError::TooBig), 0)));
    let mut receiver = Receiver::new(10, Some(u64::MAX));
    assert!(receiver.feed(&mut &[b'x'; 100_000][..]).is_none());
    assert_eq!(receiver.held(), 0, "nothing is kept of a mail that is too big");
    assert_eq!(everywhere(b"123456\n78901\r\n.\r\n", 3), Some((Err(DataError::Bytes), 0)));
}

#[test]
fn hops_are_counted_in_the_header_only() {
    assert_eq!(hops(b"Received: a\r\n\tby b\r\nreceived: c\r\nX-Received: d\r\n\r\nReceived: e\r\n"), 2);
    assert_eq!(hops(b""), 0);
    assert_eq!(hops(b"\r\nReceived: x\r\n"), 0);
    assert_eq!(hops(b"RECEIVED: x"), 1);
}

/// What each of the fakes above is where bare ends are made good; the end of the mail is the same.
#[test]
fn bare_ends_are_made_good() {
    type Case = (&'static [u8], Result<&'static [u8], DataError>);
    let cases: &[Case] = &[
        (b"\n", Ok(b"a\r\nb\r\n")),
        (b"\n\n", Ok(b"a\r\n\r\nb\r\n")),
        (b"\n.\r\n", Ok(b"a\r\n\r\nb\r\n")),
        (b"\r\n.\n", Ok(b"a\r\n\r\nb\r\n")),
        (b"\n.\n", Ok(b"a\r\n\r\nb\r\n")),
        (b"\n..", Ok(b"a\r\n.b\r\n")),
        (b"\r", Ok(b"a b\r\n")),
        (b"\r.\r", Ok(b"a . b\r\n")),
        (b"\r\n.\r", Ok(b"a\r\n b\r\n")),
        (b"\r\n.\r\r\n", Ok(b"a\r\n \r\nb\r\n")),
        (b"\r\r\n", Ok(b"a \r\nb\r\n")),
        (b"\r\r\r", Ok(b"a   b\r\n")),
        (b"\n\r", Ok(b"a\r\n b\r\n")),
        (b"\0\n", Err(DataError::Bytes)),
        (b"\n.\0", Err(DataError::Bytes)),
        (b"\n\n\n\n\n\n\n\n\n", Err(DataError::TooBig)),
    ];
    for (middle, want) in cases {
        let stream = [b"a", *middle, b"b\r\n.\r\nQUIT\r\n"].concat();
        let want = Some((want.map(<[u8]>::to_vec), 6));
        assert_eq!(everywhere_with(&stream, 18, Bare::Normalize), want, "{}", middle.escape_ascii());
    }
}

proptest! {
    #[test]
    fn what_is_stuffed_comes_back(lines in proptest::collection::vec("[.a ]{0,5}", 0..8), cut in 0usize..60) {
        let mut mail = Vec::new();
        let mut wire = Vec::new();
        for line in lines {
            if line.starts_with('.') {
                wire.push(b'.');
            }
            for out in [&mut mail, &mut wire] {
                out.extend_from_slice(line.as_bytes());
                out.extend_from_slice(b"\r\n");
            }
        }
        wire.extend_from_slice(b".\r\n");
        let cut = cut.min(wire.len());
        prop_assert_eq!(whole(&wire, &[cut], 1000), Some((Ok(mail), 0)));
    }

    #[test]
    fn chunks_do_not_matter(bytes in proptest::collection::vec(
        prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'.'), Just(b'a'), Just(0u8)], 0..40)) {
        let want = whole(&bytes, &[], 20);
        for cut in 0..=bytes.len() {
            prop_assert_eq!(&whole(&bytes, &[cut], 20), &want);
        }
        let mended = whole_with(&bytes, &[], 1000, Bare::Normalize);
        prop_assert_eq!(mended.as_ref().map(|(_, left)| *left), want.as_ref().map(|(_, left)| *left), "one end");
        for cut in 0..=bytes.len() {
            prop_assert_eq!(&whole_with(&bytes, &[cut], 1000, Bare::Normalize), &mended);
        }
        if let Some((Ok(mail), _)) = mended {
            prop_assert_eq!(mail.iter().filter(|&&b| b == b'\r').count(), mail.windows(2).filter(|w| w == b"\r\n").count());
            prop_assert_eq!(mail.iter().filter(|&&b| b == b'\n').count(), mail.windows(2).filter(|w| w == b"\r\n").count());
        }
    }
}
