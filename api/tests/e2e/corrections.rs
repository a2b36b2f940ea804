//! Positions after the fact: read back, corrected, deleted; latest and history follow, over `kill -9` too.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Hub, Tenant, Tracked, eventually, now_ms};

/// An hour ago, in whole seconds.
fn start() -> i64 {
    now_ms() / 1000 * 1000 - 3_600_000
}

/// RFC 3339.
fn text(time_ms: i64) -> String {
    let at = time::OffsetDateTime::from_unix_timestamp(time_ms / 1000).unwrap();
    let (date, (hour, minute, second)) = (at.date(), at.to_hms());
    format!("{date}T{hour:02}:{minute:02}:{second:02}.000Z")
}

struct World {
    hub: Hub,
    tenant: Tenant,
    tracked: Tracked,
}

impl World {
    async fn new() -> Self {
        let mut hub = Hub::new(&[]);
        let tenant = hub.tenant("own").await;
        let tracked = hub.tracked(&tenant, "352093081452301").await;
        hub.start().await;
        Self { hub, tenant, tracked }
    }

    /// A position of the device, as a resource; its id.
    async fn create(&self, time_ms: i64, latitude: f64) -> u64 {
        let body = json!({
            "deviceId": self.tracked.device.0, "latitude": latitude, "longitude": 20.0, "time": text(time_ms),
            "fuelPercent": 50.5
        });
        let (status, location, body) = self
            .hub
            .send(Method::POST, &self.tenant.key, "/v1/positions", &body)
            .await;
        assert_eq!(status, 201, "{body}");
        let id = body["id"].as_u64().unwrap();
        assert_eq!(location, Some(format!("/v1/positions/{id}")));
        id
    }

    async fn change(&self, method: Method, path: &str, body: &Value) -> (u16, Value) {
        let (status, _, body) = self.hub.send(method, &self.tenant.key, path, body).await;
        (status, body)
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.hub.get(&self.tenant.key, path).await
    }

    async fn position(&self, id: u64) -> Value {
        let (status, body) = self.get(&format!("/v1/positions/{id}")).await;
        assert_eq!(status, 200, "{body}\n{}", self.hub.log());
        body
    }

    async fn latest_is(&self, id: u64) {
        let device = self.tracked.device;
        self.hub
            .latest(&self.tenant.key, device, |latest| latest["idPosition"] == id)
            .await;
    }

