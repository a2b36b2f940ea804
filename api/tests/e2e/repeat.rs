//! A position that is created under an `Idempotency-Key`: once, and answered the same, whenever the hub dies.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Hub, Tenant, eventually};

/// What is asked for; with no time, so that the time of receipt is the position's.
fn body(device: u32) -> Value {
    json!({ "deviceId": device, "latitude": 52.5, "longitude": 13.4, "speedKmh": 36.5 })
}

/// Asks for the position; status, location, tag and body of the answer, where there is one.
async fn create(hub: &Hub, tenant: &Tenant, body: &Value) -> Option<(u16, [String; 2], Value)> {
    let request = hub.http.request(Method::POST, hub.url("/v1/positions"));
    let request = request
        .header("apikey", &tenant.key)
        .header("idempotency-key", "truck 7, fix 1");
    let answer = request.json(body).send().await.ok()?;
    let header = |name: &str| {
        let value = answer.headers().get(name);
        value.map_or_else(String::new, |value| value.to_str().unwrap().to_owned())
    };
    let (status, heads) = (answer.status().as_u16(), ["location", "etag"].map(header));
    Some((status, heads, answer.json().await.ok()?))
}

/// The hub dies at this point of the first request; what is there after it.
async fn dies(point: &str) {
    let mut hub = Hub::new(&[]);
    let tenant = hub.tenant("own").await;
    let device = hub.tracked(&tenant, "352093081452301").await.device.0;
    hub.set("FAILPOINTS", format!("{point}=return(0)"));
    hub.start().await;
    let body = body(device);
    assert!(create(&hub, &tenant, &body).await.is_none(), "it was answered");
    hub.ended().await;
    let said = format!("fail point {point}: abort");
    assert!(hub.log().contains(&said), "it ended elsewhere:\n{}", hub.log());

    hub.unset("FAILPOINTS");
    hub.start().await;
    let mut first = None;
    let made = eventually(async || {
        // as long as ClickHouse is not there it is not known what became of it
        first = create(&hub, &tenant, &body).await;
        first.as_ref().is_some_and(|(status, ..)| *status == 201)
    });
    assert!(made.await, "{first:?}\n{}", hub.log());
    let (_, [location, tag], position) = first.clone().unwrap();
    assert_eq!(position["time"], position["received"], "{position}");
    assert_eq!(location, format!("/v1/positions/{}", position["id"]));

    // it is there, once, under that id, and the tag is its own
    let once =
        "SELECT count(), uniqExact(id), any(id) FROM fixstream.positions FINAL WHERE verdict != 'deleted'";
    hub.sql_becomes(once, &format!("1\t1\t{}", position["id"])).await;
    let request = hub.http.get(hub.url(&location)).header("apikey", &tenant.key);
    let stored = request.send().await.unwrap();
    assert_eq!(stored.status(), 200);
    assert_eq!(stored.headers()["etag"].to_str().unwrap(), tag);
    let stored: Value = stored.json().await.unwrap();
    for field in ["id", "time", "received", "deviceId", "latitude", "speedKmh"] {
        assert_eq!(stored[field], position[field], "{field}");
    }

    // the answer stays, over restarts and changes
    let key = &tenant.key;
    let change = json!({ "speedKmh": 40 });
    let (status, _, changed) = hub.send(Method::PATCH, key, &location, &change).await;
    assert_eq!(status, 200, "{changed}");
    assert_eq!(create(&hub, &tenant, &body).await, first);
    hub.stop();
    hub.start().await;
    assert_eq!(create(&hub, &tenant, &body).await, first);
    let mut other = body.clone();
    other["speedKmh"] = json!(37);
    let (status, _, refused) = create(&hub, &tenant, &other).await.unwrap();
    assert_eq!(
        (status, &refused["code"]),
        (422, &json!("idempotency_key_reused"))
    );
    hub.sql_becomes(once, &format!("1\t1\t{}", position["id"])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_position_that_was_not_journalled_when_the_hub_died_is_created_by_the_repetition() {
    dies("journal-write-before").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_position_that_was_journalled_and_not_answered_when_the_hub_died_is_not_created_again() {
    dies("journal-sync-after").await;
}
