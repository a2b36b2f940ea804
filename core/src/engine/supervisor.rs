//! Starts the child, waits until it answers, and starts it again when it dies.

use std::ffi::OsString;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::config::{self, ANALYST, WRITER};
use super::credentials::Credentials;
use super::error::EngineError;
use super::launcher::EXIT_UNABLE;
use super::options::{Access, EngineOptions, Launch};
use super::process::Running;
use super::{library, probe};

/// The first start may take so long: an engine of a process that was just killed still lets go of the store.
const START: Duration = Duration::from_secs(60);
/// One run must answer within this.
const ANSWER: Duration = Duration::from_secs(60);
/// Between two probes of a starting child.
const PROBE: Duration = Duration::from_millis(50);
/// First pause before a restart; it doubles up to the last one.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LAST_PAUSE: Duration = Duration::from_secs(30);
/// A run of this length was a good one: the pauses begin anew.
const GOOD_RUN: Duration = Duration::from_secs(60);

/// The supervised child. Cheap to clone; the child stops when the last clone is dropped.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    access: Access,
    pid: Arc<AtomicU32>,
    stop: CancellationToken,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// All that is needed to start the child once more.
struct Plan {
    executable: PathBuf,
    launch: Launch,
    library: PathBuf,
    store: PathBuf,
    config: PathBuf,
    credentials: Credentials,
    access: Access,
    http_port: u16,
    tcp_port: Option<u16>,
    max_memory: u64,
}

/// Why a run did not come to answer.
enum Failure {
    /// Trying again will not help.
    Final(String),
    /// It may.
    Passing(String),
}

impl Engine {
    /// Starts the child (`current_exe() clickhouse …`), waits until it answers; restarts it when it dies.
    pub async fn start(options: EngineOptions) -> Result<Self, EngineError> {
        Self::start_with(options, Launch::default()).await
    }

    /// The same, with a launcher of one's own choice.
    pub async fn start_with(options: EngineOptions, launch: Launch) -> Result<Self, EngineError> {
        let any_port = options.http_port == 0;
        let mut plan = Plan::new(&options, launch)?;
        let deadline = Instant::now() + START;
        let mut pause = FIRST_PAUSE;
        let running = loop {
            match plan.run().await {
                Ok(running) => break running,
                Err(Failure::Final(why)) => return Err(EngineError::Start(why)),
                Err(Failure::Passing(why)) if Instant::now() >= deadline => {
                    return Err(EngineError::Start(why));
                }
                Err(Failure::Passing(why)) => {
                    tracing::warn!(why, "the clickhouse engine did not start, trying again");
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LAST_PAUSE);
            if any_port {
                // Somebody else may have taken the port between our look and the child's.
                plan.take_http_port(free_port()?);
            }
        };
        tracing::info!(
            url = plan.access.url,
            pid = running.pid(),
            "the clickhouse engine answers"
        );
        let access = plan.access.clone();
        let pid = Arc::new(AtomicU32::new(running.pid().unwrap_or(0)));
        let stop = CancellationToken::new();
        let task = tokio::spawn(supervise(plan, running, Arc::clone(&pid), stop.clone()));
        Ok(Self {
            inner: Arc::new(Inner {
                access,
                pid,
                stop,
                task: Mutex::new(Some(task)),
            }),
        })
    }

    /// How to reach it.
    pub fn access(&self) -> &Access {
        &self.inner.access
    }

    /// Process id of the child at the moment; `None` while there is none that answers.
    pub fn pid(&self) -> Option<u32> {
        Some(self.inner.pid.load(Ordering::Acquire)).filter(|pid| *pid != 0)
    }

    /// Stops the child cleanly.
    pub async fn stop(&self) {
        self.inner.stop.cancel();
        let task = self.inner.task.lock().take();
        if let Some(task) = task
            && let Err(error) = task.await
        {
            tracing::error!(%error, "the supervisor of the clickhouse engine failed");
        }
    }
}

impl Plan {
    fn new(options: &EngineOptions, launch: Launch) -> Result<Self, EngineError> {
        let library = library::find(options.library.as_deref())?;
        let data = std::path::absolute(&options.data).map_err(EngineError::io(&options.data))?;
        // Three neighbours, of which the engine's queries can read the first only.
        let store = data.join("store");
        let config = data.join("config");
        for folder in [&data, &store, &config] {
            private_folder(folder)?;
        }
        let credentials = Credentials::open(&data)?;
        let executable = match &launch.executable {
            Some(path) => std::path::absolute(path).map_err(EngineError::io(path))?,
            None => std::env::current_exe().map_err(EngineError::io(Path::new("current executable")))?,
        };
        let http_port = if options.http_port == 0 {
            free_port()?
        } else {
            options.http_port
        };
        let tcp_port = match options.tcp_port {
            Some(0) => Some(free_port()?),
            other => other,
        };
        let access = Access {
            url: format!("http://127.0.0.1:{http_port}"),
            user: WRITER.into(),
            password: credentials.writer.clone(),
            analyst_user: ANALYST.into(),
            analyst_password: credentials.analyst.clone(),
        };
        let max_memory = options.max_memory;
        Ok(Self {
            executable,
            launch,
            library,
            store,
            config,
            credentials,
            access,
            http_port,
            tcp_port,
            max_memory,
        })
    }

