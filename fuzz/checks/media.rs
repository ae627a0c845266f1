//! First line: a type. Second: a name. The rest: octets of a file, or the field that names one. Whatever comes, the name is a safe
//! one, and a type is a type.

use martlet::mail::{
    MediaType,
    media::{Types, disposed, file_name},
};

pub fn media(data: &[u8]) {
    let mut lines = data.splitn(3, |b| *b == b'\n');
    let (kind, name, rest) = (lines.next(), lines.next(), lines.next().unwrap_or_default());
    let kind = String::from_utf8_lossy(kind.unwrap_or_default());
    let name = String::from_utf8_lossy(name.unwrap_or_default());
    let types = Types::default();
    let kinds = [kind.parse::<MediaType>().ok(), MediaType::sniffed(rest)];
    for kind in kinds.into_iter().flatten() {
        assert_eq!(kind.as_str().parse::<MediaType>().as_ref(), Ok(&kind));
        assert!(kind.as_str().is_ascii() && !kind.as_str().contains([' ', ';', '"', '\r', '\n']));
        assert!(!types.take(&kind) || kind.as_str() != "text/html" && kind.as_str() != "image/svg+xml");
        for given in [Some(name.clone().into_owned()), disposed(rest), None] {
            let file = file_name(given.as_deref(), &kind, 1);
            assert!(!file.is_empty() && file.len() <= 90 && !file.starts_with('.'), "{file:?}");
            assert!(!file.contains(['/', '\\', '"', ';', ':', '\0', '\r', '\n', '\u{202e}']), "{file:?}");
        }
    }
    let _ = Types::listed([kind.as_ref(), name.as_ref()]);
}
