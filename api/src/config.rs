//! The configuration: one TOML file, documented defaults, every key overridable by the environment.
//!
//! `FIXSTREAM_MQTT__LISTEN=0.0.0.0:1883` overrides `listen` in `[mqtt]`; `FIXSTREAM_DATA` overrides the
//! top-level `data`, `FIXSTREAM_MIN_FREE_MIB` the top-level `min_free_mib`. A key or value that is not known is refused, with its line in the file.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fixstream_core::decode::DecodeOptions;
use fixstream_core::device::{self, DeviceOptions};
use serde::{Deserialize, Serialize};

use crate::plugins::Policy;

/// The whole configuration. The doc comments of the fields are the manual; `deploy/fixstream.toml` shows
/// every key with its default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Folder of everything that fixstream keeps: journal, spool, registry, plugins, embedded ClickHouse.
    pub data: PathBuf,
    /// Free space on its disk, MiB, below which acknowledgements stop; half of it is left to ClickHouse.
    pub min_free_mib: u64,
    /// What is logged and how.
    pub log: Log,
    /// The door for devices.
    pub mqtt: Mqtt,
    /// The REST server.
    pub rest: Rest,
    /// The journal.
    pub journal: Journal,
    /// The plugin host.
    pub decode: Decode,
    /// Whose plugins are installed and run.
    pub plugins: Plugins,
    /// The device actors.
    pub devices: Devices,
    /// What is written to ClickHouse and how.
    pub history: History,
    /// The embedded ClickHouse engine, used when `history.url` is not set.
    pub clickhouse: ClickHouse,
}

/// `[log]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// `tracing` filter; `ractor=warn` is always added.
    pub filter: String,
    /// `text` or `json`.
    pub format: LogFormat,
}

/// Values of `log.format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// `[mqtt]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mqtt {
    /// Address for plain TCP.
    pub listen: SocketAddr,
    /// Connections at most.
    pub max_connections: usize,
    /// Bytes of one packet at most.
    pub max_packet_bytes: usize,
    /// Unacknowledged publishes of a connection, above which its socket is not read.
    pub max_inflight: usize,
    /// Seconds for CONNECT to arrive.
    pub connect_timeout_s: u64,
}

/// `[rest]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rest {
    /// Address.
    pub listen: SocketAddr,
    /// Requests per second that an API key may send to the resource surface (`/v1`) on average; 0 = any number.
    pub rate_limit_per_second: u32,
    /// Requests that it may send at once after a pause.
    pub rate_limit_burst: u32,
    /// Whether the limit is for the TrackerHub surface too, whose documentation knows no such answer.
    pub rate_limit_trackerhub: bool,
    /// Certificate chain in PEM; with `tls_key` the server speaks HTTPS only. Renewed files are taken up.
    pub tls_certificate: PathBuf,
    /// Its private key in PEM.
    pub tls_key: PathBuf,
    /// Origins (`https://fleet.example.com`, or `*`) whose pages may call the API from a browser; empty: none.
    pub cors_origins: Vec<String>,
}

/// `[journal]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Journal {
    /// Size of a segment file, MiB.
    pub segment_mib: u64,
    /// Above this many MiB acknowledgements stop until history has caught up.
    pub max_mib: u64,
    /// Whether acknowledgements wait for the disk. `false` loses acknowledged messages when the machine (not
    /// when fixstream) dies.
    pub sync: bool,
}

/// `[decode]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Decode {
    /// Decoding threads; 0 = one per core.
    pub workers: usize,
    /// Memory of one plugin instance at most, MiB, whatever its manifest asks.
    pub max_memory_mib: u32,
    /// CPU time of one batch at most, milliseconds, whatever its manifest asks.
    pub max_cpu_ms: u32,
}

/// `[plugins]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Plugins {
    /// `any`, or `signed`: only what a trusted key has signed is installed and run.
    pub policy: PluginPolicy,
    /// Public keys in minisign's format (the last line of a `.pub` file).
    pub trusted_keys: Vec<String>,
}

/// Values of `plugins.policy`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PluginPolicy {
    /// Everybody's plugins; a wrong signature of a trusted key is refused all the same.
    #[default]
    Any,
    /// Only plugins that a trusted key has signed.
    Signed,
}

