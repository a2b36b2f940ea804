//! The embedded engine, for real. Needs `libchdb.so` (`deploy/libchdb`).
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{analyst, engine, kill_9, launch, launcher, options, writer};
use fixstream_core::engine::{Engine, EngineOptions};

async fn denied(client: &clickhouse::Client, query: &str) -> String {
    let error = client
        .query_raw(query)
        .fetch_bytes("TSV")
        .unwrap()
        .collect()
        .await
        .expect_err(query)
        .to_string();
    assert!(error.contains("Code:"), "{query}: {error}");
    error
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_engine_is_closed_to_strangers_and_survives_garbage() {
    let data = tempfile::tempdir().unwrap();
    let engine = engine(data.path()).await;
    let access = engine.access().clone();
    let hub = writer(&access);
    for statement in [
        "CREATE DATABASE fixstream",
        "CREATE TABLE fixstream.positions (a UInt32) ENGINE = MergeTree ORDER BY a",
        "INSERT INTO fixstream.positions VALUES (1), (2)",
    ] {
        hub.query(statement).execute().await.unwrap();
    }

    // analyst: reads the database, and nothing else
    let reader = analyst(&access);
    assert_eq!(
        reader
            .query("SELECT count() FROM fixstream.positions")
            .fetch_one::<u64>()
            .await
            .unwrap(),
        2
    );
    for query in [
        "INSERT INTO fixstream.positions VALUES (3)",
        "CREATE TABLE fixstream.other (a UInt32) ENGINE = MergeTree ORDER BY a",
        "DROP TABLE fixstream.positions",
        "SELECT * FROM file('x.csv', 'CSV', 'a String')",
        "SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'a String')",
        "SELECT * FROM system.users",
        "SELECT file('/etc/passwd')",
        "SELECT 1 SETTINGS max_memory_usage = 100000000000",
        "SYSTEM SHUTDOWN",
    ] {
        denied(&reader, query).await;
    }
    let passwords = data.path().join("passwords.json");
    let hole = format!("SELECT file('{}')", passwords.display());
    for query in [
        "SELECT file('/etc/passwd')",
        "SELECT file('/proc/self/environ')",
        hole.as_str(),
    ] {
        denied(&reader, query).await;
        denied(&hub, query).await;
    }
    for query in [
        "CREATE TABLE fixstream.f (a String) ENGINE = File(CSV)",
        "CREATE TABLE fixstream.u (a String) ENGINE = URL('http://127.0.0.1:1/', CSV)",
    ] {
        denied(&hub, query).await;
    }

    // default: exists, and has used its quota up
    let stranger = clickhouse::Client::default().with_url(&access.url);
    denied(&stranger, "SELECT count() FROM fixstream.positions").await;
    denied(&stranger, "SYSTEM START LISTEN TCP").await;
    denied(
        &stranger.clone().with_user("fixstream").with_password("guess"),
        "SELECT 1",
    )
    .await;

    // garbage: each of these ends a session that is not interactive within seconds
    let pid = engine.pid().unwrap();
    let address = access.url.trim_start_matches("http://").to_owned();
    let hello = [0x16, 3, 1, 0, 5, 1, 0, 0, 1, 3];
    let garbage: [&[u8]; 5] = [b"GET", b"GET / HTTP/1.1\r\n", &[0; 100], &hello, b""];
    for bytes in garbage {
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.write_all(bytes).unwrap();
    }
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(
        hub.query("SELECT count() FROM fixstream.positions")
            .fetch_one::<u64>()
            .await
            .unwrap(),
        2
    );
    assert_eq!(engine.pid(), Some(pid), "it is still the same process");
    engine.stop().await;
    assert_eq!(engine.pid(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn data_and_passwords_survive_a_kill_and_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let first = engine(data.path()).await;
    let access = first.access().clone();
    let hub = writer(&access);
    for statement in [
        "CREATE DATABASE fixstream",
        "CREATE TABLE fixstream.kept (a UInt32) ENGINE = MergeTree ORDER BY a",
        "INSERT INTO fixstream.kept VALUES (7)",
    ] {
        hub.query(statement).execute().await.unwrap();
    }
    let before = first.pid().unwrap();
    kill_9(before);
    let deadline = Instant::now() + Duration::from_secs(60);
    while first.pid().is_none_or(|pid| pid == before) {
        assert!(
            Instant::now() < deadline,
            "the supervisor did not restart the engine"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(
        hub.query("SELECT a FROM fixstream.kept")
            .fetch_one::<u32>()
            .await
            .unwrap(),
        7,
        "same port, same data"
    );
    first.stop().await;

    // with the native port open, too, the engine's own session uses the quota of `default` up
    let options = EngineOptions {
        tcp_port: Some(0),
        ..options(data.path())
    };
    let second = Engine::start_with(options, launch()).await.unwrap();
    let stranger = clickhouse::Client::default().with_url(&second.access().url);
    denied(&stranger, "SELECT count() FROM fixstream.kept").await;
    denied(&stranger, "SYSTEM START LISTEN TCP").await;
    assert_eq!(second.access().password, access.password);
    let hub = writer(second.access());
    assert_eq!(
        hub.query("SELECT a FROM fixstream.kept")
            .fetch_one::<u32>()
            .await
            .unwrap(),
        7
    );
    second.stop().await;
}

/// The parent in the test below, which runs this test once more in a process of its own. Alone it does nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parent_of_an_engine() {
    let Some(data) = std::env::var_os("FIXSTREAM_TEST_ENGINE_DATA") else {
        return;
    };
    let data = std::path::PathBuf::from(data);
    let engine = engine(&data).await;
    std::fs::write(data.join("pid.tmp"), engine.pid().unwrap().to_string()).unwrap();
    std::fs::rename(data.join("pid.tmp"), data.join("pid")).unwrap();
    std::future::pending::<()>().await;
}

/// The parent's end of the pipe on the child's stdin closes however the parent ends.
#[test]
fn the_engine_ends_when_its_parent_is_killed() {
    let data = tempfile::tempdir().unwrap();
    let mut parent = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "parent_of_an_engine"])
        .env("FIXSTREAM_TEST_ENGINE_DATA", data.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(90);
    let pid = loop {
        if let Ok(pid) = std::fs::read_to_string(data.path().join("pid")) {
            break pid;
        }
        assert!(Instant::now() < deadline, "no engine");
        assert!(parent.try_wait().unwrap().is_none(), "the parent ended");
        std::thread::sleep(Duration::from_millis(50));
    };
    let command = std::path::PathBuf::from(format!("/proc/{pid}/cmdline"));
    assert!(!std::fs::read(&command).unwrap().is_empty());
    parent.kill().unwrap();
    parent.wait().unwrap();
    // A process that has ended and waits for somebody to notice has an empty command line.
    while std::fs::read(&command).is_ok_and(|line| !line.is_empty()) {
        assert!(Instant::now() < deadline, "the engine outlived its parent");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_launcher_that_can_not_run_says_why_and_ends() {
    let data = tempfile::tempdir().unwrap();
    let config = data.path().join("config.xml");
    std::fs::write(&config, "<clickhouse/>").unwrap();
    let mut child = Command::new(launcher())
        .args(["--library", "/nowhere/libchdb.so", "--http-port", "1", "--path"])
        .arg(data.path().join("store"))
        .arg("--config")
        .arg(&config)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(4), "{said}");
    assert!(said.contains("/nowhere/libchdb.so"), "{said}");
}
