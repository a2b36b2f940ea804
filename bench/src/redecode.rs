//! Decoding history again against decoding it live: messages per second, and per second of CPU.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use fixstream_core::decode::pack;
use fixstream_core::model::{ClientId, LinkId};
use fixstream_core::registry::{Registry, Role, Scope, UnknownTracker};
use serde_json::{Value, json};

use crate::hub::{self, Hub};
use crate::load::{self, Publisher};
use crate::{Failure, cpu, startup};

/// Starting may take this long before it counts as broken, and a job without any progress.
const PATIENCE: Duration = Duration::from_secs(300);
/// The version that the hub decodes with live, and the one that says something else.
const LIVE: &str = "1.0.0";
const OTHER: &str = "1.0.1";

/// Arguments.
#[derive(Debug, Args)]
pub struct Redecode {
    /// The program; built by deploy/setup
    #[arg(long, default_value = "target/debug/fixstream")]
    program: PathBuf,
    /// Plugin bundles; built by deploy/setup
    #[arg(long, default_value = "target/plugins")]
    plugins: PathBuf,
    /// Messages, each with one position
    #[arg(long, default_value_t = 1_000_000)]
    messages: usize,
    /// Devices that they are of
    #[arg(long, default_value_t = 2_000)]
    devices: usize,
    /// Connections that send them live, each a gateway for as many devices
    #[arg(long, default_value_t = 50)]
    connections: usize,
    /// Publishes in flight per connection
    #[arg(long, default_value_t = 20)]
    inflight: usize,
}

/// A hub and how to ask it.
struct World {
    hub: Hub,
    key: String,
    pid: u32,
    engine: Vec<u32>,
}

/// What something took.
struct Figures {
    seconds: f64,
    cpu_s: f64,
    engine_cpu_s: f64,
}

/// Prints one line for each.
pub fn run(args: &Redecode) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let hub = Hub::new(&args.program, folder.path());
    let bundle = args.plugins.join("teltonika");
    hub.install(&bundle)?;
    let (publishers, key) = tokio::runtime::Runtime::new()?.block_on(tenant(args, &hub.data))?;
    let server = hub.serve(&[], PATIENCE)?;
    let world = World {
        hub,
        key,
        pid: server.pid(),
        engine: cpu::children(server.pid()),
    };

    println!(
        "| {} messages of {} devices | messages/s | to live | CPU µs/message | messages per CPU second | to live | ClickHouse CPU µs/message |",
        args.messages, args.devices
    );
    println!("|---|---|---|---|---|---|---|");
    // the day before, so that no fix is in the future
    let start_ms = fixstream_core::clock::now().0 / 1000 * 1000 - 86_400_000;
    let live = world.measure(|| {
        load::run(
            world.hub.mqtt,
            &publishers,
            args.inflight,
            args.messages,
            start_ms,
        )?;
        world.hub.stored(args.messages)
    })?;
    print("live: acknowledged, decoded, stored", args, &live, &live);

    let same = world.measure(|| world.redecode(args.messages, "unchanged"))?;
    print("again, nothing different", args, &same, &live);

    let other = other_version(&bundle)?;
    world.hub.install(other.path())?;
    world.wait_for_version()?;
    let different = world.measure(|| {
        world.redecode(args.messages, "changed")?;
        world.restated(args.messages)
    })?;
    print("again, everything different, stored", args, &different, &live);
    server.stop()
}

fn print(what: &str, args: &Redecode, figures: &Figures, live: &Figures) {
    let messages = args.messages as f64;
    let to_live = |ours: f64, live: f64| if ours > 0.0 { live / ours } else { 0.0 };
    println!(
        "| {what} | {:.0} | {:.2} | {:.1} | {:.0} | {:.2} | {:.1} |",
        messages / figures.seconds,
        to_live(figures.seconds, live.seconds),
        figures.cpu_s / messages * 1e6,
        messages / figures.cpu_s,
        to_live(figures.cpu_s, live.cpu_s),
        figures.engine_cpu_s / messages * 1e6
    );
}

/// A client with its devices, gateways that speak for them, and a key.
async fn tenant(args: &Redecode, data: &Path) -> Result<(Vec<Publisher>, String), Failure> {
    std::fs::create_dir_all(data)?;
    let (client, link, key) = {
        let registry = Registry::open(&data.join("registry.db")).await?;
        let client = registry.create_client("redecode").await?.id;
        registry.create_vendor("teltonika").await?;
        let link = registry
            .create_link(client, "teltonika", UnknownTracker::Reject)
            .await?
            .id;
        let scopes = [Scope::Read, Scope::Admin];
        let (_, key) = registry
            .create_api_key("redecode", client, Some(link), &scopes)
            .await?;
        (client, link, key)
    };
    startup::register(data, args.devices, (client.0, link.0)).await?;
    Ok((gateways(args, data, client, link).await?, key))
}

