//! The receiver of DATA against a plain search for the first CR LF `.` CR LF. The first byte seeds the cuts.

use martlet::smtp::data::{Bare, DataError, Receiver, hops};

const LIMIT: u64 = 48;

type End = Option<(Result<Vec<u8>, DataError>, usize)>;

pub fn data(data: &[u8]) {
    let [seed, stream @ ..] = data else { return };
    let want = plain(stream);
    assert_eq!(fed(stream, |_| stream.len().max(1)), want);
    assert_eq!(fed(stream, |_| 1), want);
    assert_eq!(fed(stream, |at| 1 + (at * 7 + usize::from(*seed)) % 13), want);
    assert!(hops(stream) <= stream.len());
    made_good(stream, &want);
}

/// With bare line ends made good the mail ends where it ended; what was sound is unchanged, what was not has sound lines.
fn made_good(stream: &[u8], strict: &End) {
    let made = fed_with(stream, Bare::Normalize, |_| stream.len().max(1));
    assert_eq!(fed_with(stream, Bare::Normalize, |_| 1), made);
    assert_eq!(made.as_ref().map(|(_, left)| left), strict.as_ref().map(|(_, left)| left));
    match (&made, strict) {
        (Some((made, _)), Some((strict @ (Ok(_) | Err(DataError::TooBig)), _))) => assert_eq!(made, strict),
        (Some((Ok(mail), _)), _) => {
            let line_ends = mail.windows(2).filter(|pair| pair == b"\r\n").count();
            assert_eq!(mail.iter().filter(|&&octet| octet == b'\r').count(), line_ends);
            assert_eq!(mail.iter().filter(|&&octet| octet == b'\n').count(), line_ends);
            assert!(!mail.contains(&0));
        }
        _ => {}
    }
}

fn fed(stream: &[u8], chunk: impl Fn(usize) -> usize) -> End {
    fed_with(stream, Bare::Refuse, chunk)
}

fn fed_with(stream: &[u8], bare: Bare, chunk: impl Fn(usize) -> usize) -> End {
    let mut receiver = Receiver::new(LIMIT, None).with(bare);
    let mut at = 0;
    while at < stream.len() {
        let to = (at + chunk(at)).min(stream.len());
        let mut part = &stream[at..to];
        if let Some(end) = receiver.feed(&mut part) {
            return Some((end, part.len() + stream.len() - to));
        }
        at = to;
    }
    None
}

fn plain(stream: &[u8]) -> End {
    let whole = [b"\r\n", stream].concat();
    let end = whole.windows(5).position(|w| w == b"\r\n.\r\n")?;
    let left = whole.len() - end - 5;
    let body = &whole[..end + 2];
    let mut bad = false;
    let mut mail = Vec::new();
    for (i, &b) in body.iter().enumerate() {
        bad |= b == 0
            || (b == b'\n' && (i == 0 || body[i - 1] != b'\r'))
            || (b == b'\r' && body.get(i + 1) != Some(&b'\n'));
        let stuffed = b == b'.' && body[..i].ends_with(b"\r\n");
        if !stuffed && i >= 2 {
            mail.push(b);
        }
    }
    let result = if bad {
        Err(DataError::Bytes)
    } else if mail.len() as u64 > LIMIT {
        Err(DataError::TooBig)
    } else {
        Ok(mail)
    };
    Some((result, left))
}
