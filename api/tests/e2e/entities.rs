//! Entities through the running program: what has positions stays, and what `fixstream admin` does beside it counts.

use serde_json::{Value, json};

use crate::harness::{Hub, eventually};

async fn request(hub: &Hub, method: reqwest::Method, key: &str, path: &str, body: &Value) -> (u16, Value) {
    let answer = reqwest::Client::new()
        .request(method, hub.url(path))
        .header("apikey", key)
        .body(body.to_string())
        .send()
        .await
        .unwrap();
    let status = answer.status().as_u16();
    (status, answer.json().await.unwrap_or(Value::Null))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_is_deleted_only_while_it_has_no_position() {
    let mut hub = Hub::new(&[]);
    let tenant = hub.tenant("teltonika").await;
    hub.start().await;
    let key = tenant.key.as_str();
    for imei in ["1", "2"] {
        let tracker = json!({ "name": "t", "imei": imei });
        let (status, made) = hub.post(key, "/v1/trackers", tracker.to_string()).await;
        assert_eq!(status, 201, "{made}");
        let device = json!({ "trackerId": made["id"], "name": "d", "typeId": 1 });
        let (status, made) = hub.post(key, "/v1/devices", device.to_string()).await;
        assert_eq!(status, 201, "{made}");
    }
    // one that never becomes the latest position: it says that it comes from the future
    let position =
        json!({ "idDevice": 1, "latitude": 1.5, "longitude": 2.5, "createdAt": "2099-01-01T00:00:00Z" });
    let (status, answer) = hub.post(key, "/position/create", position.to_string()).await;
    assert_eq!(status, 201, "{answer}");

    // asked at once: what was acknowledged counts although it is not stored yet
    let delete = reqwest::Method::DELETE;
    let (status, answer) = request(&hub, delete.clone(), key, "/v1/devices/1", &json!({})).await;
    assert_eq!(
        (status, &answer["code"]),
        (422, &json!("device_in_use")),
        "{answer}"
    );
    let (status, answer) = request(&hub, delete.clone(), key, "/device", &json!({ "idDevice": 1 })).await;
    assert_eq!(
        (status, &answer["error"]["error_code"]),
        (422, &json!("QUERY_FAILED")),
        "{answer}"
    );
    assert_eq!(hub.get(key, "/latest-positions/1").await.1, json!([]));
    let (status, answer) = request(&hub, delete.clone(), key, "/v1/devices/2", &json!({})).await;
    assert_eq!(status, 204, "{answer}");
    let (status, _) = hub.get(key, "/v1/devices/2").await;
    assert_eq!(status, 404);
    assert_eq!(
        hub.sql("SELECT count() FROM fixstream.positions").await.trim(),
        "1"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_made_and_taken_back_beside_a_running_hub_count() {
    let mut hub = Hub::new(&[]);
    let tenant = hub.tenant("teltonika").await;
    hub.start().await;
    let client = tenant.client.0.to_string();
    let made = hub.command(&[
        "admin",
        "key",
        "night shift",
        "--client",
        &client,
        "--scopes",
        "admin",
        "--expires-in",
        "30",
        "--email",
        "ops@example.com",
    ]);
    let secret = made.lines().last().unwrap().to_owned();
    assert!(secret.starts_with("fsk_"), "{made}");
    assert!(eventually(async || hub.get(&secret, "/v1/keys").await.0 == 200).await);
    let (_, keys) = hub.get(&secret, "/v1/keys?sort=-id").await;
    let key = &keys["content"][0];
    assert_eq!(key["contactEmail"], "ops@example.com", "{keys}");
    assert!(
        key["expiresAt"].is_string() && key["lastUsedAt"].is_string(),
        "{keys}"
    );

    let listed = hub.command(&["admin", "keys", "--client", &client]);
    assert!(
        listed.contains("\"night shift\"") && !listed.contains(&secret),
        "{listed}"
    );
    hub.command(&["admin", "revoke-key", &key["id"].to_string()]);
    assert!(eventually(async || hub.get(&secret, "/v1/keys").await.0 == 401).await);
}
