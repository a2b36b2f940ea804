//! Every endpoint of both surfaces against the rules that it declares itself: keys, scopes, each field of its body, its
//! query and its path at, below and above each bound, of other types, missing, null and empty, fields that it does not
//! know, and bodies that are none.

use std::collections::BTreeSet;

use fixstream_core::registry::Scope;
use poem::http::Method;
use serde_json::{Value, json};

use super::endpoint::{Endpoint, code, endpoints, violations};
use super::requests::{self, Good, Theirs, furnish};
use super::variants;
use super::world::World;
use crate::rest::dialect::Dialect;
use crate::rest::openapi;
use crate::rest::validate::Rule;

async fn prepare(endpoint: &Endpoint) -> (World, String, Theirs) {
    let (world, key, theirs) = furnish().await;
    if endpoint.good.configured {
        world.post("/config", &requests::thresholds()).await.ok(201);
    }
    (world, key, theirs)
}

#[tokio::test]
async fn every_endpoint_answers_a_good_request_as_documented() {
    let documents = [Dialect::TrackerHub, Dialect::Resource]
        .map(|dialect| serde_json::from_str::<Value>(&openapi::text(dialect)).unwrap());
    for endpoint in endpoints() {
        let (world, key, _) = prepare(&endpoint).await;
        let Good {
            operation,
            path,
            body,
            status,
            ..
        } = &endpoint.good;
        let answer = endpoint.send(&world, &key, path, body).await;
        assert_eq!(answer.status, *status, "{operation}: {}", answer.body);
        let document = &documents[usize::from(endpoint.exact())];
        let method = endpoint.operation.method.as_str().to_ascii_lowercase();
        // the servers of the documented surface stand for its prefixes
        let described = &document["paths"][endpoint.template()][method];
        assert_eq!(described["operationId"], *operation);
        assert!(
            described["responses"][status.to_string()].is_object(),
            "{operation}: {status}"
        );
        assert_eq!(violations(&answer), [], "{operation}");
    }
}

#[tokio::test]
async fn every_path_of_an_endpoint_leads_to_it() {
    let (world, key, _) = furnish().await;
    for endpoint in endpoints() {
        for path in endpoint.everywhere("999") {
            let answer = endpoint.send(&world, &key, &path, &Value::Null).await;
            let told = code(&answer).to_ascii_uppercase();
            assert!(
                !["ROUTE_NOT_FOUND", "METHOD_NOT_ALLOWED"].contains(&told.as_str()),
                "{} {path}",
                endpoint.operation.name
            );
            assert!(
                answer.status < 500 || answer.status == 503,
                "{path}: {}",
                answer.body
            );
        }
    }
}

#[tokio::test]
async fn no_endpoint_answers_without_a_valid_key() {
    let (world, _, _) = furnish().await;
    let all = [Scope::Read, Scope::Write, Scope::Admin];
    let made = world
        .registry
        .create_api_key("r", world.ours, Some(world.our_link), &all)
        .await;
    let (revoked, revoked_secret) = made.unwrap();
    world.registry.revoke_api_key(revoked.id).await.unwrap();
    let cut = &world.key[..world.key.len() - 1];
    let keys = [None, Some(""), Some("wrong"), Some(cut), Some(&revoked_secret)];
    let mut bodies = BTreeSet::new();
    for endpoint in endpoints() {
        let body = endpoint.good.body.to_string();
        for path in endpoint.everywhere("1") {
            for key in keys {
                let method = endpoint.operation.method.clone();
                let answer = world.send(method, &path, key, body.clone()).await;
                assert_eq!(answer.status, 401, "{} {path}", endpoint.operation.name);
                assert_eq!(code(&answer).to_ascii_uppercase(), "UNAUTHORIZED", "{path}");
                bodies.insert(answer.body.to_string());
            }
        }
    }
    // of a surface always the same: which of the reasons it was is not told
    assert_eq!(bodies.len(), 2, "{bodies:?}");
}

#[tokio::test]
async fn every_endpoint_needs_the_scope_that_it_declares() {
    let (world, _, _) = furnish().await;
    let keys = [Scope::Read, Scope::Write, Scope::Admin];
    let secrets = [
        world.key_for(&keys[..1]).await,
        world.key_for(&keys[1..2]).await,
        world.key_for(&keys[2..]).await,
    ];
    for endpoint in endpoints() {
        let needed = endpoint.operation.scope;
        let by_method = match endpoint.operation.method {
            Method::GET => Scope::Read,
            _ => Scope::Write,
        };
        let reads_by_body = ["list_devices", "latest_of_some"].contains(&endpoint.operation.name);
        if needed != Scope::Admin && !reads_by_body {
            assert_eq!(needed, by_method, "{}", endpoint.operation.name);
        }
        // what is allowed changes nothing: there is no such thing, and no body
        for path in endpoint.everywhere("999") {
            for (held, secret) in keys.iter().zip(&secrets) {
                let answer = endpoint.send(&world, secret, &path, &Value::Null).await;
                let shown = format!("{} {path} {held:?}: {}", endpoint.operation.name, answer.body);
                if *held == needed || *held == Scope::Admin {
                    assert_ne!(answer.status, 403, "{shown}");
                } else {
                    assert_eq!(answer.status, 403, "{shown}");
                    assert_eq!(code(&answer).to_ascii_uppercase(), "FORBIDDEN", "{shown}");
                    let message = answer.body.to_string();
                    assert!(message.contains(needed.name()), "{shown}");
                }
            }
        }
    }
}

