//! The passwords of the engine's users: random, made once per data folder.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rand::TryRngCore;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::error::EngineError;

const FILE: &str = "passwords.json";

/// The passwords. They stand outside of the engine's store, so that no query can read them.
#[derive(Serialize, Deserialize)]
pub(super) struct Credentials {
    /// Of the writing user.
    pub writer: String,
    /// Of the analyst.
    pub analyst: String,
}

impl Credentials {
    /// Reads the passwords of this data folder, or makes them.
    pub(super) fn open(data: &Path) -> Result<Self, EngineError> {
        let path = data.join(FILE);
        let io = EngineError::io;
        match std::fs::File::open(&path) {
            Ok(file) => {
                let mut text = String::new();
                file.take(4096).read_to_string(&mut text).map_err(io(&path))?;
                serde_json::from_str(&text).map_err(|error| io(&path)(std::io::Error::other(error)))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let made = Self {
                    writer: secret()?,
                    analyst: secret()?,
                };
                made.write(&path).map_err(io(&path))?;
                Ok(made)
            }
            Err(error) => Err(io(&path)(error)),
        }
    }

    fn write(&self, path: &Path) -> std::io::Result<()> {
        let unfinished = path.with_extension("tmp");
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&unfinished)?;
        serde_json::to_writer(&mut file, self)?;
        file.flush()?;
        file.sync_all()?;
        std::fs::rename(&unfinished, path)
    }
}

/// What the users file holds of a password.
pub(super) fn hash(password: &str) -> String {
    hex::encode(Sha256::digest(password.as_bytes()))
}

/// 256 random bits, in hex.
fn secret() -> Result<String, EngineError> {
    let mut bytes = [0u8; 32];
    rand::rngs::OsRng
        .try_fill_bytes(&mut bytes)
        .map_err(|error| EngineError::Start(format!("no randomness for passwords: {error}")))?;
    Ok(hex::encode(bytes))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn passwords_are_random_private_and_survive() {
        let folder = tempfile::tempdir().unwrap();
        let first = Credentials::open(folder.path()).unwrap();
        let again = Credentials::open(folder.path()).unwrap();
        assert_eq!(first.writer, again.writer);
        assert_eq!(first.analyst, again.analyst);
        assert_ne!(first.writer, first.analyst);
        assert_eq!(first.writer.len(), 64);
        let mode = std::fs::metadata(folder.path().join(FILE))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_damaged_password_file_is_an_error_and_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), b"{").unwrap();
        assert!(Credentials::open(folder.path()).is_err());
        assert_eq!(std::fs::read(folder.path().join(FILE)).unwrap(), b"{");
    }
}
