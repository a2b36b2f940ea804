//! API keys and MQTT passwords: made, hashed, checked. Nothing here is ever stored or logged in clear.

use std::thread::available_parallelism;

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use parking_lot::{Condvar, Mutex};
use sha2::{Digest, Sha256};

use super::entities::Credential;
use super::error::RegistryError;

/// Prefix of API keys, so that secret scanners (and people) recognise one.
const KEY_PREFIX: &str = "fsk_";
/// Longer secrets than this are refused before they cost anything, bytes.
const MAX_SECRET: usize = 1024;
/// Verified passwords that are remembered. 32 bytes each.
const REMEMBERED: usize = 1 << 18;

/// Argon2id for passwords that people chose: 8 MiB and two passes, a few milliseconds.
const CHOSEN: (u32, u32) = (8 * 1024, 2);
/// Argon2id for generated passwords. They carry 192 random bits, which no amount of hashing makes
/// harder to guess; after a restart a whole fleet logs in at once, and 20 µs instead of 10 ms each is
/// the difference between seconds and hours.
const GENERATED: (u32, u32) = (8, 1);

/// SHA-256 of an API key's secret: what is stored and looked up. A key has 256 random bits, so a fast
/// hash is enough.
pub(super) type KeyHash = [u8; 32];

/// A new API key.
pub(super) fn new_key() -> String {
    format!("{KEY_PREFIX}{}", hex::encode(rand::random::<[u8; 32]>()))
}

/// A new MQTT password.
pub(super) fn new_password() -> String {
    hex::encode(rand::random::<[u8; 24]>())
}

/// The stored form of an API key; `None` for what can't be one.
pub(super) fn key_hash(secret: &str) -> Option<KeyHash> {
    (secret.len() <= MAX_SECRET && secret.starts_with(KEY_PREFIX))
        .then(|| Sha256::digest(secret.as_bytes()).into())
}

/// The Argon2id hash of a password in PHC format. Slow for chosen ones: call on a blocking thread.
pub(super) fn hash_password(password: &str, generated: bool) -> Result<String, RegistryError> {
    if password.len() > MAX_SECRET {
        return Err(RegistryError::Password(format!("longer than {MAX_SECRET} bytes")));
    }
    let (memory_kib, passes) = if generated { GENERATED } else { CHOSEN };
    let failed = |error: &dyn std::fmt::Display| RegistryError::Password(error.to_string());
    let params = Params::new(memory_kib, passes, 1, None).map_err(|error| failed(&error))?;
    let salt = SaltString::encode_b64(&rand::random::<[u8; 16]>()).map_err(|error| failed(&error))?;
    let hash = Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password(password.as_bytes(), &salt)
        .map_err(|error| failed(&error))?;
    Ok(hash.to_string())
}

/// Checks passwords and remembers the right ones.
pub(super) struct Passwords {
    /// SHA-256 over credential id, stored hash and password hash: a changed password is another entry.
    /// Wrong passwords are not remembered, so guessing can't push the right ones out.
    right: scc::HashCache<[u8; 32], ()>,
    /// Argon2 computations that may still start: each holds its megabytes, and more than one per core
    /// gains nothing.
    free: Mutex<usize>,
    freed: Condvar,
}

impl Default for Passwords {
    fn default() -> Self {
        Self {
            right: scc::HashCache::with_capacity(64, REMEMBERED),
            free: Mutex::new(available_parallelism().map_or(1, usize::from)),
            freed: Condvar::new(),
        }
    }
}

impl Passwords {
    /// Whether `password` is the credential's. Cheap the second time; else blocks for milliseconds.
    pub(super) fn verify(&self, credential: &Credential, password: &[u8]) -> bool {
        if password.len() > MAX_SECRET {
            return false;
        }
        let entry: [u8; 32] = Sha256::new()
            .chain_update(credential.id.to_le_bytes())
            .chain_update(Sha256::digest(password))
            .chain_update(credential.password_hash.as_bytes())
            .finalize()
            .into();
        if self.right.contains_sync(&entry) {
            return true;
        }
        let Ok(stored) = PasswordHash::new(&credential.password_hash) else {
            tracing::error!(credential = credential.id, "stored password hash can not be read");
            return false;
        };
        let right = {
            let _slot = self.slot();
            Argon2::default().verify_password(password, &stored).is_ok()
        };
        if right {
            // A full bucket evicts its oldest entry; an entry that another thread put first is as good.
            let _ = self.right.put_sync(entry, ());
        }
        right
    }

    fn slot(&self) -> Slot<'_> {
        let mut free = self.free.lock();
        self.freed.wait_while(&mut free, |free| *free == 0);
        *free -= 1;
        Slot(self)
    }
}

/// One running computation; given back on drop.
struct Slot<'a>(&'a Passwords);

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        *self.0.free.lock() += 1;
        self.0.freed.notify_one();
    }
}