/// `[devices]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Devices {
    /// `per-device` (an actor per active device) or `sharded` (an actor per shard of devices).
    pub layout: Layout,
    /// Minutes without messages after which an actor is put to rest.
    pub idle_minutes: u64,
    /// Seconds that a fix time may be ahead of the time of receipt.
    pub future_tolerance_s: u64,
    /// Speed that no device reaches, km/h.
    pub jump_speed_kmh: f64,
}

/// Values of `devices.layout`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// An actor per active device.
    PerDevice,
    /// An actor per shard of devices.
    Sharded,
}

/// `[history]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct History {
    /// `http://host:8123` of a ClickHouse server; empty = the embedded engine.
    pub url: String,
    /// User that may create and write the database (external server only).
    pub user: String,
    /// Its password (external server only).
    pub password: String,
    /// Database.
    pub database: String,
    /// A batch is sealed at so many rows …
    pub batch_rows: usize,
    /// … or after so many milliseconds.
    pub batch_ms: u64,
    /// Whether raw messages are stored too (needed to decode them again).
    pub raw: bool,
    /// MiB of sealed batches that wait for ClickHouse, at most.
    pub max_spool_mib: u64,
}

/// `[clickhouse]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClickHouse {
    /// `libchdb.so`; empty = `FIXSTREAM_LIBCHDB` or the cache folder that `deploy/libchdb` fills.
    pub library: PathBuf,
    /// HTTP port on 127.0.0.1; 0 = any free one.
    pub http_port: u16,
    /// Native TCP port on 127.0.0.1; 0 = closed.
    pub tcp_port: u16,
    /// Memory at most, MiB.
    pub max_memory_mib: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data: "fixstream-data".into(),
            min_free_mib: 512,
            log: Log::default(),
            mqtt: Mqtt::default(),
            rest: Rest::default(),
            journal: Journal::default(),
            decode: Decode::default(),
            plugins: Plugins::default(),
            devices: Devices::default(),
            history: History::default(),
            clickhouse: ClickHouse::default(),
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self {
            filter: "info".into(),
            format: LogFormat::Text,
        }
    }
}

impl Default for Mqtt {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 1883)),
            max_connections: 20_000,
            max_packet_bytes: 256 << 10,
            max_inflight: 1000,
            connect_timeout_s: 5,
        }
    }
}

impl Default for Rest {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            rate_limit_per_second: 0,
            rate_limit_burst: 100,
            rate_limit_trackerhub: false,
            tls_certificate: PathBuf::new(),
            tls_key: PathBuf::new(),
            cors_origins: Vec::new(),
        }
    }
}

impl Default for Journal {
    fn default() -> Self {
        Self {
            segment_mib: 64,
            max_mib: 4096,
            sync: true,
        }
    }
}

impl Default for Decode {
    fn default() -> Self {
        Self {
            workers: 0,
            max_memory_mib: 64,
            max_cpu_ms: 100,
        }
    }
}

impl Default for Devices {
    fn default() -> Self {
        Self {
            layout: Layout::PerDevice,
            idle_minutes: 10,
            future_tolerance_s: 300,
            jump_speed_kmh: 1200.0,
        }
    }
}

impl Default for History {
    fn default() -> Self {
        Self {
            url: String::new(),
            user: "fixstream".into(),
            password: String::new(),
            database: "fixstream".into(),
            batch_rows: 20_000,
            batch_ms: 1000,
            raw: true,
            max_spool_mib: 4096,
        }
    }
}

impl Default for ClickHouse {
    fn default() -> Self {
        Self {
            library: PathBuf::new(),
            http_port: 8123,
            tcp_port: 0,
            max_memory_mib: 2048,
        }
    }
}

/// The configuration can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("can not read {path}: {source}")]
    Read {
        /// File.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// A key or value is wrong; the message carries line and column.
    #[error("{path}: {message}")]
    File {
        /// File.
        path: PathBuf,
        /// Where and what.
        message: String,
    },
    /// An environment variable is wrong.
    #[error("environment variable {name}: {message}")]
    Environment {
        /// Variable.
        name: String,
        /// What.
        message: String,
    },
    /// A value is outside what works.
    #[error("{key} = {value}: {message}")]
    Value {
        /// Key.
        key: &'static str,
        /// Value.
        value: String,
        /// What is allowed.
        message: &'static str,
    },
}

