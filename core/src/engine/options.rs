//! Options of the engine, and what its users need to know.

use std::ffi::OsString;
use std::path::PathBuf;

/// Options of the embedded engine.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// `libchdb.so`; `None`: searched (`FIXSTREAM_LIBCHDB`, cache folder).
    pub library: Option<PathBuf>,
    /// Data folder.
    pub data: PathBuf,
    /// HTTP port on 127.0.0.1; 0 = any free one.
    pub http_port: u16,
    /// Native TCP port; `None` = closed, 0 = any free one.
    pub tcp_port: Option<u16>,
    /// Memory limit, bytes.
    pub max_memory: u64,
}

/// What one needs to talk to it.
#[derive(Clone)]
pub struct Access {
    /// `http://127.0.0.1:PORT`.
    pub url: String,
    /// Writing user.
    pub user: String,
    /// Its password (random per data folder, kept in a 0600 file there).
    pub password: String,
    /// Read-only user for analysts. It exists only while the sandbox does ([`Sandbox::Required`]).
    pub analyst_user: String,
    /// Its password.
    pub analyst_password: String,
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Access")
            .field("url", &self.url)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// How the child is launched. The default runs the program's own subcommand `clickhouse`.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The program; `None`: `current_exe()`.
    pub executable: Option<PathBuf>,
    /// What stands before the launcher's own arguments.
    pub prefix: Vec<OsString>,
    /// Whether the file sandbox is a condition.
    pub sandbox: Sandbox,
}

impl Default for Launch {
    fn default() -> Self {
        Self {
            executable: None,
            prefix: vec!["clickhouse".into()],
            sandbox: Sandbox::from_environment(),
        }
    }
}

/// Whether the child may run where the kernel can't confine it (Landlock, Linux 5.19 and later).
///
/// Without it ClickHouse's scalar function `file()` reads any file that our user can read, for every
/// ClickHouse user. So where the sandbox is optional there is no analyst user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sandbox {
    /// Refuse to start without it.
    Required,
    /// Go on without it, without the analyst user.
    Optional,
}

impl Sandbox {
    /// `FIXSTREAM_ENGINE_SANDBOX=optional` is the explicit consent to run without; all else requires it.
    fn from_environment() -> Self {
        match std::env::var("FIXSTREAM_ENGINE_SANDBOX").as_deref() {
            Ok("optional") => Self::Optional,
            _ => Self::Required,
        }
    }

    /// The launcher's argument.
    pub(super) const fn argument(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Optional => "optional",
        }
    }
}
