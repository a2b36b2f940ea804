//! The one way in: whatever is installed, activated or rolled back to passes the same checks before it is live.

use fixstream_core::decode::{Archive, DecodeHost, DecodeOptions};

use super::check::{check, lines};
use super::error::InstallError;
use super::signature::{Policy, SignedBy};
use super::store::Store;
use crate::config::Config;

/// Checks plugins and changes the store. Everything here blocks, for as long as compiling takes.
#[derive(Clone)]
pub struct Installer {
    host: DecodeHost,
    store: Store,
    policy: Policy,
}

/// A version that passed all checks.
#[derive(Debug, Clone)]
pub struct Installed {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// SHA-256 of the component.
    pub sha256: String,
    /// Who signed it.
    pub signed: SignedBy,
    /// Vectors of its own that it met.
    pub vectors: usize,
}

impl Installer {
    /// Checks with the sandbox of `host`.
    pub fn new(host: DecodeHost, store: Store, policy: Policy) -> Self {
        Self { host, store, policy }
    }

    /// For commands beside a hub, with a sandbox of their own. It compiles into the hub's cache, so that the hub,
    /// which follows in a moment, finds the code there.
    pub fn for_commands(config: &Config) -> Result<Self, InstallError> {
        let host = DecodeHost::start(DecodeOptions {
            workers: 1,
            ..config.decode_options()
        })?;
        let policy = config.plugin_policy().map_err(InstallError::Signature)?;
        Ok(Self::new(host, Store::open(config.plugin_folder())?, policy))
    }

    /// The versions on disk.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Whose plugins may run.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// All checks: signature, manifest, imports, version of the contract, start, and its own vectors. Nothing is
    /// changed.
    pub fn check(&self, archive: &Archive) -> Result<Installed, InstallError> {
        let signed = self.policy.admit(archive)?;
        let mut trial = self.host.trial(&archive.bundle)?;
        let vectors =
            lines(archive.bundle.vectors.as_deref().unwrap_or_default()).map_err(InstallError::BadVectors)?;
        let checked =
            check(&mut trial, &vectors.iter().collect::<Vec<_>>()).map_err(InstallError::BadVectors)?;
        if let Some(first) = checked.failures.first() {
            return Err(InstallError::Vectors {
                failed: checked.failures.len(),
                total: vectors.len(),
                first: first.clone(),
            });
        }
        let manifest = trial.manifest();
        Ok(Installed {
            name: manifest.name.clone(),
            version: manifest.version.to_string(),
            sha256: trial.sha256().to_owned(),
            signed,
            vectors: checked.passed,
        })
    }

    /// Checks a plugin, keeps it and makes it the active version. `replace` allows other bytes under a version that
    /// is kept already.
    pub fn install(&self, archive: &Archive, replace: bool) -> Result<Installed, InstallError> {
        let installed = self.check(archive)?;
        self.store.put(archive, replace)?;
        Ok(installed)
    }

    /// Checks a kept version again (policy and program may have changed since) and makes it the active one.
    pub fn activate(&self, name: &str, version: &str) -> Result<Installed, InstallError> {
        let installed = self.check_kept(name, version)?;
        self.store.activate(name, version)?;
        Ok(installed)
    }

    /// Back to the version that was active before, or to `version`.
    pub fn rollback(&self, name: &str, version: Option<&str>) -> Result<Installed, InstallError> {
        if let Some(version) = version {
            return self.activate(name, version);
        }
        let installed = self.check_kept(name, &self.store.earlier(name)?)?;
        self.store.rollback(name)?;
        Ok(installed)
    }

    fn check_kept(&self, name: &str, version: &str) -> Result<Installed, InstallError> {
        self.check(&Archive::open(&self.store.is_kept(name, version)?.folder)?)
    }
}
