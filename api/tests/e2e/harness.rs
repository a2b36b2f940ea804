//! Starts `fixstream serve` on a temporary data folder, registers a client, and talks to it from outside.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use fixstream_core::engine::{Access, Engine, EngineOptions, Launch};
use fixstream_core::model::{ClientId, DeviceId, LinkId};
use fixstream_core::registry::{NewDevice, NewTracker, Registry, Role, Scope, UnknownTracker};
use serde_json::Value;
use tempfile::TempDir;

/// How long anything that should happen may take on a busy machine before a test gives up.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_fixstream");

/// A hub on its own data folder, killed with the value.
pub struct Hub {
    pub folder: TempDir,
    pub ports: Ports,
    pub http: reqwest::Client,
    environment: Vec<(String, String)>,
    child: Option<Child>,
    /// Where history is, when it is not in an engine of the hub's own.
    history: Option<Access>,
}

/// Free ports, fixed over restarts.
#[derive(Debug, Clone, Copy)]
pub struct Ports {
    pub mqtt: u16,
    pub rest: u16,
    pub clickhouse: u16,
}

/// A client with one vendor link, as an operator would register it.
pub struct Tenant {
    pub client: ClientId,
    pub link: LinkId,
    pub key: String,
}

/// A tracker with its device and MQTT credential.
pub struct Tracked {
    pub imei: String,
    pub device: DeviceId,
    pub username: String,
    pub password: String,
}

/// The bundle folder of a plugin, built by `deploy/setup`.
pub fn bundle(name: &str) -> PathBuf {
    let built = std::env::var_os("FIXSTREAM_PLUGINS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/plugins"),
        PathBuf::from,
    );
    let bundle = built.join(name);
    assert!(
        bundle.join("decoder.wasm").is_file(),
        "{} is missing: run deploy/setup first",
        bundle.display()
    );
    bundle
}

/// Ports that are free now, below the range from which the system takes those of outgoing connections: a
/// port that was merely free could be taken by another test's client before the server binds it.
pub fn free_ports() -> Ports {
    let mut free = std::iter::repeat_with(|| rand::random_range(10_240..32_000))
        .filter(|&port| std::net::TcpListener::bind(("127.0.0.1", port)).is_ok());
    let mut port = || free.next().unwrap();
    Ports {
        mqtt: port(),
        rest: port(),
        clickhouse: port(),
    }
}

impl Hub {
    /// A hub that is not started yet, with these plugins installed.
    pub fn new(plugins: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let hub = Self {
            folder,
            ports: free_ports(),
            http: reqwest::Client::new(),
            environment: Vec::new(),
            child: None,
            history: None,
        };
        for plugin in plugins {
            hub.install(plugin);
        }
        hub
    }

