//! The vectors of every vendor through the real WASM host, by the command that vendors use.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::harness::{Hub, PROGRAM, bundle, now_ms, teltonika_frame};
use crate::mqtt::connect;

/// The vendors that have a folder with vectors, so that a new one is tested without a new test.
fn vendors() -> Vec<(String, PathBuf)> {
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins");
    let mut vendors: Vec<_> = std::fs::read_dir(plugins)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter_map(|folder| {
            let vectors = folder.join("tests/vectors.jsonl");
            vectors
                .is_file()
                .then(|| (folder.file_name().unwrap().to_str().unwrap().to_owned(), vectors))
        })
        .collect();
    vendors.sort();
    vendors
}

/// A capture whose end was destroyed when its checksum was repaired: what is expected of it stands no longer in
/// its bytes (see `plugins/gt06/tests/vectors.rs`).
const DESTROYED: (&str, &str) = ("gt06", "gt06-0105");

#[test]
fn every_vendors_vectors_pass_through_the_sandbox() {
    let vendors = vendors();
    assert!(vendors.len() >= 23, "{vendors:?}");
    for (vendor, vectors) in vendors {
        let lines = std::fs::read_to_string(&vectors)
            .unwrap()
            .lines()
            .filter(|line| !line.trim().is_empty())
            .count();
        let output = Command::new(PROGRAM)
            .args(["plugin", "test", "--json", "--vectors"])
            .arg(&vectors)
            .arg(bundle(&vendor))
            .output()
            .unwrap();
        let report: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{vendor}: {error}: {}", String::from_utf8_lossy(&output.stderr)));
        let mut failures: Vec<&str> = report["failures"]
            .as_array()
            .unwrap()
            .iter()
            .map(|failure| failure.as_str().unwrap())
            .collect();
        let before = failures.len();
        failures.retain(|failure| !(vendor == DESTROYED.0 && failure.contains(DESTROYED.1)));
        let destroyed = before - failures.len();
        assert_eq!(
            destroyed,
            usize::from(vendor == DESTROYED.0),
            "{vendor}: {report:#}"
        );
        assert!(failures.is_empty(), "{vendor}: {report:#}");
        assert_eq!(report["passed"], lines - destroyed, "{vendor}: {report:#}");
        assert_eq!(output.status.success(), destroyed == 0);
    }
}

#[test]
fn plugin_test_fails_on_a_vector_that_is_not_met() {
    let folder = tempfile::tempdir().unwrap();
    let vectors = folder.path().join("wrong.jsonl");
    std::fs::write(&vectors, r#"{"id":"wrong","encoding":"hex","payload":"ff","expect":{"kind":"positions","positions":[{"latitude":1.0}]}}"#).unwrap();
    let output = Command::new(PROGRAM)
        .args(["plugin", "test", "--vectors"])
        .arg(&vectors)
        .arg(bundle("teltonika"))
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains("expected positions, got no_position"));
}

#[test]
fn plugin_test_names_the_lines_that_none_of_several_plugins_gets() {
    let folder = tempfile::tempdir().unwrap();
    let vectors = folder.path().join("mixed.jsonl");
    let line = |id: usize, vendor: &str| {
        let expect = json!({ "kind": "error" });
        let line = json!({ "id": id, "encoding": "hex", "payload": "00000000ff", "vendor": vendor, "expect": expect });
        format!("{line}\n")
    };
    let known = [line(1, "teltonika"), line(2, "gt06")].concat();
    let strange = r#"{"id":5,"encoding":"hex","payload":"ff","expect":{"kind":"error"}}"#;
    let all = [
        known.clone(),
        line(3, "telltonika"),
        line(4, "telltonika"),
        strange.into(),
    ]
    .concat();
    let test = |lines: &str, plugins: &[&str]| {
        std::fs::write(&vectors, lines).unwrap();
        let output = Command::new(PROGRAM)
            .args(["plugin", "test", "--json", "--inputs", "10", "--vectors"])
            .arg(&vectors)
            .args(plugins.iter().map(|plugin| bundle(plugin)))
            .output()
            .unwrap();
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        (output.status.success(), report, said)
    };
    let (good, report, said) = test(&all, &["teltonika", "gt06"]);
    assert_eq!((good, &report["ok"]), (false, &json!(false)), "{report:#}");
    assert_eq!(
        (&report["passed"], &report["failed"]),
        (&json!(2), &json!(0)),
        "{report:#}"
    );
    let expected = json!([{ "vendor": null, "lines": 1 }, { "vendor": "telltonika", "lines": 2 }]);
    assert_eq!(report["unmatched"], expected);
    assert!(said.contains("1 without a vendor, 2 of telltonika"), "{said}");

    let (good, report, said) = test(&known, &["teltonika", "gt06"]);
    assert!(good, "{said}{report:#}");
    assert_eq!((&report["ok"], &report["unmatched"]), (&json!(true), &json!([])));
    // one plugin is asked about all lines, whatever they say
    let (_, report, _) = test(&all, &["teltonika"]);
    assert_eq!(
        (&report["messages"], &report["unmatched"]),
        (&json!(5), &json!([]))
    );
}

