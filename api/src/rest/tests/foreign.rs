//! The ids of another client, in every place of every endpoint that takes an id.

use poem::http::Method;
use serde_json::{Value, json};

use super::endpoint::endpoints;
use super::requests::{self, Theirs, furnish};
use super::world::Answer;
use crate::rest::validate::Rule;

/// An id that is nobody's.
const NOBODYS: u32 = 4_000_000_000;

/// What stands in the answer to a request about `id`, but for the echo of the request.
fn told(answer: &Answer, id: u32) -> (u16, Value) {
    let mut body = answer.body.clone();
    if let Some(error) = body.get_mut("error") {
        error["details"]["value"] = Value::Null;
        let message = error["message"].as_str().unwrap_or_default();
        error["message"] = json!(message.replace(&format!(" {id} "), " # "));
    }
    (answer.status, body)
}

/// Whether something was not found, or found by a filter that nothing passes.
#[track_caller]
fn nothing_found((status, body): &(u16, Value), place: &str) {
    if *status == 200 {
        assert!(
            *body == json!([]) || body["totalElements"] == 0,
            "{place}: {body}"
        );
        return;
    }
    let code = body.get("code").unwrap_or(&body["error"]["error_code"]);
    let code = code.as_str().unwrap_or_default().to_ascii_uppercase();
    assert!(matches!(status, 400 | 404), "{place}: {status} {body}");
    assert!(code.contains("NOT_FOUND"), "{place}: {body}");
}

/// The id of theirs that a field of this name would mean.
fn of_theirs(theirs: &Theirs, name: &str) -> Option<u32> {
    Some(match name {
        "idTracker" | "trackerId" => theirs.tracker,
        "idDevice" | "deviceId" | "deviceIds" | "ids" => theirs.device,
        "groupId" => theirs.group,
        "linkId" | "link" => theirs.link,
        _ => return None,
    })
}

#[tokio::test]
async fn an_id_of_another_client_answers_like_one_that_never_was_in_every_field() {
    // nothing of what is asked is done, so one world is enough
    let (world, key, theirs) = furnish().await;
    world.post("/config", &requests::thresholds()).await.ok(201);
    let mut compared = 0;
    for endpoint in endpoints() {
        // dead letters and positions are not of the registry: theirs are shown end to end
        let fields = endpoint.fields().iter().filter(|field| {
            let is_record = matches!(field.rule, Rule::Records { .. });
            !is_record
        });
        for field in fields {
            let Some(id) = of_theirs(&theirs, field.name) else {
                continue;
            };
            let ask = async |id: u32| {
                let mut body = endpoint.good.body.clone();
                body[field.name] = match field.rule {
                    Rule::Ids { .. } => json!([id]),
                    _ => json!(id),
                };
                told(&endpoint.send(&world, &key, endpoint.good.path, &body).await, id)
            };
            let place = format!("{} {}", endpoint.operation.name, field.name);
            let foreign = ask(id).await;
            assert_eq!(foreign, ask(NOBODYS).await, "{place}");
            nothing_found(&foreign, &place);
            compared += 1;
        }
        for field in endpoint.operation.query {
            let Some(id) = of_theirs(&theirs, field.name) else {
                continue;
            };
            let ask = async |id: u32| {
                let path = endpoint.asking(field.name, &id.to_string());
                told(&endpoint.send(&world, &key, &path, &endpoint.good.body).await, id)
            };
            let place = format!("{} {}", endpoint.operation.name, field.name);
            let foreign = ask(id).await;
            assert_eq!(foreign, ask(NOBODYS).await, "{place}");
            nothing_found(&foreign, &place);
            compared += 1;
        }
    }
    assert!(compared > 20, "{compared}");
}

#[tokio::test]
async fn an_id_of_another_client_answers_like_one_that_never_was_in_every_path() {
    let (world, key, theirs) = furnish().await;
    world.post("/config", &requests::thresholds()).await.ok(201);
    for endpoint in endpoints() {
        let template = endpoint.template();
        for field in endpoint.operation.parameters {
            let (name, id) = match (template.split('/').nth(2), field.name) {
                (Some("trackers"), "id") => ("tracker", theirs.tracker),
                (Some("devices"), "id") | (_, "deviceId") => ("device", theirs.device),
                (Some("groups"), "id") => ("group", theirs.group),
                (Some("keys"), "id") => ("api_key", theirs.key_id),
                (_, "link") => ("link", theirs.link),
                // the same for all clients, or of no client, or shown end to end
                (Some("device-types" | "plugins" | "positions" | "redecodes" | "vendor"), _) => continue,
                other => panic!("{template} {other:?}"),
            };
            let ask = async |id: u32| {
                let path = endpoint.at(field.name, &id.to_string());
                told(&endpoint.send(&world, &key, &path, &endpoint.good.body).await, id)
            };
            let (foreign, missing) = (ask(id).await, ask(NOBODYS).await);
            assert_eq!(foreign, missing, "{}", endpoint.operation.name);
            if endpoint.exact() {
                assert_eq!(
                    (foreign.0, &foreign.1["code"]),
                    (404, &json!(format!("{name}_not_found"))),
                    "{}",
                    endpoint.operation.name
                );
            } else {
                assert_eq!(foreign.0, 400, "{}", endpoint.operation.name);
            }
        }
    }
    // nothing of theirs was changed by any of it
    for list in ["/v1/devices", "/v1/trackers", "/v1/groups"] {
        let listed = world.send(Method::GET, list, Some(&theirs.key), ()).await;
        assert_eq!(listed.body["content"][0]["name"], "theirs", "{list}");
    }
}
