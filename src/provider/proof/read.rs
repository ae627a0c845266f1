//! From the name and the arguments of `verify` to a verifier.
//!
//! What can go wrong is told by argument: unknown ones, keys that are none, a time that is not signed.

use std::time::Duration;

use super::{
    Scheme, Verifier, eventgrid, jwt,
    jwt::{Algorithm, Jwt, Keys},
    keys::PublicKey,
    plivo, secrets,
    secrets::{Carried, Place},
    signed::{self, Piece, Shape},
    sns, twilio, vonage,
};
use crate::{
    ground::{Secret, written::suggestion},
    provider::{
        arguments::{Arguments, Desk, Misfit},
        digest::{Encoding, Hash},
    },
};

/// Names of verifiers, each with its arguments.
pub const SCHEMES: &[(&str, &[&str])] = &[
    ("none", &[]),
    ("path-secret", &["key"]),
    ("field-secret", &["key", "header", "query", "field", "param", "prefix"]),
    ("basic", &["user", "password"]),
    ("source", &["networks"]),
    ("mtls", &["fingerprints", "names"]),
    (
        "hmac",
        &[
            "algorithm",
            "key",
            "key_encoding",
            "message",
            "separator",
            "header",
            "query",
            "field",
            "encoding",
            "prefix",
            "timestamp",
            "tolerance",
        ],
    ),
    (
        "ed25519",
        &[
            "key",
            "key_encoding",
            "message",
            "separator",
            "header",
            "query",
            "field",
            "encoding",
            "prefix",
            "timestamp",
            "tolerance",
        ],
    ),
    (
        "jwt",
        &[
            "header",
            "query",
            "field",
            "prefix",
            "algorithms",
            "key",
            "key_encoding",
            "keys_url",
            "iss",
            "aud",
            "aud_url",
            "body_hash",
            "url_hash",
            "hash",
            "required_when_body",
            "claims_are_payload",
            "tolerance",
            "max_age",
        ],
    ),
    ("twilio", &["key"]),
    ("plivo", &["key", "version"]),
    ("vonage-sig", &["key", "method", "tolerance"]),
    ("sns", &["topics", "region", "version", "tolerance"]),
    ("eventgrid", &["key", "query", "aud", "iss", "keys_url", "tolerance"]),
];

/// How far a signature's time may be from ours, where a definition says nothing.
const TOLERANCE: Duration = Duration::from_secs(300);

/// Amazon repeats for up to an hour, with the first time.
const SNS_TOLERANCE: Duration = Duration::from_secs(2 * 3600);

/// How far clocks may be apart.
const CLOCKS: Duration = Duration::from_secs(60);

impl Verifier {
    /// The verifier of that name.
    ///
    /// # Errors
    /// What does not fit, by argument; a name that is unknown as `scheme`.
    pub fn read(name: &str, arguments: &Arguments) -> Result<Self, Misfit> {
        let Some((_, known)) = SCHEMES.iter().find(|(scheme, _)| *scheme == name) else {
            let hint = suggestion(name, SCHEMES.iter().map(|(scheme, _)| *scheme));
            return Err(Misfit::new("scheme", format!("there is no such verifier{hint}")));
        };
        let desk = Desk(arguments);
        desk.only(known)?;
        Ok(Self(match name {
            "none" => Scheme::Open,
            "path-secret" => {
                let keys = desk.keys("key", Encoding::Text)?;
                Scheme::Secret(Carried { place: Place::Path, prefix: String::new(), keys })
            }
            "field-secret" => {
                let prefix = desk.text("prefix")?.unwrap_or_default().to_owned();
                let place = match desk.text("param")? {
                    None => place(&desk)?,
                    Some(_) if ["header", "query", "field"].iter().any(|key| desk.0.contains_key(*key)) => {
                        return Err(Misfit::new("param", "it is the query or a form: say nothing else"));
                    }
                    Some(name) => Place::Param(name.to_owned()),
                };
                Scheme::Secret(Carried { place, prefix, keys: desk.keys("key", Encoding::Text)? })
            }
            "basic" => Scheme::Basic(basic(&desk)?),
            "source" => Scheme::Source(source(&desk)?),
            "mtls" => Scheme::Mtls(mtls(&desk)?),
            "hmac" => Scheme::Hmac(signed::Hmac {
                hash: desk.word("algorithm", &Hash::WORDS)?.unwrap_or(Hash::Sha256),
                keys: desk.keys("key", key_encoding(&desk, Encoding::Text)?)?,
                shape: shape(&desk, Encoding::Hex)?,
            }),
            "ed25519" => Scheme::Ed25519(ed25519(&desk)?),
            "jwt" => Scheme::Jwt(token(&desk)?),
            "twilio" => Scheme::Twilio(twilio::Twilio { tokens: desk.keys("key", Encoding::Text)? }),
            "plivo" => {
                let words = [("3", plivo::Version::V3), ("2", plivo::Version::V2)];
                let version = desk.word("version", &words)?.unwrap_or(plivo::Version::V3);
                Scheme::Plivo(plivo::Plivo { version, tokens: desk.keys("key", Encoding::Text)? })
            }
            "vonage-sig" => Scheme::Vonage(vonage::Vonage {
                method: desk.word("method", &vonage::Method::WORDS)?.unwrap_or(vonage::Method::Md5Hash),
                secrets: desk.keys("key", Encoding::Text)?,
                tolerance: desk.duration("tolerance", Some(TOLERANCE))?,
            }),
            "sns" => Scheme::Sns(topics(&desk)?),
            _ => Scheme::EventGrid(grid(&desk)?),
        }))
    }
}