#[test]
fn plugin_decode_writes_one_line_per_message() {
    let mut child = Command::new(PROGRAM)
        .args(["plugin", "decode", "--input", "-"])
        .arg(bundle("teltonika"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let frame = hex::encode(teltonika_frame(1_700_000_000_000, -23.5, -46.5));
    let mut input = child.stdin.take().unwrap();
    writeln!(
        input,
        r#"{{"id":"one","encoding":"hex","payload":"{frame}","topic":"1/data"}}"#
    )
    .unwrap();
    writeln!(input, r#"{{"id":"two","encoding":"hex","payload":"ff"}}"#).unwrap();
    writeln!(input, r#"{{"id":3,"encoding":"hex","payload":"00000000ff"}}"#).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let lines: Vec<Value> = output
        .stdout
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[0]["id"], "one");
    let position = &lines[0]["result"]["positions"][0];
    assert_eq!(
        (position["time"].as_str(), position["latitude"].as_f64()),
        (Some("2023-11-14T22:13:20Z"), Some(-23.5))
    );
    assert_eq!(lines[1]["result"]["kind"], "no_position");
    assert_eq!(
        (lines[2]["id"].as_i64(), lines[2]["result"]["kind"].as_str()),
        (Some(3), Some("error"))
    );
    assert!(
        lines[2]["result"]["reason"]
            .as_str()
            .is_some_and(|reason| !reason.is_empty())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_installed_beside_a_running_hub_is_in_service_at_once() {
    let mut hub = Hub::new(&[]);
    let tenant = hub.tenant("teltonika").await;
    let tracked = hub.tracked(&tenant, "352093081452258").await;
    hub.start().await;
    let mut connection = connect(hub.ports.mqtt, "late", &tracked.username, &tracked.password).unwrap();
    let topic = format!("trackers/teltonika/{}/up", tracked.imei);
    connection
        .publish(&topic, 1, &teltonika_frame(now_ms() - 2000, 1.0, 2.0))
        .unwrap();
    assert_eq!(connection.puback(), Some(1));
    hub.sql_becomes("SELECT reason FROM fixstream.dead_letters", "unknown_vendor")
        .await;
    hub.install("teltonika");
    let installed = crate::harness::eventually(async || hub.log().contains("plugin is in service"));
    assert!(installed.await, "{}", hub.log());
    connection
        .publish(&topic, 2, &teltonika_frame(now_ms() - 1000, 1.5, 2.0))
        .unwrap();
    assert_eq!(connection.puback(), Some(2));
    hub.latest(&tenant.key, tracked.device, |latest| {
        latest["latitude"].as_f64() == Some(1.5)
    })
    .await;
}

#[test]
fn doctor_says_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let output = Command::new(PROGRAM)
        .args(["doctor", "--data"])
        .arg(folder.path().join("data"))
        .env("FIXSTREAM_MQTT__LISTEN", taken.local_addr().unwrap().to_string())
        .env("FIXSTREAM_REST__LISTEN", "127.0.0.1:0")
        .env("FIXSTREAM_CLICKHOUSE__HTTP_PORT", "0")
        .output()
        .unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        said.contains("FAIL  mqtt port") && said.contains("FIXSTREAM_MQTT__LISTEN"),
        "{said}"
    );
    assert!(said.contains("ok    data folder"), "{said}");
}
