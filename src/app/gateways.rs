//! From a declared gateway to the settings of its kind. What can go wrong: a template of a plain `url` gateway, told with its
//! place in the file.

use super::StartError;
use crate::{
    config::{self, Config},
    gateway::{self, handset},
    ground::Clock,
};

/// The kind of a gateway with its templates read; an error says where in the file.
pub fn kind(declared: &config::Gateway) -> Result<gateway::Kind, StartError> {
    match &declared.kind {
        config::Kind::Handset => {
            let mut settings = handset::Settings::new(handset::Phones::new(Clock::system()));
            settings.traits.window = declared.window;
            Ok(gateway::Kind::Handset(settings))
        }
        config::Kind::Provider(provider) => Ok(gateway::Kind::Provider(Box::new(provider_gateway(declared, provider)))),
        config::Kind::Modem(modem) => Ok(gateway::Kind::Modem(modem_gateway(declared, modem))),
        config::Kind::Http(http) => {
            let mut settings = http_gateway(http).map_err(|error| StartError::new(78, error.to_string()))?;
            settings.traits.window = declared.window;
            settings.password = declared.password.clone();
            Ok(gateway::Kind::Http(settings))
        }
    }
}

/// A gateway by definition, as yet without its key and clock.
fn provider_gateway(declared: &config::Gateway, provider: &config::Provider) -> gateway::provider::Settings {
    let (definition, base) = (provider.definition.clone(), provider.public_url.clone());
    let mut settings =
        gateway::provider::Settings::new(definition, provider.settings.clone(), base, Some(declared.window));
    let timeout = provider.timeout.unwrap_or(settings.line.timeout);
    settings.line = line(&provider.wire, timeout);
    settings.receive = declared.receive;
    settings.number = declared.number.as_ref().map(|number| number.as_str().to_owned());
    settings.log_payload = provider.wire.log_payload;
    settings
}

/// How a provider is reached.
fn line(wire: &config::Wire, timeout: std::time::Duration) -> gateway::http::Line {
    gateway::http::Line {
        timeout,
        connect_timeout: wire.connect_timeout,
        ca: wire.ca.as_ref().map(|file| file.path.clone()),
        identity: wire.client_cert.as_ref().map(|(cert, key)| {
            let key = key.as_ref().unwrap_or(cert);
            (cert.path.clone(), key.path.clone())
        }),
        proxy: wire.proxy.as_ref().map(|written| written.text.clone()),
        keep_alive: wire.keep_alive,
    }
}

/// A modem, as yet without its folder and clock.
fn modem_gateway(declared: &config::Gateway, modem: &config::Modem) -> gateway::modem::Settings {
    let clock = crate::ground::Clock::system();
    let mut settings = gateway::modem::Settings::new(modem.device.clone(), std::path::PathBuf::new(), clock);
    settings.baud = modem.baud;
    settings.pin.clone_from(&modem.pin);
    settings.smsc.clone_from(&modem.smsc);
    settings.storage.clone_from(&modem.storage);
    settings.direct = modem.direct;
    settings.receive = declared.receive;
    settings.receipts = modem.receipts;
    settings.balance.clone_from(&modem.balance);
    settings.window = declared.window;
    if let Some(search) = &modem.search {
        settings.search.clone_from(search);
    }
    settings
}

/// Reads the templates; an error names the place in the file.
pub fn http_gateway(declared: &config::HttpGateway) -> Result<gateway::http::Settings, config::Error> {
    use gateway::http::{Method, Patterns, Settings, Template, TemplateError, Templates};
    let place = |written: &config::Written, error: TemplateError| {
        Config::error_at(written, error.column.saturating_sub(1), error.why)
    };
    let text = |written: &config::Written| written.text.expose().clone();
    let url = Template::url(&text(&declared.url)).map_err(|error| place(&declared.url, error))?;
    let mut headers = Vec::new();
    for (name, written) in &declared.headers {
        let value = Template::header(&text(written)).map_err(|error| place(written, error))?;
        let name = reqwest::header::HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| Config::error_at(written, 0, format!("`{name}` is no name of a header")))?;
        headers.push((name, value));
    }
    let format = format_of(declared);
    let method = match (&declared.method, &declared.body) {
        (config::Method::Get, _) => Method::Get,
        (config::Method::Post, None) => Method::Post(None),
        (config::Method::Post, Some(written)) => {
            let body = Template::body(&text(written), format).map_err(|error| place(written, error))?;
            Method::Post(Some((body, format)))
        }
    };
    let mut settings = Settings::new(Templates { url, method, headers });
    settings.timeout = declared.timeout;
    let line = line(&declared.wire, declared.timeout);
    settings.connect_timeout = line.connect_timeout;
    settings.traits.split = declared.split;
    settings.traits.shift_tables = declared.split == gateway::Split::Udh && settings.templates.any(Template::tells_udh);
    let answer = &declared.answer;
    settings.answer = Patterns {
        success: answer.success.clone(),
        permanent: answer.permanent.clone(),
        temporary: answer.temporary.clone(),
        throttled: answer.throttled.clone(),
        id: answer.id.clone(),
    };
    settings.ca = line.ca;
    settings.identity = line.identity;
    settings.keep_alive = line.keep_alive;
    settings.log_payload = declared.wire.log_payload;
    settings.proxy = line.proxy;
    Ok(settings)
}

/// What a body is written in, by the Content-Type that the configuration gives it.
fn format_of(declared: &config::HttpGateway) -> gateway::http::Format {
    use gateway::http::Format;
    let given = declared.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let kind = given.map(|(_, written)| written.text.expose().to_ascii_lowercase()).unwrap_or_default();
    match kind.split(';').next().unwrap_or_default().trim() {
        "" | "application/x-www-form-urlencoded" => Format::Form,
        json if json.ends_with("json") => Format::Json,
        xml if xml.ends_with("xml") => Format::Xml,
        _ => Format::Plain,
    }
}
