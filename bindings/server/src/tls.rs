//! TLS, with a certificate that is read again when its files change.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum_server::tls_rustls::RustlsConfig;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::error::ServeError;
use crate::files::Stamp;

const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// The certificate and its key.
#[derive(Clone)]
pub(crate) struct Tls {
    cert: PathBuf,
    key: PathBuf,
    config: RustlsConfig,
}

impl Tls {
    pub(crate) fn open(cert: &Path, key: &Path) -> Result<Self, ServeError> {
        let config = RustlsConfig::from_config(Arc::new(read(cert, key)?));
        Ok(Self { cert: cert.to_owned(), key: key.to_owned(), config })
    }

    pub(crate) fn config(&self) -> RustlsConfig {
        self.config.clone()
    }

    /// Uses changed files for new connections. Files that cannot be used change nothing.
    pub(crate) async fn reload_on_change(self, interval: Duration) {
        let mut used = self.stamps();
        let mut failed = None;
        loop {
            tokio::time::sleep(interval).await;
            let now = self.stamps();
            if now == used {
                continue;
            }
            match read(&self.cert, &self.key) {
                Ok(config) => {
                    self.config.reload_from_config(Arc::new(config));
                    used = now;
                    tracing::info!("the certificate has changed");
                }
                // Tried again, as the files may be written one after the other; logged once.
                Err(error) if failed != Some(now) => {
                    failed = Some(now);
                    tracing::error!(%error, "the earlier certificate stays in use");
                }
                Err(_) => {}
            }
        }
    }

    fn stamps(&self) -> [Option<Stamp>; 2] {
        [&self.cert, &self.key].map(|path| Stamp::of(path))
    }
}

fn read(cert: &Path, key: &Path) -> Result<ServerConfig, ServeError> {
    let failed = |path: &Path, why: String| ServeError::Tls { path: path.to_owned(), why };
    let chain = CertificateDer::pem_file_iter(cert).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let chain = chain.map_err(|error| failed(cert, error.to_string()))?;
    if chain.is_empty() {
        return Err(failed(cert, "it contains no certificate in PEM".to_owned()));
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| failed(key, error.to_string()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| failed(cert, error.to_string()))?.with_no_client_auth();
    let mut config = config.with_single_cert(chain, private).map_err(|error| failed(cert, error.to_string()))?;
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    Ok(config)
}
