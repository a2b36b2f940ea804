//! A position, or a re-decoding, that is created under an `Idempotency-Key`: once, and answered the same, whenever the
//! hub dies.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Hub, Tenant, eventually};

/// What is asked for; with no time, so that the time of receipt is the position's.
fn body(device: u32) -> Value {
    json!({ "deviceId": device, "latitude": 52.5, "longitude": 13.4, "speedKmh": 36.5 })
}

/// Status, location, tag and body.
type Answer = (u16, [String; 2], Value);

/// Asks for the position; the answer, where there is one.
async fn create(hub: &Hub, tenant: &Tenant, body: &Value) -> Option<Answer> {
    post(hub, &tenant.key, "/v1/positions", "truck 7, fix 1", body).await
}

/// Asks for something under an `Idempotency-Key`; the answer, where there is one.
async fn post(hub: &Hub, key: &str, path: &str, repeat: &str, body: &Value) -> Option<Answer> {
    let request = hub.http.request(Method::POST, hub.url(path));
    let request = request.header("apikey", key).header("idempotency-key", repeat);
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

const REDECODES: &str = "/v1/redecodes";

/// The hub dies at this point of the first request for a re-decoding; what is there after it.
async fn dies_asked_to_redecode(point: &str) {
    let mut hub = Hub::new(&["teltonika"]);
    let tenant = hub.tenant("teltonika").await;
    let admin = hub.admin_key(&tenant).await;
    hub.set("FAILPOINTS", format!("{point}=return(0)"));
    hub.start().await;
    let body = json!({ "vendor": "teltonika", "dryRun": true });
    let create =
        async |hub: &Hub, repeat: &str, body: &Value| post(hub, &admin, REDECODES, repeat, body).await;
    let jobs = async |hub: &Hub| {
        let (status, page) = hub.get(&admin, REDECODES).await;
        assert_eq!(status, 200, "{page}");
        page["totalElements"].as_u64()
    };
    let mut first = None;
    let died = eventually(async || {
        // as long as ClickHouse is not there it is refused, which leaves no trace
        first = create(&hub, "a", &body).await;
        first.is_none()
    });
    assert!(died.await, "it was answered: {first:?}");
    hub.ended().await;
    let said = format!("fail point {point}: abort");
    assert!(hub.log().contains(&said), "it ended elsewhere:\n{}", hub.log());

    hub.unset("FAILPOINTS");
    hub.start().await;
    let made = eventually(async || {
        first = create(&hub, "a", &body).await;
        first.as_ref().is_some_and(|(status, ..)| *status == 201)
    });
    assert!(made.await, "{first:?}\n{}", hub.log());
    let (_, [location, _], job) = first.clone().unwrap();
    assert_eq!((&job["id"], &location), (&json!(1), &format!("{REDECODES}/1")));
    assert_eq!(jobs(&hub).await, Some(1));

    // the answer stays when the job goes on, and over restarts
    let done = eventually(async || {
        let (_, job) = hub.get(&admin, &location).await;
        job["state"] == "finished"
    });
    assert!(done.await, "{}", hub.log());
    assert_eq!(create(&hub, "a", &body).await, first);
    hub.stop();
    hub.start().await;
    assert_eq!(create(&hub, "a", &body).await, first);
    let (status, _, refused) = create(&hub, "a", &json!({ "vendor": "teltonika" }))
        .await
        .unwrap();
    assert_eq!(
        (status, &refused["code"]),
        (422, &json!("idempotency_key_reused"))
    );
    assert_eq!(jobs(&hub).await, Some(1));

    // another key is another job; of many requests under one key one makes it
    let mut answers = Vec::new();
    let ready = eventually(async || {
        let requests = (0..8).map(|_| create(&hub, "b", &body));
        answers = futures_util::future::join_all(requests).await;
        answers.iter().flatten().any(|(status, ..)| *status == 201)
    });
    assert!(ready.await, "{answers:?}");
    let second = create(&hub, "b", &body).await;
    assert_eq!(second.as_ref().unwrap().2["id"], 2);
    for answer in answers
        .into_iter()
        .filter(|answer| answer.as_ref().unwrap().0 == 201)
    {
        assert_eq!(answer, second);
    }
    assert_eq!(jobs(&hub).await, Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redecoding_that_was_not_made_when_the_hub_died_is_made_by_the_repetition() {
    dies_asked_to_redecode("redecode-make-before").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redecoding_that_was_made_and_not_answered_when_the_hub_died_is_not_made_again() {
    dies_asked_to_redecode("redecode-make-after").await;
}