fn key_encoding(desk: &Desk<'_>, usual: Encoding) -> Result<Encoding, Misfit> {
    Ok(desk.word("key_encoding", &Encoding::WORDS)?.unwrap_or(usual))
}

/// Exactly one of `header`, `query`, `field`.
fn place(desk: &Desk<'_>) -> Result<Place, Misfit> {
    let named = |name: &str| Ok(desk.text(name)?.map(str::to_owned));
    match (named("header")?, named("query")?, named("field")?) {
        (Some(name), None, None) => Ok(Place::Header(name)),
        (None, Some(name), None) => Ok(Place::Query(name)),
        (None, None, Some(name)) => Ok(Place::Field(name)),
        _ => Err(Misfit::new("header", "say exactly one of `header`, `query` and `field`")),
    }
}

fn basic(desk: &Desk<'_>) -> Result<secrets::Basic, Misfit> {
    let (user, password) = (desk.need("user")?, desk.need("password")?);
    if user.contains(':') {
        return Err(Misfit::new("user", "a user has no colon (RFC 7617)"));
    }
    Ok(secrets::Basic { pair: Secret::new(format!("{user}:{password}").into_bytes()) })
}

fn source(desk: &Desk<'_>) -> Result<secrets::Source, Misfit> {
    let bad = || Misfit::new("networks", "a network is such as \"192.0.2.0/24\" or \"2001:db8::1\"");
    let read = |given: &str| {
        let given = given.trim();
        given.parse().ok().or_else(|| given.parse().ok().map(|ip: std::net::IpAddr| ip.into())).ok_or_else(bad)
    };
    let all: Vec<_> = desk.texts("networks")?.into_iter().flat_map(|given| given.split(',')).collect();
    let networks = all.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
    if networks.is_empty() { Err(bad()) } else { Ok(secrets::Source { networks }) }
}

fn mtls(desk: &Desk<'_>) -> Result<secrets::Mtls, Misfit> {
    let bad = || Misfit::new("fingerprints", "a fingerprint is SHA-256 of the certificate: 64 hex digits");
    let read = |given: &str| {
        let digits: String = given.chars().filter(|c| !matches!(c, ':' | ' ')).collect();
        Encoding::Hex.read(&digits).and_then(|octets| octets.try_into().ok()).ok_or_else(bad)
    };
    let fingerprints = desk.texts("fingerprints")?.into_iter().map(read).collect::<Result<_, _>>()?;
    let names = desk.texts("names")?.into_iter().map(str::to_lowercase).collect();
    Ok(secrets::Mtls { fingerprints, names })
}

