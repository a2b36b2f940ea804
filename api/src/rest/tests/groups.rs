//! `/v1/groups`.

use poem::http::Method;
use serde_json::{Value, json};

use super::world::World;

#[tokio::test]
async fn a_group_lives_through_create_read_change_and_delete() {
    let world = World::new().await;
    let new = json!({ "name": "north", "description": "d", "url": "https://example.com/north" });
    let made = world.post("/v1/groups", &new).await.is(201);
    let mut expected = new.clone();
    expected["id"] = json!(1);
    expected["deviceCount"] = json!(0);
    assert_eq!(made.body, expected);
    assert_eq!(made.header("location").as_deref(), Some("/v1/groups/1"));
    let change = json!({ "name": "south", "description": null, "url": null });
    let changed = world.patch("/v1/groups/1", &change).await.is(200);
    let shown = json!({ "id": 1, "name": "south", "description": null, "url": null, "deviceCount": 0 });
    assert_eq!(changed.body, shown);
    assert_eq!(world.get("/v1/groups/1").await.body, shown);
    world.delete("/v1/groups/1").await.nothing();
    world.get("/v1/groups/1").await.refused(404, "group_not_found");
}

#[tokio::test]
async fn a_group_needs_a_name_of_two_characters_and_a_real_address() {
    let world = World::new().await;
    let body = json!({ "name": "n", "description": "d".repeat(201), "url": "example.com" });
    world.post("/v1/groups", &body).await.constraints(&[
        ("field_min_length_not_met", "name"),
        ("field_max_length_exceeded", "description"),
        ("invalid_url_format", "url"),
    ]);
    world.post("/v1/groups", &json!({ "name": "no" })).await.is(201);
    world
        .patch("/v1/groups/1", &json!({ "name": null }))
        .await
        .constraints(&[("field_must_be_defined", "name")]);
}

#[tokio::test]
async fn devices_come_and_go_and_are_listed_by_their_group() {
    let world = World::new().await;
    let (first, second) = (world.device("1").await, world.device("2").await);
    for name in ["north", "south"] {
        world.post("/v1/groups", &json!({ "name": name })).await.is(201);
    }
    let member = |method: Method, device: u32| {
        let world = &world;
        async move {
            let path = format!("/v1/groups/1/devices/{device}");
            world.send(method, &path, Some(&world.key), ()).await
        }
    };
    for device in [second, first, second] {
        member(Method::PUT, device).await.nothing();
    }
    let listed = |query: &'static str| {
        let world = &world;
        async move {
            let page = world.get(&format!("/v1/devices?{query}")).await.is(200).body;
            let content = page["content"].as_array().unwrap().clone();
            content
                .iter()
                .map(|one| one["id"].as_u64().unwrap() as u32)
                .collect::<Vec<_>>()
        }
    };
    assert_eq!(listed("groupId=1").await, [first, second]);
    assert!(listed("groupId=2").await.is_empty());
    let groups = world.get("/v1/groups?sort=-deviceCount").await.body;
    assert_eq!(groups["content"][0]["deviceCount"], 2);
    assert_eq!(
        world.get("/v1/groups?name=south").await.body["content"][0]["id"],
        2
    );
    for _ in 0..2 {
        member(Method::DELETE, second).await.nothing();
    }
    assert_eq!(listed("groupId=1").await, [first]);
    world.delete(&format!("/v1/devices/{first}")).await.nothing();
    assert_eq!(world.get("/v1/groups/1").await.body["deviceCount"], 0);
}

#[tokio::test]
async fn only_the_clients_own_devices_and_groups_meet() {
    let world = World::new().await;
    let ours = world.device("1").await;
    world
        .post("/v1/groups", &json!({ "name": "north" }))
        .await
        .is(201);
    let theirs = |method: Method, path: String, body: Value| {
        let world = &world;
        async move {
            world
                .send(method, &path, Some(&world.their_key), body.to_string())
                .await
        }
    };
    let made = theirs(Method::POST, "/v1/groups".into(), json!({ "name": "north" })).await;
    let their_group = made.is(201).body["id"].as_u64().unwrap();
    for method in [Method::PUT, Method::DELETE] {
        // our group and our device, by their key; their group and our device, by either key
        for group in [1, 999] {
            let path = format!("/v1/groups/{group}/devices/{ours}");
            theirs(method.clone(), path, json!({}))
                .await
                .refused(404, "group_not_found");
        }
        let path = format!("/v1/groups/{their_group}/devices/{ours}");
        theirs(method.clone(), path.clone(), json!({}))
            .await
            .refused(404, "device_not_found");
        world
            .send(method.clone(), &path, Some(&world.key), ())
            .await
            .refused(404, "group_not_found");
        world
            .send(method, "/v1/groups/1/devices/999", Some(&world.key), ())
            .await
            .refused(404, "device_not_found");
    }
    for group in [their_group, 999] {
        world
            .get(&format!("/v1/devices?groupId={group}"))
            .await
            .refused(404, "group_not_found");
    }
    world
        .get("/v1/devices?groupId=0")
        .await
        .constraints(&[("value_below_minimum", "groupId")]);
}
