//! The resource surface in front of a ClickHouse that is away: everything that is settled before it is asked.

use fixstream_core::registry::Scope;
use poem::http::Method;
use serde_json::{Value, json};

use super::world::{Answer, World};

const LIST: &str = "/v1/dead-letters";
const REPLAY: &str = "/v1/dead-letters/replay";

#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!(
        (answer.status, &answer.body["code"]),
        (status, &json!(code)),
        "{}",
        answer.body
    );
    assert_eq!(answer.body["status"], status, "{}", answer.body);
    assert!(answer.body["message"].is_string(), "{}", answer.body);
}

#[track_caller]
fn violates(answer: &Answer, fields: &[&str]) {
    refused(answer, 400, "constraint_violation");
    let violations = answer.body["violations"].as_array().unwrap();
    let named: Vec<&str> = violations
        .iter()
        .filter_map(|one| one["field"].as_str())
        .collect();
    assert_eq!(named, fields, "{}", answer.body);
    assert!(violations.iter().all(|one| one["message"].is_string()));
}

#[tokio::test]
async fn keys_and_scopes_are_settled_in_this_dialect() {
    let world = World::new().await;
    let only = async |scope| {
        let made = world
            .registry
            .create_api_key("k", world.ours, None, &[scope])
            .await;
        made.unwrap().1
    };
    let (reader, writer) = (only(Scope::Read).await, only(Scope::Write).await);
    for (method, path) in [(Method::GET, LIST), (Method::POST, REPLAY)] {
        refused(&world.send(method, path, None, "{}").await, 401, "unauthorized");
    }
    refused(
        &world.send(Method::GET, LIST, Some(&writer), ()).await,
        403,
        "forbidden",
    );
    refused(
        &world
            .send(Method::POST, REPLAY, Some(&reader), "{\"ids\":[1]}")
            .await,
        403,
        "forbidden",
    );
    refused(
        &world.send(Method::POST, LIST, Some(&writer), "{}").await,
        405,
        "method_not_allowed",
    );
    refused(&world.get("/v1/nothing").await, 404, "route_not_found");
    // the other surface keeps its own form
    let other = world.get("/nothing").await;
    assert_eq!(other.body["error"]["error_code"], "ROUTE_NOT_FOUND");
}

#[tokio::test]
async fn malformed_filters_name_every_field() {
    let world = World::new().await;
    violates(&world.get(&format!("{LIST}?reason=bored")).await, &["reason"]);
    violates(
        &world.get(&format!("{LIST}?size=0&page=x")).await,
        &["size", "page"],
    );
    violates(&world.get(&format!("{LIST}?size=201")).await, &["size"]);
    violates(&world.get(&format!("{LIST}?page=-1")).await, &["page"]);
    violates(
        &world.get(&format!("{LIST}?replayed=perhaps")).await,
        &["replayed"],
    );
    violates(&world.get(&format!("{LIST}?device=")).await, &["device"]);
    violates(
        &world.get(&format!("{LIST}?resaon=undecodable")).await,
        &["resaon"],
    );

    let replay = async |body: Value| world.post(REPLAY, &body).await;
    violates(&replay(json!({ "ids": [] })).await, &["ids"]);
    violates(&replay(json!({ "ids": vec![1; 1001] })).await, &["ids"]);
    violates(&replay(json!({ "ids": [1, -1] })).await, &["ids"]);
    violates(&replay(json!({ "ids": ["1"] })).await, &["ids"]);
    violates(&replay(json!({ "ids": [1.5] })).await, &["ids"]);
    violates(&replay(json!({ "ids": [1u64 << 53] })).await, &["ids"]);
    violates(
        &replay(json!({ "reason": 7, "vendor": "" })).await,
        &["reason", "vendor"],
    );
    violates(
        &replay(json!({ "vendor": "x", "resaon": "undecodable" })).await,
        &["resaon"],
    );
    refused(&replay(json!({})).await, 400, "nothing_chosen");
    refused(&replay(json!({ "after": 5 })).await, 400, "nothing_chosen");
    refused(&replay(json!([1])).await, 400, "malformed_request");
    let broken = world.send(Method::POST, REPLAY, Some(&world.key), "{").await;
    refused(&broken, 400, "malformed_request");
}

#[tokio::test]
async fn without_clickhouse_nothing_is_replayed_and_the_answer_says_so() {
    let world = World::new().await;
    let listed = world.get(LIST).await;
    refused(&listed, 503, "history_away");
    assert!(listed.response.header("retry-after").is_some());
    refused(
        &world.post(REPLAY, &json!({ "ids": [1] })).await,
        503,
        "history_away",
    );
    assert!(world.journalled().is_empty());
}
