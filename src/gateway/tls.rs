//! The one place where the cryptographic provider of TLS is chosen: ring.

/// Makes ring the provider of this process. Cheap to call again; the first caller wins.
pub fn install() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        // An error means that a provider is installed already, by a program that uses the library.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}
