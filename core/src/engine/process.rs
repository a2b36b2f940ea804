//! One run of the child process.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, ChildStdin, Command};

/// Bytes of one line of the child's log that are passed on.
const LINE: usize = 4096;
/// Last lines kept for error messages.
const TAIL: usize = 8;
/// Time for a clean stop. It would wait another five seconds for clients that keep their connections open;
/// what it has acknowledged is synced (`fsync_after_insert`), so ending it then loses nothing.
const STOP: Duration = Duration::from_secs(2);

/// A running child. When it is dropped, the pipe on the child's stdin closes and the child stops.
pub(super) struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    tail: Tail,
}

/// The last lines that the child wrote.
#[derive(Clone, Default)]
pub(super) struct Tail(Arc<Mutex<VecDeque<String>>>);

impl Running {
    /// Starts `executable` with `arguments`, without our environment, in a process group of its own: a
    /// Ctrl-C in the terminal is for us, and the engine must outlive our last insert.
    pub(super) fn spawn(executable: &Path, arguments: &[OsString], folder: &Path) -> std::io::Result<Self> {
        let mut child = Command::new(executable)
            .args(arguments)
            .env_clear()
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let stdin = child.stdin.take();
        let tail = Tail::default();
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(follow(stderr, tail.clone()));
        }
        Ok(Self { child, stdin, tail })
    }

    /// Process id, while it runs.
    pub(super) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Returns when it has ended.
    pub(super) async fn ended(&mut self) -> std::io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Asks it to end, waits, and kills it if it does not.
    pub(super) async fn stop(&mut self) {
        self.stdin.take();
        if tokio::time::timeout(STOP, self.child.wait()).await.is_err() {
            tracing::debug!(
                pid = self.child.id(),
                "the clickhouse engine waits for its clients, ending it"
            );
            if let Err(error) = self.child.kill().await {
                tracing::error!(%error, "the clickhouse engine can not be killed");
            }
        }
    }

    /// What it said last.
    pub(super) fn tail(&self) -> String {
        self.tail
            .0
            .lock()
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join("; ")
    }
}

/// Passes the child's log on, line by line.
async fn follow(stream: impl AsyncRead + Unpin, tail: Tail) {
    let mut reader = BufReader::new(stream);
    let mut line = Vec::with_capacity(LINE);
    loop {
        match read_line(&mut reader, &mut line).await {
            Ok(true) => {}
            Ok(false) | Err(_) => return,
        }
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        if text.is_empty() {
            continue;
        }
        report(&text);
        let mut lines = tail.0.lock();
        if lines.len() == TAIL {
            lines.pop_front();
        }
        lines.push_back(text);
    }
}

/// Reads one line, keeping at most [`LINE`] bytes of it; false at the end of the stream.
async fn read_line(reader: &mut (impl AsyncBufReadExt + Unpin), line: &mut Vec<u8>) -> std::io::Result<bool> {
    line.clear();
    loop {
        let available = reader.fill_buf().await?;
        if available.is_empty() {
            return Ok(!line.is_empty());
        }
        let end = available.iter().position(|byte| *byte == b'\n');
        let taken = end.map_or(available.len(), |end| end + 1);
        let room = LINE.saturating_sub(line.len()).min(taken);
        line.extend_from_slice(available.get(..room).unwrap_or_default());
        reader.consume(taken);
        if end.is_some() {
            return Ok(true);
        }
    }
}

/// What ClickHouse calls errors and is none: its interactive shell asks for completions as `default`, which
/// is locked out on purpose, and clients hang up before an answer is written.
const HARMLESS: [&str; 3] = [
    "Name of quota template: `boot`",
    "Broken pipe, while writing to socket",
    "Write buffer has been canceled",
];

/// ClickHouse marks the level of a line by a word in angle brackets.
fn report(text: &str) {
    if HARMLESS.iter().any(|harmless| text.contains(harmless)) {
        tracing::debug!(target: "clickhouse", line = text);
    } else if text.contains("<Fatal>") || text.contains("<Critical>") || text.contains("<Error>") {
        tracing::error!(target: "clickhouse", line = text);
    } else if text.contains("<Warning>") {
        tracing::warn!(target: "clickhouse", line = text);
    } else {
        // stack traces and what the launcher says of itself
        tracing::debug!(target: "clickhouse", line = text);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[tokio::test]
    async fn long_lines_are_cut_and_the_next_one_is_whole() {
        let mut text = vec![b'x'; 3 * LINE];
        text.extend_from_slice(b"\nshort\nlast");
        let mut reader = BufReader::new(text.as_slice());
        let mut line = Vec::new();
        assert!(read_line(&mut reader, &mut line).await.unwrap());
        assert_eq!(line.len(), LINE);
        assert!(read_line(&mut reader, &mut line).await.unwrap());
        assert_eq!(line, b"short\n");
        assert!(read_line(&mut reader, &mut line).await.unwrap());
        assert_eq!(line, b"last");
        assert!(!read_line(&mut reader, &mut line).await.unwrap());
    }
}
