//! An engine for a test: the example `clickhouse_box` as launcher, a folder of its own, a free port. And the built
//! decoders.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};

use fixstream_core::decode::pack;
use fixstream_core::engine::{Access, Engine, EngineOptions, Launch, Sandbox};

/// Where cargo put the example that stands in for `fixstream clickhouse`. `cargo test` builds it; with `--test NAME`
/// it is built by `cargo build --example clickhouse_box` only.
pub fn launcher() -> PathBuf {
    let test = std::env::current_exe().expect("path of the test");
    let target = test.parent().and_then(Path::parent).expect("target folder");
    let path = target.join("examples").join("clickhouse_box");
    assert!(
        path.is_file(),
        "{} is missing: cargo build --example clickhouse_box",
        path.display()
    );
    path
}

pub fn options(data: &Path) -> EngineOptions {
    EngineOptions {
        library: None,
        data: data.to_path_buf(),
        http_port: 0,
        tcp_port: None,
        max_memory: 2 << 30,
    }
}

pub fn launch() -> Launch {
    Launch {
        executable: Some(launcher()),
        prefix: Vec::new(),
        sandbox: Sandbox::Required,
    }
}

/// An engine over `data`. Without the library the test fails and says what to do.
pub async fn engine(data: &Path) -> Engine {
    match Engine::start_with(options(data), launch()).await {
        Ok(engine) => engine,
        Err(error) => panic!("these tests need the ClickHouse engine: {error}"),
    }
}

pub fn writer(access: &Access) -> clickhouse::Client {
    clickhouse::Client::default()
        .with_url(&access.url)
        .with_user(&access.user)
        .with_password(&access.password)
}

pub fn analyst(access: &Access) -> clickhouse::Client {
    clickhouse::Client::default()
        .with_url(&access.url)
        .with_user(&access.analyst_user)
        .with_password(&access.analyst_password)
}

pub fn kill_9(pid: u32) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

/// The built decoders.
pub fn plugins() -> PathBuf {
    let folder = match std::env::var_os("FIXSTREAM_PLUGINS") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/plugins"),
    };
    assert!(
        folder.join("hostile/decoder.core.wasm").is_file(),
        "no built plugins in {}: run deploy/build-plugins, or say where they are with FIXSTREAM_PLUGINS",
        folder.display()
    );
    folder
}

/// A bundle of the named guest in a folder of its own.
pub fn bundle(root: &Path, name: &str) -> PathBuf {
    let source = plugins().join(name);
    let folder = root.join(name);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::copy(source.join("plugin.toml"), folder.join("plugin.toml")).unwrap();
    let component = pack(&std::fs::read(source.join("decoder.core.wasm")).unwrap()).unwrap();
    std::fs::write(folder.join("decoder.wasm"), component).unwrap();
    folder
}
