//! User data of a TPDU (TS 23.040 9.2.3.24): its length, header and words.
//!
//! What can go wrong: for GSM-7 the length counts septets, header and fill bits among them. A header longer than the
//! data is no header; a length beyond the octets is cut: best effort, and [`UserData::sound`] says so.

use super::{Reader, TpduError};
use crate::sms::{
    Alphabet, Body, Dcs, Segment, alphabet,
    national::Tables,
    pack::{fill, header_septets, pack, unpack},
    split::OCTETS,
};

/// Most septets of a TPDU.
const SEPTETS: usize = OCTETS * 8 / 7;

/// What the user data says, and whether it was as long as it claimed to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserData {
    pub segment: Segment,
    /// Length and header agree with the octets, and nothing stands behind them.
    pub sound: bool,
}

/// The alphabet that one SUBMIT each of these segments needs: one for all, so that phones put them together.
pub fn alphabet_of(segments: &[Segment]) -> Alphabet {
    let fits = |segment: &Segment| match &segment.body {
        Body::Binary(_) => None,
        Body::Text(words) => {
            let tables = Tables::of(&segment.udh);
            Some(words.chars().all(|c| tables.septets(c).is_some()))
        }
    };
    segments.iter().fold(Alphabet::Gsm7, |so_far, segment| match fits(segment) {
        None => Alphabet::Binary,
        Some(false) if so_far == Alphabet::Gsm7 => Alphabet::Ucs2,
        Some(_) => so_far,
    })
}

/// Everything behind the TP-UDL octet and the octet itself.
pub(super) fn read(from: &mut Reader<'_>, dcs: Dcs, has_header: bool) -> Result<UserData, TpduError> {
    let length = usize::from(from.octet()?);
    let alphabet = dcs.alphabet();
    let octets = if alphabet == Alphabet::Gsm7 { (length * 7).div_ceil(8) } else { length };
    let all = from.rest();
    let data = &all[..octets.min(all.len())];
    let header = if has_header { data.first().map(|length| usize::from(*length) + 1) } else { None };
    // A header that reaches behind the data is none.
    let header = header.filter(|header| *header <= data.len());
    let udh = header.map_or(&[][..], |header| &data[1..header]);
    let before = header.unwrap_or(0);
    let rest = &data[before..];
    let body = match alphabet {
        Alphabet::Binary => Body::Binary(rest.to_vec()),
        Alphabet::Ucs2 => Body::Text(utf16(rest)),
        Alphabet::Gsm7 => {
            let septets = unpack(rest, fill(before), length.saturating_sub(header_septets(before)));
            Body::Text(Tables::of(udh).read(&septets))
        }
    };
    let sound = all.len() == octets && header.is_some() == has_header && octets <= OCTETS;
    Ok(UserData { segment: Segment { body, udh: udh.to_vec() }, sound })
}

/// UTF-16BE; what is no character becomes U+FFFD, an odd octet at the end nothing.
fn utf16(octets: &[u8]) -> String {
    let units = octets.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// TP-UDL and TP-UD.
pub(super) fn write(segment: &Segment, dcs: Dcs, out: &mut Vec<u8>) -> Result<(), TpduError> {
    let udh = &segment.udh;
    let header = if udh.is_empty() { 0 } else { udh.len() + 1 };
    if header > OCTETS {
        return Err(TpduError::Long);
    }
    let at = out.len();
    out.push(0);
    if header > 0 {
        out.push(udh.len().to_le_bytes()[0]);
        out.extend(udh);
    }
    let length = match (&segment.body, dcs.alphabet()) {
        (Body::Binary(data), Alphabet::Binary) => {
            out.extend(data);
            out.len() - at - 1
        }
        (Body::Text(words), Alphabet::Ucs2) => {
            out.extend(words.encode_utf16().flat_map(u16::to_be_bytes));
            out.len() - at - 1
        }
        (Body::Text(words), Alphabet::Gsm7) => {
            let count = write_septets(words, Tables::of(udh), fill(header), out)?;
            header_septets(header) + count
        }
        _ => return Err(TpduError::Alphabet),
    };
    let most = if dcs.alphabet() == Alphabet::Gsm7 { SEPTETS } else { OCTETS };
    if length > most {
        return Err(TpduError::Long);
    }
    out[at] = length.to_le_bytes()[0];
    Ok(())
}

/// Packs the words and gives the number of septets. Without tables nothing is allocated but `out`.
fn write_septets(words: &str, tables: Tables, fill: usize, out: &mut Vec<u8>) -> Result<usize, TpduError> {
    if tables != Tables::default() {
        let septets = tables.write(words).ok_or(TpduError::Alphabet)?;
        pack(&septets, fill, out);
        return Ok(septets.len());
    }
    // Four octets of UTF-8 at least stand behind every septet too many.
    if words.len() > 3 * SEPTETS {
        return Err(TpduError::Long);
    }
    let mut septets = [0u8; SEPTETS];
    let mut count = 0;
    // Most texts are ASCII: its octets are its characters.
    let ascii = words.is_ascii();
    let octets = words.bytes().map(char::from).take_while(|_| ascii);
    for c in octets.chain(words.chars().skip_while(|_| ascii)) {
        let (escape, septet) = alphabet::code(c).ok_or(TpduError::Alphabet)?;
        let width = if escape { 2 } else { 1 };
        let place = septets.get_mut(count..count + width).ok_or(TpduError::Long)?;
        if escape {
            place[0] = alphabet::ESCAPE;
        }
        place[width - 1] = septet;
        count += width;
    }
    pack(&septets[..count], fill, out);
    Ok(count)
}
