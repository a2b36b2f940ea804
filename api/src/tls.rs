//! The REST server's certificate: checked at the start, taken up again when its files change.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use futures_util::Stream;
use poem::listener::{RustlsCertificate, RustlsConfig};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

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
        source: Unusable,
    },
}

/// What is wrong with a chain or its key.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// The chain is empty.
    #[error("there is no certificate in the first")]
    NoCertificate,
    /// The chain is no PEM.
    #[error("the first is no PEM: {0}")]
    Chain(pem::Error),
    /// The key is no PEM, or not there.
    #[error("the second has no private key: {0}")]
    Key(pem::Error),
    /// The certificate is none, or its key is another one.
    #[error(transparent)]
    Pair(rustls::Error),
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
        usable(&certificate, &key).map_err(|source| TlsError::Unusable {
            certificate: self.certificate.clone(),
            key: self.key.clone(),
            source,
        })?;
        let pair = RustlsCertificate::new().cert(certificate).key(key);
        Ok(RustlsConfig::new().fallback(pair))
    }

    async fn modified(&self) -> [Option<SystemTime>; 2] {
        let of = async |path: &Path| tokio::fs::metadata(path).await.ok()?.modified().ok();
        [of(&self.certificate).await, of(&self.key).await]
    }
}

/// Whether a server can show this chain with this key. poem takes any key that can be read, also beside no certificate
/// or another key's, and then fails every handshake.
fn usable(certificate: &[u8], key: &[u8]) -> Result<(), Unusable> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate).collect();
    let chain = chain.map_err(Unusable::Chain)?;
    if chain.is_empty() {
        return Err(Unusable::NoCertificate);
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(Unusable::Key)?;
    let pair = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider());
    pair.map(drop).map_err(Unusable::Pair)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs::File;

    use futures_util::{FutureExt as _, StreamExt as _};
    use tempfile::TempDir;

    use super::*;

    /// A self-signed certificate and its key, PEM.
    fn pair() -> (String, String) {
        let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        (pair.cert.pem(), pair.signing_key.serialize_pem())
    }

    fn files(folder: &TempDir) -> TlsFiles {
        TlsFiles::new(
            &folder.path().join("certificate.pem"),
            &folder.path().join("key.pem"),
        )
    }

    /// Writes both; `age` tells the versions apart, however fast they follow.
    fn write(files: &TlsFiles, (certificate, key): (&str, &str), age: u64) {
        for (path, text) in [(&files.certificate, certificate), (&files.key, key)] {
            std::fs::write(path, text).unwrap();
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(age);
            File::options()
                .write(true)
                .open(path)
                .unwrap()
                .set_modified(time)
                .unwrap();
        }
    }

    /// Whether another configuration comes within some looks.
    async fn soon(configs: &mut (impl Stream<Item = RustlsConfig> + Unpin)) -> bool {
        let next = tokio::time::timeout(10 * LOOK, configs.next()).await;
        next.is_ok_and(|config| config.is_some())
    }

    #[tokio::test]
    async fn what_is_no_pair_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let files = files(&folder);
        let said = async || files.clone().watch().await.map(drop).unwrap_err().to_string();
        assert!(said().await.contains("certificate.pem: "));

        let ((certificate, key), (_, other)) = (pair(), pair());
        write(&files, (&certificate, &key), 1);
        assert!(files.clone().watch().await.is_ok());
        let not_der = "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n";
        let open = "-----BEGIN CERTIFICATE-----\naGVsbG8=\n";
        for (certificate, key, reason) in [
            ("", key.as_str(), "there is no certificate"),
            ("nonsense", &key, "there is no certificate"),
            (&key, &key, "there is no certificate"),
            (open, &key, "the first is no PEM"),
            (not_der, &key, "invalid peer certificate"),
            (&certificate, "", "the second has no private key"),
            (&certificate, &certificate, "the second has no private key"),
            (&certificate, &other, "KeyMismatch"),
        ] {
            write(&files, (certificate, key), 2);
            let said = said().await;
            assert!(
                said.contains(reason) && said.contains("key.pem"),
                "{reason}: {said}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_renewed_pair_is_taken_up_and_a_broken_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let files = files(&folder);
        let ((certificate, key), (renewed, its_key)) = (pair(), pair());
        write(&files, (&certificate, &key), 1);
        let mut configs = Box::pin(files.clone().watch().await.unwrap());
        assert!(configs.next().await.is_some());
        assert!(configs.next().now_or_never().is_none());
        assert!(!soon(&mut configs).await, "nothing has changed");
        // half of the renewal
        write(&files, (&renewed, &key), 2);
        assert!(!soon(&mut configs).await, "they do not belong together");
        write(&files, (&renewed, &its_key), 3);
        assert!(soon(&mut configs).await, "they are renewed");
    }
}