/// Each speaks for every n-th device.
async fn gateways(
    args: &Redecode,
    data: &Path,
    client: ClientId,
    link: LinkId,
) -> Result<Vec<Publisher>, Failure> {
    let registry = Registry::open(&data.join("registry.db")).await?;
    let connections = args.connections.clamp(1, args.devices.max(1));
    let mut publishers = Vec::new();
    for number in 0..connections {
        let username = format!("gateway-{number}");
        let (_, password) = registry
            .create_credential(&username, None, client, Some(link), Role::Gateway)
            .await?;
        // identifiers as `startup::register` gives them
        let devices = (number + 1..=args.devices).step_by(connections);
        publishers.push(Publisher {
            client_id: username.clone(),
            username,
            password,
            topics: devices
                .map(|device| format!("trackers/teltonika/35{device:013}/up"))
                .collect(),
        });
    }
    Ok(publishers)
}

/// The built decoder under another version, with another scale of degrees, so that every position differs.
fn other_version(bundle: &Path) -> Result<tempfile::TempDir, Failure> {
    /// `f64.const`.
    const OPCODE: u8 = 0x44;
    let folder = tempfile::tempdir()?;
    let manifest = std::fs::read_to_string(bundle.join("plugin.toml"))?;
    let version = |version: &str| format!("version = \"{version}\"");
    let manifest = manifest.replacen(&version(LIVE), &version(OTHER), 1);
    std::fs::write(folder.path().join("plugin.toml"), manifest)?;
    let core = std::fs::read(bundle.join("decoder.core.wasm"))?;
    let constant = |value: f64| [&[OPCODE][..], &value.to_le_bytes()].concat();
    let (core, scales) = replaced(&core, &constant(1e7), &constant(1.0001e7), |_| true);
    // not the version of the contract, which stands behind an @
    let (core, names) = replaced(&core, LIVE.as_bytes(), OTHER.as_bytes(), |before| before != b'@');
    if scales == 0 || names == 0 {
        return Err("the built decoder is not of the form that this benchmark edits".into());
    }
    std::fs::write(folder.path().join("decoder.wasm"), pack(&core)?)?;
    Ok(folder)
}

/// `bytes` with every `old` made `new`, which is as long, where the byte before it is `wanted`; how many there were.
fn replaced(bytes: &[u8], old: &[u8], new: &[u8], wanted: impl Fn(u8) -> bool) -> (Vec<u8>, usize) {
    let (mut made, mut count, mut at) = (bytes.to_vec(), 0, 1);
    while at + old.len() <= bytes.len() {
        if bytes[at..].starts_with(old) && wanted(bytes[at - 1]) {
            made[at..at + new.len()].copy_from_slice(new);
            count += 1;
            at += old.len();
        } else {
            at += 1;
        }
    }
    (made, count)
}

impl World {
    /// What `work` takes in time, and of the CPU.
    fn measure(&self, work: impl FnOnce() -> Result<(), Failure>) -> Result<Figures, Failure> {
        let engine = || -> Result<f64, Failure> { self.engine.iter().map(|&pid| cpu::seconds(pid)).sum() };
        let (cpu_before, engine_before, began) = (cpu::seconds(self.pid)?, engine()?, Instant::now());
        work()?;
        Ok(Figures {
            seconds: began.elapsed().as_secs_f64(),
            cpu_s: cpu::seconds(self.pid)? - cpu_before,
            engine_cpu_s: engine()? - engine_before,
        })
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> Result<Value, Failure> {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\napikey: {}\r\nContent-Length: {}\r\n\r\n{body}",
            self.key,
            body.len()
        );
        let answer = hub::http(self.hub.rest, &request)?;
        let (head, body) = answer.split_once("\r\n\r\n").ok_or("no answer")?;
        if head.starts_with("HTTP/1.1 20") {
            Ok(serde_json::from_str(body)?)
        } else {
            Err(format!("{method} {path}: {answer}").into())
        }
    }

    /// Runs a job to its end. All positions have to be counted as `what`.
    fn redecode(&self, messages: usize, what: &str) -> Result<(), Failure> {
        let body = json!({ "vendor": "teltonika" }).to_string();
        let mut job = self.ask("POST", "/v1/redecodes", &body)?;
        let path = format!("/v1/redecodes/{}", job["id"]);
        let (mut done, mut moved) = (job["done"].clone(), Instant::now());
        while matches!(job["state"].as_str(), Some("waiting" | "running")) {
            std::thread::sleep(Duration::from_millis(100));
            job = self.ask("GET", &path, "")?;
            if job["done"] != done {
                (done, moved) = (job["done"].clone(), Instant::now());
            }
            if moved.elapsed() > PATIENCE {
                return Err(format!("no progress: {job}").into());
            }
        }
        job["samples"] = Value::Null;
        if job["state"] == "finished" && job["counts"][what] == messages {
            Ok(())
        } else {
            Err(format!("not all {messages} positions are {what}: {job}").into())
        }
    }

    /// Waits until the hub decodes with the other version.
    fn wait_for_version(&self) -> Result<(), Failure> {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if self.ask("GET", "/v1/plugins/teltonika", "")?["running"] == OTHER {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Err("the hub does not take up the other version".into())
    }

    /// Waits until ClickHouse holds all positions as the other version says.
    fn restated(&self, messages: usize) -> Result<(), Failure> {
        let query = format!(
            "SELECT uniqExact(id) FROM fixstream.positions WHERE plugin = 'teltonika@{OTHER}' AND verdict != 'deleted'"
        );
        self.hub.sql_becomes(&query, &messages.to_string(), PATIENCE)
    }
}
