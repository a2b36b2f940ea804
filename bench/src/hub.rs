//! A run against the real program on a temporary data folder.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fixstream_core::model::{ClientId, LinkId};
use fixstream_core::registry::{NewDevice, NewTracker, Registry, Role, UnknownTracker};

use crate::load::Publisher;
use crate::{Failure, Figures, Ingest, Load, cpu};

/// Killed with the value.
pub struct Running(Child);

impl Running {
    /// Process id.
    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// SIGTERM, and waits for the end.
    pub fn stop(mut self) -> Result<(), Failure> {
        let pid = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        self.0.wait()?;
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The program on a data folder of its own, and the ports at which it is reached.
pub struct Hub {
    program: PathBuf,
    pub data: PathBuf,
    pub mqtt: u16,
    pub rest: u16,
    pub clickhouse: u16,
}

impl Hub {
    /// Its data goes into `folder`.
    pub fn new(program: &Path, folder: &Path) -> Self {
        Self {
            program: program.to_owned(),
            data: folder.join("data"),
            mqtt: free_port(),
            rest: free_port(),
            clickhouse: free_port(),
        }
    }

    /// A command of the program on this data folder.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .env("FIXSTREAM_DATA", &self.data)
            .env("FIXSTREAM_MQTT__LISTEN", format!("127.0.0.1:{}", self.mqtt))
            .env("FIXSTREAM_REST__LISTEN", format!("127.0.0.1:{}", self.rest))
            .env("FIXSTREAM_CLICKHOUSE__HTTP_PORT", self.clickhouse.to_string())
            .env("FIXSTREAM_LOG__FILTER", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        command
    }

    /// Puts a plugin into service.
    pub fn install(&self, bundle: &Path) -> Result<(), Failure> {
        if self
            .command(&["plugin", "install"])
            .arg(bundle)
            .status()?
            .success()
        {
            return Ok(());
        }
        Err(format!("{} can not be installed: run deploy/setup", bundle.display()).into())
    }

    /// Starts it with these variables set, and waits until it is ready.
    pub fn serve(&self, variables: &[(&str, &str)], patience: Duration) -> Result<Running, Failure> {
        let mut command = self.command(&["serve"]);
        command.envs(variables.iter().copied());
        let server = Running(command.spawn()?);
        ready(self.rest, patience)?;
        Ok(server)
    }

    /// A query of the engine's user `analyst`, who reads, or `writer`: the whole answer, head included.
    pub fn sql(&self, user: &str, query: &str) -> Result<String, Failure> {
        let passwords = std::fs::read(self.data.join("clickhouse/passwords.json"))?;
        let passwords: serde_json::Value = serde_json::from_slice(&passwords)?;
        let password = passwords[user].as_str().ok_or("no password")?;
        let name = if user == "writer" { "fixstream" } else { user };
        clickhouse(self.clickhouse, name, password, query)
    }

    /// Waits until this query has this answer.
    pub fn sql_becomes(&self, query: &str, wanted: &str, patience: Duration) -> Result<(), Failure> {
        let (began, mut last) = (Instant::now(), String::new());
        while began.elapsed() < patience {
            last = self.sql("analyst", query).unwrap_or_default();
            if last.lines().any(|line| line.trim() == wanted) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Err(format!("{query} is not {wanted}: {last}").into())
    }

    /// Waits until ClickHouse holds all positions.
    pub fn stored(&self, messages: usize) -> Result<(), Failure> {
        let query = "SELECT count() FROM fixstream.positions";
        self.sql_becomes(query, &messages.to_string(), PATIENCE)
    }
}

/// Starts the hub, registers trackers, loads it, waits for all rows.
pub fn run(args: &Ingest, load: Load) -> Result<Figures, Failure> {
    let folder = tempfile::tempdir()?;
    let hub = Hub::new(&args.program, folder.path());
    hub.install(&args.plugins.join("teltonika"))?;
    let publishers = register(&hub.data, load.connections)?;
    let synced = load.synced.to_string();
    let variables = [
        ("FIXSTREAM_JOURNAL__SYNC", &*synced),
        (
            "FIXSTREAM_LOG__FILTER",
            if load.synced { "warn" } else { "error" },
        ),
    ];
    let server = hub.serve(&variables, PATIENCE)?;
    let pid = server.pid();
    let engine = cpu::children(pid);
    let engine_seconds = || {
        engine
            .iter()
            .map(|&pid| cpu::seconds(pid))
            .sum::<Result<f64, _>>()
    };
    let (before, engine_before, began) = (cpu::seconds(pid)?, engine_seconds()?, Instant::now());
    let parts_before = cpu::seconds_by_thread(pid)?;
    // the day before, so that no fix is in the future
    let start_ms = fixstream_core::clock::now().0 / 1000 * 1000 - 86_400_000;
    let outcome = crate::load::run(hub.mqtt, &publishers, load.inflight, load.messages, start_ms)?;
    let sync_ms = mean_sync_ms(hub.rest)?;
    hub.stored(load.messages)?;
    let whole = began.elapsed();
    let messages = load.messages as f64;
    let part = |(name, seconds): (String, f64)| {
        let before = parts_before.get(&name).copied().unwrap_or_default();
        (name, (seconds - before) / messages * 1e6)
    };
    Ok(Figures {
        acknowledged_per_s: messages / outcome.elapsed.as_secs_f64(),
        stored_per_s: messages / whole.as_secs_f64(),
        cpu_us: (cpu::seconds(pid)? - before) / messages * 1e6,
        engine_cpu_us: (engine_seconds()? - engine_before) / messages * 1e6,
        p50_ms: outcome.p50_ms,
        p99_ms: outcome.p99_ms,
        sync_ms,
        parts: cpu::seconds_by_thread(pid)?.into_iter().map(part).collect(),
    })
}

/// What one write and sync of the journal took on average, since the hub's start.
fn mean_sync_ms(rest: u16) -> Result<f64, Failure> {
    let metrics = http(
        rest,
        "GET /metrics HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n",
    )?;
    let value = |name: &str| -> Result<f64, Failure> {
        let line = metrics.lines().find_map(|line| line.strip_prefix(name));
        Ok(line.ok_or(format!("no {name} in /metrics"))?.trim().parse()?)
    };
    Ok(value("fixstream_journal_sync_seconds_sum ")? / value("fixstream_journal_sync_seconds_count ")? * 1e3)
}

fn register(data: &Path, connections: usize) -> Result<Vec<Publisher>, Failure> {
    std::fs::create_dir_all(data)?;
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(async {
            let registry = Registry::open(&data.join("registry.db")).await?;
            let client = registry.create_client("bench").await?;
            registry.create_vendor("teltonika").await?;
            let link = registry
                .create_link(client.id, "teltonika", UnknownTracker::Reject)
                .await?;
            publishers(&registry, client.id, link.id, connections).await
        })
}

/// Trackers with devices and credentials, that many.
pub async fn publishers(
    registry: &Registry,
    client: ClientId,
    link: LinkId,
    connections: usize,
) -> Result<Vec<Publisher>, Failure> {
    let mut publishers = Vec::new();
    for number in 0..connections {
        let imei = format!("3520930{number:08}");
        let tracker = NewTracker {
            name: imei.clone(),
            description: None,
            imei: Some(imei.clone()),
            status: "active".into(),
            context: vec![],
        };
        let tracker = registry.create_tracker(client, tracker).await?;
        let device = NewDevice {
            tracker: tracker.id,
            worksite: 1,
            team: 1,
            name: imei.clone(),
            device_type: 1,
            code: None,
            uuid: None,
            status: "active".into(),
        };
        registry.create_device(client, link, device).await?;
        let username = format!("bench-{number}");
        let (_, password) = registry
            .create_credential(&username, None, client, Some(link), Role::Tracker(tracker.id))
            .await?;
        publishers.push(Publisher {
            client_id: username.clone(),
            username,
            password,
            topics: vec![format!("trackers/teltonika/{imei}/up")],
        });
    }
    Ok(publishers)
}

/// A port that is free now, below the range from which the system takes those of outgoing connections.
pub fn free_port() -> u16 {
    loop {
        let port = rand::random_range(10_240..32_000);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

const PATIENCE: Duration = Duration::from_secs(120);

/// Waits until the hub is ready.
fn ready(rest: u16, patience: Duration) -> Result<(), Failure> {
    let began = Instant::now();
    while began.elapsed() < patience {
        let request = "GET /readyz HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n";
        if http(rest, request).is_ok_and(|answer| answer.contains(" 200 ")) {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Err("the hub does not answer".into())
}

/// A query over plain HTTP: the whole answer, head included.
fn clickhouse(port: u16, user: &str, password: &str, query: &str) -> Result<String, Failure> {
    let request = format!(
        "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-ClickHouse-User: {user}\r\nX-ClickHouse-Key: {password}\r\nContent-Length: {}\r\n\r\n{query}",
        query.len()
    );
    let answer = http(port, &request)?;
    if answer.starts_with("HTTP/1.1 200") {
        Ok(answer)
    } else {
        Err(answer.into())
    }
}

/// A request on a connection of its own: the whole answer, head included.
pub fn http(port: u16, request: &str) -> std::io::Result<String> {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(120)))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
