//! Reading mails in tests, by hand where a parser might be lenient.

use mail_parser::MessageParser;

/// The value of the first header field with this name, unfolded.
pub fn header(mail: &str, name: &str) -> Option<String> {
    headers(mail, name).into_iter().next()
}

/// The values of all header fields with this name, unfolded, from the top.
pub fn headers(mail: &str, name: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut wanted = false;
    for line in mail.lines().take_while(|l| !l.is_empty()) {
        if line.starts_with([' ', '\t']) {
            if let (true, Some(last)) = (wanted, found.last_mut()) {
                last.push(' ');
                last.push_str(line.trim());
            }
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        wanted = field.eq_ignore_ascii_case(name);
        if wanted {
            found.push(value.trim().to_owned());
        }
    }
    found
}

/// The address in a header field: what stands in the last angle brackets, or the whole.
pub fn address(field: &str) -> &str {
    match (field.rfind('<'), field.rfind('>')) {
        (Some(start), Some(end)) if start < end => &field[start + 1..end],
        _ => field.trim(),
    }
}

/// The text of a mail's first text part.
pub fn text(mail: &str) -> String {
    let parsed = MessageParser::default().parse(mail.as_bytes()).expect("a mail");
    parsed.body_text(0).unwrap_or_default().trim_end().to_owned()
}

/// Everything that a reader could make of a mail, for searching: as it is, its parts decoded and attached mails too,
/// folding undone, `%xx`, xtext and quoted pairs resolved.
pub fn every_reading(mail: &str) -> String {
    let mut all = mail.to_owned();
    if let Some(parsed) = MessageParser::default().parse(mail.as_bytes()) {
        for part in &parsed.parts {
            all.push('\n');
            all.push_str(&String::from_utf8_lossy(part.contents()));
        }
    }
    let unfolded =
        all.replace("=\r\n", "").replace("=\n", "").replace("\r\n", "\n").replace("\n ", "").replace("\n\t", "");
    let percent = percent_encoding::percent_decode_str(&unfolded).decode_utf8_lossy().into_owned();
    let xtext = percent_encoding::percent_decode_str(&unfolded.replace('+', "%")).decode_utf8_lossy().into_owned();
    let quoted = unfolded.replace("=3D", "=").replace("=25", "%");
    let quoted = percent_encoding::percent_decode_str(&quoted).decode_utf8_lossy().into_owned();
    let pairs = format!("{unfolded}\n{percent}\n{xtext}\n{quoted}").replace('\\', "");
    format!("{all}\n{unfolded}\n{percent}\n{xtext}\n{quoted}\n{pairs}")
}

/// Today, as `Date:` wants it.
pub fn date() -> String {
    jiff::Zoned::now().strftime("%a, %d %b %Y %H:%M:%S %z").to_string()
}
