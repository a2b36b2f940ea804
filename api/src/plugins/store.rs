//! Versions of plugins on disk, and which of them is active.
//!
//! ```text
//! plugins/
//!   .lock                 held while something is changed
//!   .stamp                a number that grows with each change
//!   teltonika/
//!     active.json         {"active":"1.1.0","before":["1.0.0"]}, replaced by rename
//!     1.0.0/              plugin.toml decoder.wasm [vectors.jsonl] SHA256SUMS [SHA256SUMS.minisig]
//!     1.1.0/
//! ```
//!
//! A version is written beside its place and renamed into it; after a crash there is the old state or the new one,
//! and perhaps a hidden folder, which the next change removes.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use fixstream_core::decode::{Archive, Bundle, MANIFEST_FILE, SIGNATURE_FILE, SUMS_FILE};
use fixstream_core::registry::Pins;
use serde::{Deserialize, Serialize};

use super::error::InstallError;

const ACTIVE_FILE: &str = "active.json";
const LOCK_FILE: &str = ".lock";
const STAMP_FILE: &str = ".stamp";
/// Versions of a plugin that are kept, at most.
const MAX_VERSIONS: usize = 32;
/// Earlier versions that a rollback finds its way back over, at most.
const MAX_BEFORE: usize = 32;

/// The folder of installed plugins.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

/// An installed plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Name.
    pub name: String,
    /// The active version; kept versions include it.
    pub active: String,
    /// All kept versions, the oldest number first.
    pub versions: Vec<Version>,
}

/// A kept version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Its number, as the manifest says it.
    pub version: String,
    /// Its bundle folder.
    pub folder: PathBuf,
}

/// Tells whether anything was changed since: by a command, or by hand at the top level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp(Option<Vec<u8>>, Option<SystemTime>);

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Active {
    active: String,
    /// Versions that were active before, the last one last.
    #[serde(default)]
    before: Vec<String>,
}

impl Entry {
    /// The folder of a version.
    pub fn version(&self, version: &str) -> Option<&Version> {
        self.versions.iter().find(|kept| kept.version == version)
    }

    fn unknown_version(&self, version: &str) -> InstallError {
        let kept: Vec<&str> = self.versions.iter().map(|kept| kept.version.as_str()).collect();
        InstallError::UnknownVersion {
            name: self.name.clone(),
            version: version.to_owned(),
            kept: kept.join(", "),
        }
    }
}

