#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;

use super::*;

const GOOD: &str = r#"schema = 1
[plugin]
name = "owntracks"
version = "1.0.0"
api = "fixstream:decoder@1.0.0"
license = "Apache-2.0"
description = "OwnTracks JSON"
[component]
file = "decoder.wasm"
[topics]
patterns = ["owntracks/{user}/{device}", "owntracks/{user}/{device}/{+}"]
[device]
order = ["payload", "topic", "credential"]
capture = "{user}/{device}"
[time]
zone = "UTC"
[limits]
cpu_ms = 10
memory_mib = 16
batch = 64
"#;

fn parse(text: &str) -> Result<Manifest, String> {
    Manifest::parse(text, Path::new("x/plugin.toml")).map_err(|error| error.to_string())
}

fn refused(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from} is not in the good manifest");
    parse(&GOOD.replacen(from, to, 1)).expect_err("must be refused")
}

#[test]
fn a_complete_manifest_is_read() {
    let manifest = parse(GOOD).unwrap();
    assert_eq!(manifest.name, "owntracks");
    assert_eq!(manifest.version, semver::Version::new(1, 0, 0));
    assert_eq!(
        manifest.limits,
        Limits {
            cpu_ms: 10,
            memory_mib: 16,
            batch: 64
        }
    );
    assert_eq!(
        manifest.device_order,
        [DeviceFrom::Payload, DeviceFrom::Topic, DeviceFrom::Credential]
    );
    assert_eq!(manifest.component, "decoder.wasm");
}

#[test]
fn what_is_optional_has_defaults() {
    let (short, _) = GOOD.split_once("[topics]").unwrap();
    let manifest = parse(short).unwrap();
    assert_eq!(manifest.limits, Limits::default());
    assert_eq!(manifest.time_zone, "UTC");
    assert!(manifest.topics.is_empty() && manifest.capture.is_empty());
    assert_eq!(manifest.topic_device("a/b"), None);
}

#[test]
fn complaints_name_file_line_and_what_is_allowed() {
    let message = refused("name = \"owntracks\"", "name = \"OwnTracks\"");
    assert!(
        message.contains("x/plugin.toml") && message.contains("line 3:") && message.contains("a-z"),
        "{message}"
    );
    let message = refused("cpu_ms = 10", "cpu_ms = 0");
    assert!(
        message.contains("line 18:") && message.contains("1 to 10000"),
        "{message}"
    );
    let message = refused("\"payload\", \"topic\"", "\"payload\", \"moon\"");
    assert!(
        message.contains("line 13:") && message.contains("credential"),
        "{message}"
    );
    let message = refused(
        "api = \"fixstream:decoder@1.0.0\"",
        "api = \"fixstream:decoder@2.0.0\"",
    );
    assert!(message.contains("line 5:") && message.contains(API), "{message}");
}

#[test]
fn unknown_keys_are_refused_with_the_known_ones() {
    let message = refused("batch = 64", "batches = 64");
    assert!(
        message.contains("line 20:") && message.contains("batch"),
        "{message}"
    );
    assert!(parse(&format!("{GOOD}[extra]\n")).is_err());
    assert!(parse("").is_err());
    assert!(parse("schema = ").unwrap_err().contains("line 1:"));
}

#[test]
fn values_out_of_bounds_are_refused() {
    refused("schema = 1", "schema = 2");
    refused("\"1.0.0\"", "\"1.0\"");
    refused("decoder.wasm", "../decoder.wasm");
    refused("decoder.wasm", "decoder.so");
    refused("zone = \"UTC\"", "zone = \"../etc\"");
    refused("memory_mib = 16", "memory_mib = 2048");
    refused("batch = 64", "batch = -1");
    refused("order = [\"payload\", \"topic\", \"credential\"]", "order = []");
    refused("\"payload\", \"topic\"", "\"topic\", \"topic\"");
    refused(
        "description = \"OwnTracks JSON\"",
        "description = \"two\\nlines\"",
    );
    let long = "a".repeat(33);
    refused("name = \"owntracks\"", &format!("name = \"{long}\""));
}

#[test]
fn patterns_that_reach_too_far_are_refused() {
    for bad in [
        "#",
        "a/#",
        "+/a",
        "a//b",
        "",
        "a/{user}x",
        "a/{}",
        "a/{User}",
        "$SYS/{device}",
        "trackers/{a}/{b}/up",
        "a/{user}/{user}",
    ] {
        refused("\"owntracks/{user}/{device}\"", &format!("\"{bad}\""));
    }
}

#[test]
fn a_capture_rule_must_be_satisfiable() {
    refused("capture = \"{user}/{device}\"", "capture = \"{user}/{imei}\"");
    refused("capture = \"{user}/{device}\"", "capture = \"device\"");
    refused("capture = \"{user}/{device}\"", "capture = \"{user\"");
    refused("capture = \"{user}/{device}\"", "capture = \"user}\"");
}

#[test]
fn a_device_level_needs_no_rule() {
    let text = GOOD.replacen("capture = \"{user}/{device}\"\n", "", 1);
    assert_eq!(
        parse(&text)
            .unwrap()
            .topic_device("owntracks/ana/phone")
            .flatten()
            .as_deref(),
        Some("phone")
    );
    let text = text.replace("{device}", "{imei}");
    assert_eq!(
        parse(&text).unwrap().topic_device("owntracks/ana/phone"),
        Some(None)
    );
}

#[test]
fn the_device_is_found_in_the_topic() {
    let manifest = parse(GOOD).unwrap();
    assert_eq!(
        manifest.topic_device("owntracks/ana/phone").flatten().as_deref(),
        Some("ana/phone")
    );
    assert_eq!(
        manifest
            .topic_device("owntracks/ana/phone/event")
            .flatten()
            .as_deref(),
        Some("ana/phone")
    );
    assert_eq!(manifest.topic_device("owntracks/ana"), None);
    assert_eq!(manifest.topic_device("owntracks//phone"), None);
    assert_eq!(manifest.topic_device("owntracks/ana/phone/event/x"), None);
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in ".{0,200}") {
        let _ = parse(&text);
        let _ = parse(&GOOD.replacen("owntracks/{user}/{device}", &text, 1));
    }
}
