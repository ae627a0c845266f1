//! Templates: text with `{name:type|filter|filter?}` in it.
//!
//! Everything that can be wrong with one is found when the definition is read: names that are not there, filters that
//! do not fit, octets that nobody writes as text, optional settings without `?`. Filling one in
//! ([`expand`]) can only miss a value that a message does not have.

pub mod expand;
pub mod filter;

use filter::{Filter, Shape};

/// Text with holes.
#[derive(Debug, Clone)]
pub struct Template {
    pub pieces: Vec<Piece>,
}

/// Words as they are, or a hole.
#[derive(Debug, Clone)]
pub enum Piece {
    Words(String),
    Hole(Hole),
}

/// Where a value goes.
#[derive(Debug, Clone)]
pub struct Hole {
    pub name: Name,
    pub cast: Option<Cast>,
    pub filters: Vec<Filter>,
    pub mark: Mark,
}

/// What JSON makes of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cast {
    Int,
    Bool,
    Number,
}

/// What happens where there is no value, or several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// There must be one.
    Needed,
    /// `?`: the field is left out.
    Optional,
    /// `*`: the field is repeated.
    Repeat,
}

/// What templates may name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Name {
    To,
    From,
    Text,
    Data,
    Udh,
    Port,
    Id,
    Validity,
    MaxParts,
    Parts,
    Class,
    Pid,
    Dcs,
    Priority,
    MediaUrls,
    Now,
    Token,
    Each,
    OwnHookId,
    Cursor,
    Item,
    Setting(String),
    Hook(String),
}

impl Name {
    const PLAIN: [(&'static str, Self); 21] = [
        ("to", Self::To),
        ("from", Self::From),
        ("text", Self::Text),
        ("data", Self::Data),
        ("udh", Self::Udh),
        ("port", Self::Port),
        ("id", Self::Id),
        ("validity", Self::Validity),
        ("max_parts", Self::MaxParts),
        ("parts", Self::Parts),
        ("class", Self::Class),
        ("pid", Self::Pid),
        ("dcs", Self::Dcs),
        ("priority", Self::Priority),
        ("media_urls", Self::MediaUrls),
        ("now", Self::Now),
        ("token", Self::Token),
        ("each", Self::Each),
        ("own_hook_id", Self::OwnHookId),
        ("cursor", Self::Cursor),
        ("item", Self::Item),
    ];

    fn read(written: &str) -> Result<Self, String> {
        if let Some((_, name)) = Self::PLAIN.iter().find(|(word, _)| *word == written) {
            return Ok(name.clone());
        }
        match written.split_once('.') {
            Some(("setting", name)) if !name.is_empty() => Ok(Self::Setting(name.to_owned())),
            Some(("hook", name)) if !name.is_empty() => Ok(Self::Hook(name.to_owned())),
            _ => {
                let known = Self::PLAIN.iter().map(|(word, _)| *word);
                let hint = crate::ground::written::suggestion(written, known);
                Err(format!("`{{{written}}}` is no name{hint}; a brace itself is written {{{{"))
            }
        }
    }

    /// As it is written.
    pub fn word(&self) -> String {
        match self {
            Self::Setting(name) => format!("setting.{name}"),
            Self::Hook(name) => format!("hook.{name}"),
            plain => Self::PLAIN.iter().find(|(_, name)| name == plain).map_or("", |(word, _)| word).to_owned(),
        }
    }

    /// Where the message, and not the definition or its settings, has the value.
    pub fn is_of_message(&self) -> bool {
        use Name::{Cursor, Each, Hook, Item, Now, OwnHookId, Setting, Token};
        !matches!(self, Setting(_) | Hook(_) | Token | Each | OwnHookId | Cursor | Item | Now)
    }
}

/// What a reader knows of a name: its shape, and whether `?` must be written.
#[derive(Debug, Clone, Copy)]
pub struct Fact {
    pub shape: Shape,
    pub needs_mark: bool,
}

/// Says what a name is where the template stands, or why there is none such.
pub type Known<'a> = &'a dyn Fn(&Name) -> Result<Fact, String>;

impl Template {
    /// Reads one.
    ///
    /// # Errors
    /// Why it is none.
    pub fn read(written: &str, known: Known<'_>) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut words = String::new();
        let mut rest = written;
        while let Some(at) = rest.find(['{', '}']) {
            words.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            rest = &rest[at + 1..];
            if let Some(behind) = rest.strip_prefix(brace) {
                words.push_str(brace);
                rest = behind;
            } else if brace == "{" {
                let end = rest.find('}').ok_or("a `{` has no `}`; a brace itself is written {{")?;
                if !words.is_empty() {
                    pieces.push(Piece::Words(std::mem::take(&mut words)));
                }
                pieces.push(Piece::Hole(Hole::read(&rest[..end], known)?));
                rest = &rest[end + 1..];
            } else {
                return Err("a `}` has no `{`; a brace itself is written }}".into());
            }
        }
        words.push_str(rest);
        if !words.is_empty() || pieces.is_empty() {
            pieces.push(Piece::Words(words));
        }
        let template = Self { pieces };
        template.check()?;
        Ok(template)
    }

