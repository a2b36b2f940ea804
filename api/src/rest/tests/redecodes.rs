//! `/v1/redecodes` up to where something would be decoded; that is tested end to end.

use fixstream_core::model::{
    ClientId, DeviceId, Fix, LinkId, Offset, PositionId, Sender, Standing, TimeMs, Verdict,
};
use fixstream_core::redecode::{Counts, Difference, Job, JobId, JobState, Request};
use fixstream_core::registry::Scope;
use poem::http::Method;
use serde_json::{Value, json};

use super::world::World;
use crate::rest::Limits;

const REDECODES: &str = "/v1/redecodes";

/// A job that has ended, or was stopped, half-way.
fn job(id: u64, client: ClientId, state: JobState) -> Job {
    Job {
        id: JobId(id),
        request: Request {
            sender: Sender {
                client,
                link: Some(LinkId(1)),
                tracker: None,
            },
            vendor: "acme".into(),
            devices: vec![DeviceId(7)],
            from: Some(TimeMs(1_700_000_000_000)),
            to: None,
            dry_run: true,
            rate: std::num::NonZeroU32::new(500),
        },
        asked: None,
        version: "1.2.0".into(),
        state,
        reason: None,
        created: TimeMs(1_700_000_100_000),
        updated: TimeMs(1_700_000_200_000),
        until: Offset(9_000),
        cursor: Offset(4_500),
        total: 3,
        worked_ms: 2_000,
        counts: Counts {
            messages: 2,
            unchanged: 1,
            changed: 1,
            added: 1,
            ..Counts::default()
        },
        samples: vec![
            Difference {
                id: PositionId(1024),
                before: Some(standing(1024, 46.6)),
                after: Some(standing(1024, -46.6)),
            },
            Difference {
                id: PositionId(1025),
                before: None,
                after: Some(standing(1025, -46.7)),
            },
        ],
    }
}

fn standing(id: u64, longitude: f64) -> Standing {
    Standing {
        id: PositionId(id),
        device: DeviceId(7),
        revision: 1,
        time: TimeMs(1_700_000_000_000),
        received: TimeMs(1_700_000_001_000),
        verdict: Verdict::Ok,
        content: 1,
        vendor: "acme".into(),
        plugin: "acme@1.2.0".into(),
        fix: Fix {
            time: Some(TimeMs(1_700_000_000_000)),
            latitude: -23.5,
            longitude,
            speed_kmh: Some(36.0),
            ..Fix::default()
        },
    }
}

/// Ours: 1 finished, 2 stopped, 4 failed; theirs: 3.
async fn world() -> (World, String) {
    let world = World::with_jobs(Limits::default(), |ours, theirs| {
        vec![
            job(1, ours, JobState::Finished),
            job(2, ours, JobState::Stopped),
            job(3, theirs, JobState::Stopped),
            Job {
                reason: Some("the disk is full".into()),
                ..job(4, ours, JobState::Failed)
            },
        ]
    })
    .await;
    let admin = world.key_for(&[Scope::Admin]).await;
    (world, admin)
}

#[tokio::test]
async fn only_keys_of_scope_admin_see_or_change_redecodings() {
    let (world, _) = world().await;
    for (method, path) in [
        (Method::GET, REDECODES.to_owned()),
        (Method::POST, REDECODES.to_owned()),
        (Method::GET, format!("{REDECODES}/1")),
        (Method::DELETE, format!("{REDECODES}/1")),
        (Method::POST, format!("{REDECODES}/1/continue")),
    ] {
        let stranger = world.send(method.clone(), &path, None, "").await;
        stranger.refused(401, "unauthorized");
        world
            .send(method, &path, Some(&world.key), "")
            .await
            .refused(403, "forbidden");
    }
}

