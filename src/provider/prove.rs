//! From the `verify` and `sign` of a definition and its settings to the verifiers and the signer.

use std::collections::BTreeMap;

use super::{
    definition::{Argument, Definition, Scheme},
    hook::spec::Hook,
    proof::Verifier,
    request::scope::Scope,
    settings::{Settings, Unfit},
    sign::Signer,
    template::expand::{Expanded, Missing},
};
use crate::{
    ground::{Secret, Timestamp},
    provider::arguments::{Arguments, Given},
};

/// Arguments without which a verifier is none.
const KEYS: [&str; 6] = ["key", "user", "password", "networks", "fingerprints", "topics"];

/// What proves the calls to each hook, and signs requests.
#[derive(Debug, Clone, Default)]
pub struct Proofs {
    verifiers: BTreeMap<String, Verifier>,
    signer: Option<Signer>,
}

impl Definition {
    /// The verifiers of all hooks and the signer, with their settings filled in.
    pub(super) fn proofs(&self, settings: &Settings) -> Result<Proofs, Vec<Unfit>> {
        let (mut proofs, mut unfit) = (Proofs::default(), Vec::new());
        for hook in &self.hooks {
            match self.verifier(settings, hook) {
                Ok(verifier) => drop(proofs.verifiers.insert(hook.name.clone(), verifier)),
                Err(cause) => unfit.push(Unfit { setting: format!("hook {}", hook.name), cause }),
            }
        }
        if let Some(scheme) = self.send.as_ref().and_then(|send| send.sign.as_ref()) {
            let signer = self.arguments(settings, scheme).map_err(|missing| missing.0.word());
            match signer.map(|arguments| arguments.map(|arguments| Signer::read(&scheme.name, &arguments))) {
                Ok(Some(Ok(signer))) => proofs.signer = Some(signer),
                Ok(Some(Err(misfit))) => unfit.push(Unfit { setting: "sign".into(), cause: misfit.to_string() }),
                Ok(None) => {}
                Err(word) => unfit.push(Unfit { setting: "sign".into(), cause: format!("{{{word}}} has no value") }),
            }
        }
        if unfit.is_empty() { Ok(proofs) } else { Err(unfit) }
    }

    fn verifier(&self, settings: &Settings, hook: &Hook) -> Result<Verifier, String> {
        let mut verifiers = Vec::new();
        for scheme in &hook.verify {
            let arguments =
                self.arguments(settings, scheme).map_err(|missing| format!("{{{}}} has no value", missing.0.word()))?;
            // One whose optional setting is not filled in is not wanted.
            let Some(arguments) = arguments else { continue };
            let misfit = |misfit| format!("{} of {}: {misfit}", scheme.name, hook.name);
            verifiers.push(Verifier::read(&scheme.name, &arguments).map_err(misfit)?);
        }
        match verifiers.len() {
            0 => Err("nothing would prove its calls: fill in one of the settings that `verify` names".into()),
            1 => Ok(verifiers.remove(0)),
            _ => Ok(Verifier::all(verifiers)),
        }
    }

    /// The arguments filled in, without those whose optional setting has no value; `None`: one that it needs is among them.
    fn arguments(&self, settings: &Settings, scheme: &Scheme) -> Result<Option<Arguments>, Missing> {
        let scope = Scope::new(self, settings, Timestamp(0));
        let mut filled = Arguments::new();
        for (name, argument) in &scheme.arguments {
            match given(argument, &scope)? {
                Some(given) => drop(filled.insert(name.clone(), given)),
                None if KEYS.contains(&name.as_str()) => return Ok(None),
                None => {}
            }
        }
        Ok(Some(filled))
    }
}

fn given(argument: &Argument, scope: &Scope<'_>) -> Result<Option<Given>, Missing> {
    let secret = Secret::new;
    Ok(Some(match argument {
        Argument::Number(number) => Given::Number(*number),
        Argument::Bool(flag) => Given::Bool(*flag),
        Argument::Text(template) => match template.expand(scope)? {
            Expanded::Absent => return Ok(None),
            Expanded::Text(text) => Given::Text(secret(text)),
            Expanded::Octets(octets) => Given::Text(secret(String::from_utf8_lossy(&octets).into_owned())),
            Expanded::Many(items) => Given::List(items.into_iter().map(secret).collect()),
        },
        Argument::List(items) => {
            let mut out = Vec::new();
            for item in items {
                match item.expand(scope)? {
                    Expanded::Absent => {}
                    Expanded::Text(text) => out.push(secret(text)),
                    Expanded::Octets(octets) => out.push(secret(String::from_utf8_lossy(&octets).into_owned())),
                    Expanded::Many(items) => out.extend(items.into_iter().map(secret)),
                }
            }
            if out.is_empty() && !items.is_empty() {
                return Ok(None);
            }
            Given::List(out)
        }
        Argument::Table(members) => {
            let mut out = BTreeMap::new();
            for (name, member) in members {
                match given(member, scope)? {
                    Some(member) => drop(out.insert(name.clone(), member)),
                    None => return Ok(None),
                }
            }
            Given::Table(out)
        }
    }))
}

impl Settings {
    /// What proves the calls to a hook.
    pub fn verifier(&self, hook: &str) -> Option<&Verifier> {
        self.proofs.verifiers.get(hook)
    }

    /// What signs requests: the shell does so when it makes one, with the provider's clock and a word used once.
    pub fn signer(&self) -> Option<&Signer> {
        self.proofs.signer.as_ref()
    }
}
