//! `martlet decode`: the fields of a TPDU, with or without the service centre's octets in front.
//!
//! What can go wrong: nobody says which of the two it is; the reading without any doubt wins. With `--json` a field that
//! the TPDU does not have is absent, and a time that is none is null.

use std::io::Write;

use serde_json::{Map, Value, json};

use super::{Done, Exit, Failure, json as print_json};
use crate::sms::{
    Alphabet, Body, Dcs, Segment,
    split::Reference,
    tpdu::{Address, Stamp, Tpdu, Validity, guess},
    udh,
};

#[derive(clap::Args)]
pub struct Args {
    /// The octets in hexadecimal, as a modem shows them
    hex: String,
    /// One JSON value
    #[arg(long)]
    json: bool,
}

/// Without the text.
impl std::fmt::Debug for Args {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Args")
    }
}

pub fn run(args: &Args, out: &mut dyn Write) -> Done {
    let read = octets(&args.hex).and_then(|octets| guess(&octets).map_err(|error| error.to_string()));
    let (smsc, tpdu) = match read {
        Ok(read) => read,
        Err(why) if args.json => {
            print_json(out, &json!({ "error": why }))?;
            return Err(Failure::said(Exit::Data));
        }
        Err(why) => return Err(Failure::new(Exit::Data, format!("no TPDU: {why}"))),
    };
    let fields = fields(smsc.as_ref(), &tpdu);
    if args.json {
        return print_json(out, &fields);
    }
    for (name, value) in fields {
        match value {
            Value::String(text) => writeln!(out, "{name}: {text}")?,
            value => writeln!(out, "{name}: {value}")?,
        }
    }
    Ok(())
}

/// Blanks are allowed between the octets.
fn octets(hex: &str) -> Result<Vec<u8>, String> {
    let digits: Option<Vec<u8>> =
        hex.chars().filter(|c| !c.is_whitespace()).map(|c| Some(c.to_digit(16)?.to_le_bytes()[0])).collect();
    let digits = digits.ok_or("hexadecimal digits are wanted, and nothing else")?;
    if digits.len() % 2 != 0 {
        return Err("half an octet stands at the end".to_owned());
    }
    Ok(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

fn fields(smsc: Option<&Address>, tpdu: &Tpdu) -> Map<String, Value> {
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| {
        fields.insert(name.to_owned(), value);
    };
    put("smsc", json!(smsc.map_or("", Address::as_str)));
    match tpdu {
        Tpdu::Deliver(deliver) => {
            put("type", json!("SMS-DELIVER"));
            put("fo", json!(deliver.first));
            address(&mut put, &deliver.from);
            put("more", json!(deliver.more()));
            put("reply_path", json!(deliver.first & 0x80 != 0));
            coding(&mut put, Some(deliver.pid), Some(deliver.dcs));
            moment(&mut put, "scts", deliver.sent);
            segment(&mut put, &deliver.data.segment);
        }
        Tpdu::Submit(submit) => {
            put("type", json!("SMS-SUBMIT"));
            put("mr", json!(submit.reference));
            address(&mut put, &submit.to);
            put("report", json!(submit.report));
            put("reject_duplicates", json!(submit.reject_duplicates));
            put("reply_path", json!(submit.reply_path));
            coding(&mut put, Some(submit.pid), Some(submit.dcs));
            validity(&mut put, submit.validity);
            segment(&mut put, &submit.segment);
        }
        Tpdu::Report(report) => {
            put("type", json!("SMS-STATUS-REPORT"));
            put("fo", json!(report.first));
            put("mr", json!(report.reference));
            address(&mut put, &report.to);
            moment(&mut put, "scts", report.sent);
            put("dt", json!(report.done.moment().map(|moment| moment.0 / 1_000)));
            put("st", json!(report.status.0));
            put("status", json!(report.status.words()));
            coding(&mut put, report.pid, report.dcs);
            if let Some(data) = &report.data {
                segment(&mut put, &data.segment);
            }
        }
        Tpdu::Command(command) => {
            put("type", json!("SMS-COMMAND"));
            put("mr", json!(command.reference));
            address(&mut put, &command.to);
            put("pid", json!(command.pid));
            put("command", json!(command.kind));
            put("number", json!(command.number));
        }
    }
    fields
}

fn address(put: &mut impl FnMut(&str, Value), address: &Address) {
    put("addr", json!(address.as_str()));
    put("toa", json!(address.toa()));
    put("ton", json!(address.ton as u8));
    put("npi", json!(address.npi));
}

fn coding(put: &mut impl FnMut(&str, Value), pid: Option<u8>, dcs: Option<Dcs>) {
    if let Some(pid) = pid {
        put("pid", json!(pid));
    }
    let Some(dcs) = dcs else { return };
    put("dcs", json!(dcs.0));
    put("alphabet", json!(dcs.alphabet()));
    if let Some(class) = dcs.class() {
        put("class", json!(class));
    }
    if let Some(waiting) = dcs.waiting() {
        put("waiting", json!({ "active": waiting.active, "kind": waiting.kind, "store": waiting.store }));
    }
}

/// Seconds since 1970, UTC, and the zone of the service centre.
fn moment(put: &mut impl FnMut(&str, Value), name: &str, stamp: Stamp) {
    put(name, json!(stamp.moment().map(|moment| moment.0 / 1_000)));
    put("tz_minutes", json!(stamp.zone()));
}

fn validity(put: &mut impl FnMut(&str, Value), validity: Option<Validity>) {
    let Some(validity) = validity else { return };
    match (validity, validity.duration()) {
        (Validity::Absolute(stamp), _) => {
            put("vp", json!({ "until": stamp.moment().map(|moment| moment.0 / 1_000) }));
        }
        (_, duration) => put("vp", json!({ "seconds": duration.map(|duration| duration.as_secs()) })),
    }
}

fn segment(put: &mut impl FnMut(&str, Value), segment: &Segment) {
    if !segment.udh.is_empty() {
        let elements: Vec<_> = udh::elements(&segment.udh).map(|(id, data)| json!([id, hex(data)])).collect();
        put("udh", json!(elements));
    }
    if let Some(concat) = udh::concat(&segment.udh) {
        let reference = match concat.reference {
            Reference::Eight(reference) => u16::from(reference),
            Reference::Sixteen(reference) => reference,
        };
        put("concat", json!([reference, concat.total, concat.seq]));
    }
    match &segment.body {
        Body::Text(words) => put("text", json!(words)),
        Body::Binary(data) => put("data", json!(hex(data))),
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// The octets of a TPDU as `AT+CMGS` takes them: the modem's own service centre, then the TPDU.
pub(super) fn pdu(tpdu: &[u8]) -> String {
    std::iter::once(&0).chain(tpdu).map(|octet| format!("{octet:02X}")).collect()
}

/// The alphabet as people call it, and its unit.
pub(super) fn alphabet_words(alphabet: Alphabet) -> (&'static str, &'static str) {
    match alphabet {
        Alphabet::Gsm7 => ("GSM-7", "septets"),
        Alphabet::Ucs2 => ("UCS-2", "units"),
        Alphabet::Binary => ("binary", "octets"),
    }
}