#[tokio::test]
async fn every_field_of_every_body_is_judged_by_its_rule() {
    let mut judged = 0;
    for endpoint in endpoints() {
        if endpoint.fields().is_empty() {
            continue;
        }
        let (world, key, _) = prepare(&endpoint).await;
        let (path, good) = (endpoint.good.path, &endpoint.good.body);
        for field in endpoint.fields() {
            if field.required {
                let mut body = good.clone();
                body.as_object_mut().unwrap().remove(field.name);
                let answer = endpoint.send(&world, &key, path, &body).await;
                endpoint.judge(&answer, field.name, Some("FIELD_MUST_BE_DEFINED"), "missing");
            }
            // those that are refused first: they change nothing
            let mut all = variants::of_body(field, endpoint.exact());
            all.sort_by_key(|(_, code)| code.is_none());
            for (value, code) in all {
                let mut body = good.clone();
                let shown = value.to_string();
                body[field.name] = value;
                let answer = endpoint.send(&world, &key, path, &body).await;
                endpoint.judge(&answer, field.name, code, &shown);
                judged += 1;
            }
        }
    }
    assert!(judged > 1_500, "{judged}");
}

#[tokio::test]
async fn every_field_of_every_query_is_judged_by_its_rule() {
    let mut judged = 0;
    for endpoint in endpoints() {
        if endpoint.operation.query.is_empty() {
            continue;
        }
        let (world, key, _) = prepare(&endpoint).await;
        let (path, query) = endpoint.split();
        for field in endpoint.operation.query {
            if field.required {
                let others = query.iter().filter(|(name, _)| name != field.name);
                let others: Vec<String> = others.map(|(name, value)| format!("{name}={value}")).collect();
                let path = format!("{path}?{}", others.join("&"));
                let answer = endpoint.send(&world, &key, &path, &endpoint.good.body).await;
                endpoint.judge(&answer, field.name, Some("FIELD_MUST_BE_DEFINED"), "missing");
            }
            for (value, code) in variants::of_text(field, endpoint.exact()) {
                // a text of any form is none that an answer gave
                let code = match field.name {
                    "cursor" => code.or(Some("INVALID_CURSOR")),
                    _ => code,
                };
                let path = endpoint.asking(field.name, &value);
                let answer = endpoint.send(&world, &key, &path, &endpoint.good.body).await;
                endpoint.judge(&answer, field.name, code, &value);
                judged += 1;
            }
        }
    }
    assert!(judged > 500, "{judged}");
}

#[tokio::test]
async fn every_id_in_a_path_is_judged_by_its_rule() {
    for endpoint in endpoints() {
        for field in endpoint.operation.parameters {
            // a name that is too long is one that nothing has
            if !matches!(field.rule, Rule::Integer { .. }) {
                continue;
            }
            let (world, key, _) = prepare(&endpoint).await;
            let mut all = variants::of_text(field, endpoint.exact());
            all.sort_by_key(|(_, code)| code.is_none());
            for (value, code) in all {
                // another path
                if value.is_empty() {
                    continue;
                }
                let path = endpoint.at(field.name, &value);
                let answer = endpoint.send(&world, &key, &path, &endpoint.good.body).await;
                endpoint.judge(&answer, field.name, code, &value);
            }
        }
    }
}

#[tokio::test]
async fn fields_that_an_endpoint_does_not_know_are_ignored_or_named_as_its_surface_has_it() {
    for endpoint in endpoints() {
        if endpoint.operation.query.is_empty() && endpoint.fields().is_empty() {
            continue;
        }
        let (world, key, _) = prepare(&endpoint).await;
        let name = "nmae";
        let expected = endpoint.exact().then_some("FIELD_IS_UNKNOWN");
        if !endpoint.operation.query.is_empty() {
            let path = endpoint.asking(name, "1");
            let answer = endpoint.send(&world, &key, &path, &endpoint.good.body).await;
            endpoint.judge(&answer, name, expected, "1");
        }
        if !endpoint.fields().is_empty() {
            let mut body = endpoint.good.body.clone();
            body[name] = json!([1]);
            let answer = endpoint.send(&world, &key, endpoint.good.path, &body).await;
            endpoint.judge(&answer, name, expected, "[1]");
            if expected.is_none() {
                assert_eq!(answer.status, endpoint.good.status, "{}", answer.body);
            }
        }
    }
}

#[tokio::test]
async fn a_body_that_is_no_object_or_too_long_is_refused_everywhere() {
    let (world, key, _) = furnish().await;
    let deep = "[".repeat(100_000);
    let long = format!("{{\"filler\":\"{}\"}}", "x".repeat(1 << 20));
    for endpoint in endpoints() {
        if endpoint.fields().is_empty() {
            continue;
        }
        let send = async |body: &str| {
            let method = endpoint.operation.method.clone();
            let path = endpoint.good.path;
            world.send(method, path, Some(&key), body.to_owned()).await
        };
        let (malformed, too_large) = if endpoint.exact() {
            ("malformed_request", "body_too_large")
        } else {
            ("INVALID_PARAMETERS", "BODY_TOO_LARGE")
        };
        if endpoint.good.configured {
            world.post("/config", &requests::thresholds()).await;
        }
        for body in ["nonsense", "[]", "null", "1", "{", "\"text\"", &deep] {
            let answer = send(body).await;
            let shown = format!("{} {body:.20}: {}", endpoint.operation.name, answer.body);
            assert_eq!((answer.status, code(&answer)), (400, malformed), "{shown}");
        }
        let answer = send(&long).await;
        assert_eq!(
            (answer.status, code(&answer)),
            (413, too_large),
            "{}",
            endpoint.operation.name
        );
    }
}
