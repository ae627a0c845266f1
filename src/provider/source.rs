//! Sources: where a value is found in an answer or in a hook.
//!
//! Read from text such as `json:/messages/0/id`, `header:X-Id`, `capture:code` or `field:id ~ ^OK (\d+)`; what can go
//! wrong is found then. Looking one up cannot fail: it finds something or nothing ([`super::view`]).

use regex::Regex;

use super::pattern;

/// One place after the other; the first that gives something counts.
#[derive(Debug, Clone)]
pub struct Source(pub Vec<Place>);

/// A place, and a pattern that takes a piece of what is there.
#[derive(Debug, Clone)]
pub struct Place {
    pub kind: Kind,
    pub pick: Option<Regex>,
}

/// What kind of place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A parameter; the member of the top of JSON or claims.
    Field(String),
    /// Inside the item.
    Json(Pointer),
    /// From the top of the body, also where there are items.
    Root(Pointer),
    Xml(XmlPath),
    Header(String),
    Query(String),
    Claim(String),
    Capture(String),
    /// Our id.
    Own,
}

/// A JSON pointer (RFC 6901) with `*` for each item of a list and `-1` for its last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer(pub Vec<Step>);

/// One step of a pointer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A member, or an index.
    Key(String),
    Each,
    Last,
}

/// `/Root/Child/@attribute`, without prefixes of name spaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct XmlPath {
    pub elements: Vec<String>,
    pub attribute: Option<String>,
}

impl Source {
    /// Reads one source or a list of them.
    ///
    /// # Errors
    /// Why it is none.
    pub fn read<'a>(written: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let places: Vec<Place> = written.into_iter().map(Place::read).collect::<Result<_, _>>()?;
        if places.is_empty() { Err("a list of sources is empty".into()) } else { Ok(Self(places)) }
    }
}

impl Place {
    fn read(written: &str) -> Result<Self, String> {
        let (place, pick) = match written.split_once(" ~ ") {
            Some((place, regex)) => (place.trim(), Some(pattern::read(regex.trim())?)),
            None => (written.trim(), None),
        };
        Ok(Self { kind: Kind::read(place)?, pick })
    }
}

/// Prefixes of sources.
const PREFIXES: [&str; 8] = ["field", "json", "root", "xml", "header", "query", "claim", "capture"];

impl Kind {
    fn read(place: &str) -> Result<Self, String> {
        let Some((prefix, rest)) = place.split_once(':') else {
            return match place {
                "" => Err("a source is empty".into()),
                "own" => Ok(Self::Own),
                name if name.contains('/') => Err(format!(
                    "`{name}` is no source: json:/pointer or xml:/path; a parameter of that name is field:{name}"
                )),
                name => Ok(Self::Field(name.to_owned())),
            };
        };
        if rest.is_empty() && prefix != "json" && prefix != "root" {
            return Err(format!("`{place}` names nothing behind its colon"));
        }
        let name = rest.to_owned();
        Ok(match prefix {
            "field" => Self::Field(name),
            "json" => Self::Json(Pointer::read(rest)?),
            "root" => Self::Root(Pointer::read(rest)?),
            "xml" => Self::Xml(XmlPath::read(rest)?),
            "header" => Self::Header(name),
            "query" => Self::Query(name),
            "claim" => Self::Claim(name),
            "capture" => Self::Capture(name),
            other => {
                let hint = crate::ground::written::suggestion(other, PREFIXES);
                return Err(format!(
                    "`{other}:` is no kind of source{hint}; a parameter with a colon in its name is field:{place}"
                ));
            }
        })
    }
}

impl Pointer {
    /// Reads `/a/0/b`; the empty pointer is the whole.
    ///
    /// # Errors
    /// Why it is none.
    pub fn read(written: &str) -> Result<Self, String> {
        if written.is_empty() {
            return Ok(Self(Vec::new()));
        }
        let Some(rest) = written.strip_prefix('/') else {
            return Err(format!("a JSON pointer begins with /: write /{written}"));
        };
        let step = |step: &str| match step {
            "*" => Step::Each,
            "-1" => Step::Last,
            key => Step::Key(key.replace("~1", "/").replace("~0", "~")),
        };
        let steps: Vec<Step> = rest.split('/').map(step).collect();
        if steps.len() > 32 { Err("a JSON pointer has at most 32 steps".into()) } else { Ok(Self(steps)) }
    }
}

impl XmlPath {
    /// Reads `/Root/Child` or `/Root/Child/@attribute`.
    ///
    /// # Errors
    /// Why it is none.
    pub fn read(written: &str) -> Result<Self, String> {
        let Some(rest) = written.strip_prefix('/') else {
            return Err(format!("an XML path begins with /: write /{written}"));
        };
        let (elements, attribute) = match rest.split_once("/@") {
            Some((elements, attribute)) => (elements, Some(attribute.to_owned())),
            None => (rest, None),
        };
        let elements: Vec<String> = elements.split('/').map(str::to_owned).collect();
        let whole = elements.iter().chain(&attribute).all(|name| !name.is_empty() && !name.contains('@'));
        if whole {
            Ok(Self { elements, attribute })
        } else {
            Err(format!("`{written}` is no path such as /Root/Child"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(written: &str) -> Result<Kind, String> {
        Source::read([written]).map(|source| source.0[0].kind.clone())
    }

    #[test]
    fn each_kind_is_read() {
        assert_eq!(kind("MessageSid"), Ok(Kind::Field("MessageSid".into())));
        assert_eq!(kind("field:own"), Ok(Kind::Field("own".into())));
        assert_eq!(kind("own"), Ok(Kind::Own));
        let steps = vec![Step::Key("a/b".into()), Step::Each, Step::Last, Step::Key("~".into())];
        assert_eq!(kind("json:/a~1b/*/-1/~0"), Ok(Kind::Json(Pointer(steps))));
        assert_eq!(kind("json:"), Ok(Kind::Json(Pointer(Vec::new()))));
        let path = XmlPath { elements: vec!["R".into(), "C".into()], attribute: Some("id".into()) };
        assert_eq!(kind("xml:/R/C/@id"), Ok(Kind::Xml(path)));
        let source = Source::read([r#"json:/data ~ Success "(?P<id>[^"]+)""#]).expect("a source");
        assert!(source.0[0].pick.is_some());
    }

    #[test]
    fn bad_ones_say_why() {
        for bad in ["", "json:a", "/a", "headers:X", "capture:", "xml:R", "xml:/R//x", "xml:/@a/@b", "x ~ ("] {
            assert!(kind(bad).is_err(), "{bad}");
        }
        assert!(kind("headers:X").is_err_and(|why| why.contains("did you mean `header`")));
    }
}