    /// Ids of the device's positions, by time, as the REST surfaces and SQL have them.
    async fn stands(&self, ids: &[u64]) {
        let device = self.tracked.device;
        let sql = "SELECT arrayStringConcat(groupArray(toString(id)), ',') FROM (SELECT id FROM fixstream.positions FINAL \
                   WHERE verdict != 'deleted' ORDER BY time, id)";
        let wanted: Vec<String> = ids.iter().map(u64::to_string).collect();
        self.hub.sql_becomes(sql, &wanted.join(",")).await;
        let (status, listed) = self.get(&format!("/position?idDevice={device}")).await;
        assert_eq!(status, 200, "{listed}");
        let seen: Vec<u64> = listed
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["idPosition"].as_u64().unwrap())
            .collect();
        assert_eq!(seen, ids);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_position_is_read_back_corrected_and_deleted_and_the_latest_follows() {
    let world = World::new().await;
    let start = start();
    let first = world.create(start, 10.0).await;
    let second = world.create(start + 60_000, 10.001).await;
    let third = world.create(start + 120_000, 10.002).await;
    // at once: the answer waits until it is stored
    let read = world.position(third).await;
    assert_eq!(
        (&read["verdict"], &read["time"], &read["fuelPercent"]),
        (&json!("ok"), &json!(text(start + 120_000)), &json!(50.5))
    );
    world.stands(&[first, second, third]).await;

    // a detail: the same row, one revision on, and the latest shows it
    let (status, answer) = world
        .change(
            Method::PATCH,
            "/position",
            &json!({ "idPosition": third, "fuelLevel": 75.25, "velocity": null }),
        )
        .await;
    assert_eq!(
        (status, answer),
        (
            200,
            json!({ "status": "ok", "message": "Entity processed successfully" })
        )
    );
    let read = world.position(third).await;
    assert_eq!(
        (&read["fuelPercent"], &read["revision"], &read["verdict"]),
        (&json!(75.25), &json!(1), &json!("ok"))
    );
    world
        .hub
        .latest(&world.tenant.key, world.tracked.device, |latest| {
            latest["fuelLevel"] == 75.25
        })
        .await;

    // its time: before the others, so the second is the latest now
    let path = format!("/v1/positions/{third}");
    let (status, answer) = world
        .change(Method::PATCH, &path, &json!({ "time": text(start - 60_000) }))
        .await;
    assert_eq!((status, &answer["id"]), (200, &json!(third)), "{answer}");
    world.latest_is(second).await;
    assert_eq!(world.position(third).await["time"], text(start - 60_000));
    world.stands(&[third, first, second]).await;

    // onto another one: refused
    let there = json!({ "time": text(start), "latitude": 10.0, "fuelPercent": 1 });
    let (status, answer) = world.change(Method::PATCH, &path, &there).await;
    assert_eq!(
        (status, &answer["code"]),
        (409, &json!("position_already_exists")),
        "{answer}"
    );

    // deleted: gone for every reader, and the latest steps back
    let (status, answer) = world
        .change(Method::DELETE, &format!("/v1/positions/{second}"), &json!({}))
        .await;
    assert_eq!((status, answer), (204, Value::Null));
    world.latest_is(first).await;
    let (status, answer) = world.get(&format!("/v1/positions/{second}")).await;
    assert_eq!(
        (status, &answer["code"]),
        (404, &json!("position_not_found")),
        "{answer}"
    );
    for method in [Method::PATCH, Method::DELETE] {
        let body = json!({ "idPosition": second, "velocity": 1 });
        let (status, answer) = world.change(method, "/position", &body).await;
        assert_eq!(
            (status, &answer["error"]["message"]),
            (400, &json!("POSITION not found with field idPosition")),
            "{answer}"
        );
    }
    world.stands(&[third, first]).await;

    // sent again it stays deleted, and the latest is not moved by it
    world.create(start + 60_000, 10.001).await;
    let fourth = world.create(start - 120_000, 10.003).await;
    world.stands(&[fourth, third, first]).await;
    world.latest_is(first).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn corrections_survive_kill_9_and_the_latest_is_rebuilt_right() {
    let mut world = World::new().await;
    let start = start();
    let mut ids = Vec::new();
    for minute in 0..8 {
        ids.push(
            world
                .create(start + minute * 60_000, 10.0 + minute as f64 * 1e-3)
                .await,
        );
    }
    let delete = async |world: &World, id: u64| {
        let answer = world
            .change(Method::DELETE, "/position", &json!({ "idPosition": id }))
            .await;
        assert_eq!(answer.0, 200, "{}", answer.1);
    };
    // Answered, and dead before anything of it can be stored; then dead once more in the middle of the repair.
    delete(&world, ids.pop().unwrap()).await;
    world.hub.kill();
    world.hub.start().await;
    world.latest_is(*ids.last().unwrap()).await;
    world.stands(&ids).await;

    delete(&world, ids.pop().unwrap()).await;
    let moved = ids.remove(0);
    let body = json!({ "idPosition": moved, "createdAt": text(start + 3_000_000) });
    let (status, answer) = world.change(Method::PATCH, "/position", &body).await;
    assert_eq!(status, 200, "{answer}");
    world.hub.kill();
    world.hub.start().await;
    world.hub.kill();
    world.hub.start().await;
    ids.push(moved);
    world.latest_is(moved).await;
    world.stands(&ids).await;

    // stored and then restarted: the tables alone say what is newest
    delete(&world, moved).await;
    ids.pop();
    world.stands(&ids).await;
    world.hub.stop();
    world.hub.start().await;
    world.latest_is(*ids.last().unwrap()).await;
    let doubled = "SELECT count() - uniqExact(id, revision) FROM fixstream.positions";
    assert_eq!(world.hub.sql(doubled).await, "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_correction_under_if_match_is_made_only_to_what_was_seen() {
    let world = World::new().await;
    let id = world.create(start(), 10.0).await;
    let path = format!("/v1/positions/{id}");
    // status, ETag and code of an error
    let ask = async |method: Method, tag: Option<&str>, body: Value| {
        let request = world.hub.http.request(method, world.hub.url(&path));
        let mut request = request.header("apikey", &world.tenant.key).json(&body);
        if let Some(tag) = tag {
            request = request.header("if-match", tag);
        }
        let answer = request.send().await.unwrap();
        let tag = answer
            .headers()
            .get("etag")
            .map(|tag| tag.to_str().unwrap().to_owned());
        let status = answer.status().as_u16();
        let body: Value = answer.json().await.unwrap_or_default();
        (status, tag.unwrap_or_default(), body["code"].clone())
    };
    let seen = ask(Method::GET, None, json!({})).await.1;
    assert!(seen.starts_with('"') && seen.len() > 2, "{seen}");
    let fuel = |percent: f64| json!({ "fuelPercent": percent });
    for wrong in ["\"other\"", &format!("W/{seen}"), "nonsense"] {
        for method in [Method::PATCH, Method::DELETE] {
            let (status, _, code) = ask(method, Some(wrong), fuel(1.0)).await;
            assert_eq!((status, code), (412, json!("precondition_failed")), "{wrong}");
        }
    }
    assert_eq!(world.position(id).await["revision"], 0);

    // of two who saw the same, one comes too late, however close they are
    let (one, other) = tokio::join!(
        ask(Method::PATCH, Some(&seen), fuel(11.0)),
        ask(Method::PATCH, Some(&seen), fuel(22.0))
    );
    let mut statuses = [one.0, other.0];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412]);
    let (won, percent) = if one.0 == 200 { (one, 11.0) } else { (other, 22.0) };
    let read = world.position(id).await;
    assert_eq!(
        (&read["fuelPercent"], &read["revision"]),
        (&json!(percent), &json!(1))
    );
    // the answer's tag is that of what is read then, also when it has been judged meanwhile
    assert_ne!(won.1, seen);
    assert_eq!(ask(Method::GET, None, json!({})).await.1, won.1);
    let (status, next, _) = ask(Method::PATCH, Some(&won.1), fuel(33.0)).await;
    assert_eq!(status, 200);
    assert_eq!(
        ask(Method::PATCH, Some("*"), fuel(33.0)).await,
        (200, next.clone(), Value::Null)
    );
    let list = format!("\"other\", {next}");
    let (status, last, _) = ask(Method::PATCH, Some(&list), fuel(44.0)).await;
    assert_eq!(
        (status, ask(Method::DELETE, Some(&next), json!({})).await.0),
        (200, 412)
    );
    assert_eq!(world.position(id).await["fuelPercent"], 44.0);
    assert_eq!(ask(Method::DELETE, Some(&last), json!({})).await.0, 204);
    for method in [Method::PATCH, Method::DELETE] {
        let (status, _, code) = ask(method, Some(&last), fuel(55.0)).await;
        assert_eq!((status, code), (404, json!("position_not_found")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_clients_position_is_none_at_all() {
    let world = World::new().await;
    let id = world.create(start(), 10.0).await;
    world.position(id).await;
    let other = world.hub.tenant("own-too").await;
    let ours = &world.tracked.device;
    let known = eventually(async || world.hub.get(&other.key, "/position").await.0 == 200).await;
    assert!(known, "the key is not known\n{}", world.hub.log());
    for never in [id, 1] {
        let body = json!({ "idPosition": never, "velocity": 1 });
        for method in [Method::PATCH, Method::DELETE] {
            let (status, _, answer) = world.hub.send(method, &other.key, "/position", &body).await;
            assert_eq!(
                (status, &answer["error"]["error_code"]),
                (400, &json!("ENTITY_WITH_FIELD_NOT_FOUND"))
            );
        }
        let (status, answer) = world
            .hub
            .get(&other.key, &format!("/position?idPosition={never}"))
            .await;
        assert_eq!(status, 400, "{answer}");
        let path = format!("/v1/positions/{never}");
        for method in [Method::GET, Method::PATCH, Method::DELETE] {
            let (status, _, answer) = world.hub.send(method, &other.key, &path, &json!({})).await;
            assert_eq!((status, &answer["code"]), (404, &json!("position_not_found")));
        }
    }
    assert_eq!(world.hub.get(&other.key, "/position").await, (200, json!([])));
    let (status, _) = world
        .hub
        .get(&other.key, &format!("/v1/devices/{ours}/positions"))
        .await;
    assert_eq!(status, 404);
    assert_eq!(world.position(id).await["revision"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_history_is_streamed_and_paged_without_a_hole() {
    const MANY: usize = 700;
    let world = World::new().await;
    let start = start();
    let device = world.tracked.device;
    let creates =
        (0..MANY).map(|number| world.create(start + number as i64 * 1000, 10.0 + number as f64 * 1e-5));
    let ids = futures_util::future::join_all(creates).await;
    world
        .hub
        .sql_becomes("SELECT count() FROM fixstream.positions FINAL", &MANY.to_string())
        .await;
    let (status, all) = world.get(&format!("/position?idDevice={device}")).await;
    assert_eq!(status, 200);
    let listed: Vec<u64> = all
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["idPosition"].as_u64().unwrap())
        .collect();
    assert_eq!(listed, ids, "by time");
    let (_, page) = world
        .get(&format!("/position?idDevice={device}&limit=100&page=2"))
        .await;
    assert_eq!(page, json!(all.as_array().unwrap()[200..300]));
    let path = format!(
        "/position?startDate={}&endDate={}",
        text(start + 5_000),
        text(start + 9_000)
    );
    let (_, between) = world.get(&path).await;
    assert_eq!(
        between,
        json!(all.as_array().unwrap()[5..10]),
        "both ends are meant"
    );

    for (order, wanted) in [
        ("asc", ids.clone()),
        ("desc", ids.iter().rev().copied().collect()),
    ] {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/v1/devices/{device}/positions?limit=97&order={order}{cursor}");
            let (status, page) = world.get(&path).await;
            assert_eq!(status, 200, "{page}");
            let content = page["content"].as_array().unwrap();
            seen.extend(content.iter().map(|one| one["id"].as_u64().unwrap()));
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(seen, wanted, "{order}");
    }
    // they were sent all at once: those that came behind newer ones are late
    let of_verdict = async |verdict: &str| {
        let (_, page) = world
            .get(&format!(
                "/v1/devices/{device}/positions?limit=1000&verdict={verdict}"
            ))
            .await;
        let content = page["content"].as_array().unwrap();
        let ids = content.iter().map(|one| one["id"].as_u64().unwrap());
        ids.collect::<std::collections::BTreeSet<u64>>()
    };
    let (trusted, late) = (of_verdict("trusted").await, of_verdict("late").await);
    assert!(!trusted.is_empty() && trusted.is_disjoint(&late));
    assert_eq!(trusted.len() + late.len(), MANY);
    let path = format!(
        "/v1/devices/{device}/positions?from={}&to={}",
        text(start + 5_000),
        text(start + 9_000)
    );
    let (_, between) = world.get(&path).await;
    assert_eq!(
        between["content"].as_array().unwrap().len(),
        4,
        "the end is not meant"
    );
    assert_eq!(between["next"], Value::Null);
}
