//! `[errands]`, `[[database]]` and `[[statement]]`: what rules may have done outside, and how much of it at once.
//!
//! What can go wrong beyond bad values: a statement of a database that is not there, another number of values than its SQL
//! takes, a database that is Martlet's own store.

use std::{collections::HashMap, path::PathBuf, time::Duration};

use serde::Deserialize;
use toml::Spanned;

use super::{
    check::{Check, PemFile, absolute, seconds},
    error::Place,
    secret::Origin,
    value::{Setting, Size, Within, quoted},
};
use crate::{
    dispatch::errands::Window,
    errand::{Database, Engine, Prepared},
    rules::{Statement, template::Template},
};

#[derive(Deserialize, Default)]
pub struct Keys {
    programs: Option<Setting<Within<1, 1000>>>,
    calls: Option<Setting<Within<1, 1000>>>,
    statements: Option<Setting<Within<1, 1000>>>,
    questions: Option<Setting<Within<1, 1000>>>,
    path: Option<Setting<String>>,
    dir: Option<Setting<PathBuf>>,
    output: Option<Setting<Size>>,
    ca: Option<Setting<PathBuf>>,
}

#[derive(Deserialize)]
pub struct DatabaseKeys {
    name: Option<Setting<String>>,
    url: Option<Setting<Origin>>,
    connections: Option<Setting<Within<1, 100>>>,
    timeout: Option<Setting<Duration>>,
}

#[derive(Deserialize)]
pub struct StatementKeys {
    name: Option<Setting<String>>,
    database: Option<Setting<String>>,
    sql: Option<Setting<String>>,
    values: Option<Vec<Setting<String>>>,
}

/// What rules may have done outside.
#[derive(Debug, Clone)]
pub struct Errands {
    pub window: Window,
    /// Questions before a commit at once.
    pub questions: usize,
    /// `PATH` of programs, and where they run.
    pub path: String,
    pub dir: PathBuf,
    /// Octets kept of what they say.
    pub output: usize,
    /// Authorities of `https` calls.
    pub ca: Option<PemFile>,
    pub databases: Vec<Database>,
    pub statements: Vec<Prepared>,
    /// What rules must know of the statements.
    pub known: HashMap<String, Statement>,
}

/// An hour would be a mistake.
const LONGEST: Duration = Duration::from_secs(60);

pub fn errands(
    keys: Option<Keys>,
    databases: Option<Vec<Spanned<DatabaseKeys>>>,
    statements: Option<Vec<Spanned<StatementKeys>>>,
    store: &std::path::Path,
    check: &mut Check<'_>,
) -> Errands {
    let keys = keys.unwrap_or_default();
    let mut count = |given: Option<Setting<Within<1, 1000>>>, default: usize| {
        check.take(given).map_or(default, |n| usize::try_from(n.0).unwrap_or(default))
    };
    let (programs, calls) = (count(keys.programs, 4), count(keys.calls, 8));
    let (statements_at_once, questions) = (count(keys.statements, 4), count(keys.questions, 4));
    let databases = self::databases(databases.unwrap_or_default(), store, check);
    let (statements, known) = self::statements(statements.unwrap_or_default(), &databases, check);
    let path = check.placed(keys.path).map(|(path, place)| {
        if !path.split(':').all(|folder| folder.starts_with('/')) {
            check.wrong(&place, "PATH is a list of folders from / on, with colons between them");
        }
        path
    });
    Errands {
        window: Window { programs, calls, statements: statements_at_once, folders: 4 },
        questions,
        path: path.unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".to_owned()),
        dir: check.path(keys.dir).unwrap_or_else(|| "/".into()),
        output: check.take(keys.output).map_or(64 << 10, |size| usize::try_from(size.0).unwrap_or(64 << 10)),
        ca: check.pem(keys.ca),
        databases: databases.into_iter().map(|(database, _)| database).collect(),
        statements,
        known,
    }
}

fn databases(
    given: Vec<Spanned<DatabaseKeys>>,
    store: &std::path::Path,
    check: &mut Check<'_>,
) -> Vec<(Database, Place)> {
    let mut all: Vec<(Database, Place)> = Vec::new();
    for keys in given {
        let header = check.place(&keys.span());
        let keys = keys.into_inner();
        let name = check.placed(keys.name);
        if name.is_none() {
            check.missing(&header, "name", "statements name their database by it");
        }
        if keys.url.is_none() {
            check.missing(&header, "url", "sqlite:FILE or postgres://user:password@host/name");
        }
        let url = check.secret(keys.url);
        let connections = check.take(keys.connections).map_or(4, |n| u32::try_from(n.0).unwrap_or(4));
        let timeout = check.placed(keys.timeout);
        if let Some((_, place)) = timeout.as_ref().filter(|(timeout, _)| *timeout > LONGEST) {
            check.wrong(place, "a statement has 60s at most");
        }
        let timeout = timeout.map_or(seconds(5), |(timeout, _)| timeout);
        let (Some((name, place)), Some((url, at))) = (name, url) else { continue };
        if all.iter().any(|(other, _)| other.name == name) {
            check.wrong(&place, format!("there is a database {} already", quoted(&name)));
        }
        let engine = match url.expose().strip_prefix("sqlite:") {
            Some(path) if !path.is_empty() => {
                let path = absolute(&check.folder, std::path::Path::new(path));
                if path == store {
                    check.wrong(&at, "this is Martlet's own store: rules have no hand in it");
                }
                Engine::Sqlite(path)
            }
            _ => Engine::Postgres(url),
        };
        let database = Database { name, engine, connections, timeout };
        if let Err(why) = database.check() {
            check.wrong(&at, format!("{why}: write sqlite:FILE or postgres://user:password@host/name"));
        }
        all.push((database, place));
    }
    all
}

