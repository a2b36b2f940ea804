//! Both OpenAPI documents against the running hub, by a tool that is not ours: schemathesis makes requests that
//! keep the documents' rules and requests that break them, by themselves and in sequences, and judges every answer.

use std::process::Command;

use fixstream_core::registry::Scope;

use crate::harness::Hub;

/// What every answer is judged by. Not asked: that whatever keeps a document's rules is accepted (an entity may
/// be in use, a cursor stale, a range longer than a report takes: no schema says that).
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
    response_headers_conformance,response_schema_conformance,negative_data_rejection,missing_required_header,\
    use_after_free,ignored_auth";

/// Also asked where the documents name all paths; that of the documented surface leaves its aliases out.
const METHODS: &str = ",unsupported_method,allow_header_conformance";

/// Requests of each kind for an endpoint; many more in the long run.
fn examples() -> &'static str {
    if std::env::var_os("FIXSTREAM_LONG").is_some() {
        "200"
    } else {
        "8"
    }
}

/// Runs the tool with the key of a client of its own, which may do everything.
async fn judge(document: &str, checks: &str, more: &[&str]) {
    let python = std::env::var("FIXSTREAM_TEST_PYTHON")
        .expect("FIXSTREAM_TEST_PYTHON names a python with schemathesis; deploy/test sets it");
    let tool = std::path::Path::new(&python).with_file_name("st");
    let mut hub = Hub::new(&["traccar"]);
    let tenant = hub.tenant("traccar").await;
    hub.tracked(&tenant, "352093081452301").await;
    let all = [Scope::Read, Scope::Write, Scope::Admin];
    let registry = hub.registry().await;
    let made = registry.create_api_key("judge", tenant.client, Some(tenant.link), &all);
    let (_, key) = made.await.unwrap();
    hub.start().await;
    let (base, header) = (hub.url(""), format!("apikey: {key}"));
    let mut command = Command::new(tool);
    command
        .current_dir(hub.folder.path())
        .args([
            "run",
            &format!("{base}{document}"),
            "--url",
            &base,
            "--header",
            &header,
        ])
        .args(["--checks", checks, "--max-examples", examples(), "--seed", "1"])
        .args(["--continue-on-failure", "--no-shrink", "--warnings", "off"])
        .args(more);
    let output = tokio::task::spawn_blocking(move || command.output())
        .await
        .unwrap()
        .unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[tokio::test]
async fn the_documented_surface_answers_as_its_document_says() {
    judge("/openapi.json", CHECKS, &[]).await;
}

#[tokio::test]
async fn the_resource_surface_answers_as_its_document_says() {
    // a key that deletes itself would end the run
    judge(
        "/v1/openapi.json",
        &[CHECKS, METHODS].concat(),
        &["--exclude-operation-id", "revoke_key"],
    )
    .await;
}