impl Config {
    /// Reads `path` (defaults when `None`), then applies the `FIXSTREAM_…` variables of `environment`.
    pub fn load(
        path: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let text = match path {
            None => String::new(),
            Some(path) => std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
                path: path.to_owned(),
                source,
            })?,
        };
        let shown = path.unwrap_or(Path::new("configuration")).to_owned();
        let file = |message: String| ConfigError::File {
            path: shown.clone(),
            message,
        };
        // once by itself, so that an error names its line
        let mut config: Self = toml::from_str(&text).map_err(|error| file(error.to_string()))?;
        let mut table: toml::Table = toml::from_str(&text).map_err(|error| file(error.to_string()))?;
        for (name, value) in environment {
            let Some(keys) = override_keys(&name) else {
                continue;
            };
            set(&mut table, &keys, &value);
            config =
                toml::Value::Table(table.clone())
                    .try_into()
                    .map_err(|error| ConfigError::Environment {
                        name,
                        message: error.to_string(),
                    })?;
        }
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let bound = |key, value: u64, low: u64, high: u64, message| {
            if (low..=high).contains(&value) {
                Ok(())
            } else {
                Err(ConfigError::Value {
                    key,
                    value: value.to_string(),
                    message,
                })
            }
        };
        bound(
            "mqtt.max_connections",
            self.mqtt.max_connections as u64,
            1,
            1_000_000,
            "1 to 1000000",
        )?;
        bound(
            "mqtt.max_packet_bytes",
            self.mqtt.max_packet_bytes as u64,
            128,
            16 << 20,
            "128 to 16777216",
        )?;
        bound(
            "mqtt.max_inflight",
            self.mqtt.max_inflight as u64,
            1,
            65_535,
            "1 to 65535",
        )?;
        bound(
            "mqtt.connect_timeout_s",
            self.mqtt.connect_timeout_s,
            1,
            300,
            "1 to 300",
        )?;
        bound(
            "rest.rate_limit_burst",
            self.rest.rate_limit_burst.into(),
            1,
            1_000_000,
            "1 to 1000000",
        )?;
        bound(
            "journal.segment_mib",
            self.journal.segment_mib,
            1,
            4096,
            "1 to 4096",
        )?;
        bound("min_free_mib", self.min_free_mib, 0, 1 << 24, "0 to 16777216")?;
        bound(
            "journal.max_mib",
            self.journal.max_mib,
            2 * self.journal.segment_mib,
            1 << 24,
            "at least two segments",
        )?;
        bound(
            "decode.workers",
            self.decode.workers as u64,
            0,
            1024,
            "0 (one per core) to 1024",
        )?;
        bound(
            "decode.max_memory_mib",
            self.decode.max_memory_mib.into(),
            1,
            1024,
            "1 to 1024",
        )?;
        bound(
            "decode.max_cpu_ms",
            self.decode.max_cpu_ms.into(),
            1,
            10_000,
            "1 to 10000",
        )?;
        bound(
            "history.batch_rows",
            self.history.batch_rows as u64,
            1,
            500_000,
            "1 to 500000",
        )?;
        bound(
            "history.batch_ms",
            self.history.batch_ms,
            10,
            60_000,
            "10 to 60000",
        )?;
        bound(
            "clickhouse.max_memory_mib",
            self.clickhouse.max_memory_mib,
            256,
            1 << 20,
            "at least 256",
        )?;
        self.rest.check()?;
        if !(self.devices.jump_speed_kmh.is_finite() && self.devices.jump_speed_kmh > 0.0) {
            let value = self.devices.jump_speed_kmh.to_string();
            return Err(ConfigError::Value {
                key: "devices.jump_speed_kmh",
                value,
                message: "a positive number of km/h",
            });
        }
        if self.plugins.policy == PluginPolicy::Signed && self.plugins.trusted_keys.is_empty() {
            return Err(ConfigError::Value {
                key: "plugins.policy",
                value: "signed".into(),
                message: "needs at least one key in plugins.trusted_keys",
            });
        }
        self.plugin_policy()
            .map(drop)
            .map_err(|value| ConfigError::Value {
                key: "plugins.trusted_keys",
                value,
                message: "`fixstream plugin keygen` makes keys",
            })
    }

    /// Where installed plugins are.
    pub fn plugin_folder(&self) -> PathBuf {
        self.data.join("plugins")
    }

    /// What the plugin host is started with.
    pub fn decode_options(&self) -> DecodeOptions {
        DecodeOptions {
            cache: self.data.join("cache"),
            workers: self.decode.workers,
            max_memory_mib: self.decode.max_memory_mib,
            max_cpu_ms: self.decode.max_cpu_ms,
        }
    }

    /// How devices are run, and how they judge.
    pub fn device_options(&self) -> DeviceOptions {
        let devices = &self.devices;
        DeviceOptions {
            layout: match devices.layout {
                Layout::PerDevice => device::Layout::PerDevice,
                Layout::Sharded => device::Layout::Sharded,
            },
            idle_after: Duration::from_secs(devices.idle_minutes * 60),
            future_tolerance: Duration::from_secs(devices.future_tolerance_s),
            jump_speed_kmh: devices.jump_speed_kmh,
        }
    }

    /// Whose plugins may run; an error says which key is none.
    pub fn plugin_policy(&self) -> Result<Policy, String> {
        let signed_only = self.plugins.policy == PluginPolicy::Signed;
        Policy::new(signed_only, &self.plugins.trusted_keys)
    }

    /// The registry's database.
    pub fn registry(&self) -> PathBuf {
        self.data.join("registry.db")
    }
}

