//! A provider whose certificate is expired, another's, or nobody's: nothing is sent until it shows the right one.

use std::sync::{Arc, Mutex};

use libtest_mimic::Trial;
use rustls::{
    pki_types::{CertificateDer, PrivateKeyDer},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

use super::{at, daemon};
use crate::support::{provider::Provider, run_async, trial};

pub fn trials() -> Vec<Trial> {
    vec![trial("faults: certificates that are expired, another's or nobody's", || run_async(certificates()))]
}

/// An authority of the test's own.
struct Authority(rcgen::CertifiedIssuer<'static, rcgen::KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = rcgen::CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().expect("a key");
        Self(rcgen::CertifiedIssuer::self_signed(params, key).expect("an authority"))
    }

    /// A certificate for `name`, until the year.
    fn signs(&self, name: &str, until: i32) -> Arc<CertifiedKey> {
        let mut params = rcgen::CertificateParams::new(vec![name.to_owned()]).expect("a name");
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(until, 1, 1);
        let key = rcgen::KeyPair::generate().expect("a key");
        let cert: CertificateDer<'static> = params.signed_by(&key, &self.0).expect("a certificate").der().clone();
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let key = rustls::crypto::ring::sign::any_supported_type(&key).expect("a key");
        Arc::new(CertifiedKey::new(vec![cert], key))
    }
}

/// What the provider shows now.
#[derive(Debug)]
struct Shown(Mutex<Arc<CertifiedKey>>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.lock().expect("nobody panics here").clone())
    }
}

async fn certificates() {
    martlet::gateway::tls::install();
    let (ours, strange) = (Authority::new(), Authority::new());
    let cases = [
        ("expired", ours.signs("localhost", 2021)),
        ("anothers", ours.signs("provider.example", 2090)),
        ("nobodys", strange.signs("localhost", 2090)),
    ];
    let dir = tempfile::tempdir().expect("a folder");
    let ca = dir.path().join("ca.pem");
    std::fs::write(&ca, ours.0.pem()).expect("written");
    let more = format!("ca = \"{}\"", ca.display());
    let mut plan = daemon();
    let mut providers = Vec::new();
    for (name, certificate) in cases {
        let shown = Arc::new(Shown(Mutex::new(certificate)));
        let config = rustls::ServerConfig::builder().with_no_client_auth().with_cert_resolver(shown.clone());
        let provider = Provider::start_tls([], Arc::new(config)).await;
        plan = plan.gateway(name, "http", &at(&format!("https://localhost:{}/send", provider.addr.port()), &more));
        providers.push((name, shown, provider));
    }
    let world = plan.start();
    let mut ids = Vec::new();
    for (name, _, provider) in &mut providers {
        let id = world.text(&format!("+12015550123?id={name}@sms.example.test"), "for the right one");
        world.event(&id, "deferred");
        world.must_say(&["attempt=", "later", "4.4.1", &format!("gateway={name}")]);
        let cause = world.show(&id)["cause"].as_str().unwrap_or_default().to_owned();
        assert!(cause.contains("certificate"), "{name}: {cause}");
        assert_eq!(provider.unseen(), 0, "{name}: nothing was asked of it");
        ids.push(id);
    }
    assert_eq!(world.readyz().0, 200);
    for (_, shown, _) in &providers {
        *shown.0.lock().expect("nobody panics here") = ours.signs("localhost", 2090);
    }
    for (id, (name, _, provider)) in ids.iter().zip(&mut providers) {
        assert_eq!(world.end(id), "relayed", "{name}");
        provider.seen().await;
        assert_eq!(provider.unseen(), 0, "{name}: sent once");
    }
    assert_eq!(world.mails.seen.len(), 0);
    world.hides(&["2015550", "for the right one"]);
}