#[tokio::test]
async fn a_client_sees_its_own_jobs_the_newest_first_and_what_differs_in_one() {
    let (world, admin) = world().await;
    let get = async |path: &str| {
        let answer = world
            .send(Method::GET, &format!("{REDECODES}{path}"), Some(&admin), ())
            .await;
        answer.is(200).body
    };
    let page = get("?size=2").await;
    let ids = |page: &Value| -> Vec<u64> {
        let content = page["content"].as_array().unwrap().iter();
        content.map(|job| job["id"].as_u64().unwrap()).collect()
    };
    assert_eq!(ids(&page), [4, 2]);
    assert_eq!(
        (&page["totalElements"], &page["totalPages"]),
        (&json!(3), &json!(2))
    );
    assert_eq!(ids(&get("?size=2&page=1").await), [1]);
    assert_eq!(
        page["content"][0],
        json!({
            "id": 4, "state": "failed", "reason": "the disk is full", "vendor": "acme", "version": "1.2.0",
            "deviceIds": [7], "from": "2023-11-14T22:13:20.000Z", "to": null, "dryRun": true, "rate": 500,
            "createdAt": "2023-11-14T22:15:00.000Z", "updatedAt": "2023-11-14T22:16:40.000Z",
            "total": 3, "done": 2, "percent": 66.66, "messagesPerSecond": 1.0,
            "counts": { "unchanged": 1, "changed": 1, "added": 1, "removed": 0, "kept": 0, "refused": 0,
                        "unassigned": 0, "skipped": 0 }
        })
    );

    let one = get("/1").await;
    assert_eq!(
        (&one["state"], &one["percent"]),
        (&json!("finished"), &json!(100.0))
    );
    let samples = one["samples"].as_array().unwrap();
    let changed = &samples[0];
    assert_eq!(changed["positionId"], 1024);
    assert_eq!(changed["before"]["longitude"], 46.6);
    assert_eq!(changed["after"]["longitude"], -46.6);
    assert_eq!(
        (
            &changed["after"]["deviceId"],
            &changed["after"]["verdict"],
            &changed["after"]["plugin"]
        ),
        (&json!(7), &json!("ok"), &json!("acme@1.2.0"))
    );
    assert_eq!(
        (&samples[1]["before"], &samples[1]["after"]["id"]),
        (&Value::Null, &json!(1025))
    );
}

#[tokio::test]
async fn another_clients_job_is_none_at_all() {
    let (world, admin) = world().await;
    for id in ["3", "99"] {
        for (method, path) in [
            (Method::GET, format!("{REDECODES}/{id}")),
            (Method::DELETE, format!("{REDECODES}/{id}")),
            (Method::POST, format!("{REDECODES}/{id}/continue")),
        ] {
            let answer = world.send(method, &path, Some(&admin), "").await;
            answer.refused(404, "redecode_not_found");
            assert_eq!(answer.body["message"], "REDECODE not found with field id");
        }
    }
    let odd = world
        .send(Method::GET, &format!("{REDECODES}/0"), Some(&admin), ())
        .await;
    odd.constraints(&[("value_below_minimum", "id")]);
}

#[tokio::test]
async fn what_has_ended_is_not_stopped_and_what_is_through_is_not_continued() {
    let (world, admin) = world().await;
    for (id, state) in [(1, "finished"), (2, "stopped"), (4, "failed")] {
        let path = format!("{REDECODES}/{id}");
        let answer = world.send(Method::DELETE, &path, Some(&admin), ()).await;
        answer.refused(409, "redecode_conflict");
        assert_eq!(answer.body["message"], format!("the re-decoding is {state}"));
    }
    let resume = async |id: u64| {
        let path = format!("{REDECODES}/{id}/continue");
        world.send(Method::POST, &path, Some(&admin), "").await
    };
    resume(1).await.refused(409, "redecode_conflict");
    // its plugin is not installed any more
    resume(2).await.refused(404, "plugin_not_found");
    let still = world
        .send(Method::GET, &format!("{REDECODES}/2"), Some(&admin), ())
        .await;
    assert_eq!(still.body["state"], "stopped", "{}", still.body);
}

#[tokio::test]
async fn a_request_names_a_plugin_own_devices_and_a_stretch_of_time() {
    let (world, admin) = world().await;
    let device = world.device("352093081452251").await;
    let create = async |body: Value| world.with(Method::POST, REDECODES, &admin, &[], &body).await;
    create(json!({}))
        .await
        .constraints(&[("field_must_be_defined", "vendor")]);
    create(json!({ "vendor": "acme", "deviceIds": [], "rate": 0, "dryrun": true }))
        .await
        .constraints(&[
            ("array_must_not_be_empty", "deviceIds"),
            ("value_below_minimum", "rate"),
            ("field_is_unknown", "dryrun"),
        ]);
    create(json!({ "vendor": "acme", "from": "yesterday", "rate": 1_000_001 }))
        .await
        .constraints(&[("invalid_date_format", "from"), ("value_above_maximum", "rate")]);
    let at = "2026-01-01T00:00:00Z";
    let never = create(json!({ "vendor": "acme", "from": at, "to": at })).await;
    never.constraints(&[("value_below_minimum", "to")]);
    assert_eq!(
        never.body["violations"][0]["message"],
        "Value of field to is below the minimum allowed (2026-01-01T00:00:00.001Z)"
    );
    let strange = create(json!({ "vendor": "acme", "deviceIds": [device, 99] })).await;
    strange.refused(404, "device_not_found");
    let unknown = create(json!({ "vendor": "acme", "deviceIds": [device] })).await;
    unknown.refused(404, "plugin_not_found");
    assert_eq!(unknown.body["message"], "no plugin named \"acme\" is in service");
    let list = world.send(Method::GET, REDECODES, Some(&admin), ()).await;
    assert_eq!(list.body["totalElements"], 3, "nothing was made: {}", list.body);
}