fn shape(desk: &Desk<'_>, usual: Encoding) -> Result<Shape, Misfit> {
    let pieces = desk.texts("message")?.into_iter().map(Piece::read);
    let message = pieces.collect::<Result<Vec<_>, _>>().map_err(|cause| Misfit::new("message", cause))?;
    if message.is_empty() {
        return Err(Misfit::new("message", "say what is signed, such as [\"body\"]"));
    }
    if message.iter().any(|piece| matches!(piece, Piece::Time | Piece::Nonce)) {
        return Err(Misfit::new("message", "in a hook, time and nonce are headers: header:NAME"));
    }
    let timestamp = match desk.text("timestamp")? {
        None => None,
        Some(given) => {
            Some(Place::read(given).ok_or_else(|| Misfit::new("timestamp", "it is such as \"header:X-Timestamp\""))?)
        }
    };
    let covered = |place: &Place| match place {
        Place::Header(name) => {
            message.iter().any(|piece| matches!(piece, Piece::Header(signed) if signed.eq_ignore_ascii_case(name)))
        }
        Place::Query(_) => message.iter().any(|piece| matches!(piece, Piece::Query | Piece::Url)),
        Place::Field(_) => message.iter().any(|piece| matches!(piece, Piece::Body | Piece::Digest(..))),
        Place::Path | Place::Param(_) => false,
    };
    if timestamp.as_ref().is_some_and(|place| !covered(place)) {
        return Err(Misfit::new("timestamp", "it is not among what is signed: whoever repeats a call could change it"));
    }
    Ok(Shape {
        separator: desk.text("separator")?.unwrap_or_default().to_owned(),
        place: place(desk)?,
        encoding: desk.word("encoding", &Encoding::WORDS)?.unwrap_or(usual),
        prefix: desk.text("prefix")?.unwrap_or_default().to_owned(),
        tolerance: desk.duration("tolerance", timestamp.is_some().then_some(TOLERANCE))?,
        timestamp,
        message,
    })
}

fn ed25519(desk: &Desk<'_>) -> Result<signed::Ed25519, Misfit> {
    let bad = || Misfit::new("key", "a public key of Ed25519 is 32 octets, or PEM");
    let encoding = key_encoding(desk, Encoding::Base64)?;
    let read = |text: &str| match text.contains("-----BEGIN") {
        true => PublicKey::of_pem(text).filter(|key| matches!(key, PublicKey::Ed25519(_))),
        false => encoding.read(text.trim()).and_then(|octets| PublicKey::ed25519(&octets)),
    };
    let keys: Vec<_> =
        desk.texts("key")?.into_iter().map(|text| read(text).ok_or_else(bad)).collect::<Result<_, _>>()?;
    if keys.is_empty() {
        return Err(bad());
    }
    Ok(signed::Ed25519 { shape: shape(desk, Encoding::Base64)?, keys })
}

/// An address that keys are fetched from.
fn keys_url(desk: &Desk<'_>) -> Result<Option<String>, Misfit> {
    let Some(given) = desk.text("keys_url")? else { return Ok(None) };
    match url::Url::parse(given) {
        Ok(url) if url.scheme() == "https" && url.host_str().is_some() => Ok(Some(given.to_owned())),
        _ => Err(Misfit::new("keys_url", "keys are fetched by https")),
    }
}

