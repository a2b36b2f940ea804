//! A full disk: acknowledgements stop and nothing else does; with space they go on by themselves, and what was
//! acknowledged is stored once.
//!
//! The data folder is a small tmpfs. Where mounting is not permitted, the limit of the journal stands in for the
//! disk: ClickHouse goes away until journal and spool are full.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Hub, Outside, Tenant, Tracked, eventually};
use crate::load::{Load, Pace};

const CONNECTIONS: usize = 4;
const FAST: Pace = Pace {
    window: 20,
    every: Duration::ZERO,
};

/// A small file system over the data folder, unmounted with the value.
struct Small(PathBuf);

impl Small {
    fn mount(data: &Path) -> Option<Self> {
        std::fs::create_dir_all(data).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=96m", "fixstream-test"])
            .arg(data)
            .output();
        mounted
            .is_ok_and(|output| output.status.success())
            .then(|| Self(data.to_owned()))
    }

    fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }

    /// Not a byte is left.
    fn fill(&self) {
        let mut ballast = File::options()
            .create(true)
            .append(true)
            .open(self.ballast())
            .unwrap();
        for size in [1 << 20, 1 << 12, 1] {
            while ballast.write_all(&vec![b'x'; size]).is_ok() {}
        }
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        // lazily: the server may still be running on it
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

async fn prepared(outside: &Outside, hub: &mut Hub) -> (Tenant, Vec<Tracked>) {
    hub.set("FIXSTREAM_JOURNAL__SEGMENT_MIB", "1");
    // to the last byte
    hub.set("FIXSTREAM_MIN_FREE_MIB", "0");
    hub.install("teltonika");
    hub.set("FIXSTREAM_HISTORY__BATCH_MS", "200");
    hub.history_at(&outside.access);
    let tenant = hub.tenant("teltonika").await;
    let mut trackers = Vec::new();
    for number in 0..CONNECTIONS {
        trackers.push(hub.tracked(&tenant, &format!("35209308147{number:04}")).await);
    }
    (tenant, trackers)
}

/// Waits until no acknowledgement has come for a second. `fill` takes what becomes free meanwhile: with ClickHouse
/// there, history stores what waits and the journal goes on in the space of what is stored.
async fn wait_for_standstill(hub: &Hub, load: &Load, fill: impl Fn()) {
    let mut last = (0, std::time::Instant::now());
    let still = eventually(async || {
        fill();
        let now = load.acknowledged();
        if now != last.0 {
            last = (now, std::time::Instant::now());
        }
        now > 0 && last.1.elapsed() > Duration::from_secs(1)
    });
    assert!(still.await, "acknowledgements did not stop\n{}", hub.log());
}

/// A POST: status, `Retry-After`.
async fn post(hub: &Hub, key: &str, path: &str, body: &Value) -> (u16, Option<String>) {
    let request = hub.http.post(hub.url(path)).header("apikey", key);
    let answer = request
        .header("content-type", "application/json")
        .body(body.to_string())
        .send()
        .await
        .unwrap();
    let after = answer.headers().get("retry-after");
    (
        answer.status().as_u16(),
        after.map(|value| value.to_str().unwrap().to_owned()),
    )
}

fn position(tracked: &Tracked) -> Value {
    json!({ "idDevice": tracked.device.0, "latitude": 25.5, "longitude": -97.5, "createdAt": "2025-02-12 10:00:00.000 -0300" })
}

/// All that a client may see while the journal takes nothing.
async fn everything_says_why(hub: &Hub, load: &Load, tenant: &Tenant, admin: &str, tracked: &Tracked) {
    let before = load.pongs();
    assert!(
        eventually(async || load.pongs() >= before + 3).await,
        "pings are not answered on every connection\n{}",
        hub.log()
    );
    let found = eventually(async || hub.get(admin, "/healthcheck").await.0 == 503);
    assert!(found.await, "the health check says that all is well");
    let (_, health) = hub.get(admin, "/healthcheck").await;
    let part = &health["parts"]["journal"];
    assert_eq!(part["condition"], "down");
    let reason = part["reason"].as_str().unwrap();
    assert!(reason.contains("space") || reason.contains("full"), "{reason}");
    let (status, health) = hub.get(&tenant.key, "/healthcheck").await;
    assert_eq!(
        (status, &health["parts"]["journal"]),
        (503, &json!({ "condition": "down" }))
    );
    assert_eq!(
        hub.metric(r#"fixstream_health_condition{part="journal"}"#).await,
        Some(2.0)
    );
    let (status, retry) = post(hub, &tenant.key, "/position/create", &position(tracked)).await;
    assert_eq!((status, retry.as_deref()), (503, Some("5")));
    assert!(hub.metric("fixstream_journal_refused_appends_total").await > Some(0.0));
}

async fn all_is_well_and_stored_once(
    hub: &Hub,
    outside: &Outside,
    load: Load,
    tenant: &Tenant,
    tracked: &Tracked,
) {
    let before = load.acknowledged();
    assert!(
        eventually(async || load.acknowledged() > before + 2_000).await,
        "acknowledgements do not go on\n{}",
        hub.log()
    );
    assert!(eventually(async || hub.get(&tenant.key, "/healthcheck").await.0 == 200).await);
    let acknowledged = load.finish().await;
    let (status, _) = post(hub, &tenant.key, "/position/create", &position(tracked)).await;
    assert_eq!(status, 201);
    let devices = "SELECT count(), uniqExact(id), uniqExact(device_id, time) FROM fixstream.positions WHERE vendor = 'teltonika' AND time > '2025-02-13'";
    let expected = format!("{acknowledged}\t{acknowledged}\t{acknowledged}");
    let mut last = String::new();
    let stored = eventually(async || {
        last = outside.sql(devices).await.unwrap_or_else(|error| error);
        last == expected
    });
    assert!(stored.await, "expected {expected}, still {last}\n{}", hub.log());
    let created = eventually(async || {
        let query =
            "SELECT uniqExact(device_id, time, content) FROM fixstream.positions WHERE time < '2025-02-13'";
        outside.sql(query).await.unwrap_or_default() == "1"
    });
    assert!(created.await, "the position that was created is not stored");
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_acknowledgements_stop_and_go_on_when_there_is_space() {
    let mut hub = Hub::new(&[]);
    let mut outside = Outside::start(hub.ports.clickhouse).await;
    let data = hub.folder.path().join("data");
    let Some(small) = Small::mount(&data) else {
        println!("no right to mount: the limit of the journal stands in for the disk");
        a_full_journal(hub, outside).await;
        return;
    };
    let (tenant, trackers) = prepared(&outside, &mut hub).await;
    let admin = hub.admin_key(&tenant).await;
    hub.start().await;
    let load = Load::start(hub.ports.mqtt, &trackers, FAST);
    assert!(eventually(async || load.acknowledged() > 500).await);
    wait_for_standstill(&hub, &load, || small.fill()).await;
    everything_says_why(&hub, &load, &tenant, &admin, &trackers[0]).await;
    assert_eq!(hub.metric("fixstream_journal_no_space").await, Some(1.0));

    // the registry: what it says is created is; the rest is refused and nothing breaks
    let mut created = 0;
    for number in 0..2_000 {
        let tracker = json!({ "trackerName": "t", "imei": format!("full/{number}") });
        match post(&hub, &tenant.key, "/tracker", &tracker).await {
            (201, _) => created += 1,
            refused => {
                assert_eq!(refused, (503, Some("5".into())), "after {created}\n{}", hub.log());
                break;
            }
        }
    }
    assert!(
        created < 2_000,
        "the disk is full, and the registry took everything"
    );
    let (_, listed) = hub.get(&tenant.key, "/tracker").await;
    assert_eq!(listed.as_array().unwrap().len(), CONNECTIONS + created);

    // ClickHouse goes and comes while there is no space, which changes nothing
    outside.kill().await;
    outside.back().await;
    assert!(load.acknowledged() > 0 && small.ballast().exists());

    std::fs::remove_file(small.ballast()).unwrap();
    all_is_well_and_stored_once(&hub, &outside, load, &tenant, &trackers[0]).await;
    assert_eq!(hub.metric("fixstream_journal_no_space").await, Some(0.0));
    let tracker = json!({ "trackerName": "t", "imei": "space again" });
    assert_eq!(post(&hub, &tenant.key, "/tracker", &tracker).await.0, 201);
    hub.stop();
    drop(small);
    outside.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_the_backlog_filled_empties_by_itself_when_clickhouse_is_back() {
    let mut hub = Hub::new(&[]);
    let mut outside = Outside::start(hub.ports.clickhouse).await;
    let data = hub.folder.path().join("data");
    let small = Small::mount(&data);
    if small.is_none() {
        println!("no right to mount: the limit of the journal stands in for the disk");
        a_full_journal(hub, outside).await;
        return;
    }
    let (tenant, trackers) = prepared(&outside, &mut hub).await;
    let admin = hub.admin_key(&tenant).await;
    hub.start().await;
    let load = Load::start(hub.ports.mqtt, &trackers, FAST);
    assert!(eventually(async || load.acknowledged() > 500).await);
    if let Some(small) = &small {
        // some space, so that it does not take long to fill; the spool and the journal take the rest
        let mut ballast = File::create(small.ballast()).unwrap();
        ballast.write_all(&vec![b'x'; 40 << 20]).unwrap();
    }
    outside.kill().await;
    wait_for_standstill(&hub, &load, || {}).await;
    everything_says_why(&hub, &load, &tenant, &admin, &trackers[0]).await;
    outside.back().await;
    all_is_well_and_stored_once(&hub, &outside, load, &tenant, &trackers[0]).await;
    hub.stop();
    drop(small);
    outside.stop().await;
}

/// Without a file system of its own: small limits, and ClickHouse away until they are reached.
async fn a_full_journal(mut hub: Hub, mut outside: Outside) {
    hub.set("FIXSTREAM_JOURNAL__MAX_MIB", "2");
    hub.set("FIXSTREAM_HISTORY__MAX_SPOOL_MIB", "1");
    let (tenant, trackers) = prepared(&outside, &mut hub).await;
    let admin = hub.admin_key(&tenant).await;
    hub.start().await;
    let load = Load::start(hub.ports.mqtt, &trackers, FAST);
    assert!(eventually(async || load.acknowledged() > 500).await);
    outside.kill().await;
    wait_for_standstill(&hub, &load, || {}).await;
    everything_says_why(&hub, &load, &tenant, &admin, &trackers[0]).await;
    outside.back().await;
    all_is_well_and_stored_once(&hub, &outside, load, &tenant, &trackers[0]).await;
    hub.stop();
    outside.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_journal_stops_acknowledgements_until_clickhouse_is_back() {
    let hub = Hub::new(&[]);
    let outside = Outside::start(hub.ports.clickhouse).await;
    a_full_journal(hub, outside).await;
}