fn statements(
    given: Vec<Spanned<StatementKeys>>,
    databases: &[(Database, Place)],
    check: &mut Check<'_>,
) -> (Vec<Prepared>, HashMap<String, Statement>) {
    let (mut all, mut known) = (Vec::new(), HashMap::new());
    for keys in given {
        let header = check.place(&keys.span());
        let keys = keys.into_inner();
        for (missing, key, why) in [
            (keys.name.is_none(), "name", "rules name a statement by it"),
            (keys.database.is_none(), "database", "the name of a [[database]]"),
            (keys.sql.is_none(), "sql", "with $1, $2 … for its values"),
        ] {
            if missing {
                check.missing(&header, key, why);
            }
        }
        let values = check.placed_list(keys.values);
        let (name, database, sql) = (check.placed(keys.name), check.placed(keys.database), check.placed(keys.sql));
        let (Some((name, place)), Some((database, of)), Some((sql, at))) = (name, database, sql) else { continue };
        if !databases.iter().any(|(known, _)| known.name == database) {
            check.wrong(&of, format!("there is no [[database]] of the name {}", quoted(&database)));
        }
        let takes = match placeholders(&sql) {
            Ok(takes) => takes,
            Err(why) => {
                check.wrong(&at, why);
                continue;
            }
        };
        let mut templates = Vec::new();
        for (value, place) in values {
            match Template::read(&value) {
                Ok(template) => templates.push(template),
                Err((_, why)) => check.wrong(&place, why),
            }
        }
        if known.insert(name.clone(), Statement { takes, values: templates }).is_some() {
            check.wrong(&place, format!("there is a statement {} already", quoted(&name)));
        }
        all.push(Prepared { name, database, sql });
    }
    (all, known)
}

/// How many values a statement takes: the highest `$n`, and none is left out. What stands in quotes and comments is none.
fn placeholders(sql: &str) -> Result<usize, String> {
    let mut seen = std::collections::BTreeSet::new();
    let octets = sql.as_bytes();
    let mut at = 0;
    while at < octets.len() {
        match octets[at] {
            quote @ (b'\'' | b'"') => {
                let end = octets[at + 1..].iter().position(|b| *b == quote);
                at += end.map_or(octets.len(), |end| end + 2);
            }
            b'-' if octets.get(at + 1) == Some(&b'-') => {
                at += octets[at..].iter().position(|b| *b == b'\n').unwrap_or(octets.len());
            }
            b'$' => {
                let digits = octets[at + 1..].iter().take_while(|b| b.is_ascii_digit()).count();
                let number: Option<usize> = sql[at + 1..at + 1 + digits].parse().ok();
                match number {
                    Some(n @ 1..=100) => drop(seen.insert(n)),
                    _ => return Err("values are written $1, $2 … up to $100".to_owned()),
                }
                at += 1 + digits;
            }
            b'?' => return Err("values are written $1, $2 …, not ?".to_owned()),
            _ => at += 1,
        }
    }
    let most = seen.last().copied().unwrap_or(0);
    match (1..=most).find(|n| !seen.contains(n)) {
        Some(n) => Err(format!("${most} is there and ${n} is not")),
        None => Ok(most),
    }
}

#[cfg(test)]
mod tests {
    use super::placeholders;

    #[test]
    fn values_are_counted_outside_of_quotes_and_comments() {
        for (sql, takes) in [
            ("SELECT 1", 0),
            ("SELECT 1 FROM t WHERE a = $1 AND b = $2", 2),
            ("INSERT INTO t VALUES ($2, $1, $1)", 2),
            ("SELECT '$3' FROM \"$4\" -- $5\n WHERE a = $1", 1),
            ("SELECT 'it''s $9', $1", 1),
        ] {
            assert_eq!(placeholders(sql), Ok(takes), "{sql}");
        }
        for sql in ["SELECT ?", "SELECT $2", "SELECT $0", "SELECT $101", "SELECT $", "SELECT $$a$$"] {
            assert!(placeholders(sql).is_err(), "{sql}");
        }
    }
}
