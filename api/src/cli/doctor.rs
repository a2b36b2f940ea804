//! `fixstream doctor`: what stands in the way, and what to do about it.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use fixstream_core::decode::Archive;
use fixstream_core::engine::find_library;
use fixstream_core::history::server_version;
use fixstream_core::registry::Registry;

use super::{Common, Failure};
use crate::config::Config;
use crate::plugins::Store;

/// How a check ended.
enum Finding {
    Ok(String),
    Warn { what: String, advice: String },
    Fail { what: String, advice: String },
}

use Finding::{Fail, Ok as Good, Warn};

fn warn(what: impl Into<String>, advice: impl Into<String>) -> Finding {
    Warn {
        what: what.into(),
        advice: advice.into(),
    }
}

fn fail(what: impl Into<String>, advice: impl Into<String>) -> Finding {
    Fail {
        what: what.into(),
        advice: advice.into(),
    }
}

/// Runs all checks, prints a line for each; an error when one failed.
pub(super) async fn doctor(common: &Common) -> Result<(), Failure> {
    let config = match common.load() {
        Ok(config) => config,
        Err(error) => {
            print(
                "configuration",
                &fail(
                    error.to_string(),
                    "deploy/fixstream.toml shows every key with its default",
                ),
            );
            return Err("1 check failed".into());
        }
    };
    print("configuration", &Good("read".into()));
    let running = is_running(&config.data);
    let checks = [
        ("data folder", data_folder(&config.data)),
        ("disk space", disk_space(&config)),
        ("mqtt port", port(config.mqtt.listen, running, "mqtt.listen")),
        ("rest port", port(config.rest.listen, running, "rest.listen")),
        ("clickhouse", clickhouse(&config, running).await),
        ("registry", registry(&config).await),
        ("plugins", plugins(&config)),
        ("clock", clock()),
        ("open files", open_files(&config)),
    ];
    let mut failed = 0;
    for (name, finding) in &checks {
        print(name, finding);
        failed += usize::from(matches!(finding, Fail { .. }));
    }
    if failed > 0 {
        Err(format!("{failed} of {} checks failed", checks.len()).into())
    } else {
        Ok(())
    }
}

fn print(name: &str, finding: &Finding) {
    match finding {
        Good(what) => println!("ok    {name:14} {what}"),
        Warn { what, advice } => println!("warn  {name:14} {what}\n      {:14} → {advice}", ""),
        Fail { what, advice } => println!("FAIL  {name:14} {what}\n      {:14} → {advice}", ""),
    }
}

/// Whether another fixstream holds the data folder: its ports are then rightly taken.
fn is_running(data: &Path) -> bool {
    std::fs::File::open(data.join("lock"))
        .is_ok_and(|file| matches!(file.try_lock(), Err(std::fs::TryLockError::WouldBlock)))
}

fn data_folder(data: &Path) -> Finding {
    let probe = data.join(".doctor");
    let written = std::fs::create_dir_all(data).and_then(|()| {
        let file = std::fs::File::create(&probe)?;
        std::io::Write::write_all(&mut &file, b"probe")?;
        file.sync_data()?;
        std::fs::remove_file(&probe)
    });
    match written {
        Ok(()) => Good(format!("{} can be written and synced", data.display())),
        Err(error) => fail(
            format!("{}: {error}", data.display()),
            "make it writable for this user, or set `data`",
        ),
    }
}

fn disk_space(config: &Config) -> Finding {
    match rustix::fs::statvfs(&config.data) {
        Err(error) => warn(format!("unknown: {error}"), "check it by hand"),
        Ok(stat) => {
            let free = (stat.f_bavail * stat.f_frsize) >> 20;
            let bounds = config.journal.max_mib + config.history.max_spool_mib;
            let what =
                format!("{free} MiB free; journal and spool may take {bounds} MiB while ClickHouse is away");
            if free < 1024 {
                fail(
                    what,
                    "free some space: acknowledgements stop when the disk is full",
                )
            } else if free < bounds {
                warn(
                    what,
                    "lower journal.max_mib and history.max_spool_mib, or give it a larger disk",
                )
            } else {
                Good(what)
            }
        }
    }
}

fn port(address: SocketAddr, running: bool, key: &str) -> Finding {
    match TcpListener::bind(address) {
        Ok(_) => Good(format!("{address} is free")),
        Err(_) if running => Good(format!("{address} is in use, by the running fixstream")),
        Err(error) => fail(
            format!("{address}: {error}"),
            format!(
                "stop what uses it, or set {key} (FIXSTREAM_{}=…)",
                key.to_uppercase().replace('.', "__")
            ),
        ),
    }
}