    /// Sets a configuration key by its environment variable.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.environment.push((name.to_owned(), value.into()));
    }

    /// Takes a variable back.
    pub fn unset(&mut self, name: &str) {
        self.environment.retain(|(known, _)| known != name);
    }

    /// Puts a plugin into service with the command that operators use.
    pub fn install(&self, plugin: &str) {
        self.command(&["plugin", "install", bundle(plugin).to_str().unwrap()]);
    }

    /// Runs a `fixstream` command on this hub's data folder; its standard output.
    pub fn command(&self, args: &[&str]) -> String {
        let output = self.program().args(args).output().unwrap();
        assert!(
            output.status.success(),
            "{args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    fn program(&self) -> Command {
        let mut command = Command::new(PROGRAM);
        command
            .env("FIXSTREAM_DATA", self.folder.path().join("data"))
            .env("FIXSTREAM_MQTT__LISTEN", format!("127.0.0.1:{}", self.ports.mqtt))
            .env("FIXSTREAM_REST__LISTEN", format!("127.0.0.1:{}", self.ports.rest))
            .env(
                "FIXSTREAM_CLICKHOUSE__HTTP_PORT",
                self.ports.clickhouse.to_string(),
            )
            .env("FIXSTREAM_JOURNAL__SEGMENT_MIB", "4")
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Starts the server and returns at once.
    pub fn launch(&mut self) {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.log_path())
            .unwrap();
        let child = self
            .program()
            .arg("serve")
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
    }

    /// Starts the server and returns when it answers.
    pub async fn start(&mut self) {
        self.launch();
        let (http, ready) = (self.http.clone(), self.url("/readyz"));
        self.answers(async || {
            let answer = http.get(&ready).send().await;
            answer.is_ok_and(|answer| answer.status().is_success())
        })
        .await;
    }

    /// Returns when the launched server answers, as `ask` finds out.
    pub async fn answers(&mut self, ask: impl AsyncFn() -> bool) {
        let began = Instant::now();
        while !ask().await {
            if let Some(status) = self.child.as_mut().unwrap().try_wait().unwrap() {
                panic!("the server ended with {status}:\n{}", self.log());
            }
            assert!(
                began.elapsed() < PATIENCE,
                "the server does not answer:\n{}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// SIGTERM; how long the clean stop took.
    pub fn stop(&mut self) -> Duration {
        let mut child = self.child.take().unwrap();
        let began = Instant::now();
        terminate(&child);
        let status = child.wait().unwrap();
        assert!(status.success(), "stopped with {status}:\n{}", self.log());
        began.elapsed()
    }

    /// Process id of the running server.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// Returns when the server has ended by itself.
    pub async fn ended(&mut self) -> ExitStatus {
        let mut child = self.child.take().unwrap();
        let pid = child.id();
        let ended = tokio::task::spawn_blocking(move || child.wait().unwrap());
        let Ok(status) = tokio::time::timeout(PATIENCE, ended).await else {
            kill_9(pid);
            panic!("the server still runs:\n{}", self.log());
        };
        status.unwrap()
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("server.log")
    }

    /// What the server logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.ports.rest)
    }

    /// The registry of this hub; changes are followed by the running server.
    pub async fn registry(&self) -> Registry {
        let data = self.folder.path().join("data");
        std::fs::create_dir_all(&data).unwrap();
        Registry::open(&data.join("registry.db")).await.unwrap()
    }

    /// Registers a client with a link to `vendor` and a key.
    pub async fn tenant(&self, vendor: &str) -> Tenant {
        let registry = self.registry().await;
        let client = registry
            .create_client(&format!("client {}", registry.clients().len() + 1))
            .await
            .unwrap();
        self.tenant_link(client.id, vendor).await
    }

    /// Links an existing client to another vendor, with a key of its own.
    pub async fn tenant_link(&self, client: ClientId, vendor: &str) -> Tenant {
        let registry = self.registry().await;
        registry.create_vendor(vendor).await.unwrap();
        let link = registry
            .create_link(client, vendor, UnknownTracker::Reject)
            .await
            .unwrap();
        let (_, key) = registry
            .create_api_key("test", client, Some(link.id), &[Scope::Read, Scope::Write])
            .await
            .unwrap();
        Tenant {
            client,
            link: link.id,
            key,
        }
    }

    /// Registers a tracker with a device and a credential that may publish only as itself.
    pub async fn tracked(&self, tenant: &Tenant, imei: &str) -> Tracked {
        let registry = self.registry().await;
        let tracker = NewTracker {
            name: imei.into(),
            description: None,
            imei: Some(imei.into()),
            status: "active".into(),
            context: vec![],
        };
        let tracker = registry.create_tracker(tenant.client, tracker).await.unwrap();
        let device = NewDevice {
            tracker: tracker.id,
            worksite: 1,
            team: 1,
            name: imei.into(),
            device_type: 1,
            code: None,
            uuid: Some(imei.into()),
            status: "active".into(),
        };
        let device = registry
            .create_device(tenant.client, tenant.link, device)
            .await
            .unwrap();
        let username = format!("t{}-{imei}", tenant.client);
        let role = Role::Tracker(tracker.id);
        let (_, password) = registry
            .create_credential(&username, None, tenant.client, Some(tenant.link), role)
            .await
            .unwrap();
        Tracked {
            imei: imei.into(),
            device: device.id,
            username,
            password,
        }
    }

    /// A credential that may publish for all trackers of the tenant.
    pub async fn gateway(&self, tenant: &Tenant) -> (String, String) {
        let username = format!("gateway-{}-{}", tenant.client, tenant.link);
        let registry = self.registry().await;
        let (_, password) = registry
            .create_credential(&username, None, tenant.client, Some(tenant.link), Role::Gateway)
            .await
            .unwrap();
        (username, password)
    }

    /// A key that may see why a part is not well.
    pub async fn admin_key(&self, tenant: &Tenant) -> String {
        let (_, key) = self
            .registry()
            .await
            .create_api_key(
                "admin",
                tenant.client,
                Some(tenant.link),
                &[Scope::Read, Scope::Admin],
            )
            .await
            .unwrap();
        key
    }

    /// The value of a metric, with its labels as they are written; `None` where it is not there.
    pub async fn metric(&self, name: &str) -> Option<f64> {
        let text = self.http.get(self.url("/metrics")).send().await.unwrap();
        let text = text.text().await.unwrap();
        text.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
    }

    /// Has history written to this server instead of an engine of the hub's own.
    pub fn history_at(&mut self, access: &Access) {
        self.history_through(&access.url, access);
    }

    /// The same, but the hub reaches the server under another address.
    pub fn history_through(&mut self, url: &str, access: &Access) {
        self.history = Some(access.clone());
        self.set("FIXSTREAM_HISTORY__URL", url);
        self.set("FIXSTREAM_HISTORY__USER", &access.user);
        self.set("FIXSTREAM_HISTORY__PASSWORD", &access.password);
    }

    /// GET with the key.
    pub async fn get(&self, key: &str, path: &str) -> (u16, Value) {
        answer(self.http.get(self.url(path)).header("apikey", key)).await
    }

    /// POST of a JSON body with the key.
    pub async fn post(&self, key: &str, path: &str, body: impl Into<reqwest::Body>) -> (u16, Value) {
        answer(
            self.http
                .post(self.url(path))
                .header("apikey", key)
                .header("content-type", "application/json")
                .body(body),
        )
        .await
    }

    /// Any request with the key and a JSON body; status, `Location` and body of the answer.
    pub async fn send(
        &self,
        method: reqwest::Method,
        key: &str,
        path: &str,
        body: &Value,
    ) -> (u16, Option<String>, Value) {
        let request = self.http.request(method, self.url(path)).header("apikey", key);
        let answer = request.json(body).send().await.unwrap();
        let location = answer.headers().get("location");
        let location = location.map(|location| location.to_str().unwrap().to_owned());
        let status = answer.status().as_u16();
        (status, location, answer.json().await.unwrap_or(Value::Null))
    }

    /// A query as the analyst (of a server outside: as its user), over plain HTTP on the ClickHouse port;
    /// TabSeparated.
    pub async fn sql(&self, query: &str) -> String {
        let (user, password) = match &self.history {
            Some(access) => (access.user.clone(), access.password.clone()),
            None => self.analyst(),
        };
        sql(&self.http, self.ports.clickhouse, &user, &password, query)
            .await
            .unwrap_or_else(|error| panic!("{query}: {error}\n{}", self.log()))
    }

    /// The analyst's user name and password, from where the operator reads them.
    pub fn analyst(&self) -> (String, String) {
        let path = self.folder.path().join("data/clickhouse/passwords.json");
        let text =
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let credentials: Value = serde_json::from_str(&text).unwrap();
        (
            "analyst".into(),
            credentials["analyst"].as_str().unwrap().to_owned(),
        )
    }

    /// Waits until the query answers `expected`.
    pub async fn sql_becomes(&self, query: &str, expected: &str) {
        let mut last = String::new();
        let found = eventually(async || {
            last = self.sql(query).await;
            last == expected
        });
        assert!(
            found.await,
            "{query}: expected {expected}, still {last}\n{}",
            self.log()
        );
    }

    /// Waits for the latest position of a device that satisfies `wanted`; how long it took.
    pub async fn latest(
        &self,
        key: &str,
        device: DeviceId,
        wanted: impl Fn(&Value) -> bool,
    ) -> (Value, Duration) {
        let began = Instant::now();
        let mut last = Value::Null;
        let path = format!("/latest-positions/{device}");
        let found = eventually(async || {
            let (status, answer) = self.get(key, &path).await;
            last = answer;
            status == 200 && last.get(0).is_some_and(&wanted)
        });
        assert!(found.await, "device {device}: still {last}\n{}", self.log());
        (last[0].clone(), began.elapsed())
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            eprintln!("---- server log\n{}", self.log());
        }
    }
}

/// `kill -9`; a process that is gone already is no error.
pub fn kill_9(pid: u32) {
    let pid = rustix::process::Pid::from_raw(pid as i32).unwrap();
    let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
}

/// ClickHouse beside the hub, as `history.url` names one: it dies, stays away and fills its disk by itself.
pub struct Outside {
    folder: TempDir,
    port: u16,
    engine: Option<Engine>,
    pub access: Access,
}

impl Outside {
    /// Starts it on `port`.
    pub async fn start(port: u16) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let engine = Self::engine(folder.path(), port).await;
        let access = engine.access().clone();
        Self {
            folder,
            port,
            engine: Some(engine),
            access,
        }
    }

    async fn engine(folder: &Path, port: u16) -> Engine {
        let options = EngineOptions {
            library: None,
            data: folder.join("clickhouse"),
            http_port: port,
            tcp_port: None,
            max_memory: 2 << 30,
        };
        let launch = Launch {
            executable: Some(PROGRAM.into()),
            ..Launch::default()
        };
        Engine::start_with(options, launch).await.unwrap()
    }

    /// `kill -9`, and it stays away.
    pub async fn kill(&mut self) {
        let engine = self.engine.take().unwrap();
        let pid = rustix::process::Pid::from_raw(engine.pid().unwrap() as i32).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        // and its supervisor, which would start it again at once
        engine.stop().await;
    }

    /// Comes back over the same data.
    pub async fn back(&mut self) {
        self.engine = Some(Self::engine(self.folder.path(), self.port).await);
    }

    /// A query; TabSeparated.
    pub async fn sql(&self, query: &str) -> Result<String, String> {
        let Access { user, password, .. } = &self.access;
        sql(&reqwest::Client::new(), self.port, user, password, query).await
    }

    /// Clean stop.
    pub async fn stop(mut self) {
        if let Some(engine) = self.engine.take() {
            engine.stop().await;
        }
    }
}