impl Rest {
    fn check(&self) -> Result<(), ConfigError> {
        let empty = |path: &Path| path.as_os_str().is_empty();
        if empty(&self.tls_certificate) != empty(&self.tls_key) {
            return Err(ConfigError::Value {
                key: "rest.tls_key",
                value: self.tls_key.display().to_string(),
                message: "set both tls_certificate and tls_key, or neither",
            });
        }
        // an origin is a scheme and a host, without a path
        let is_origin = |origin: &str| {
            let host = origin
                .strip_prefix("https://")
                .or_else(|| origin.strip_prefix("http://"));
            host.is_some_and(|host| {
                !host.is_empty()
                    && host
                        .bytes()
                        .all(|byte| byte.is_ascii_graphic() && !b"/*?#@".contains(&byte))
            })
        };
        match self
            .cors_origins
            .iter()
            .find(|origin| *origin != "*" && !is_origin(origin))
        {
            None => Ok(()),
            Some(wrong) => Err(ConfigError::Value {
                key: "rest.cors_origins",
                value: wrong.clone(),
                message: "an origin such as https://fleet.example.com, or *",
            }),
        }
    }

    /// The certificate's files, where there are any.
    pub fn tls(&self) -> Option<crate::tls::TlsFiles> {
        (!self.tls_certificate.as_os_str().is_empty())
            .then(|| crate::tls::TlsFiles::new(&self.tls_certificate, &self.tls_key))
    }
}

/// `FIXSTREAM_DATA` → `data`, `FIXSTREAM_MQTT__LISTEN` → `mqtt.listen`; other names are not overrides.
fn override_keys(name: &str) -> Option<Vec<String>> {
    let key = name.strip_prefix("FIXSTREAM_")?;
    if ["DATA", "MIN_FREE_MIB"].contains(&key) {
        return Some(vec![key.to_lowercase()]);
    }
    key.contains("__")
        .then(|| key.split("__").map(str::to_lowercase).collect())
}

