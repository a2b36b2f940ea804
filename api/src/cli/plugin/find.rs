//! Finds the plugin that a command is about.

use std::path::{Path, PathBuf};

use fixstream_core::decode::{
    Archive, DecodeHost, DecodeOptions, MANIFEST_FILE, Manifest, Trial, VECTORS_FILE,
};

use crate::cli::Failure;
use crate::config::Config;
use crate::plugins::{Store, lines};
use crate::vectors::Line;

/// A plugin as it was found, and where a crate's vectors are.
pub(super) struct Found {
    pub archive: Archive,
    /// Where to look for vectors that are not in the bundle.
    beside: PathBuf,
}

/// Finds a plugin by path (bundle folder, `.fsp` file, or the folder of a crate that was built), else by name: the
/// installed active version, then `FIXSTREAM_PLUGINS`, then `plugins` beside the folder of the program.
pub(super) fn find(plugin: &str, config: &Config) -> Result<Found, Failure> {
    let path = Path::new(plugin);
    if path.is_file() {
        return Ok(Found {
            archive: Archive::open(path)?,
            beside: path.with_extension(""),
        });
    }
    if path.join(MANIFEST_FILE).is_file() {
        return Ok(Found {
            archive: Archive::open(&built(path)?)?,
            beside: path.to_owned(),
        });
    }
    let store = Store::open(config.plugin_folder())?;
    let installed = store
        .plugin(plugin)
        .and_then(|entry| Some(entry.version(&entry.active)?.folder.clone()));
    let beside_program = std::env::current_exe()
        .ok()
        .and_then(|exe| Some(exe.parent()?.parent()?.join("plugins")));
    let folder = installed
        .into_iter()
        .chain(
            std::env::var_os("FIXSTREAM_PLUGINS")
                .map(PathBuf::from)
                .into_iter()
                .chain(beside_program)
                .map(|place| place.join(plugin)),
        )
        .find(|folder| folder.join(MANIFEST_FILE).is_file())
        .ok_or_else(|| format!("no plugin {plugin:?}: give a bundle folder or a .fsp file, or install it with `fixstream plugin install FILE`"))?;
    Ok(Found {
        archive: Archive::open(&folder)?,
        beside: folder,
    })
}

/// The bundle of a folder: itself, or what `plugin build` made of it.
fn built(folder: &Path) -> Result<PathBuf, Failure> {
    let path = folder.join(MANIFEST_FILE);
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let manifest = Manifest::parse(&text, &path)?;
    if folder.join(&manifest.component).exists() || !folder.join("Cargo.toml").exists() {
        return Ok(folder.to_owned());
    }
    // the crate's own target folder, else that of the workspace around it
    let bundle = std::path::absolute(folder)?
        .ancestors()
        .map(|folder| folder.join("target/fixstream").join(&manifest.name))
        .find(|bundle| bundle.join(MANIFEST_FILE).is_file())
        .ok_or_else(|| {
            format!(
                "{} is not built yet: `fixstream plugin build {0}`",
                folder.display()
            )
        })?;
    Ok(bundle)
}

impl Found {
    /// The plugin's own vectors: those in the bundle, else those of its crate. Empty where there are none.
    pub(super) fn vectors(&self) -> Result<Vec<Line>, Failure> {
        if let Some(bytes) = &self.archive.bundle.vectors {
            return lines(bytes).map_err(|error| format!("{VECTORS_FILE}: {error}").into());
        }
        let file = self.beside.join("tests").join(VECTORS_FILE);
        if file.is_file() {
            return read_vectors(&file);
        }
        Ok(Vec::new())
    }
}

/// The lines of a file of vectors.
pub(super) fn read_vectors(file: &Path) -> Result<Vec<Line>, Failure> {
    let bytes = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    lines(&bytes).map_err(|error| format!("{}: {error}", file.display()).into())
}

/// A sandbox for commands that try plugins; its compiled code goes with it.
pub(super) struct Bench {
    host: DecodeHost,
    // removed with the value
    _cache: tempfile::TempDir,
}

impl Bench {
    /// With the limits of the configuration.
    pub(super) fn start(config: &Config) -> Result<Self, Failure> {
        let cache = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
        let host = DecodeHost::start(DecodeOptions {
            workers: 1,
            cache: cache.path().to_owned(),
            ..config.decode_options()
        })?;
        Ok(Self { host, _cache: cache })
    }

    /// A plugin to try.
    pub(super) fn trial(&self, found: &Found) -> Result<Trial, Failure> {
        Ok(self.host.trial(&found.archive.bundle)?)
    }
}
