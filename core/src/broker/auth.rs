//! From a CONNECT to an identity, or to the return code that says no.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use argon2::password_hash::{PasswordHasher, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use super::frame::{Connect, Qos};
use super::policy::{Directory, Identity};
use crate::model::ClientId;
use crate::registry::{Credential, Registry, Role};

/// Client identifiers longer than this, bytes, are rejected.
const MAX_CLIENT_ID_BYTES: usize = 256;

/// Why a CONNECT is answered with no; the number is MQTT's return code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[repr(u8)]
pub enum ConnectRefusal {
    /// Empty without a clean session, too long, or with control characters.
    #[error("client identifier rejected")]
    Identifier = 2,
    /// The password could not be checked in time.
    #[error("server unavailable")]
    Unavailable = 3,
    /// Unknown user or wrong password: the two are not told apart.
    #[error("bad user name or password")]
    BadLogin = 4,
    /// The credential points at a link or tracker that is gone.
    #[error("not authorised")]
    NotAuthorised = 5,
}

/// A CONNECT that was let in.
#[derive(Debug)]
pub struct Accepted {
    /// Who it is.
    pub identity: Identity,
    /// Client id as sent, or one made for the connection.
    pub client_id: String,
    /// Forget the session before and after.
    pub clean: bool,
    /// Seconds, 0 = off.
    pub keep_alive: u16,
    /// Topic, payload and QoS of the will.
    pub will: Option<(String, Vec<u8>, Qos)>,
}

/// Checks logins. Passwords are verified on blocking threads, as many at a time as there are cores.
#[derive(Debug)]
pub struct Authenticator {
    verifying: Arc<Semaphore>,
    /// Verified in place of an unknown user's, so that the answer takes as long as for a known one.
    nobody: Arc<Credential>,
    made_ids: AtomicU64,
}

impl Authenticator {
    /// An authenticator that verifies `parallel` passwords at a time.
    pub fn new(parallel: usize) -> Self {
        // As costly as the registry's hashes of passwords that people chose.
        let cost = Params::new(8 * 1024, 2, 1, None).unwrap_or_default();
        let password_hash = SaltString::encode_b64(b"nobody has this")
            .and_then(|salt| {
                Argon2::new(Algorithm::Argon2id, Version::V0x13, cost)
                    .hash_password(b"nobody", &salt)
                    .map(|hash| hash.to_string())
            })
            .unwrap_or_default();
        let nobody = Credential {
            id: 0,
            username: String::new(),
            password_hash,
            client: ClientId(0),
            link: None,
            role: Role::App,
        };
        Self {
            verifying: Arc::new(Semaphore::new(parallel.max(1))),
            nobody: Arc::new(nobody),
            made_ids: AtomicU64::new(0),
        }
    }

    /// Lets `connect` in or says why not.
    pub async fn check(
        &self,
        connect: &Connect<'_>,
        registry: &Registry,
    ) -> Result<Accepted, ConnectRefusal> {
        let client_id = self.client_id(connect)?;
        let (Some(username), Some(password)) = (connect.username, connect.password) else {
            return Err(ConnectRefusal::BadLogin);
        };
        let known = registry.credential(username);
        let credential = known.clone().unwrap_or_else(|| self.nobody.clone());
        let turn = self
            .verifying
            .clone()
            .acquire_owned()
            .await
            .map_err(|_| ConnectRefusal::Unavailable)?;
        let verified = {
            let (registry, password) = (registry.clone(), password.to_vec());
            tokio::task::spawn_blocking(move || {
                // Kept to the end of the computation, also when nobody waits for it any more.
                let _turn = turn;
                registry.verify_password(&credential, &password)
            })
            .await
        };
        match (verified, known) {
            (Ok(true), Some(credential)) => {
                let identity = identify(registry, credential).ok_or(ConnectRefusal::NotAuthorised)?;
                let will = connect
                    .will
                    .as_ref()
                    .map(|will| (will.topic.to_owned(), will.payload.to_vec(), will.qos));
                Ok(Accepted {
                    identity,
                    client_id,
                    clean: connect.clean_session,
                    keep_alive: connect.keep_alive,
                    will,
                })
            }
            (Ok(_), _) => Err(ConnectRefusal::BadLogin),
            (Err(_), _) => Err(ConnectRefusal::Unavailable),
        }
    }

