//! A request from its template: URL, query, header fields, body.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use encoding_rs::Encoding;

use super::{json, multipart, scope::Scope};
use crate::provider::{
    charset,
    definition::{Auth, Body, Call, Carried, Fields},
    template::{
        Hole, Name, Template,
        expand::{Expanded, Missing},
    },
    web::{Headers, Request},
};

impl Scope<'_> {
    /// The request, to address number `host` where there are several.
    ///
    /// # Errors
    /// A value is missing.
    pub fn build(&self, call: &Call, host: usize, encoding: &'static Encoding) -> Result<Request, Missing> {
        let mut headers = Headers::default();
        for (name, template) in &call.headers {
            for value in self.values(template)? {
                headers.push(name.as_str(), header_value(&value));
            }
        }
        self.authorise(&call.auth, &mut headers)?;
        let (media_type, body) = self.body(&call.body, encoding)?;
        if let Some(media_type) = media_type
            && headers.get("content-type").is_none()
        {
            headers.push("Content-Type", media_type);
        }
        let template = call.urls.get(host).or(call.urls.first());
        let url = template.map(|template| self.url(template)).transpose()?.unwrap_or_default();
        let url = self.with_query(url, call, encoding)?;
        Ok(Request { method: call.method.clone(), url, headers, body })
    }

    fn values(&self, template: &Template) -> Result<Vec<Vec<u8>>, Missing> {
        Ok(match template.expand(self)? {
            Expanded::Absent => Vec::new(),
            Expanded::Text(text) => vec![text.into_bytes()],
            Expanded::Octets(octets) => vec![octets],
            Expanded::Many(items) => items.into_iter().map(String::into_bytes).collect(),
        })
    }

    fn text(&self, template: &Template) -> Result<String, Missing> {
        Ok(match template.expand(self)? {
            Expanded::Text(text) => text,
            Expanded::Many(items) => items.join(","),
            Expanded::Octets(octets) => String::from_utf8_lossy(&octets).into_owned(),
            Expanded::Absent => String::new(),
        })
    }

    /// A setting that is a URL stands as it is, everything else is escaped.
    fn url(&self, template: &Template) -> Result<String, Missing> {
        template.expand_escaped(self, &|hole: &Hole, text| match &hole.name {
            Name::Setting(name) if self.is_url(name) => text.to_owned(),
            _ => charset::percent(text.as_bytes()),
        })
    }

    fn is_url(&self, setting: &str) -> bool {
        let setting = self.definition.setting(setting);
        setting.is_some_and(|setting| matches!(setting.kind, crate::provider::definition::SettingKind::Url))
    }

    fn with_query(&self, mut url: String, call: &Call, encoding: &'static Encoding) -> Result<String, Missing> {
        let mut query = self.form(&call.query, encoding)?;
        if let Some(raw) = &call.query_raw {
            let raw = raw.expand_escaped(self, &|_, text| text.to_owned())?;
            query = if query.is_empty() { raw } else { format!("{raw}&{query}") };
        }
        if !query.is_empty() {
            // What the provider reads of a fragment stays behind the query.
            let fragment = url.find('#').map(|at| url.split_off(at));
            url.push(if url.contains('?') { '&' } else { '?' });
            url.push_str(&query);
            url.push_str(&fragment.unwrap_or_default());
        }
        Ok(url)
    }

    /// Names and values percent-encoded, in the charset.
    fn form(&self, fields: &Fields, encoding: &'static Encoding) -> Result<String, Missing> {
        let mut out = String::new();
        for (name, template) in fields {
            let values = match template.expand(self)? {
                Expanded::Absent => Vec::new(),
                Expanded::Text(text) => vec![charset::encode(&text, encoding)],
                Expanded::Octets(octets) => vec![octets],
                Expanded::Many(items) => items.iter().map(|item| charset::encode(item, encoding)).collect(),
            };
            for value in values {
                if !out.is_empty() {
                    out.push('&');
                }
                out.push_str(&charset::percent(name.as_bytes()));
                out.push('=');
                out.push_str(&charset::percent(&value));
            }
        }
        Ok(out)
    }

    fn body(&self, body: &Body, encoding: &'static Encoding) -> Result<(Option<String>, Vec<u8>), Missing> {
        Ok(match body {
            Body::None => (None, Vec::new()),
            Body::Form(fields) => {
                let kind = "application/x-www-form-urlencoded";
                (Some(kind.to_owned()), self.form(fields, encoding)?.into_bytes())
            }
            Body::Json(template) => {
                let value = json::expand(template, self)?.unwrap_or_else(|| serde_json::json!({}));
                (Some("application/json".to_owned()), value.to_string().into_bytes())
            }
            Body::Multipart(fields) => {
                let mut parts = Vec::new();
                for (name, template) in fields {
                    parts.extend(self.values(template)?.into_iter().map(|value| (name.as_str(), value)));
                }
                let (kind, body) = multipart::write(&parts);
                (Some(kind), body)
            }
            Body::Xml(template) => {
                let xml = template.expand_escaped(self, &|_, text| escape_xml(text))?;
                (Some("application/xml".to_owned()), xml.into_bytes())
            }
        })
    }

    pub(super) fn authorise(&self, auth: &Auth, headers: &mut Headers) -> Result<(), Missing> {
        match auth {
            Auth::None => {}
            Auth::Basic { user, password } => {
                let login = format!("{}:{}", self.text(user)?, self.text(password)?);
                headers.push("Authorization", format!("Basic {}", STANDARD.encode(login)));
            }
            Auth::Bearer(token) => headers.push("Authorization", format!("Bearer {}", self.text(token)?)),
            Auth::Header { name, value } => headers.push(name.as_str(), self.text(value)?),
            Auth::Token => {
                let token = self.token.ok_or(Missing(Name::Token))?.expose();
                match self.definition.token.as_ref().map(|token| &token.carried) {
                    Some(Carried::Header(name)) => headers.push(name.as_str(), token.as_str()),
                    Some(Carried::Field) => {}
                    Some(Carried::Bearer) | None => headers.push("Authorization", format!("Bearer {token}")),
                }
            }
        }
        Ok(())
    }
}

/// What a header field may hold: no control characters.
fn header_value(value: &[u8]) -> String {
    String::from_utf8_lossy(value).chars().filter(|c| !c.is_control()).collect()
}

/// For text and attributes of XML; what XML 1.0 cannot hold is left out.
fn escape_xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\n' | '\r' | '\t' => out.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => out.push(c),
        }
    }
    out
}
