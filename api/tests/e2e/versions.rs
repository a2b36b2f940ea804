//! Versions of plugins in a running hub: installed, swapped under load, gone back to, refused.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use fixstream_core::decode::{Archive, pack};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Hub, PROGRAM, bundle, now_ms, teltonika_frame};
use crate::load::{Load, Pace};
use crate::mqtt::connect;

/// A bundle of the built decoder under another version of as many digits: the number that the decoder says of itself
/// is changed in its bytes.
pub fn versioned(name: &str, version: &str) -> TempDir {
    let built = bundle(name);
    let folder = tempfile::tempdir().unwrap();
    let manifest = std::fs::read_to_string(built.join("plugin.toml")).unwrap();
    let manifest = manifest.replacen("version = \"1.0.0\"", &format!("version = \"{version}\""), 1);
    std::fs::write(folder.path().join("plugin.toml"), manifest).unwrap();
    let mut core = std::fs::read(built.join("decoder.core.wasm")).unwrap();
    let (old, new) = (b"1.0.0", version.as_bytes());
    assert_eq!(old.len(), new.len());
    for at in 1..core.len() - old.len() {
        // not the version of the contract, which stands behind an @
        if core[at..].starts_with(old) && core[at - 1] != b'@' {
            core[at..at + old.len()].copy_from_slice(new);
        }
    }
    std::fs::write(folder.path().join("decoder.wasm"), pack(&core).unwrap()).unwrap();
    let vectors =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../plugins/{name}/tests/vectors.jsonl"));
    if vectors.is_file() {
        std::fs::copy(vectors, folder.path().join("vectors.jsonl")).unwrap();
    }
    folder
}

fn archive(folder: &TempDir) -> Vec<u8> {
    Archive::open(folder.path()).unwrap().bytes().unwrap()
}

/// An answer of `/v1/plugins`.
pub async fn ask(
    hub: &Hub,
    method: reqwest::Method,
    key: &str,
    path: &str,
    body: impl Into<reqwest::Body>,
) -> (u16, Value) {
    let request = hub.http.request(method, hub.url(path)).header("apikey", key);
    let answer = request.body(body).send().await.unwrap();
    (
        answer.status().as_u16(),
        answer.json().await.unwrap_or(Value::Null),
    )
}

async fn post(hub: &Hub, key: &str, path: &str, body: impl Into<reqwest::Body>) -> (u16, Value) {
    ask(hub, reqwest::Method::POST, key, path, body).await
}

/// A `fixstream` command that must fail; what it said.
pub fn refused(hub: &Hub, args: &[&str]) -> String {
    let output = Command::new(PROGRAM)
        .env("FIXSTREAM_DATA", hub.folder.path().join("data"))
        .args(args)
        .output()
        .unwrap();
    assert!(!output.status.success(), "{args:?}");
    String::from_utf8(output.stderr).unwrap()
}

pub const BY_VERSION: &str =
    "SELECT plugin, count() FROM fixstream.positions GROUP BY plugin ORDER BY plugin";

