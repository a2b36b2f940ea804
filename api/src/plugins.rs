//! Installed plugins: `<data>/plugins/<name>/{plugin.toml, …}`, one folder each, replaced by rename.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use fixstream_core::decode::{Bundle, Manifest, PluginError};

/// The folder of installed plugins, with what was seen of it last.
pub struct PluginFolder {
    path: PathBuf,
    seen: BTreeMap<String, SystemTime>,
    looked: Option<SystemTime>,
}

/// A plugin in the folder.
pub struct Installed {
    /// Name.
    pub name: String,
    /// Its bundle.
    pub folder: PathBuf,
}

/// What changed since the last look.
#[derive(Default)]
pub struct Changes {
    /// New or replaced.
    pub added: Vec<Installed>,
    /// Gone.
    pub removed: Vec<String>,
}

impl PluginFolder {
    /// Looks at `path`, which need not exist.
    pub fn new(path: PathBuf) -> Self {
        Self {
            path,
            seen: BTreeMap::new(),
            looked: None,
        }
    }

    /// Whether a plugin was added, replaced or removed: installs are renames, which touch the folder itself.
    pub fn may_have_changed(&self) -> bool {
        modified(&self.path) != self.looked
    }

    /// What is new and what is gone.
    pub fn changes(&mut self) -> Changes {
        self.looked = modified(&self.path);
        let mut now = BTreeMap::new();
        for folder in bundles_in(&self.path) {
            let (Some(name), Some(time)) = (
                folder.file_name().and_then(|name| name.to_str()),
                modified(&folder),
            ) else {
                continue;
            };
            now.insert(name.to_owned(), time);
        }
        let added = now
            .iter()
            .filter(|(name, time)| self.seen.get(*name) != Some(time))
            .map(|(name, _)| Installed {
                name: name.clone(),
                folder: self.path.join(name),
            })
            .collect();
        let removed = self
            .seen
            .keys()
            .filter(|name| !now.contains_key(*name))
            .cloned()
            .collect();
        self.seen = now;
        Changes { added, removed }
    }
}

/// Folders below `path` that hold a `plugin.toml`; hidden ones are installs under way.
pub fn bundles_in(path: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(path)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|folder| {
            !folder
                .file_name()
                .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
        })
        .filter(|folder| folder.join("plugin.toml").is_file())
        .collect();
    found.sort();
    found
}

/// Why a plugin was not installed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// The bundle is wrong.
    #[error(transparent)]
    Plugin(#[from] PluginError),
    /// File access.
    #[error("{path}: {source}")]
    Io {
        /// File.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
}

/// Checks the bundle and puts it into `plugins` in one rename; a running server picks it up at once.
pub fn install(bundle: &Path, plugins: &Path) -> Result<Manifest, InstallError> {
    let read = Bundle::read(bundle)?;
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| InstallError::Io { path, source }
    };
    let name = read.manifest.name.clone();
    let (fresh, target, old) = (
        plugins.join(format!(".{name}.new")),
        plugins.join(&name),
        plugins.join(format!(".{name}.old")),
    );
    for leftover in [&fresh, &old] {
        if leftover.exists() {
            std::fs::remove_dir_all(leftover).map_err(io(leftover))?;
        }
    }
    std::fs::create_dir_all(&fresh).map_err(io(&fresh))?;
    let manifest = bundle.join("plugin.toml");
    std::fs::copy(&manifest, fresh.join("plugin.toml")).map_err(io(&manifest))?;
    let component = fresh.join(&read.manifest.component);
    // the very bytes that were checked, not a second read
    std::fs::write(&component, &read.component).map_err(io(&component))?;
    if target.exists() {
        std::fs::rename(&target, &old).map_err(io(&target))?;
    }
    std::fs::rename(&fresh, &target).map_err(io(&target))?;
    if old.exists() {
        std::fs::remove_dir_all(&old).map_err(io(&old))?;
    }
    Ok(read.manifest)
}

fn modified(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path)
        .and_then(|metadata| metadata.modified())
        .ok()
}