async fn clickhouse(config: &Config, running: bool) -> Finding {
    if config.history.url.is_empty() {
        let library = (!config.clickhouse.library.as_os_str().is_empty())
            .then_some(config.clickhouse.library.as_path());
        let engine = match find_library(library) {
            Ok(path) => path,
            Err(error) => {
                return fail(
                    error.to_string(),
                    "run deploy/libchdb, or set history.url to a ClickHouse server",
                );
            }
        };
        let address = SocketAddr::from(([127, 0, 0, 1], config.clickhouse.http_port));
        return match port(address, running, "clickhouse.http_port") {
            Good(_) => Good(format!("embedded engine {}", engine.display())),
            other => other,
        };
    }
    let asked = server_version(
        &config.history.url,
        &config.history.user,
        &config.history.password,
    );
    match tokio::time::timeout(std::time::Duration::from_secs(5), asked).await {
        Ok(Ok(version)) => Good(format!("server {version} at {}", config.history.url)),
        Ok(Err(error)) => fail(
            format!("{}: {error}", config.history.url),
            "check history.url, history.user and history.password",
        ),
        Err(_) => fail(
            format!("{} does not answer", config.history.url),
            "start the server, or leave history.url empty for the embedded engine",
        ),
    }
}

async fn registry(config: &Config) -> Finding {
    match Registry::open(&config.registry()).await {
        Err(error) => fail(
            error.to_string(),
            "restore registry.db in the data folder from a backup",
        ),
        Ok(registry) => {
            let clients = registry.clients();
            let (trackers, devices) = clients.iter().fold((0, 0), |(trackers, devices), client| {
                (
                    trackers + registry.trackers(client.id).len(),
                    devices + registry.devices(client.id).len(),
                )
            });
            let what = format!(
                "{} clients, {trackers} trackers, {devices} devices",
                clients.len()
            );
            if clients.is_empty() {
                warn(what, "register one: `fixstream admin client NAME`")
            } else {
                Good(what)
            }
        }
    }
}

fn plugins(config: &Config) -> Finding {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    let (store, policy) = match (Store::open(config.plugin_folder()), config.plugin_policy()) {
        (Ok(store), Ok(policy)) => (store, policy),
        (Err(error), _) => return fail(error.to_string(), "make the folder readable and writable"),
        (_, Err(error)) => return fail(error, "correct plugins.trusted_keys"),
    };
    for entry in store.plugins() {
        let Some(active) = entry.version(&entry.active) else {
            bad.push(format!("{} {} is not there", entry.name, entry.active));
            continue;
        };
        let read = Archive::open(&active.folder).map_err(|error| error.to_string());
        match read.and_then(|archive| policy.admit(&archive).map_err(|error| error.to_string())) {
            Ok(_) => good.push(format!("{}@{}", entry.name, entry.active)),
            Err(error) => bad.push(error),
        }
    }
    match (good.is_empty(), bad.is_empty()) {
        (_, false) => fail(
            bad.join("; "),
            "install it again: `fixstream plugin install FOLDER`",
        ),
        (true, true) => warn(
            "none installed",
            "messages wait as dead letters until their vendor's plugin is there: `fixstream plugin install FOLDER`",
        ),
        (false, true) => Good(good.join(" ")),
    }
}

/// 2025-01-01T00:00:00Z, before the first version: an earlier clock is certainly wrong.
const EPOCH_OF_FIXSTREAM_MS: i64 = 1_735_689_600_000;

fn clock() -> Finding {
    let now = fixstream_core::clock::now();
    if now.0 < EPOCH_OF_FIXSTREAM_MS {
        return fail(
            "the system clock is years behind",
            "set it (NTP): times of receipt and the `future` verdict rest on it",
        );
    }
    let synchronised = Path::new("/run/systemd/timesync/synchronized").exists()
        || Path::new("/run/chrony").exists()
        || Path::new("/run/chronyd.pid").exists();
    if synchronised {
        Good("synchronised".into())
    } else {
        Good("plausible (no time service seen)".into())
    }
}

fn open_files(config: &Config) -> Finding {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile)
        .current
        .unwrap_or(u64::MAX);
    let wanted = config.mqtt.max_connections as u64 + 1024;
    let what = format!(
        "{limit} allowed, {} connections configured",
        config.mqtt.max_connections
    );
    if limit < wanted {
        warn(
            what,
            format!(
                "raise it to {wanted} (`ulimit -n`, LimitNOFILE= in the service file) or lower mqtt.max_connections"
            ),
        )
    } else {
        Good(what)
    }
}
