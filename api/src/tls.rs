//! The REST server's certificate: checked at the start, taken up again when its files change.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use futures_util::Stream;
use poem::listener::{IntoTlsConfigStream as _, RustlsCertificate, RustlsConfig};

/// Between two looks at the files: certificates are renewed days before they end.
const LOOK: Duration = Duration::from_secs(30);

/// The certificate can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file can't be read.
    #[error("{path}: {source}")]
    Read {
        /// File.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// They are no certificate and key in PEM, or do not belong together.
    #[error("{certificate} and {key} are no certificate chain with its key in PEM: {source}")]
    Unusable {
        /// File.
        certificate: PathBuf,
        /// File.
        key: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
}

/// The files of a certificate chain and its key, both PEM.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    certificate: PathBuf,
    key: PathBuf,
}

impl TlsFiles {
    /// These files; nothing is read yet.
    pub fn new(certificate: &Path, key: &Path) -> Self {
        Self {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
        }
    }

    /// The certificate as it is now, and as it will be whenever its files have changed. A change that can't be
    /// used is logged, and the certificate before it stays.
    pub async fn watch(self) -> Result<impl Stream<Item = RustlsConfig> + Send + 'static, TlsError> {
        let seen = self.modified().await;
        let first = self.load().await?;
        Ok(futures_util::stream::unfold(
            (self, seen, Some(first)),
            |(files, mut seen, first)| async move {
                if let Some(first) = first {
                    return Some((first, (files, seen, None)));
                }
                loop {
                    tokio::time::sleep(LOOK).await;
                    let now = files.modified().await;
                    if now == seen {
                        continue;
                    }
                    seen = now;
                    match files.load().await {
                        Ok(changed) => return Some((changed, (files, seen, None))),
                        Err(error) => tracing::error!(%error, "the renewed certificate can not be used"),
                    }
                }
            },
        ))
    }

    async fn load(&self) -> Result<RustlsConfig, TlsError> {
        let read = async |path: &Path| {
            tokio::fs::read(path).await.map_err(|source| TlsError::Read {
                path: path.to_owned(),
                source,
            })
        };
        let (certificate, key) = (read(&self.certificate).await?, read(&self.key).await?);
        let config = || {
            RustlsConfig::new().fallback(
                RustlsCertificate::new()
                    .cert(certificate.clone())
                    .key(key.clone()),
            )
        };
        // this is where poem looks whether the files can be used
        let usable = config().into_stream().map(drop);
        usable.map_err(|source| TlsError::Unusable {
            certificate: self.certificate.clone(),
            key: self.key.clone(),
            source,
        })?;
        Ok(config())
    }

    async fn modified(&self) -> [Option<SystemTime>; 2] {
        let of = async |path: &Path| tokio::fs::metadata(path).await.ok()?.modified().ok();
        [of(&self.certificate).await, of(&self.key).await]
    }
}
