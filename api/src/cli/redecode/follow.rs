//! Waits for the end of a job and shows how far it is.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::Value;

use super::job::Job;
use super::path;
use crate::cli::Failure;
use crate::cli::hub::{Hub, HubError};
use crate::cli::serve::StopSignals;

/// How often the hub is asked.
const EVERY: Duration = Duration::from_millis(500);
/// How often a line is printed that does not replace the one before.
const LINE: Duration = Duration::from_secs(5);
/// A hub that starts again goes on with the job: so long it may be away.
const AWAY: Duration = Duration::from_secs(120);

/// Returns when the job is finished; every other end is an error. Ctrl-C stops the job first.
pub(super) async fn follow(hub: &Hub, id: u64, json: bool) -> Result<(), Failure> {
    let mut signals = StopSignals::listen()?;
    let mut screen = Screen::new(json);
    let (mut tick, mut heard) = (tokio::time::interval(EVERY), Instant::now());
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = signals.next() => {
                tokio::select! {
                    stopped = stop(hub, id) => stopped?,
                    () = signals.next() => {
                        screen.leave();
                        return Err(format!("re-decoding {id} was left to itself").into());
                    }
                }
            }
        }
        let answer = match hub.get(&path(id)).await {
            Ok(answer) => answer,
            Err(error) if error.passes() && heard.elapsed() < AWAY => {
                screen.show(&format!("re-decoding {id}: {error}"));
                continue;
            }
            Err(error) => {
                screen.leave();
                return Err(error.into());
            }
        };
        heard = Instant::now();
        let job = Job::read(answer.clone())?;
        if job.has_ended() {
            screen.leave();
            return end(&job, &answer, json);
        }
        screen.show(&job.progress());
    }
}

/// Where the hub has it stopped.
pub(super) fn how_to_go_on(id: u64) -> String {
    format!("go on with `fixstream redecode continue {id}`")
}

/// Asks for the stop. A job that has come to its end meanwhile is none to be stopped.
async fn stop(hub: &Hub, id: u64) -> Result<(), HubError> {
    match hub.ask(hub.request(Method::DELETE, &path(id))).await {
        Err(error) if !error.is_conflict() => Err(error),
        _ => Ok(()),
    }
}

fn end(job: &Job, answer: &Value, json: bool) -> Result<(), Failure> {
    if json {
        println!("{answer}");
    } else {
        print!("{}", job.result());
        if job.is_dry_run() {
            print!("{}", job.differences());
        }
    }
    let id = job.id;
    match job.state.as_str() {
        "finished" => Ok(()),
        "failed" => Err(format!(
            "re-decoding {id} has failed: {}; when that is put right, {}",
            job.reason(),
            how_to_go_on(id)
        )
        .into()),
        state => Err(format!("re-decoding {id} is {state}; {}", how_to_go_on(id)).into()),
    }
}

/// A line that is kept current on a terminal; elsewhere one every few seconds.
struct Screen {
    quiet: bool,
    live: bool,
    printed: Option<Instant>,
}

impl Screen {
    fn new(quiet: bool) -> Self {
        Self {
            quiet,
            live: std::io::stdout().is_terminal(),
            printed: None,
        }
    }

    fn show(&mut self, line: &str) {
        if self.quiet {
            return;
        }
        let mut out = std::io::stdout().lock();
        // a reader that has gone away is no reason to leave the job alone
        if self.live {
            let _ = write!(out, "\r\x1b[2K{line}").and_then(|()| out.flush());
        } else if self.printed.is_none_or(|printed| printed.elapsed() >= LINE) {
            self.printed = Some(Instant::now());
            let _ = writeln!(out, "{line}");
        }
    }

    /// Makes room for what is printed next.
    fn leave(&self) {
        if self.live && !self.quiet {
            print!("\r\x1b[2K");
        }
    }
}