    fn take_http_port(&mut self, port: u16) {
        self.http_port = port;
        self.access.url = format!("http://127.0.0.1:{port}");
    }

    /// Starts the child and returns it when it answers.
    async fn run(&self) -> Result<Running, Failure> {
        let passing = |error: EngineError| Failure::Passing(error.to_string());
        let boot_queries = 2 + u32::from(self.tcp_port.is_some());
        let settings = config::Settings {
            max_memory: self.max_memory,
            boot_queries,
            sandbox: self.launch.sandbox,
        };
        let file = config::write(&self.config, &settings, &self.credentials).map_err(passing)?;
        let mut running = Running::spawn(&self.executable, &self.arguments(&file), &self.store)
            .map_err(|error| Failure::Passing(format!("{}: {error}", self.executable.display())))?;
        let deadline = Instant::now() + ANSWER;
        loop {
            tokio::select! {
                status = running.ended() => {
                    // Its last words may still be on their way.
                    tokio::time::sleep(PROBE).await;
                    let said = running.tail();
                    return Err(match status {
                        Ok(status) if status.code() == Some(EXIT_UNABLE) => Failure::Final(said),
                        Ok(status) => Failure::Passing(format!("it ended ({status}): {said}")),
                        Err(error) => Failure::Passing(error.to_string()),
                    });
                }
                () = tokio::time::sleep(PROBE) => {}
            }
            if probe::answers(&self.access, self.http_port).await {
                // It has read them, and queries could read them too.
                config::remove(&self.config);
                return Ok(running);
            }
            if Instant::now() >= deadline {
                running.stop().await;
                return Err(Failure::Passing(format!(
                    "no answer in {} s: {}",
                    ANSWER.as_secs(),
                    running.tail()
                )));
            }
        }
    }

    fn arguments(&self, config: &Path) -> Vec<OsString> {
        let mut arguments = self.launch.prefix.clone();
        let mut add = |name: &str, value: OsString| arguments.extend([name.into(), value]);
        add("--library", self.library.clone().into());
        add("--path", self.store.clone().into());
        add("--host", "127.0.0.1".into());
        add("--http-port", self.http_port.to_string().into());
        if let Some(port) = self.tcp_port {
            add("--tcp-port", port.to_string().into());
        }
        add("--config", config.into());
        add("--sandbox", self.launch.sandbox.argument().into());
        arguments.push("--watch-stdin".into());
        arguments
    }
}

/// Keeps a child running until it is told to stop.
async fn supervise(plan: Plan, first: Running, pid: Arc<AtomicU32>, stop: CancellationToken) {
    let mut running = first;
    let mut pause = FIRST_PAUSE;
    loop {
        pid.store(running.pid().unwrap_or(0), Ordering::Release);
        let since = Instant::now();
        let ended = tokio::select! {
            status = running.ended() => status,
            () = stop.cancelled() => {
                running.stop().await;
                pid.store(0, Ordering::Release);
                return;
            }
        };
        pid.store(0, Ordering::Release);
        match ended {
            Ok(status) => {
                tracing::error!(%status, said = running.tail(), "the clickhouse engine ended, restarting it");
            }
            Err(error) => tracing::error!(%error, "the clickhouse engine was lost, restarting it"),
        }
        if since.elapsed() >= GOOD_RUN {
            pause = FIRST_PAUSE;
        }
        running = loop {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => return,
            }
            pause = (pause * 2).min(LAST_PAUSE);
            // A run that is cut short here ends by itself: its stdin closes with it.
            let started = tokio::select! {
                started = plan.run() => started,
                () = stop.cancelled() => return,
            };
            match started {
                Ok(running) => break running,
                Err(Failure::Final(why) | Failure::Passing(why)) => {
                    tracing::error!(why, "the clickhouse engine did not start, trying again");
                }
            }
        };
        tracing::info!(pid = running.pid(), "the clickhouse engine answers again");
    }
}

fn private_folder(folder: &Path) -> Result<(), EngineError> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(EngineError::io(folder))
}

/// A TCP port of the loopback address that is free at the moment.
fn free_port() -> Result<u16, EngineError> {
    let look = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr();
    look()
        .map(|address| address.port())
        .map_err(|error| EngineError::Start(format!("no free port: {error}")))
}
