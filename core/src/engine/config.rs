//! `config.xml` and `users.xml` of the engine.

use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::credentials::{self, Credentials};
use super::error::EngineError;
use super::options::Sandbox;

/// The writing user.
pub(super) const WRITER: &str = "fixstream";
/// The reading user.
pub(super) const ANALYST: &str = "analyst";
/// The database that the grants are for.
pub(super) const DATABASE: &str = "fixstream";

/// What the files depend on.
pub(super) struct Settings {
    /// Memory of the server, bytes; one query of the writer gets half of it, an analyst's a quarter.
    pub max_memory: u64,
    /// Queries of the engine's own session.
    pub boot_queries: u32,
    /// Whether the process is confined.
    pub sandbox: Sandbox,
}

/// Writes both files into `folder` (0700); returns the path of `config.xml`.
pub(super) fn write(
    folder: &Path,
    settings: &Settings,
    credentials: &Credentials,
) -> Result<PathBuf, EngineError> {
    let io = EngineError::io;
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(io(folder))?;
    let config = folder.join("config.xml");
    put(&config, &server(settings.max_memory)).map_err(io(&config))?;
    let users = folder.join("users.xml");
    put(&users, &accounts(settings, credentials)).map_err(io(&users))?;
    Ok(config)
}

/// Removes the files: the running engine has them in memory.
pub(super) fn remove(folder: &Path) {
    for name in ["config.xml", "users.xml"] {
        if let Err(error) = std::fs::remove_file(folder.join(name)) {
            tracing::debug!(name, %error, "could not remove a configuration file of the clickhouse engine");
        }
    }
}

fn put(path: &Path, text: &str) -> std::io::Result<()> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?
        .write_all(text.as_bytes())
}

/// Small pools: this server has one writer and a few readers, and shares the machine with the hub.
fn server(max_memory: u64) -> String {
    format!(
        "<clickhouse>
  <log-level>error</log-level>
  <logger><level>error</level><console>1</console></logger>
  <users_config>users.xml</users_config>
  <display_name>fixstream</display_name>
  <timezone>UTC</timezone>
  <max_server_memory_usage>{max_memory}</max_server_memory_usage>
  <background_pool_size>2</background_pool_size>
  <background_schedule_pool_size>4</background_schedule_pool_size>
  <mark_cache_size>134217728</mark_cache_size>
  <keep_alive_timeout>30</keep_alive_timeout>
  <max_connections>256</max_connections>
</clickhouse>
"
    )
}

/// The engine's own session logs in as `default` without a password, so that user has to exist. It may
/// do just what that session does, and its quota of queries is used up by then.
///
/// Nobody may create tables that read files or addresses: `TABLE ENGINE` is granted by name.
fn accounts(settings: &Settings, credentials: &Credentials) -> String {
    let per_query = settings.max_memory / 2;
    let per_analysis = settings.max_memory / 4;
    let boot_queries = settings.boot_queries;
    let writer_hash = credentials::hash(&credentials.writer);
    let analyst = match settings.sandbox {
        Sandbox::Required => format!(
            "
    <{ANALYST}><password_sha256_hex>{}</password_sha256_hex>
      <networks><ip>127.0.0.1</ip><ip>::1</ip></networks><profile>analyst</profile><quota>unlimited</quota>
      <grants><query>GRANT SELECT, SHOW ON {DATABASE}.*</query></grants></{ANALYST}>",
            credentials::hash(&credentials.analyst)
        ),
        Sandbox::Optional => String::new(),
    };
    let engines = "TABLE ENGINE ON MergeTree, TABLE ENGINE ON ReplacingMergeTree, TABLE ENGINE ON AggregatingMergeTree, \
                   TABLE ENGINE ON SummingMergeTree";
    format!(
        "<clickhouse>
  <profiles>
    <default></default>
    <locked><max_threads>1</max_threads></locked>
    <writer><max_memory_usage>{per_query}</max_memory_usage><max_execution_time>300</max_execution_time></writer>
    <analyst><readonly>2</readonly><max_memory_usage>{per_analysis}</max_memory_usage>
      <max_execution_time>60</max_execution_time><max_result_bytes>2000000000</max_result_bytes><max_threads>2</max_threads>
      <constraints><max_memory_usage><min>1</min><max>{per_analysis}</max></max_memory_usage>
        <max_execution_time><min>1</min><max>60</max></max_execution_time>
        <max_result_bytes><min>1</min><max>2000000000</max></max_result_bytes>
        <max_threads><min>1</min><max>2</max></max_threads>
        <readonly><readonly/></readonly></constraints></analyst>
  </profiles>
  <quotas>
    <default></default>
    <unlimited></unlimited>
    <boot><interval><duration>315360000</duration><queries>{boot_queries}</queries></interval></boot>
  </quotas>
  <users>
    <default><password></password><networks><ip>127.0.0.1</ip></networks><profile>locked</profile><quota>boot</quota>
      <grants><query>GRANT SYSTEM LISTEN ON *.*</query><query>GRANT CREATE TEMPORARY TABLE ON *.*</query>
        <query>GRANT READ ON FILE</query></grants></default>
    <{WRITER}><password_sha256_hex>{writer_hash}</password_sha256_hex>
      <networks><ip>127.0.0.1</ip><ip>::1</ip></networks><profile>writer</profile><quota>unlimited</quota>
      <grants><query>GRANT SELECT, INSERT, ALTER, CREATE, DROP, TRUNCATE, OPTIMIZE, SHOW ON {DATABASE}.*</query>
        <query>GRANT SELECT ON system.*</query><query>GRANT {engines}</query>
        <query>GRANT KILL QUERY ON *.*</query></grants></{WRITER}>{analyst}
  </users>
</clickhouse>
"
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn settings(sandbox: Sandbox) -> Settings {
        Settings {
            max_memory: 1 << 30,
            boot_queries: 2,
            sandbox,
        }
    }

    #[test]
    fn the_files_are_private_hold_no_password_and_can_be_removed() {
        let data = tempfile::tempdir().unwrap();
        let folder = data.path().join("config");
        let credentials = Credentials::open(data.path()).unwrap();
        let config = write(&folder, &settings(Sandbox::Required), &credentials).unwrap();
        assert_eq!(
            std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777,
            0o700
        );
        assert_eq!(
            std::fs::metadata(&config).unwrap().permissions().mode() & 0o777,
            0o600
        );
        let users = std::fs::read_to_string(folder.join("users.xml")).unwrap();
        assert!(!users.contains(&credentials.writer) && !users.contains(&credentials.analyst));
        assert!(users.contains(&credentials::hash(&credentials.analyst)));
        remove(&folder);
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
    }

    #[test]
    fn without_the_sandbox_there_is_no_analyst() {
        let data = tempfile::tempdir().unwrap();
        let credentials = Credentials::open(data.path()).unwrap();
        let analyst = credentials::hash(&credentials.analyst);
        assert!(accounts(&settings(Sandbox::Required), &credentials).contains(&analyst));
        assert!(!accounts(&settings(Sandbox::Optional), &credentials).contains(&analyst));
    }
}
