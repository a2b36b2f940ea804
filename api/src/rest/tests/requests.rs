//! A good request for every endpoint, and what it is answered in the world of [`furnish`].

use fixstream_core::model::{DeviceId, LinkId};
use fixstream_core::registry::Scope;
use poem::http::Method;
use serde_json::{Value, json};

use super::world::World;

/// A request that keeps every rule.
pub(super) struct Good {
    /// The endpoint's name.
    pub(super) operation: &'static str,
    pub(super) path: &'static str,
    /// Null: none.
    pub(super) body: Value,
    /// The answer's status. Where ClickHouse or a real plugin would have to be there, what is answered without
    /// them: the rest is shown end to end.
    pub(super) status: u16,
    /// Whether the reports' configuration must be set before.
    pub(super) configured: bool,
}

/// Of the other client: what our requests must never reach.
pub(super) struct Theirs {
    /// May do everything.
    pub(super) key: String,
    pub(super) tracker: u32,
    pub(super) device: u32,
    pub(super) group: u32,
    pub(super) link: u32,
    /// An API key's id.
    pub(super) key_id: u32,
}

/// A world with: trackers 1 to 3, the last of them free; devices 1 and 2, the first of them with a latest
/// position; a group; and the same of another client. Ours is a key that may do everything.
pub(super) async fn furnish() -> (World, String, Theirs) {
    let world = World::new().await;
    let all = [Scope::Read, Scope::Write, Scope::Admin];
    let first = world.device("1").await;
    let second = world.device("2").await;
    assert_eq!((first, second, world.our_link), (1, 2, LinkId(1)));
    world.latest.put(DeviceId(first), &super::latest::position(1));
    let key = world.key_for(&all).await;
    let free = json!({ "name": "free", "imei": "free" });
    assert_eq!(world.post("/v1/trackers", &free).await.is(201).body["id"], 3);
    let group = json!({ "name": "north" });
    assert_eq!(world.post("/v1/groups", &group).await.is(201).body["id"], 1);

    let client = world.registry.clients()[1].id;
    let link = world.registry.link_to(client, "theirs-only").unwrap().id;
    let made = world.registry.create_api_key("t", client, Some(link), &all).await;
    let (their_key, secret) = made.unwrap();
    let make = async |path: &str, body: Value| {
        let made = world.with(Method::POST, path, &secret, &[], &body).await;
        made.is(201).body["id"].as_u64().unwrap() as u32
    };
    let tracker = make("/v1/trackers", json!({ "name": "theirs", "imei": "theirs" })).await;
    let body = json!({ "trackerId": tracker, "name": "theirs", "typeId": 1, "uuid": "theirs" });
    let device = make("/v1/devices", body).await;
    let group = make("/v1/groups", json!({ "name": "theirs" })).await;
    let place = super::latest::position(2);
    world.latest.put(DeviceId(device), &place);
    let theirs = Theirs {
        key: secret.clone(),
        tracker,
        device,
        group,
        link: link.0,
        key_id: their_key.id,
    };
    (world, key, theirs)
}

/// All thresholds of the reports.
pub(super) fn thresholds() -> Value {
    json!({ "maxSpeedKmh": 90, "minStopMinutes": 4, "maxStopSpeedKmh": 2, "maxStopDistanceMeters": 40,
            "minMovementSpeedKmh": 6, "minMovementDistanceMeters": 120, "gapThresholdSeconds": 900 })
}

const DAY: &str = "from=2025-02-12T00:00:00Z&to=2025-02-13T00:00:00Z";