#[tokio::test(flavor = "multi_thread")]
async fn an_uploaded_plugin_decodes_within_a_second_and_a_bad_one_never_does() {
    let mut hub = Hub::new(&[]);
    let tenant = hub.tenant("teltonika").await;
    let tracked = hub.tracked(&tenant, "352093081452259").await;
    let admin = hub.admin_key(&tenant).await;
    hub.start().await;
    let mut connection = connect(hub.ports.mqtt, "t", &tracked.username, &tracked.password).unwrap();
    let topic = format!("trackers/teltonika/{}/up", tracked.imei);
    let start = now_ms() / 1000 * 1000 - 3_600_000;
    let mut times = Vec::new();
    for round in 0..3u16 {
        let body = archive(&versioned("teltonika", &format!("1.0.{round}")));
        let began = Instant::now();
        let (status, made) = post(&hub, &admin, "/v1/plugins", body).await;
        assert_eq!(
            (status, &made["version"]),
            (201, &json!(format!("1.0.{round}"))),
            "{made:#}"
        );
        // a step that a vehicle can make in a minute
        let latitude = 1.0 + f64::from(round) * 0.001;
        let frame = teltonika_frame(start + i64::from(round) * 60_000, latitude, 2.0);
        connection.publish(&topic, round + 1, &frame).unwrap();
        assert_eq!(connection.puback(), Some(round + 1));
        hub.latest(&tenant.key, tracked.device, |latest| {
            latest["latitude"].as_f64() == Some(latitude)
        })
        .await;
        times.push(began.elapsed());
    }
    println!("from the upload to the first decoded message: {times:?}");
    // the best of three, because other tests run beside this one
    assert!(
        times.iter().any(|time| *time < Duration::from_secs(1)),
        "{times:?}"
    );

    // what does not do what its own vectors say is refused, and the active version goes on
    let bad = versioned("teltonika", "1.0.7");
    let line = r#"{"id":"never","encoding":"hex","payload":"ff","expect":{"kind":"positions","positions":[{"latitude":1.0}]}}"#;
    std::fs::write(bad.path().join("vectors.jsonl"), line).unwrap();
    let (status, answer) = post(&hub, &admin, "/v1/plugins", archive(&bad)).await;
    assert_eq!(
        (status, &answer["code"]),
        (422, &json!("plugin_refused")),
        "{answer}"
    );
    assert!(answer["message"].as_str().unwrap().contains("never"), "{answer}");
    let said = refused(&hub, &["plugin", "install", bad.path().to_str().unwrap()]);
    assert!(said.contains("1 of its own 1 vectors failed"), "{said}");
    let (_, now) = hub.get(&admin, "/v1/plugins/teltonika").await;
    assert_eq!(
        (&now["version"], &now["state"]),
        (&json!("1.0.2"), &json!("in_service"))
    );
    assert_eq!(now["versions"].as_array().unwrap().len(), 3);

    // the same version with other bytes is another build
    let other = versioned("teltonika", "1.0.2");
    std::fs::write(other.path().join("vectors.jsonl"), "").unwrap();
    let (status, answer) = post(&hub, &admin, "/v1/plugins", archive(&other)).await;
    assert_eq!(
        (status, &answer["code"]),
        (409, &json!("plugin_conflict")),
        "{answer}"
    );
    let replaced = post(&hub, &admin, "/v1/plugins?replace=true", archive(&other)).await;
    assert_eq!(replaced.0, 201, "{}", replaced.1);
    hub.sql_becomes(
        BY_VERSION,
        "teltonika@1.0.0\t1\nteltonika@1.0.1\t1\nteltonika@1.0.2\t1",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_are_swapped_under_load_with_nothing_lost_or_doubled() {
    let swaps: usize = if std::env::var_os("FIXSTREAM_LONG").is_some() {
        1_000
    } else {
        40
    };
    let mut hub = Hub::new(&[]);
    let tenant = hub.tenant("teltonika").await;
    let admin = hub.admin_key(&tenant).await;
    let mut trackers = Vec::new();
    for number in 0..4 {
        trackers.push(hub.tracked(&tenant, &format!("35209308145230{number}")).await);
    }
    let versions = [versioned("teltonika", "1.0.0"), versioned("teltonika", "1.0.1")];
    for version in &versions {
        hub.command(&["plugin", "install", version.path().to_str().unwrap()]);
    }
    hub.start().await;
    let pace = Pace {
        window: 20,
        every: Duration::from_millis(2),
    };
    let load = Load::start(hub.ports.mqtt, &trackers, pace);
    for swap in 0..swaps {
        let before = load.acknowledged();
        let version = json!({ "version": format!("1.0.{}", swap % 2) }).to_string();
        let (status, now) = post(&hub, &admin, "/v1/plugins/teltonika/activate", version).await;
        assert_eq!(status, 200, "{now}");
        // each version gets something to decode
        let flowed = crate::harness::eventually(async || load.acknowledged() >= before + 4);
        assert!(flowed.await, "{}", hub.log());
    }
    let sent = load.finish().await;
    hub.sql_becomes(
        "SELECT count(), uniqExact(device_id, time) FROM fixstream.positions",
        &format!("{sent}\t{sent}"),
    )
    .await;
    let by_version = hub.sql(BY_VERSION).await;
    println!("{swaps} swaps, {sent} messages: {by_version:?}");
    assert!(
        by_version.contains("teltonika@1.0.0\t") && by_version.contains("teltonika@1.0.1\t"),
        "{by_version}"
    );
    assert_eq!(hub.sql("SELECT count() FROM fixstream.dead_letters").await, "0");
    let generation = hub
        .metric("fixstream_decode_generation{plugin=\"teltonika\"}")
        .await
        .unwrap();
    assert!(generation >= swaps as f64, "{generation}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_gone_back_to_is_in_service_at_once_also_after_a_restart() {
    let mut hub = Hub::new(&[]);
    for version in ["1.0.0", "1.0.1"] {
        let folder = versioned("teltonika", version);
        hub.command(&["plugin", "install", folder.path().to_str().unwrap()]);
    }
    let tenant = hub.tenant("teltonika").await;
    let admin = hub.admin_key(&tenant).await;
    hub.start().await;
    let active = async |hub: &Hub| hub.get(&admin, "/v1/plugins/teltonika").await.1["version"].clone();
    assert_eq!(active(&hub).await, "1.0.1");
    let said = hub.command(&["plugin", "rollback", "teltonika"]);
    assert!(said.contains("teltonika 1.0.0 active again"), "{said}");
    let listed = hub.command(&["plugin", "list"]);
    assert!(
        listed.contains("teltonika * 1.0.0 sha256 ") && listed.contains("teltonika   1.0.1 sha256 "),
        "{listed}"
    );
    let served = crate::harness::eventually(async || {
        hub.get(&admin, "/v1/plugins/teltonika").await.1["running"] == "1.0.0"
    });
    assert!(served.await, "{}", hub.log());
    hub.kill();
    hub.start().await;
    assert_eq!(active(&hub).await, "1.0.0");
    assert!(refused(&hub, &["plugin", "rollback", "teltonika"]).contains("no earlier version"));
    let (status, now) = post(
        &hub,
        &admin,
        "/v1/plugins/teltonika/rollback",
        json!({ "version": "1.0.1" }).to_string(),
    )
    .await;
    assert_eq!((status, &now["version"]), (200, &json!("1.0.1")), "{now}");
    let gone = ask(&hub, reqwest::Method::DELETE, &admin, "/v1/plugins/teltonika", "").await;
    assert_eq!(gone.0, 204, "{}", gone.1);
    assert_eq!(hub.get(&admin, "/v1/plugins/teltonika").await.0, 404);
    assert_eq!(hub.command(&["plugin", "list"]), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn under_the_policy_of_signatures_only_signed_plugins_are_installed_and_run() {
    let mut hub = Hub::new(&["owntracks"]);
    let work = tempfile::tempdir().unwrap();
    let path = |name: &str| work.path().join(name).to_str().unwrap().to_owned();
    let keys = hub.command(&["plugin", "keygen", &path("vendor")]);
    let public = keys.split('"').nth(1).unwrap().to_owned();
    let built = versioned("teltonika", "1.0.0");
    let file = path("teltonika.fsp");
    hub.command(&["plugin", "pack", built.path().to_str().unwrap(), "-o", &file]);
    hub.set("FIXSTREAM_PLUGINS__TRUSTED_KEYS", format!("[\"{public}\"]"));
    hub.set("FIXSTREAM_PLUGINS__POLICY", "signed");
    let tenant = hub.tenant("teltonika").await;
    let admin = hub.admin_key(&tenant).await;
    hub.start().await;
    let unsigned = post(&hub, &admin, "/v1/plugins", std::fs::read(&file).unwrap()).await;
    assert_eq!(unsigned.0, 422, "{}", unsigned.1);
    hub.command(&["plugin", "sign", &file, "--key", &path("vendor.key")]);
    let (status, made) = post(&hub, &admin, "/v1/plugins", std::fs::read(&file).unwrap()).await;
    assert_eq!(status, 201, "{made}");
    assert!(
        made["versions"][0]["signature"]
            .as_str()
            .unwrap()
            .starts_with("trusted key"),
        "{made}"
    );
    // installed before there was a policy, and not run under it
    let (_, owntracks) = hub.get(&admin, "/v1/plugins/owntracks").await;
    assert_eq!(owntracks["state"], "not_loaded", "{owntracks}");
    assert!(
        hub.log().contains("not signed by a key of plugins.trusted_keys"),
        "{}",
        hub.log()
    );
    // a changed file does not fit its digests
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    assert_eq!(post(&hub, &admin, "/v1/plugins", bytes).await.0, 422);
}

#[test]
fn a_new_decoder_is_built_tested_and_installed() {
    // needs a compiler for WASM, which deploy/test has; without one there is nothing to show
    let work = tempfile::tempdir().unwrap();
    let folder: PathBuf = work.path().join("acme");
    let run = |args: &[&str]| {
        let output = Command::new(PROGRAM)
            .env("FIXSTREAM_DATA", work.path().join("data"))
            .args(args)
            .current_dir(work.path())
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    };
    run(&["plugin", "new", "acme"]);
    let made = run(&["plugin", "build", "acme"]);
    let file = made.lines().last().unwrap();
    assert!(file.ends_with("acme-0.1.0.fsp"), "{made}");
    let report: Value = serde_json::from_str(&run(&["plugin", "test", "--json", "acme"])).unwrap();
    assert_eq!(
        (&report["passed"], &report["failed"], &report["ok"]),
        (&json!(5), &json!(0), &json!(true)),
        "{report:#}"
    );
    assert_eq!(
        (&report["positions"], &report["no_position"], &report["errors"]),
        (&json!(2), &json!(1), &json!(2))
    );
    let installed = run(&["plugin", "install", file]);
    assert!(installed.contains("5 vectors passed"), "{installed}");
    let measured: Value =
        serde_json::from_str(&run(&["plugin", "bench", "--json", "--seconds", "0.05", "acme"])).unwrap();
    assert!(
        measured["plugins"][0]["one_us"].as_f64().unwrap() > 0.0,
        "{measured}"
    );
    assert!(folder.join("sdk/src/lib.rs").is_file());
}
