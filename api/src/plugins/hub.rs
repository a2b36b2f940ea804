//! The running hub follows the store: what became active is put into service, what is gone is taken out.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use fixstream_core::broker::Broker;
use fixstream_core::decode::{Archive, DecodeHost, KeptVersion};
use fixstream_core::telemetry::{Condition, Health};
use parking_lot::Mutex;

use super::install::Installer;
use super::store::{Entry, Stamp};

/// The plugins of a running hub.
pub struct Plugins {
    installer: Installer,
    decode: DecodeHost,
    health: Health,
    broker: OnceLock<Broker>,
    seen: Mutex<Seen>,
}

/// What was taken over from the store.
#[derive(Default)]
struct Seen {
    stamp: Option<Stamp>,
    /// The sums of what is in service, by name.
    active: BTreeMap<String, String>,
}

impl Plugins {
    /// Takes over what is installed. Blocks while it compiles.
    pub fn start(installer: Installer, decode: DecodeHost, health: Health) -> Self {
        let plugins = Self {
            installer,
            decode,
            health,
            broker: OnceLock::new(),
            seen: Mutex::default(),
        };
        plugins.follow();
        plugins
    }

    /// From now on `broker` is told about new manifests.
    pub fn tell(&self, broker: &Broker) {
        if self.broker.set(broker.clone()).is_ok() {
            broker.set_manifests(&self.decode.manifests());
        }
    }

    /// The way in for new plugins. After a change, call [`Plugins::follow`].
    pub fn installer(&self) -> &Installer {
        &self.installer
    }

    /// Whether the store was changed since the last look. Does not wait: while somebody takes changes over, there
    /// are none for others.
    pub fn may_have_changed(&self) -> bool {
        self.seen
            .try_lock()
            .is_some_and(|seen| seen.stamp.as_ref() != Some(&self.installer.store().stamp()))
    }

    /// Takes over what changed. Blocks while it compiles; decoding goes on meanwhile.
    pub fn follow(&self) {
        let mut seen = self.seen.lock();
        // taken before the look: what changes in between is seen the next time
        let stamp = self.installer.store().stamp();
        let entries = self.installer.store().plugins();
        let (mut kept, mut broken) = (Vec::new(), Vec::new());
        let mut actives = Vec::new();
        for entry in &entries {
            for (archive, version) in self.admitted(entry, &mut broken) {
                if version.version == entry.active {
                    actives.push((archive, version.sums.clone()));
                }
                kept.push(version);
            }
        }
        // first, so that whoever pins the version that leaves finds it
        self.decode.keep(kept);
        let mut changed = false;
        let mut active = BTreeMap::new();
        for (archive, sums) in actives {
            let name = archive.bundle.manifest.name.clone();
            if seen.active.get(&name) != Some(&sums) {
                changed = true;
                if let Err(error) = self.decode.put(&archive.bundle) {
                    tracing::error!(plugin = name, %error, "plugin not loaded");
                    broken.push(error.to_string());
                    continue;
                }
            }
            active.insert(name, sums);
        }
        for (name, sums) in &seen.active {
            if active.contains_key(name) {
                continue;
            }
            if entries.iter().any(|entry| entry.name == *name) {
                // the new version can not run: the one before it stays in service
                active.insert(name.clone(), sums.clone());
            } else {
                self.decode.unload(name);
                changed = true;
            }
        }
        seen.active = active;
        seen.stamp = Some(stamp);
        self.health.set(
            "plugins",
            if broken.is_empty() {
                Condition::Ok
            } else {
                Condition::Degraded(broken.join("; "))
            },
        );
        if let (true, Some(broker)) = (changed, self.broker.get()) {
            broker.set_manifests(&self.decode.manifests());
        }
    }

    /// The versions of a plugin that may run here.
    fn admitted(&self, entry: &Entry, broken: &mut Vec<String>) -> Vec<(Archive, KeptVersion)> {
        let mut admitted = Vec::new();
        for version in &entry.versions {
            let read = Archive::open(&version.folder).map_err(|error| error.to_string());
            let archive = read.and_then(|archive| {
                let manifest = &archive.bundle.manifest;
                if manifest.name != entry.name || manifest.version.to_string() != version.version {
                    return Err(format!(
                        "{} holds {} {}",
                        version.folder.display(),
                        manifest.name,
                        manifest.version
                    ));
                }
                let signed = self.installer.policy().admit(&archive);
                signed.map_err(|error| error.to_string())?;
                Ok(archive)
            });
            match archive {
                Ok(archive) => {
                    let kept = KeptVersion {
                        name: entry.name.clone(),
                        version: version.version.clone(),
                        sums: archive.bundle.sums(),
                        folder: version.folder.clone(),
                    };
                    admitted.push((archive, kept));
                }
                // a kept version that nobody uses is no trouble of the hub
                Err(error) if version.version == entry.active => {
                    tracing::error!(plugin = entry.name, %error, "plugin not loaded");
                    broken.push(format!("{}: {error}", entry.name));
                }
                Err(error) => tracing::warn!(plugin = entry.name, %error, "a kept version can not be used"),
            }
        }
        if !entry.versions.iter().any(|kept| kept.version == entry.active) {
            broken.push(format!("{}: version {} is not there", entry.name, entry.active));
        }
        admitted
    }
}
