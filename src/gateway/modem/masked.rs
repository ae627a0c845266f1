//! Lines for the log: command and length, without PINs, numbers, names and texts.

/// Commands and answers whose arguments say nothing of anybody.
const OPEN: &[&str] = &[
    "+CSQ",
    "+CREG",
    "+CGREG",
    "+CEREG",
    "+CPMS",
    "+CMTI",
    "+CDSI",
    "+CNMI",
    "+CMGF",
    "+CMEE",
    "+CMGS",
    "+CMGD",
    "+CMMS",
    "+CSMS",
    "+CNMA",
    "+CMS ERROR",
    "+CME ERROR",
    "+CPIN",
    "+CMT",
    "+CDS",
    "+CGMI",
    "+CGMM",
];

/// A line with its length in front: `[9] +CSQ: 21,99`; payload is left out.
pub fn masked(line: &str) -> String {
    let words = words(line);
    format!("[{}] {words}", line.len())
}

fn words(line: &str) -> String {
    if matches!(line, "OK" | "ERROR" | "RING" | "NO CARRIER" | "COMMAND NOT SUPPORT") {
        return line.to_owned();
    }
    let command = line.strip_prefix("AT");
    let name = command.unwrap_or(line);
    if command.is_some() && (name.is_empty() || name.len() <= 3) {
        return line.to_owned();
    }
    if !name.starts_with(['+', '^', '%']) {
        return "…".to_owned();
    }
    let (name, rest) = name.split_at(name.find(['=', ':', '?']).unwrap_or(name.len()));
    let prefix = if command.is_some() { "AT" } else { "" };
    let secret = name == "+CPIN" && rest.starts_with('=') && !rest.starts_with("=?");
    if rest.is_empty() || rest == "?" || rest == "=?" {
        return format!("{prefix}{name}{rest}");
    }
    let mark = &rest[..1];
    if OPEN.contains(&name) && !secret {
        return format!("{prefix}{name}{mark}{}", plain(&rest[1..]));
    }
    format!("{prefix}{name}{mark}…")
}

/// Numbers, and names of memories in quotes; other words in quotes are somebody's.
fn plain(rest: &str) -> String {
    let mut out = String::with_capacity(rest.len());
    for (n, part) in rest.split('"').enumerate() {
        match n % 2 {
            0 => out.extend(part.chars().filter(char::is_ascii).take(64)),
            _ if part.len() <= 2 => out.push_str(&format!("\"{part}\"")),
            _ => out.push_str("\"…\""),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_s_data_is_shown() {
        for (line, shown) in [
            ("OK", "[2] OK"),
            ("AT", "[2] AT"),
            ("ATE0", "[4] ATE0"),
            ("+CSQ: 21,99", "[11] +CSQ: 21,99"),
            ("AT+CPIN=\"1234\"", "[14] AT+CPIN=…"),
            ("AT+CPIN?", "[8] AT+CPIN?"),
            ("+CPIN: SIM PIN", "[14] +CPIN: SIM PIN"),
            ("AT+CSCA=\"+15550000001\",145", "[26] AT+CSCA=…"),
            ("AT+CMGS=23", "[10] AT+CMGS=23"),
            ("000100", "[6] …"),
            ("358123456789", "[12] …"),
            ("+CMT: \"Mum\",23", "[14] +CMT: \"…\",23"),
            ("+CMTI: \"SM\",3", "[13] +CMTI: \"SM\",3"),
            ("+CUSD: 0,\"Your balance\",15", "[26] +CUSD:…"),
            ("+CMGL: 1,0,\"Mum\",23", "[19] +CMGL:…"),
            ("+CMS ERROR: 304", "[15] +CMS ERROR: 304"),
        ] {
            assert_eq!(masked(line), shown);
        }
    }
}
