//! Why a plugin was not installed, activated or removed.

use std::path::PathBuf;

use fixstream_core::decode::PluginError;

/// Why a plugin was not installed, activated or removed. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// The bundle is wrong.
    #[error(transparent)]
    Plugin(#[from] PluginError),
    /// Its signature does not meet the policy.
    #[error("{0}")]
    Signature(String),
    /// It does not do what its own vectors say.
    #[error("{failed} of its own {total} vectors failed: {first}")]
    Vectors {
        /// Vectors that failed.
        failed: usize,
        /// All of them.
        total: usize,
        /// The first, with what is wrong.
        first: String,
    },
    /// Its vectors can not be read.
    #[error("its vectors: {0}")]
    BadVectors(String),
    /// Other bytes are kept under the same version.
    #[error(
        "{name} {version} is installed with other content: raise the version, or replace it with --replace (replace=true)"
    )]
    OtherBuild {
        /// Name.
        name: String,
        /// Version.
        version: String,
    },
    /// No room for another version.
    #[error(
        "{most} versions of {name} are kept, remove one: `fixstream plugin remove {name} --version VERSION`"
    )]
    TooMany {
        /// Name.
        name: String,
        /// Versions that may be kept.
        most: usize,
    },
    /// No plugin of this name.
    #[error("no plugin {0:?} is installed; `fixstream plugin list` shows what there is")]
    Unknown(String),
    /// The plugin has no such version.
    #[error("{name} has no version {version}; kept are {kept}")]
    UnknownVersion {
        /// Name.
        name: String,
        /// What was asked for.
        version: String,
        /// What there is.
        kept: String,
    },
    /// The active version can not be removed by itself.
    #[error(
        "{version} is the active version of {name}: activate another one first, or remove the whole plugin"
    )]
    IsActive {
        /// Name.
        name: String,
        /// Version.
        version: String,
    },
    /// There is no earlier version to go back to.
    #[error("{0} has no earlier version to go back to")]
    NothingBefore(String),
    /// Somebody pins it.
    #[error("{what} is pinned by {by}; take the pins back first")]
    Pinned {
        /// Plugin or version.
        what: String,
        /// By how many of what.
        by: String,
    },
    /// File access.
    #[error("{path}: {source}")]
    Io {
        /// File.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
}

impl InstallError {
    /// A failed file access at `path`.
    pub(super) fn io(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}
