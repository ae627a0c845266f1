//! Fetching pictures and the like from where a provider's call says they are: one attempt at one piece.
//!
//! The address is a stranger's word, and so is what stands there. Only https to hosts that the definition names is asked, and
//! only at addresses that the [guard](crate::gateway::guard) opens; the login goes nowhere but to the first of them. Where that
//! one sends us on, at most three times, the same is looked at again, except for the host's name: providers keep
//! pictures at others. Types that are not taken, and what is larger than allowed, end the reading.

use std::time::Duration;

use ipnet::IpNet;
use reqwest::{
    Response, Url,
    header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION},
};

use super::{
    Settings, call,
    outside::{self, Barred, Outside},
};
use crate::{
    gateway::{guard::Closed, http::line},
    ground::Clock,
    mail::{
        Elsewhere, MediaType,
        media::{Types, disposed},
    },
    provider::{hook::reply::name_fits, pause::Pause},
};

/// How often one may be sent on.
const REDIRECTS: usize = 3;

/// What is fetched, and from where.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rules {
    pub types: Types,
    /// Networks beside the public Internet; there http will do.
    pub networks: Vec<IpNet>,
}

/// One gateway's way to its provider's media.
pub struct Fetcher {
    outside: Outside,
    rules: Rules,
    /// The login of its requests.
    login: HeaderMap,
    /// The host that texts go to.
    home: Option<String>,
    clock: Clock,
}

impl std::fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Fetcher({:?})", self.rules)
    }
}

/// A piece that is here now.
pub struct Fetched {
    pub kind: MediaType,
    pub name: Option<String>,
    pub data: Vec<u8>,
}

/// Why a piece is not here. In plain words without the address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Miss {
    /// Its address may not be asked at all.
    Closed(String),
    Never(String),
    /// It may not be there yet: a few tries will do.
    NotYet(String),
    Later(String, Option<Duration>),
    TooLarge,
    /// The layout of a message: nothing to be told of.
    Layout,
}

impl Fetcher {
    pub fn new(settings: &Settings, rules: Rules) -> Self {
        let mut login = HeaderMap::new();
        let fields = settings.definition.login(&settings.settings, settings.clock.now());
        for (name, value) in fields.iter() {
            if let (Ok(name), Ok(mut value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
                value.set_sensitive(true);
                login.insert(name, value);
            }
        }
        Self {
            outside: Outside::new(&settings.line, rules.networks.clone()),
            rules,
            login,
            home: call::origin(settings).and_then(|url| url.host_str().map(str::to_owned)),
            clock: settings.clock.clone(),
        }
    }

    /// Fetches a piece of at most `most` octets within `patience`; `kind` is what the call says that it is.
    pub async fn fetch(
        &self,
        from: &Elsewhere,
        kind: Option<&MediaType>,
        most: u64,
        patience: Duration,
    ) -> Result<Fetched, Miss> {
        let fetched = tokio::time::timeout(patience, self.follow(from, kind, most)).await;
        fetched.unwrap_or_else(|_| Err(Miss::Later("the server took too long".to_owned(), None)))
    }

    async fn follow(&self, from: &Elsewhere, kind: Option<&MediaType>, most: u64) -> Result<Fetched, Miss> {
        let mut url = Url::parse(&from.url).map_err(|_| closed("its address cannot be read"))?;
        let first = url.origin();
        if !self.is_named(&url, &from.hosts) {
            return Err(closed("its address is not at a host of the provider"));
        }
        for _ in 0..=REDIRECTS {
            let mut request = self.outside.client(&url)?.get(url.clone());
            if from.login && url.origin() == first {
                request = request.headers(self.login.clone());
            }
            let response = request.send().await.map_err(|error| broken(&error))?;
            if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
                return self.read(response, kind, most).await;
            }
            let to = response.headers().get(LOCATION).and_then(|to| to.to_str().ok());
            let to = to.and_then(|to| url.join(to).ok());
            url = to.ok_or_else(|| closed("the server sent us on to nowhere"))?;
            if self.outside.by_proxy() && !self.is_named(&url, &from.hosts) {
                return Err(closed("the server sent us on to a host that is not the provider's"));
            }
        }
        Err(closed("the server sent us on and on"))
    }

    fn is_named(&self, url: &Url, hosts: &[String]) -> bool {
        let Some(host) = url.host_str() else { return false };
        match hosts {
            [] => self.home.as_deref().is_some_and(|home| home.eq_ignore_ascii_case(host)),
            hosts => hosts.iter().any(|pattern| name_fits(host, pattern)),
        }
    }

    async fn read(&self, mut response: Response, kind: Option<&MediaType>, most: u64) -> Result<Fetched, Miss> {
        let field = |name| response.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let status = response.status().as_u16();
        let words = format!("the server answered {status}");
        match status {
            200..=299 => {}
            404 => return Err(Miss::NotYet(words)),
            408 | 425 | 429 | 500..=599 => {
                let after =
                    Pause::read(&line::fields(response.headers()).into_iter(), self.clock.now()).of(status == 429);
                return Err(Miss::Later(words, after));
            }
            _ => return Err(Miss::Never(words)),
        }
        let said: Option<MediaType> = field(CONTENT_TYPE).and_then(|kind| kind.parse().ok());
        let said = said.as_ref().filter(|kind| !kind.is_vague()).or(kind.filter(|kind| !kind.is_vague())).cloned();
        if let Some(kind) = &said {
            self.judge(kind)?;
        }
        let name = response.headers().get(CONTENT_DISPOSITION).and_then(|value| disposed(value.as_bytes()));
        let name = name.or_else(|| named(response.url()));
        if response.content_length().is_some_and(|length| length > most) {
            return Err(Miss::TooLarge);
        }
        let mut data: Vec<u8> = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| broken(&error))? {
            if (data.len() + chunk.len()) as u64 > most {
                return Err(Miss::TooLarge);
            }
            data.extend_from_slice(&chunk);
        }
        if data.is_empty() {
            return Err(Miss::Never("it is empty".to_owned()));
        }
        let kind = match said {
            Some(kind) => kind,
            None => {
                let kind = MediaType::sniffed(&data).unwrap_or_else(MediaType::octets);
                self.judge(&kind)?;
                kind
            }
        };
        Ok(Fetched { kind, name, data })
    }

    fn judge(&self, kind: &MediaType) -> Result<(), Miss> {
        match kind {
            kind if kind.is_layout() => Err(Miss::Layout),
            kind if self.rules.types.take(kind) => Ok(()),
            kind => Err(Miss::Never(format!("its type {kind} is not taken"))),
        }
    }
}

fn closed(why: &str) -> Miss {
    Miss::Closed(why.to_owned())
}

/// The end of an address, where it looks like the name of a file.
fn named(url: &Url) -> Option<String> {
    let last = url.path_segments()?.next_back()?;
    let last = percent_encoding::percent_decode_str(last).decode_utf8().ok()?.into_owned();
    last.contains('.').then_some(last)
}

/// A request without a whole answer.
fn broken(error: &reqwest::Error) -> Miss {
    if outside::is_closed(error) {
        return closed(Closed::WORDS);
    }
    Miss::Later(outside::in_words(error).to_owned(), None)
}

impl From<Barred> for Miss {
    fn from(barred: Barred) -> Self {
        match barred {
            Barred::Closed(why) => closed(why),
            Barred::Unusable => Self::Later(barred.to_string(), None),
        }
    }
}