    fn check(&self) -> Result<(), String> {
        let alone = self.pieces.len() == 1;
        for hole in self.holes() {
            let word = hole.name.word();
            if hole.mark == Mark::Repeat && !alone {
                return Err(format!("`{{{word}*}}` stands alone in its field"));
            }
            if hole.cast.is_some() && !alone {
                return Err(format!("`{{{word}}}` with a type stands alone in its string"));
            }
        }
        Ok(())
    }

    /// Words without holes.
    pub fn words(words: impl Into<String>) -> Self {
        Self { pieces: vec![Piece::Words(words.into())] }
    }

    /// The holes.
    pub fn holes(&self) -> impl Iterator<Item = &Hole> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Hole(hole) => Some(hole),
            Piece::Words(_) => None,
        })
    }

    /// The only hole of a template that is nothing else.
    pub fn lone(&self) -> Option<&Hole> {
        match self.pieces.as_slice() {
            [Piece::Hole(hole)] => Some(hole),
            _ => None,
        }
    }
}

impl Hole {
    fn read(written: &str, known: Known<'_>) -> Result<Self, String> {
        let (body, mark) = match written.as_bytes().last() {
            Some(b'?') => (&written[..written.len() - 1], Mark::Optional),
            Some(b'*') => (&written[..written.len() - 1], Mark::Repeat),
            _ => (written, Mark::Needed),
        };
        let mut parts = body.split('|');
        let head = parts.next().unwrap_or_default();
        let (name, cast) = match head.split_once(':') {
            Some((name, "int")) => (name, Some(Cast::Int)),
            Some((name, "bool")) => (name, Some(Cast::Bool)),
            Some((name, "number")) => (name, Some(Cast::Number)),
            Some((_, other)) => return Err(format!("`:{other}` is no type: int, bool or number")),
            None => (head, None),
        };
        let name = Name::read(name)?;
        let filters: Vec<Filter> = parts.map(Filter::read).collect::<Result<_, _>>()?;
        let hole = Self { name, cast, filters, mark };
        hole.check(known)?;
        Ok(hole)
    }

    /// That filters, mark and shape fit.
    fn check(&self, known: Known<'_>) -> Result<(), String> {
        let word = self.name.word();
        let fact = known(&self.name)?;
        let mut shape = fact.shape;
        for filter in &self.filters {
            shape =
                filter.makes(shape).ok_or_else(|| format!("`|{}` does not fit {}", filter.word(), shape.words()))?;
        }
        match (shape, self.mark) {
            (Shape::Octets, _) => {
                return Err(format!("`{{{word}}}` gives octets: say how they are written, |hex, |base64 or |raw"));
            }
            (Shape::Moment, _) => {
                return Err(format!("`{{{word}}}` is a moment: say how it is written, |date:%Y-%m-%d"));
            }
            (Shape::List, Mark::Needed | Mark::Optional) => {
                return Err(format!("`{{{word}}}` is a list: repeat the field, {{{word}*}}, or join it, |join:,"));
            }
            (Shape::Text | Shape::Raw, Mark::Repeat) => return Err(format!("`{{{word}*}}` is no list")),
            (Shape::Text | Shape::Raw, _) | (Shape::List, Mark::Repeat) => {}
        }
        if fact.needs_mark && self.mark == Mark::Needed {
            return Err(format!("`{{{word}}}` may be without a value: write {{{word}?}}"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(name: &Name) -> Result<Fact, String> {
        let shape = match name {
            Name::Data | Name::Udh => Shape::Octets,
            Name::MediaUrls => Shape::List,
            Name::Now => Shape::Moment,
            _ => Shape::Text,
        };
        Ok(Fact { shape, needs_mark: *name == Name::Setting("sim".into()) })
    }

    #[test]
    fn holes_have_name_type_filters_and_mark() {
        let template = Template::read("a{{b{text|utf16be|hex?}c}}", &known).expect("a template");
        assert_eq!(template.pieces.len(), 3);
        let hole = template.holes().next().expect("a hole");
        assert_eq!((hole.name.clone(), hole.filters.len(), hole.mark), (Name::Text, 2, Mark::Optional));
        let lone = Template::read("{setting.sim:int?}", &known).expect("a template");
        assert_eq!(lone.lone().and_then(|hole| hole.cast), Some(Cast::Int));
        for good in ["", "{media_urls*}", "{media_urls|join:,}", "{data|hex}", "{now|date:%Y}", "{text|units:;}"] {
            assert!(Template::read(good, &known).is_ok(), "{good}");
        }
    }

    #[test]
    fn bad_ones_say_why() {
        for (bad, why) in [
            ("{tex}", "did you mean `text`"),
            ("{", "has no `}`"),
            ("}", "has no `{`"),
            ("{text|hexx}", "did you mean `hex`"),
            ("{text|utf16be}", "say how they are written"),
            ("{data}", "say how they are written"),
            ("{now}", "is a moment"),
            ("{media_urls}", "is a list"),
            ("{text*}", "is no list"),
            ("a{media_urls*}", "stands alone"),
            ("a{id:int}", "stands alone"),
            ("{id:text}", "no type"),
            ("{data|upper}", "does not fit"),
            ("{setting.sim}", "write {setting.sim?}"),
        ] {
            let cause = Template::read(bad, &known).err().unwrap_or_default();
            assert!(cause.contains(why), "{bad}: {cause}");
        }
    }
}