    fn client_id(&self, connect: &Connect<'_>) -> Result<String, ConnectRefusal> {
        let id = connect.client_id;
        if id.is_empty() && connect.clean_session {
            // Can not clash with ids that clients choose: those with control characters are refused.
            return Ok(format!("\u{1}{}", self.made_ids.fetch_add(1, Ordering::Relaxed)));
        }
        if id.is_empty() || id.len() > MAX_CLIENT_ID_BYTES || id.chars().any(char::is_control) {
            return Err(ConnectRefusal::Identifier);
        }
        Ok(id.to_owned())
    }
}

/// What the registry knows about `credential`; `None` when its link or tracker is gone.
pub fn identify(registry: &Registry, credential: Arc<Credential>) -> Option<Identity> {
    let vendor = match credential.link {
        Some(link) => Some(
            registry
                .link(link)
                .filter(|link| link.client == credential.client)?
                .vendor
                .clone(),
        ),
        None => None,
    };
    let imei = match credential.role {
        Role::Tracker(tracker) => registry
            .tracker(tracker)
            .filter(|tracker| tracker.client == credential.client)?
            .imei
            .clone(),
        Role::Gateway | Role::App => None,
    };
    Some(Identity {
        credential,
        vendor,
        imei,
    })
}

/// Whether the credential that a connection logged in with still stands as it was.
pub fn still_stands(registry: &Registry, identity: &Identity) -> Option<Identity> {
    let then = &identity.credential;
    let now = registry.credential(&then.username)?;
    let same = (now.id, now.client, now.role) == (then.id, then.client, then.role)
        && now.password_hash == then.password_hash;
    if same { identify(registry, now) } else { None }
}

/// The client of a credential, as the policy asks about it.
pub struct ClientDirectory<'a> {
    /// The registry.
    pub registry: &'a Registry,
    /// The client.
    pub client: ClientId,
}

impl Directory for ClientDirectory<'_> {
    fn has_link(&self, vendor: &str) -> bool {
        self.registry.link_to(self.client, vendor).is_some()
    }

    fn has_tracker(&self, imei: &str) -> bool {
        self.registry.tracker_by_imei(self.client, imei).is_some()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    fn connect(client_id: &str, clean_session: bool) -> Connect<'_> {
        Connect {
            client_id,
            clean_session,
            keep_alive: 0,
            will: None,
            username: None,
            password: None,
        }
    }

    #[test]
    fn an_empty_client_id_needs_a_clean_session_and_gets_a_name_of_its_own() {
        let authenticator = Authenticator::new(1);
        assert_eq!(
            authenticator.client_id(&connect("", false)),
            Err(ConnectRefusal::Identifier)
        );
        let (first, second) = (
            authenticator.client_id(&connect("", true)).unwrap(),
            authenticator.client_id(&connect("", true)).unwrap(),
        );
        assert_ne!(first, second);
        assert_eq!(
            authenticator.client_id(&connect("\u{1}0", true)),
            Err(ConnectRefusal::Identifier),
            "made names can not be chosen"
        );
        assert_eq!(
            authenticator.client_id(&connect(&"x".repeat(257), true)),
            Err(ConnectRefusal::Identifier)
        );
        assert_eq!(
            authenticator.client_id(&connect("dev/+#$", false)).as_deref(),
            Ok("dev/+#$")
        );
    }

    #[test]
    fn the_stand_in_for_unknown_users_has_a_real_hash() {
        assert!(Authenticator::new(1).nobody.password_hash.starts_with("$argon2"));
    }
}