impl Store {
    /// The store in `root`, which need not exist. Plugins that an earlier program laid out without versions are moved.
    pub fn open(root: PathBuf) -> Result<Self, InstallError> {
        let store = Self { root };
        let old: Vec<PathBuf> = folders(&store.root)
            .into_iter()
            .filter(|folder| folder.join(MANIFEST_FILE).is_file() && !folder.join(ACTIVE_FILE).exists())
            .collect();
        if !old.is_empty() {
            let _lock = store.lock()?;
            for folder in old {
                // one that is broken stays as it is: there is nothing in it that could run
                if let Err(error) = Self::move_old(&folder) {
                    tracing::error!(folder = %folder.display(), %error, "an installed plugin can not be read");
                }
            }
            store.changed()?;
        }
        Ok(store)
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// All plugins, by name.
    pub fn plugins(&self) -> Vec<Entry> {
        folders(&self.root)
            .iter()
            .filter_map(|folder| self.plugin(folder.file_name()?.to_str()?))
            .collect()
    }

    /// The plugin of this name.
    pub fn plugin(&self, name: &str) -> Option<Entry> {
        if name.is_empty() || name.starts_with('.') || name.contains(['/', '\\', '\0']) {
            return None;
        }
        let folder = self.root.join(name);
        let Active { active, .. } = read_active(&folder)?;
        let mut versions: Vec<Version> = folders(&folder)
            .into_iter()
            .filter(|version| version.join(MANIFEST_FILE).is_file())
            .filter_map(|folder| {
                let version = folder.file_name()?.to_str()?.to_owned();
                Some(Version { version, folder })
            })
            .collect();
        versions.sort_by_cached_key(|kept| semver::Version::parse(&kept.version).ok());
        Some(Entry {
            name: name.to_owned(),
            active,
            versions,
        })
    }

    /// Keeps a version and makes it the active one. The same bytes again are fine; other bytes under a number that
    /// is there are refused, unless `replace`.
    pub(super) fn put(&self, archive: &Archive, replace: bool) -> Result<(), InstallError> {
        let _lock = self.lock()?;
        let bundle = &archive.bundle;
        let (name, version) = (&bundle.manifest.name, bundle.manifest.version.to_string());
        let home = self.root.join(name);
        let target = home.join(&version);
        let before = self.plugin(name);
        if target.exists() {
            let kept = Archive::open(&target).ok();
            let same = kept
                .as_ref()
                .is_some_and(|kept| kept.bundle.sums() == bundle.sums());
            if !same && !replace {
                return Err(InstallError::OtherBuild {
                    name: name.clone(),
                    version,
                });
            }
            // the same bytes with another signature are written again
            if same && kept.is_some_and(|kept| kept.signature == archive.signature) {
                return self.make_active(name, &version);
            }
        } else if before.is_some_and(|entry| entry.versions.len() >= MAX_VERSIONS) {
            return Err(InstallError::TooMany {
                name: name.clone(),
                most: MAX_VERSIONS,
            });
        }
        write_version(archive, &home, &version)?;
        self.make_active(name, &version)
    }

    /// Makes a kept version the active one.
    pub fn activate(&self, name: &str, version: &str) -> Result<(), InstallError> {
        let _lock = self.lock()?;
        self.is_kept(name, version)?;
        self.make_active(name, version)
    }

    /// The version that a rollback would make active.
    pub fn earlier(&self, name: &str) -> Result<String, InstallError> {
        let entry = self.known(name)?;
        let before = read_active(&self.root.join(name)).unwrap_or_default().before;
        before
            .into_iter()
            .rev()
            .find(|version| *version != entry.active && entry.version(version).is_some())
            .ok_or_else(|| InstallError::NothingBefore(name.to_owned()))
    }

    /// Makes the version active that was active before; the one that is left is not come back to. Returns it.
    pub fn rollback(&self, name: &str) -> Result<String, InstallError> {
        let _lock = self.lock()?;
        let version = self.earlier(name)?;
        let home = self.root.join(name);
        let mut before = read_active(&home).unwrap_or_default().before;
        if let Some(place) = before.iter().rposition(|known| *known == version) {
            before.truncate(place);
        }
        let active = version.clone();
        write_active(&home, &Active { active, before })?;
        self.changed()?;
        Ok(version)
    }

    /// Removes a version, or with `None` the plugin, unless somebody pins it.
    pub fn remove_unpinned(
        &self,
        pins: &Pins,
        name: &str,
        version: Option<&str>,
    ) -> Result<(), InstallError> {
        let is_it = |pinned: &str| version.is_none_or(|version| version == pinned);
        let links = pins
            .links
            .iter()
            .filter_map(|link| link.pin.as_deref())
            .filter(|pin| is_it(pin))
            .count();
        let trackers = pins.trackers.iter().filter(|(_, pin)| is_it(pin)).count();
        let known = self.known(name)?;
        if let Some(version) = version
            && known.version(version).is_none()
        {
            return Err(known.unknown_version(version));
        }
        if links + trackers > 0 {
            return Err(InstallError::Pinned {
                what: version.map_or_else(|| name.to_owned(), |version| format!("{name} {version}")),
                by: format!("{links} links and {trackers} trackers"),
            });
        }
        match version {
            None => self.remove(name),
            Some(version) => self.remove_version(name, version),
        }
    }

    /// Removes a plugin with all its versions.
    pub(super) fn remove(&self, name: &str) -> Result<(), InstallError> {
        let _lock = self.lock()?;
        self.known(name)?;
        let (home, gone) = (self.root.join(name), self.root.join(format!(".{name}.gone")));
        remove_folder(&gone)?;
        fs::rename(&home, &gone).map_err(InstallError::io(&home))?;
        self.changed()?;
        remove_folder(&gone)
    }

    /// Removes a version that is not active.
    pub(super) fn remove_version(&self, name: &str, version: &str) -> Result<(), InstallError> {
        let _lock = self.lock()?;
        let entry = self.known(name)?;
        let Some(kept) = entry.version(version) else {
            return Err(entry.unknown_version(version));
        };
        if entry.active == version {
            return Err(InstallError::IsActive {
                name: name.to_owned(),
                version: version.to_owned(),
            });
        }
        let gone = self.root.join(name).join(".gone");
        remove_folder(&gone)?;
        fs::rename(&kept.folder, &gone).map_err(InstallError::io(&kept.folder))?;
        self.changed()?;
        remove_folder(&gone)
    }

    /// See [`Stamp`].
    pub(super) fn stamp(&self) -> Stamp {
        let modified = fs::metadata(&self.root).and_then(|metadata| metadata.modified());
        Stamp(fs::read(self.root.join(STAMP_FILE)).ok(), modified.ok())
    }

    /// A kept version; an error says which are kept.
    pub fn is_kept(&self, name: &str, version: &str) -> Result<Version, InstallError> {
        let entry = self.known(name)?;
        let kept = entry
            .version(version)
            .ok_or_else(|| entry.unknown_version(version))?;
        Ok(kept.clone())
    }

    fn known(&self, name: &str) -> Result<Entry, InstallError> {
        self.plugin(name)
            .ok_or_else(|| InstallError::Unknown(name.to_owned()))
    }

    fn make_active(&self, name: &str, version: &str) -> Result<(), InstallError> {
        let home = self.root.join(name);
        let mut state = read_active(&home).unwrap_or_default();
        if state.active != version {
            let left = std::mem::replace(&mut state.active, version.to_owned());
            state.before.retain(|known| *known != left && *known != version);
            if !left.is_empty() {
                state.before.push(left);
            }
            let excess = state.before.len().saturating_sub(MAX_BEFORE);
            state.before.drain(..excess);
            write_active(&home, &state)?;
        }
        self.changed()
    }

    /// `<name>/plugin.toml` becomes `<name>/<version>/plugin.toml`.
    fn move_old(home: &Path) -> Result<(), InstallError> {
        let bundle = Bundle::read(home)?;
        let version = bundle.manifest.version.to_string();
        let component = home.join(&bundle.manifest.component);
        let archive = Archive {
            bundle,
            signature: None,
        };
        write_version(&archive, home, &version)?;
        let active = Active {
            active: version,
            before: Vec::new(),
        };
        write_active(home, &active)?;
        for file in [home.join(MANIFEST_FILE), component] {
            fs::remove_file(&file).map_err(InstallError::io(&file))?;
        }
        Ok(())
    }

    /// One change at a time, over all processes.
    fn lock(&self) -> Result<File, InstallError> {
        fs::create_dir_all(&self.root).map_err(InstallError::io(&self.root))?;
        let path = self.root.join(LOCK_FILE);
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(InstallError::io(&path))?;
        file.lock().map_err(InstallError::io(&path))?;
        Ok(file)
    }

    /// Tells a running hub. Only with the lock in hand.
    fn changed(&self) -> Result<(), InstallError> {
        let path = self.root.join(STAMP_FILE);
        let before = fs::read_to_string(&path)
            .ok()
            .and_then(|text| text.trim().parse::<u64>().ok());
        // never a number that was there before, even where the file was lost
        let now = fixstream_core::clock::now().0.unsigned_abs();
        let next = before.map_or(now, |before| before.wrapping_add(1));
        replace(&path, format!("{next}\n").as_bytes())
    }
}

/// Writes a version into its place; what was there before goes.
fn write_version(archive: &Archive, home: &Path, version: &str) -> Result<(), InstallError> {
    let (fresh, old) = (home.join(".new"), home.join(".gone"));
    remove_folder(&fresh)?;
    remove_folder(&old)?;
    fs::create_dir_all(&fresh).map_err(InstallError::io(&fresh))?;
    let sums = archive.bundle.sums();
    let mut files = archive.bundle.files();
    files.push((SUMS_FILE, sums.as_bytes()));
    files.extend(
        archive
            .signature
            .as_deref()
            .map(|signature| (SIGNATURE_FILE, signature.as_bytes())),
    );
    for (file, bytes) in files {
        // the very bytes that were checked, not a second read
        write_synced(&fresh.join(file), bytes)?;
    }
    let target = home.join(version);
    if target.exists() {
        fs::rename(&target, &old).map_err(InstallError::io(&target))?;
    }
    fs::rename(&fresh, &target).map_err(InstallError::io(&target))?;
    remove_folder(&old)
}

fn read_active(home: &Path) -> Option<Active> {
    let bytes = fs::read(home.join(ACTIVE_FILE)).ok()?;
    serde_json::from_slice(&bytes).ok()
}

fn write_active(home: &Path, active: &Active) -> Result<(), InstallError> {
    let path = home.join(ACTIVE_FILE);
    let bytes =
        serde_json::to_vec(active).map_err(|error| InstallError::io(&path)(std::io::Error::other(error)))?;
    replace(&path, &bytes)
}

/// A file is replaced as a whole: readers see the old bytes or the new ones.
fn replace(path: &Path, bytes: &[u8]) -> Result<(), InstallError> {
    let fresh = path.with_extension("new");
    write_synced(&fresh, bytes)?;
    fs::rename(&fresh, path).map_err(InstallError::io(path))
}

fn write_synced(path: &Path, bytes: &[u8]) -> Result<(), InstallError> {
    let write = || -> std::io::Result<()> {
        let mut file = File::create(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(InstallError::io(path))
}

fn remove_folder(path: &Path) -> Result<(), InstallError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(InstallError::io(path)(error)),
        _ => Ok(()),
    }
}

/// The folders in a folder, by name; hidden ones are work under way.
fn folders(path: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(path)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            let hidden = path
                .file_name()
                .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
            !hidden && path.is_dir()
        })
        .collect();
    found.sort();
    found
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