/// SIGTERM to a child that has not been waited for.
pub fn terminate(child: &Child) {
    let pid = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
}

async fn answer(request: reqwest::RequestBuilder) -> (u16, Value) {
    let answer = request.send().await.unwrap();
    (
        answer.status().as_u16(),
        answer.json().await.unwrap_or(Value::Null),
    )
}

/// A query over plain HTTP.
pub async fn sql(
    http: &reqwest::Client,
    port: u16,
    user: &str,
    password: &str,
    query: &str,
) -> Result<String, String> {
    let url = format!("http://127.0.0.1:{port}/");
    let request = http
        .post(url)
        .header("X-ClickHouse-User", user)
        .header("X-ClickHouse-Key", password)
        .body(query.to_owned());
    let answer = request.send().await.map_err(|error| error.to_string())?;
    let (good, text) = (
        answer.status().is_success(),
        answer.text().await.map_err(|error| error.to_string())?,
    );
    if good {
        Ok(text.trim_end().to_owned())
    } else {
        Err(text)
    }
}

/// Asks every 50 ms until the answer is true; false when patience ran out.
pub async fn eventually(mut ask: impl AsyncFnMut() -> bool) -> bool {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        if ask().await {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    false
}

/// A Teltonika codec 8 frame with one record.
pub fn teltonika_frame(time_ms: i64, latitude: f64, longitude: f64) -> Vec<u8> {
    let mut data = vec![0x08, 1];
    data.extend(time_ms.to_be_bytes());
    data.push(0);
    data.extend(((longitude * 1e7).round() as i32).to_be_bytes());
    data.extend(((latitude * 1e7).round() as i32).to_be_bytes());
    data.extend([0, 100, 0, 90, 9, 0, 36, 0, 0, 0, 0, 0, 0, 1]);
    let crc = crc::Crc::<u16>::new(&crc::CRC_16_ARC).checksum(&data);
    let mut frame = vec![0, 0, 0, 0];
    frame.extend((data.len() as u32).to_be_bytes());
    frame.extend(data);
    frame.extend(u32::from(crc).to_be_bytes());
    frame
}

/// An OwnTracks location.
pub fn owntracks_location(time_s: i64, latitude: f64, longitude: f64) -> String {
    let mut text = String::new();
    write!(
        text,
        r#"{{"_type":"location","tst":{time_s},"lat":{latitude},"lon":{longitude},"vel":36,"cog":90}}"#
    )
    .unwrap();
    text
}

/// Now in milliseconds.
pub fn now_ms() -> i64 {
    fixstream_core::clock::now().0
}