/// Puts `value` at `keys`: as the TOML literal that it is, else as a string.
fn set(table: &mut toml::Table, keys: &[String], value: &str) {
    let Some((last, path)) = keys.split_last() else {
        return;
    };
    let mut at = table;
    for key in path {
        let entry = at
            .entry(key.clone())
            .or_insert_with(|| toml::Value::Table(toml::Table::new()));
        let toml::Value::Table(inner) = entry else { return };
        at = inner;
    }
    let literal = format!("v = {value}")
        .parse::<toml::Table>()
        .ok()
        .and_then(|mut parsed| parsed.remove("v"));
    at.insert(
        last.clone(),
        literal.unwrap_or_else(|| toml::Value::String(value.to_owned())),
    );
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn load(text: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fixstream.toml");
        std::fs::write(&path, text).unwrap();
        Config::load(
            Some(&path),
            environment
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        )
    }

    #[test]
    fn the_documented_file_states_the_defaults() {
        let shown = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/fixstream.toml");
        assert_eq!(
            Config::load(Some(Path::new(shown)), std::iter::empty()).unwrap(),
            Config::default()
        );
        let mut text = std::fs::read_to_string(shown).unwrap();
        text.retain(|c| c != '\r');
        let table: toml::Table = text.parse().unwrap();
        let all = toml::Table::try_from(Config::default()).unwrap();
        assert_eq!(table, all, "deploy/fixstream.toml must show every key");
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line() {
        let error = load("[mqtt]\nlistn = \"127.0.0.1:1\"\n", &[])
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("line 2") && error.contains("listn") && error.contains("listen"),
            "{error}"
        );
    }

    #[test]
    fn a_wrong_value_names_the_allowed_ones() {
        let error = load("[devices]\nlayout = \"wild\"\n", &[])
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("per-device") && error.contains("sharded"),
            "{error}"
        );
        let error = load("[mqtt]\nmax_inflight = 0\n", &[]).unwrap_err().to_string();
        assert!(
            error.contains("mqtt.max_inflight") && error.contains("65535"),
            "{error}"
        );
    }

    #[test]
    fn a_policy_of_signatures_needs_keys_that_are_keys() {
        let error = |text: &str| load(text, &[]).unwrap_err().to_string();
        assert!(error("[plugins]\npolicy = \"signed\"\n").contains("trusted_keys"));
        let said = error("[plugins]\ntrusted_keys = [\"nonsense\"]\n");
        assert!(said.contains("nonsense") && said.contains("keygen"), "{said}");
        let (public, _) = crate::plugins::generate(None).unwrap();
        let key = public.lines().last().unwrap();
        let environment = [
            ("FIXSTREAM_PLUGINS__POLICY", "signed"),
            ("FIXSTREAM_PLUGINS__TRUSTED_KEYS", &format!("[\"{key}\"]")),
        ];
        // one after the other: the first alone is not complete
        assert!(load("", &environment).is_ok());
    }

    #[test]
    fn the_environment_overrides_the_file() {
        let environment = [
            ("FIXSTREAM_MQTT__LISTEN", "0.0.0.0:2000"),
            ("FIXSTREAM_DATA", "/d"),
            ("FIXSTREAM_HISTORY__RAW", "false"),
            ("FIXSTREAM_CACHE", "/c"),
        ];
        let config = load("[mqtt]\nlisten = \"127.0.0.1:1\"\n", &environment).unwrap();
        assert_eq!(config.mqtt.listen.port(), 2000);
        assert_eq!(config.data, Path::new("/d"));
        assert!(!config.history.raw);
    }

    #[test]
    fn half_a_certificate_and_what_is_no_origin_are_refused() {
        let error = |text: &str| load(text, &[]).unwrap_err().to_string();
        assert!(error("[rest]\ntls_key = \"key.pem\"\n").contains("tls_certificate"));
        for wrong in [
            "fleet.example.com",
            "https://",
            "https://a/b",
            "https://*.example.com",
            "null",
        ] {
            let text = format!("[rest]\ncors_origins = [\"{wrong}\"]\n");
            assert!(error(&text).contains("rest.cors_origins"), "{wrong}");
        }
        let fine = "[rest]\ncors_origins = [\"https://a.example\", \"http://localhost:3000\", \"*\"]\n";
        assert_eq!(load(fine, &[]).unwrap().rest.cors_origins.len(), 3);
    }

    #[test]
    fn a_wrong_environment_variable_is_named() {
        let error = load("", &[("FIXSTREAM_MQTT__LISTEN", "nowhere")])
            .unwrap_err()
            .to_string();
        assert!(error.contains("FIXSTREAM_MQTT__LISTEN"), "{error}");
    }
}
