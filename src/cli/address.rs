//! `martlet address`: what an address resolves to under a configuration. Passwords in it are never shown.

use std::{io::Write, path::PathBuf};

use serde_json::{Map, Value, json};

use super::{Done, Exit, Failure, json as print_json, load};
use crate::{
    address::{AddressError, Destination, Domains, Params, Path, Resolution, Target, uri},
    outbound::{NO_GATEWAY, bad_address},
};

#[derive(clap::Args)]
pub struct Args {
    /// An sms: address, or a mail address at an SMS domain, as in RCPT TO
    address: String,
    /// The configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// One JSON value
    #[arg(long)]
    json: bool,
}

/// Without the address.
impl std::fmt::Debug for Args {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Args")
    }
}

pub fn run(args: &Args, out: &mut dyn Write) -> Done {
    let config = load(&args.config)?;
    let (domains, gateways) = (config.addresses(), config.gateway_names());
    let unknown = |target: &Target| target.params.id.as_ref().is_some_and(|id| !gateways.contains(id));
    let (value, refused) = match resolve(&args.address, &domains) {
        Ok(Resolution::Phones { targets, .. }) if targets.iter().any(unknown) => refusal("550 5.1.3", NO_GATEWAY),
        Ok(Resolution::Phones { targets, helper }) => {
            (phones(&targets, helper.as_ref().map(|account| account.as_str())), None)
        }
        Ok(Resolution::Postmaster) => (json!({ "postmaster": true }), None),
        Ok(Resolution::Foreign) => refusal("550 5.1.2", "not at any of the configured domains"),
        // With the code that RCPT gives.
        Ok(Resolution::Refused(why)) => {
            let reply = bad_address(&why).reply;
            let code = reply.enhanced().map_or_else(String::new, |code| format!(" {code}"));
            refusal(&format!("{}{code}", reply.code()), &why.to_string())
        }
        Err(why) => refusal("550 5.1.3", &why),
    };
    if args.json {
        print_json(out, &value)?;
        return if refused.is_some() { Err(Failure::said(Exit::Data)) } else { Ok(()) };
    }
    match refused {
        Some(words) => Err(Failure::new(Exit::Data, words)),
        None => people(&value, out),
    }
}

fn resolve(written: &str, domains: &Domains) -> Result<Resolution, String> {
    let bare = written.strip_prefix('<').and_then(|w| w.strip_suffix('>')).unwrap_or(written);
    // Without a domain it is an address as rules and programs write it.
    if !bare.contains('@') {
        let scheme = bare.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
        return match scheme {
            Some(scheme) if scheme != "sms" => Err("without a domain, an address begins with sms:".to_owned()),
            _ => Ok(uri::parse(bare, &domains.numbering)
                .map_or_else(Resolution::Refused, |target| Resolution::Phones { targets: vec![target], helper: None })),
        };
    }
    match Path::parse(&format!("<{bare}>")) {
        Ok((path, "")) => Ok(domains.resolve(&path)),
        _ => Err(AddressError::Syntax("not an address").to_string()),
    }
}

fn refusal(code: &str, why: &str) -> (Value, Option<String>) {
    (json!({ "refused": why, "code": code }), Some(format!("{code} {why}")))
}

fn phones(targets: &[Target], account: Option<&str>) -> Value {
    let all = || targets.iter().flat_map(|target| &target.to);
    let numbers: Vec<&str> = all().filter(|to| matches!(to, Destination::Number(_))).map(Destination::as_str).collect();
    let short: Vec<&str> = all().filter(|to| matches!(to, Destination::Short(_))).map(Destination::as_str).collect();
    let mut value = json!({ "numbers": numbers, "short_codes": short, "account": account });
    let each: Vec<Value> = targets
        .iter()
        .map(|target| {
            let to: Vec<&str> = target.to.iter().map(Destination::as_str).collect();
            json!({ "to": to, "parameters": parameters(&target.params) })
        })
        .collect();
    if let (Value::Object(map), [one]) = (&mut value, each.as_slice()) {
        map.insert("parameters".to_owned(), one["parameters"].clone());
    }
    if let Value::Object(map) = &mut value {
        map.insert("targets".to_owned(), Value::Array(each));
    }
    value
}

/// The parameters that were given, by their names in the address.
fn parameters(params: &Params) -> Value {
    let mut map = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            map.insert(name.to_owned(), value);
        }
    };
    put("user", params.credentials.as_ref().and_then(|c| c.users.first()).map(|user| json!(user)));
    put("pass", params.credentials.as_ref().map(|_| json!("[secret]")));
    put("maxmsgs", params.maxmsgs.map(|n| json!(n)));
    put("binary", params.binary.then_some(json!(true)));
    put("udh", params.udh.as_ref().map(|octets| json!(hex(octets))));
    put("pid", params.pid.map(|n| json!(n)));
    put("dcs", params.dcs.map(|n| json!(n)));
    put("sender", params.sender.as_ref().map(|sender| json!(sender.as_str())));
    put("authenticated", params.authenticated.then_some(json!(true)));
    put("reply", params.reply.as_ref().map(|mailbox| json!(mailbox.as_str())));
    put("id", params.id.as_ref().map(|id| json!(id.as_str())));
    put("value", (!params.value.is_empty()).then(|| json!(params.value)));
    put("body", params.body.as_ref().map(|body| json!(body)));
    put("msgid", params.msgid.as_ref().map(|id| json!(id)));
    Value::Object(map)
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02X}")).collect()
}

/// The same for people.
fn people(value: &Value, out: &mut dyn Write) -> Done {
    if value.get("postmaster").is_some() {
        return Ok(writeln!(out, "the postmaster")?);
    }
    for target in value["targets"].as_array().into_iter().flatten() {
        for to in target["to"].as_array().into_iter().flatten() {
            writeln!(out, "{}", to.as_str().unwrap_or_default())?;
        }
        for (name, given) in target["parameters"].as_object().into_iter().flatten() {
            match given.as_str() {
                Some(word) => writeln!(out, "  {name} = {word}")?,
                None => writeln!(out, "  {name} = {given}")?,
            }
        }
    }
    if let Some(account) = value["account"].as_str() {
        writeln!(out, "  paid by {account}")?;
    }
    Ok(())
}
