//! XML as a small tree: elements, attributes, text. Bounded in depth and number; entities of documents are not read.

use quick_xml::{Reader, events::Event};

/// Deeper than this nothing is read.
const DEEPEST: usize = 32;
/// More elements than this are not read.
const MOST: usize = 10_000;

/// One element.
#[derive(Clone, Default)]
pub struct Element {
    /// Without prefix.
    pub name: String,
    pub attributes: Vec<(String, String)>,
    pub text: String,
    pub children: Vec<Element>,
}

/// The root of a document; `None`: this is no XML, or too much of it.
pub fn read(text: &str) -> Option<Element> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = vec![Element::default()];
    let mut count = 0;
    loop {
        let event = reader.read_event().ok()?;
        match event {
            Event::Start(start) => {
                count += 1;
                if open.len() > DEEPEST || count > MOST {
                    return None;
                }
                open.push(element(&start)?);
            }
            Event::Empty(start) => {
                count += 1;
                if count > MOST {
                    return None;
                }
                let child = element(&start)?;
                open.last_mut()?.children.push(child);
            }
            Event::End(_) => {
                let child = open.pop()?;
                open.last_mut()?.children.push(child);
            }
            Event::Text(words) => open.last_mut()?.text.push_str(&words),
            Event::CData(words) => open.last_mut()?.text.push_str(&words),
            Event::GeneralRef(entity) => {
                let word: &str = &entity;
                open.last_mut()?.text.push(character(word)?);
            }
            Event::Eof => break,
            _ => {}
        }
    }
    let mut top = open.pop()?;
    (open.is_empty() && top.children.len() == 1).then(|| top.children.remove(0))
}

fn element(start: &quick_xml::events::BytesStart<'_>) -> Option<Element> {
    let name = start.local_name().into_inner().to_owned();
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.ok()?;
        let name = attribute.key.local_name().into_inner().to_owned();
        attributes.push((name, unescape(&attribute.value)));
    }
    Some(Element { name, attributes, ..Element::default() })
}

/// The predefined entities and numbers; others are left as they are.
fn unescape(raw: &str) -> String {
    let mut out = String::new();
    let mut rest = raw;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        match rest.split_once(';').and_then(|(name, behind)| Some((character(name)?, behind))) {
            Some((c, behind)) => {
                out.push(c);
                rest = behind;
            }
            None => out.push('&'),
        }
    }
    out.push_str(rest);
    out
}

fn character(entity: &str) -> Option<char> {
    match entity {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        number => {
            let number = number.strip_prefix('#')?;
            let code = match number.strip_prefix('x') {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

impl Element {
    /// What a path finds first, the root's name being its first step: the text of the element or an attribute.
    pub fn find(&self, path: &super::source::XmlPath) -> Option<String> {
        let (root, steps) = path.elements.split_first()?;
        if self.name != *root {
            return None;
        }
        self.below(steps, path.attribute.as_deref())
    }

    fn below(&self, steps: &[String], attribute: Option<&str>) -> Option<String> {
        let Some((step, rest)) = steps.split_first() else {
            return match attribute {
                Some(wanted) => self.attributes.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone()),
                None => Some(self.text.trim().to_owned()),
            };
        };
        self.children.iter().filter(|child| child.name == *step).find_map(|child| child.below(rest, attribute))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::source::XmlPath;

    #[test]
    fn paths_find_text_and_attributes() {
        let root = read("<?xml version='1.0'?>\n<x:R xmlns:x='u'><A n='1&amp;2'/><B>a&lt;b &#233;</B><B><![CDATA[<c>]]></B><E/></x:R>")
            .expect("xml");
        let find = |path: &str| root.find(&XmlPath::read(path).expect("a path"));
        assert_eq!(find("/R/A/@n").as_deref(), Some("1&2"));
        assert_eq!(find("/R/B").as_deref(), Some("a<b é"));
        assert_eq!(find("/R/E").as_deref(), Some(""));
        assert_eq!((find("/R/C"), find("/Q"), find("/R/A/@m")), (None, None, None));
    }

    #[test]
    fn what_is_no_document() {
        for bad in ["", "x", "<a>", "<a></b>", "<a/><b/>", "<a>&nope;</a>", &"<a>".repeat(100)] {
            assert!(read(bad).is_none(), "{bad:.20}");
        }
    }
}
