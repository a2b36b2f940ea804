//! What keeps the engine's session open, and ends it: a pipe and a pseudo-terminal.
//!
//! The session's last query reads the pipe, where nothing ever comes, so it waits at no cost until the
//! pipe is closed. The terminal on stdin, with `--interactive`, is not decoration: a session that is
//! not interactive installs an error handler with which one malformed request ends the process.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rustix::fs::{Mode, OFlags};
use rustix::pty::OpenptFlags;

/// Prompts to answer, at most, while a session ends: one each 100 ms.
const EXIT_ATTEMPTS: usize = 300;
/// A session that has not ended so long after it was asked to is ended by force.
const PATIENCE: Duration = Duration::from_secs(30);
/// Exit code of that.
const EXIT_STUCK: i32 = 3;

/// The two ends that hold the session open.
pub(super) struct Hold {
    /// What the last query reads.
    wait: OwnedFd,
    release: Release,
}

/// Ends the session. Cheap to clone.
#[derive(Clone)]
pub(super) struct Release {
    pipe: Arc<Mutex<Option<OwnedFd>>>,
    terminal: Arc<OwnedFd>,
}

impl Hold {
    /// Puts a terminal on stdin and `/dev/null` on stdout, and opens the pipe.
    pub(super) fn new() -> std::io::Result<Self> {
        let terminal = rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        rustix::pty::grantpt(&terminal)?;
        rustix::pty::unlockpt(&terminal)?;
        let name = rustix::pty::ptsname(&terminal, Vec::new())?;
        let slave = rustix::fs::open(
            name,
            OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        rustix::stdio::dup2_stdin(&slave)?;
        rustix::stdio::dup2_stdout(OpenOptions::new().write(true).open("/dev/null")?)?;
        let (wait, pipe) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
        let release = Release {
            pipe: Arc::new(Mutex::new(Some(pipe))),
            terminal: Arc::new(terminal),
        };
        Ok(Self { wait, release })
    }

    /// The descriptor for the last query to read.
    pub(super) fn descriptor(&self) -> RawFd {
        self.wait.as_raw_fd()
    }

    /// What ends the session.
    pub(super) fn release(&self) -> Release {
        self.release.clone()
    }
}

impl Release {
    /// Ends the last query and answers the prompt that follows it; then the engine's call returns.
    /// Blocks until the process is gone; to be called on a thread of its own.
    pub(super) fn end(&self, why: &str) -> ! {
        self.pipe.lock().take();
        say(&format!("stopping: {why}"));
        for _ in 0..EXIT_ATTEMPTS {
            // A full or closed terminal changes nothing: the force below ends the process then.
            let _ = rustix::io::write(&*self.terminal, b"exit\n");
            std::thread::sleep(PATIENCE / EXIT_ATTEMPTS as u32);
        }
        say(&format!("the engine did not stop in {} s", PATIENCE.as_secs()));
        super::ffi::exit_now(EXIT_STUCK)
    }
}

/// Writes a line to stderr. Unlike `eprintln!` it does not panic when nobody reads it any more, which is so
/// exactly when the parent was killed.
pub(super) fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "fixstream clickhouse: {line}");
}