/// One for each endpoint, in the order of the documents.
pub(super) fn all() -> Vec<Good> {
    let plain = |operation, path, status| Good {
        operation,
        path,
        body: Value::Null,
        status,
        configured: false,
    };
    let with = |operation, path, body, status| Good {
        body,
        ..plain(operation, path, status)
    };
    let configured = |good: Good| Good {
        configured: true,
        ..good
    };
    let day = |operation, path: &'static str| {
        let path: &'static str = Box::leak(format!("{path}?{DAY}").into_boxed_str());
        plain(operation, path, 503)
    };
    let new_device = json!({ "idTracker": 3, "idWorksite": 1, "idTeam": 1, "deviceName": "d", "idType": 1 });
    let new_resource = json!({ "trackerId": 3, "name": "d", "typeId": 1 });
    let version = json!({ "version": "1.0.0" });
    vec![
        // the documented surface
        plain("list_device_types", "/device-type", 200),
        with("create_device", "/device/create", new_device, 201),
        with("list_devices", "/device/list", json!({}), 200),
        plain("get_devices", "/device", 200),
        with(
            "update_device",
            "/device",
            json!({ "idDevice": 1, "deviceUuid": "chassis-1" }),
            200,
        ),
        with("delete_device", "/device", json!({ "idDevice": 2 }), 200),
        with("create_tracker", "/tracker", json!({ "trackerName": "t" }), 201),
        plain("list_trackers", "/tracker", 200),
        with("update_tracker", "/tracker", json!({ "idTracker": 1 }), 200),
        with(
            "delete_tracker",
            "/tracker",
            json!({ "idTracker": 3, "imei": "free" }),
            200,
        ),
        with(
            "create_position",
            "/position/create",
            json!({ "idDevice": 1, "latitude": 1, "longitude": 2 }),
            201,
        ),
        plain("get_positions", "/position", 503),
        with("update_position", "/position", json!({ "idPosition": 1 }), 400),
        with("delete_position", "/position", json!({ "idPosition": 1 }), 400),
        with(
            "create_vendor_position",
            "/position/vendor/traccar",
            json!({}),
            400,
        ),
        plain("latest_of_all", "/latest-position", 200),
        with(
            "latest_of_some",
            "/latest-positions",
            json!({ "deviceIds": [1] }),
            200,
        ),
        plain("latest_of_one", "/latest-positions/1", 200),
        with("create_config", "/config", thresholds(), 201),
        plain("get_config", "/config", 200),
        configured(with("update_config", "/config", json!({}), 200)),
        configured(with("delete_config", "/config", json!({}), 200)),
        plain("healthcheck", "/healthcheck", 200),
        // the resource surface
        plain("list_dead_letters", "/v1/dead-letters", 503),
        with(
            "replay_dead_letters",
            "/v1/dead-letters/replay",
            json!({ "ids": [1] }),
            503,
        ),
        plain("list_device_resources", "/v1/devices", 200),
        with("create_device_resource", "/v1/devices", new_resource, 201),
        plain("get_device_resource", "/v1/devices/1", 200),
        with(
            "update_device_resource",
            "/v1/devices/1",
            json!({ "name": "new" }),
            200,
        ),
        plain("delete_device_resource", "/v1/devices/2", 204),
        plain("list_tracker_resources", "/v1/trackers", 200),
        with(
            "create_tracker_resource",
            "/v1/trackers",
            json!({ "name": "t" }),
            201,
        ),
        plain("get_tracker_resource", "/v1/trackers/1", 200),
        with(
            "update_tracker_resource",
            "/v1/trackers/1",
            json!({ "name": "new" }),
            200,
        ),
        plain("delete_tracker_resource", "/v1/trackers/3", 204),
        with(
            "v1_create_position",
            "/v1/positions",
            json!({ "deviceId": 1, "latitude": 1, "longitude": 2 }),
            201,
        ),
        plain("v1_get_position", "/v1/positions/1", 404),
        with("v1_update_position", "/v1/positions/1", json!({}), 404),
        plain("v1_delete_position", "/v1/positions/1", 404),
        plain("v1_list_device_positions", "/v1/devices/1/positions", 503),
        plain(
            "v1_list_latest",
            "/v1/latest?latitude=1&longitude=2&radiusM=3",
            200,
        ),
        plain("v1_get_latest", "/v1/devices/1/latest", 200),
        day("v1_get_track", "/v1/devices/1/track"),
        day("v1_report_movements", "/v1/reports/movements"),
        day("v1_report_speeding", "/v1/reports/speeding"),
        day("v1_report_summary", "/v1/reports/summary"),
        plain("list_device_type_resources", "/v1/device-types", 200),
        plain("get_device_type_resource", "/v1/device-types/1", 200),
        plain("list_groups", "/v1/groups", 200),
        with("create_group", "/v1/groups", json!({ "name": "another" }), 201),
        plain("get_group", "/v1/groups/1", 200),
        with("update_group", "/v1/groups/1", json!({ "name": "south" }), 200),
        plain("delete_group", "/v1/groups/1", 204),
        plain("add_device_to_group", "/v1/groups/1/devices/1", 204),
        plain("remove_device_from_group", "/v1/groups/1/devices/1", 204),
        configured(plain("get_config_resource", "/v1/config", 200)),
        with("put_config_resource", "/v1/config", thresholds(), 201),
        configured(with("update_config_resource", "/v1/config", json!({}), 200)),
        configured(plain("delete_config_resource", "/v1/config", 204)),
        plain("list_keys", "/v1/keys", 200),
        with(
            "create_key",
            "/v1/keys",
            json!({ "name": "key", "scopes": ["read"] }),
            201,
        ),
        plain("get_key", "/v1/keys/1", 200),
        plain("revoke_key", "/v1/keys/1", 204),
        plain("list_plugins", "/v1/plugins", 200),
        plain("get_plugin", "/v1/plugins/x", 404),
        with("install_plugin", "/v1/plugins", json!({}), 422),
        with(
            "activate_plugin_version",
            "/v1/plugins/x/activate",
            version.clone(),
            404,
        ),
        with("roll_back_plugin", "/v1/plugins/x/rollback", json!({}), 404),
        plain("remove_plugin", "/v1/plugins/x", 404),
        plain("remove_plugin_version", "/v1/plugins/x/versions/1.0.0", 404),
        with("pin_plugin_version", "/v1/plugins/traccar/pins/1", version, 404),
        plain("unpin_plugin_version", "/v1/plugins/traccar/pins/1", 204),
        plain("list_redecodes", "/v1/redecodes", 200),
        with(
            "create_redecode",
            "/v1/redecodes",
            json!({ "vendor": "traccar" }),
            404,
        ),
        plain("get_redecode", "/v1/redecodes/7", 404),
        plain("stop_redecode", "/v1/redecodes/7", 404),
        plain("continue_redecode", "/v1/redecodes/7/continue", 404),
    ]
}
