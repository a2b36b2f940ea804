//! Clients that others' generators make of the OpenAPI documents: each registers vehicles on both surfaces, sends a
//! position of each, reads it back as the latest and from history, and reads refusals as what the documents say.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::Hub;

/// Both documents by the names under which their clients are generated.
const DOCUMENTS: [(&str, &str); 2] = [("trackerhub", "/openapi.json"), ("v1", "/v1/openapi.json")];

/// What the generator for Python says about the one operation that it can't make whole: the payload of a vendor is
/// in whatever format the vendor speaks, and the document says just that.
const VENDOR: &str = "/position/vendor/{vendor}";

/// A running hub with a client whose key reads and writes, and a folder with both documents as it serves them.
struct World {
    hub: Hub,
    key: String,
    folder: TempDir,
}

impl World {
    async fn new() -> Self {
        let mut hub = Hub::new(&[]);
        let tenant = hub.tenant("own").await;
        hub.start().await;
        let folder = tempfile::tempdir().unwrap();
        for (name, path) in DOCUMENTS {
            let served = hub.http.get(hub.url(path)).send().await.unwrap();
            let text = served.error_for_status().unwrap().text().await.unwrap();
            std::fs::write(folder.path().join(format!("{name}.json")), text).unwrap();
        }
        let key = tenant.key;
        Self { hub, key, folder }
    }

    /// Runs a command in the folder; what it printed, and what it said beside that.
    async fn run(&self, mut command: Command) -> (String, String) {
        command.current_dir(self.folder.path());
        let shown = format!("{command:?}");
        let output = tokio::task::spawn_blocking(move || command.output());
        let output = output
            .await
            .unwrap()
            .unwrap_or_else(|error| panic!("{shown}: {error}"));
        let [out, err] =
            [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
        assert!(output.status.success(), "{shown}\n{out}{err}");
        (out, err)
    }

    /// What a client says that it made is there: two devices, each with one position, where the latest is.
    async fn has_what_it_made(&self, printed: &str) {
        let last = printed.lines().last().unwrap_or_default();
        let made: Value = serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {printed}"));
        let (status, latest) = self.hub.get(&self.key, "/v1/latest").await;
        assert_eq!(status, 200, "{latest}");
        let content = latest["content"].as_array().unwrap();
        let devices: Vec<&Value> = content.iter().map(|one| &one["deviceId"]).collect();
        assert_eq!(json!(devices), made["devices"], "{latest}");
        assert_eq!(devices.len(), 2, "{latest}");
        let stored = "SELECT count(), uniqExact(device_id) FROM fixstream.positions WHERE verdict = 'ok'";
        assert_eq!(self.hub.sql(stored).await, "2\t2");
    }
}

/// A file of this test.
fn ours(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/e2e/clients")
        .join(name)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_generated_for_python_registers_sends_and_reads_back() {
    let python = PathBuf::from(
        std::env::var_os("FIXSTREAM_TEST_PYTHON")
            .expect("FIXSTREAM_TEST_PYTHON names a python with openapi-python-client; deploy/test sets it"),
    );
    let world = World::new().await;
    // its hooks only make the code pretty
    std::fs::write(
        world.folder.path().join("generator.json"),
        r#"{ "post_hooks": [] }"#,
    )
    .unwrap();
    for (name, _) in DOCUMENTS {
        let mut generator = Command::new(python.with_file_name("openapi-python-client"));
        generator
            .args(["generate", "--path", &format!("{name}.json"), "--meta", "none"])
            .args(["--config", "generator.json"])
            .args(["--output-path", &format!("fixstream_{name}")])
            // one line for one warning
            .env("COLUMNS", "400");
        let (_, said) = world.run(generator).await;
        let warnings: Vec<&str> = said.lines().filter(|line| line.starts_with("WARNING")).collect();
        let expected = if name == "trackerhub" { 2 } else { 0 };
        assert_eq!(warnings.len(), expected, "{said}");
        assert!(warnings.iter().all(|warning| warning.contains(VENDOR)), "{said}");
    }
    let mut client = Command::new(&python);
    client
        .arg(ours("vehicle.py"))
        .args([&world.hub.url(""), &world.key])
        .env("PYTHONPATH", world.folder.path());
    let (printed, _) = world.run(client).await;
    world.has_what_it_made(&printed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_typed_for_javascript_registers_sends_and_reads_back() {
    let Some(packages) = std::env::var_os("FIXSTREAM_TEST_JAVASCRIPT").map(PathBuf::from) else {
        assert!(
            std::env::var_os("FIXSTREAM_NEED_NODE").is_none(),
            "FIXSTREAM_TEST_JAVASCRIPT is not set, and FIXSTREAM_NEED_NODE is"
        );
        eprintln!(
            "SKIPPED: the JavaScript client, because FIXSTREAM_TEST_JAVASCRIPT does not name a folder with its packages; \
             deploy/test sets it where there is node with npm"
        );
        return;
    };
    let world = World::new().await;
    let folder = world.folder.path();
    std::os::unix::fs::symlink(packages.join("node_modules"), folder.join("node_modules")).unwrap();
    for name in ["package.json", "tsconfig.json", "ambient.d.ts", "vehicle.js"] {
        std::fs::copy(ours(name), folder.join(name)).unwrap();
    }
    let node = |script: &str, args: &[&str]| {
        let mut command = Command::new("node");
        command.arg(script).args(args);
        command
    };
    for (name, _) in DOCUMENTS {
        let (document, types) = (format!("{name}.json"), format!("{name}.d.ts"));
        let script = "node_modules/openapi-typescript/bin/cli.js";
        world.run(node(script, &[&document, "--output", &types])).await;
    }
    // judges the calls and the answers against the documents; lines that must not pass are among them
    let script = "node_modules/typescript/bin/tsc";
    world.run(node(script, &["--project", "tsconfig.json"])).await;
    let (printed, _) = world
        .run(node("vehicle.js", &[&world.hub.url(""), &world.key]))
        .await;
    world.has_what_it_made(&printed).await;
}
