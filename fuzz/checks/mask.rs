//! First line: secrets, separated by `,`. The rest: headers. No secret is left in any value, folded or not, and no
//! field is lost.

use martlet::mail::mask as cover;

/// Values of all fields without blanks, in lower case: what a reader could put together again.
fn values(headers: &[u8]) -> Vec<Vec<u8>> {
    let mut values: Vec<Vec<u8>> = Vec::new();
    for line in headers.split_inclusive(|b| *b == b'\n') {
        let folded = matches!(line.first(), Some(b' ' | b'\t')) && !values.is_empty();
        let colon = line.iter().position(|b| *b == b':');
        let name = |at: usize| at > 0 && line[..at].trim_ascii_end().iter().all(u8::is_ascii_graphic);
        let start = if folded { 0 } else { colon.filter(|at| name(*at)).map_or(0, |at| at + 1) };
        let bare = line[start..].iter().filter(|b| !b" \t\r\n".contains(b)).map(u8::to_ascii_lowercase);
        match values.last_mut() {
            Some(last) if folded => last.extend(bare),
            _ => values.push(bare.collect()),
        }
    }
    values
}

pub fn mask(data: &[u8]) {
    let cut = data.iter().position(|b| *b == b'\n').unwrap_or(data.len());
    let secrets: Vec<Vec<u8>> = data[..cut].split(|b| *b == b',').take(8).map(<[u8]>::to_vec).collect();
    let headers = data.get(cut + 1..).unwrap_or_default();
    let masked = cover(headers, &secrets);
    let (before, after) = (values(headers), values(&masked));
    assert_eq!(before.len(), after.len(), "fields come and go");
    for secret in &secrets {
        let bare: Vec<u8> = secret.iter().filter(|b| !b" \t\r\n".contains(b)).map(u8::to_ascii_lowercase).collect();
        if !bare.is_empty() {
            assert!(after.iter().all(|value| !value.windows(bare.len()).any(|w| w == bare)), "a secret is left");
        }
    }
}