fn token(desk: &Desk<'_>) -> Result<Jwt, Misfit> {
    let algorithms = desk.words("algorithms", &Algorithm::WORDS)?;
    let shared = algorithms.iter().filter(|algorithm| matches!(algorithm, Algorithm::Hs(_))).count();
    if algorithms.is_empty() || shared != 0 && shared != algorithms.len() {
        return Err(Misfit::new(
            "algorithms",
            "list what is signed with: HS… for a shared secret, or RS…, ES… for keys",
        ));
    }
    let keys = match (shared > 0, keys_url(desk)?) {
        (true, None) => Keys::Shared(desk.keys("key", key_encoding(desk, Encoding::Text)?)?),
        (true, Some(_)) => return Err(Misfit::new("keys_url", "a shared secret is a `key`")),
        (false, Some(url)) => Keys::At(url),
        (false, None) => Keys::Public(public_keys(desk)?),
    };
    let hash = desk.word("hash", &Hash::WORDS)?.unwrap_or(Hash::Sha256);
    let claim = |key: &str| Ok(desk.text(key)?.map(|claim| (claim.to_owned(), hash)));
    let texts = |key: &str| Ok(desk.texts(key)?.into_iter().map(str::to_owned).collect());
    let named = ["header", "query", "field"].iter().any(|key| desk.0.contains_key(*key));
    let place = if named { place(desk)? } else { Place::Header("Authorization".to_owned()) };
    let bearer = matches!(&place, Place::Header(name) if name.eq_ignore_ascii_case("Authorization"));
    Ok(Jwt {
        prefix: desk.text("prefix")?.unwrap_or(if bearer { "Bearer " } else { "" }).to_owned(),
        place,
        algorithms,
        keys,
        iss: texts("iss")?,
        aud: texts("aud")?,
        aud_url: desk.flag("aud_url")?.unwrap_or(false),
        body_hash: claim("body_hash")?,
        required_when_body: desk.flag("required_when_body")?.unwrap_or(true),
        url_hash: claim("url_hash")?,
        claims_are_payload: desk.flag("claims_are_payload")?.unwrap_or(false),
        tolerance: desk.duration("tolerance", Some(CLOCKS))?.unwrap_or(Duration::MAX),
        max_age: desk.duration("max_age", Some(TOLERANCE))?,
    })
}

fn public_keys(desk: &Desk<'_>) -> Result<Vec<PublicKey>, Misfit> {
    let bad = || Misfit::new("key", "expected a public key or a certificate in PEM");
    let keys: Vec<_> = desk.texts("key")?.into_iter().map(PublicKey::of_pem).collect();
    let keys = keys.into_iter().collect::<Option<Vec<_>>>().ok_or_else(bad)?;
    if keys.is_empty() { Err(bad()) } else { Ok(keys) }
}

fn topics(desk: &Desk<'_>) -> Result<sns::Sns, Misfit> {
    let topics: Vec<String> = desk.texts("topics")?.into_iter().map(str::to_owned).collect();
    if topics.is_empty() || topics.iter().any(|topic| !topic.starts_with("arn:")) {
        return Err(Misfit::new("topics", "name our topics: arn:aws:sns:REGION:ACCOUNT:TOPIC"));
    }
    Ok(sns::Sns {
        topics,
        region: desk.text("region")?.map(str::to_owned),
        sha256_only: desk.word("version", &[("2", true), ("any", false)])?.unwrap_or(false),
        tolerance: desk.duration("tolerance", Some(SNS_TOLERANCE))?,
    })
}

fn grid(desk: &Desk<'_>) -> Result<eventgrid::EventGrid, Misfit> {
    let secret = match desk.0.contains_key("key") {
        false => None,
        true => {
            let place = desk.text("query")?.map_or(Place::Path, |name| Place::Query(name.to_owned()));
            Some(Carried { place, prefix: String::new(), keys: desk.keys("key", Encoding::Text)? })
        }
    };
    let aud: Vec<String> = desk.texts("aud")?.into_iter().map(str::to_owned).collect();
    let token = match keys_url(desk)? {
        Some(url) if !aud.is_empty() => Some(Jwt {
            place: Place::Header("Authorization".to_owned()),
            prefix: "Bearer ".to_owned(),
            algorithms: vec![Algorithm::Public(super::keys::Asymmetric::Rs256)],
            keys: jwt::Keys::At(url),
            iss: desk.texts("iss")?.into_iter().map(str::to_owned).collect(),
            aud,
            aud_url: false,
            body_hash: None,
            required_when_body: false,
            url_hash: None,
            claims_are_payload: false,
            tolerance: desk.duration("tolerance", Some(CLOCKS))?.unwrap_or(CLOCKS),
            max_age: None,
        }),
        Some(_) => return Err(Misfit::new("aud", "say for whom the tokens are made")),
        None => None,
    };
    if secret.is_none() && token.is_none() {
        return Err(Misfit::new("key", "say a secret of the address, or `keys_url` and `aud` of Entra"));
    }
    Ok(eventgrid::EventGrid { secret, token })
}
