//! How long `fixstream serve` takes until it is ready, and how much memory it then has, by the number of devices.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use fixstream_core::registry::{Registry, UnknownTracker};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};

use crate::hub::Hub;
use crate::{Failure, cpu};

/// Starting may take this long before it counts as broken.
const PATIENCE: Duration = Duration::from_secs(1200);
/// Devices per statement while preparing.
const SLICE: usize = 100_000;

/// Arguments.
#[derive(Debug, Args)]
pub struct Startup {
    /// The program; built by deploy/setup
    #[arg(long, default_value = "target/debug/fixstream")]
    program: PathBuf,
    /// Devices, each with a tracker, a credential and a latest position
    #[arg(long, value_delimiter = ',', default_value = "10000,100000")]
    devices: Vec<usize>,
    /// Starts of each; all are printed
    #[arg(long, default_value_t = 2)]
    runs: usize,
}

/// Prints one line per start.
pub fn run(args: &Startup) -> Result<(), Failure> {
    println!("| devices | run | ready s | of it CPU s | resident MiB |");
    println!("|---|---|---|---|---|");
    for &devices in &args.devices {
        measure(args, devices)?;
    }
    Ok(())
}

fn measure(args: &Startup, devices: usize) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let hub = Hub::new(&args.program, folder.path());
    // the first start makes the schema; its engine then takes the rows
    let server = hub.serve(&[], PATIENCE)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let link = runtime.block_on(tenant(&hub.data))?;
    positions(&hub, devices, link.0)?;
    server.stop()?;
    runtime.block_on(register(&hub.data, devices, link))?;
    for run in 1..=args.runs.max(1) {
        let began = Instant::now();
        let server = hub.serve(&[], PATIENCE)?;
        let (took, pid) = (began.elapsed().as_secs_f64(), server.pid());
        println!(
            "| {devices} | {run} | {took:.2} | {:.2} | {:.0} |",
            cpu::seconds(pid)?,
            cpu::resident_kib(pid)? as f64 / 1024.0
        );
        server.stop()?;
    }
    Ok(())
}

/// Client and link.
async fn tenant(data: &Path) -> Result<(u32, u32), Failure> {
    let registry = Registry::open(&data.join("registry.db")).await?;
    let client = registry.create_client("startup").await?;
    registry.create_vendor("teltonika").await?;
    let link = registry
        .create_link(client.id, "teltonika", UnknownTracker::Reject)
        .await?;
    Ok((client.id.0, link.id.0))
}

/// One row per device, an hour apart from now; the view makes the latest positions of them.
fn positions(hub: &Hub, devices: usize, client: u32) -> Result<(), Failure> {
    for from in (0..devices).step_by(SLICE) {
        let count = SLICE.min(devices - from);
        let query = format!(
            "INSERT INTO fixstream.positions (client_id, device_id, time, content, id, revision, received, verdict, lat_e7, lon_e7, \
             speed_e3, heading_e3, attributes, vendor, plugin) \
             SELECT {client}, number + 1, now64(3) - 3600, number, number + 1, 0, now64(3), 'ok', number % 900000000, number % 1800000000, \
             36000, 90000, map('satellites', '9', 'priority', '0'), 'teltonika', 'teltonika 1.0.0' FROM numbers({from}, {count})"
        );
        hub.sql("writer", &query)?;
    }
    Ok(())
}

/// Trackers, devices and credentials in one transaction: one by one through the registry it would take hours.
/// The password hash is well formed; nobody logs in.
pub async fn register(data: &Path, devices: usize, (client, link): (u32, u32)) -> Result<(), Failure> {
    let numbers =
        format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {devices})");
    let hash =
        "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b2dWRWJTmaaJObGRdescudvJCs";
    let script = format!(
        "BEGIN; {numbers} INSERT INTO tracker (id, client, name, imei, status, context, created_at) \
         SELECT i, {client}, 'truck ' || i, printf('35%013d', i), 'active', '[]', 0 FROM n; \
         {numbers} INSERT INTO device (id, client, link, tracker, worksite, team, name, device_type, code, uuid, status, created_at) \
         SELECT i, {client}, {link}, i, 1, 1, 'truck ' || i, 1, NULL, printf('uuid-%d', i), 'active', 0 FROM n; \
         {numbers} INSERT INTO credential (username, password_hash, client, link, role, tracker, created_at) \
         SELECT printf('truck-%d', i), '{hash}', {client}, {link}, 'tracker', i, 0 FROM n; \
         UPDATE generation SET value = value + 1; COMMIT;"
    );
    let options = SqliteConnectOptions::new().filename(data.join("registry.db"));
    let mut connection = options.disable_statement_logging().connect().await?;
    sqlx::raw_sql(AssertSqlSafe(script))
        .execute(&mut connection)
        .await?;
    connection.close().await?;
    Ok(())
}
