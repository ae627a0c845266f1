//! Texts of phones: octets decoded, read in their charset, parts named.

use base64::{
    Engine as _,
    alphabet::STANDARD as ALPHABET,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use super::{
    Context, Inbound,
    event::party,
    media,
    spec::{Charset, Decode, Inbound as Spec, Octets},
};
use crate::{
    ground::{RemoteId, outcome::one_line},
    provider::{charset, source::Source, view::View},
    sms::{
        Body, Segment,
        alphabet::{DEFAULT, ESCAPE, EXTENSION},
        split::Reference,
        udh::{self, Concat},
    },
};

/// Base64 with or without padding: some leave it out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The text of an item; `None`: nobody sent it, or nothing is in it.
pub fn read(spec: &Spec, view: &View<'_>, context: &Context<'_>) -> Option<Inbound> {
    let first = |source: &Option<Source>| source.as_ref().and_then(|source| view.first(source));
    let from = party(view, &spec.from, context)?;
    let media = spec.media.as_ref().map(|media| media::read(media, view)).unwrap_or_default();
    let data = spec.data.as_ref().and_then(|data| data.octets(view)).filter(|data| !data.is_empty());
    let body = match (data, &spec.text) {
        (Some(data), _) => Body::Binary(data),
        (None, Some(text)) => Body::Text(text.text(view, context.reading.charset)),
        (None, None) => Body::Text(String::new()),
    };
    let udh = spec.udh.as_ref().and_then(|udh| udh.octets(view)).map(|udh| without_length(&udh)).unwrap_or_default();
    let udh = match parts(spec, view) {
        Some(concat) if udh::concat(&udh).is_none() => concat.before(&udh),
        _ => udh,
    };
    let words = |text: Option<String>| text.map(|text| one_line(&text, 300)).filter(|text| !text.is_empty());
    Some(Inbound {
        id: first(&spec.id).and_then(|id| RemoteId::new(&id)),
        from,
        to: spec.to.as_ref().and_then(|to| party(view, to, context)),
        segment: Segment { body, udh },
        media,
        subject: words(first(&spec.subject)),
        line: words(first(&spec.line)),
        at: spec.at.as_ref().and_then(|at| at.read(view)),
    })
}

/// The header without its length octet, where that is what it says.
fn without_length(udh: &[u8]) -> Vec<u8> {
    match udh.split_first() {
        Some((length, rest)) if usize::from(*length) == rest.len() => rest.to_vec(),
        _ => udh.to_vec(),
    }
}

/// Part `index` of `total`, as fields say.
fn parts(spec: &Spec, view: &View<'_>) -> Option<Concat> {
    let (reference, index, total) = spec.parts.as_ref()?;
    let number = |source| view.first(source).and_then(|n| n.parse::<u8>().ok());
    let (seq, total) = (number(index)?, number(total)?);
    if total < 2 || seq == 0 || seq > total {
        return None;
    }
    let reference = view.first(reference).unwrap_or_default();
    // What does not fit two octets, or is no number, is brought to them: it only has to be the same for all parts.
    let folded = reference.parse::<u16>().unwrap_or_else(|_| {
        reference.bytes().fold(0x9d17_u16, |sum, octet| sum.rotate_left(5) ^ u16::from(octet).wrapping_mul(0x3b9b))
    });
    Some(Concat { reference: Reference::Sixteen(folded), total, seq })
}

impl Octets {
    /// The octets, decoded.
    pub fn octets(&self, view: &View<'_>) -> Option<Vec<u8>> {
        decoded(self.decode, view.octets(&self.source)?)
    }

    /// The text. What cannot be decoded stands as it came: a garbled text is better than none.
    pub fn text(&self, view: &View<'_>, usual: &'static encoding_rs::Encoding) -> String {
        let several = view.all(&self.source);
        if several.len() > 1 {
            return several.join("\n");
        }
        let Some(octets) = self.octets(view) else { return view.first(&self.source).unwrap_or_default() };
        let utf8 = self.decode == Decode::Gsm7;
        let encoding = match &self.charset {
            _ if utf8 => encoding_rs::UTF_8,
            Charset::Usual if self.decode == Decode::Plain => return self.plain(view, &octets, usual),
            Charset::Usual => usual,
            Charset::Fixed(encoding) => encoding,
            Charset::Named { source, otherwise } => {
                view.first(source).and_then(|label| charset::named(&label).ok()).unwrap_or(otherwise)
            }
        };
        charset::decode(&octets, encoding)
    }

    /// Octets of a field are in the hook's charset; what stands in JSON or XML is text already.
    fn plain(&self, view: &View<'_>, octets: &[u8], usual: &'static encoding_rs::Encoding) -> String {
        let of_field = view.json.is_none() && view.xml.is_none();
        charset::decode(octets, if of_field { usual } else { encoding_rs::UTF_8 })
    }
}

/// Octets as they were before they were written; `None`: they are not written so.
pub fn decoded(decode: Decode, octets: Vec<u8>) -> Option<Vec<u8>> {
    match decode {
        Decode::Plain => Some(octets),
        Decode::Hex => unhex(&octets),
        Decode::Base64 => {
            let plain: Vec<u8> = octets.into_iter().filter(|octet| !octet.is_ascii_whitespace()).collect();
            BASE64.decode(plain).ok()
        }
        Decode::Percent => Some(charset::unpercent(&octets, false)),
        // One septet in each octet; text afterwards.
        Decode::Gsm7 => Some(gsm7(&octets).into_bytes()),
    }
}

fn unhex(written: &[u8]) -> Option<Vec<u8>> {
    let digits: Vec<u8> = written.iter().copied().filter(|octet| !octet.is_ascii_whitespace()).collect();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let digit = |octet: u8| char::from(octet).to_digit(16).and_then(|d| u8::try_from(d).ok());
    digits.chunks(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

/// Septets, one in each octet.
fn gsm7(septets: &[u8]) -> String {
    let mut out = String::new();
    let mut escaped = false;
    for septet in septets {
        if *septet == ESCAPE && !escaped {
            escaped = true;
            continue;
        }
        let extended = EXTENSION.iter().find(|(code, _)| escaped && code == septet).map(|(_, c)| *c);
        out.push(extended.or_else(|| DEFAULT.get(usize::from(*septet)).copied()).unwrap_or('\u{fffd}'));
        escaped = false;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_in_hexadecimal() {
        assert_eq!(unhex(b"0aFf 00"), Some(vec![0x0a, 0xff, 0]));
        assert_eq!((unhex(b"0"), unhex(b"xx"), unhex(b"")), (None, None, Some(Vec::new())));
        assert_eq!(gsm7(&[0, 0x1b, 0x65, 0x41]), "@€A");
        assert_eq!(without_length(&[2, 1, 2]), [1, 2]);
        assert_eq!(without_length(&[5, 1, 2]), [5, 1, 2]);
    }
}
