//! Changes and deletes, groups, report configurations, creates that are asked for again.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;

use super::tests::{World, device, exists, missing, picture, tracker, world};
use super::*;
use crate::model::{ClientId, DeviceId, TimeMs, TrackerId};

/// A tracker with a device.
async fn pair(world: &World, imei: &str) -> (TrackerId, DeviceId) {
    let registry = &world.registry;
    let tracker = registry
        .create_tracker(world.ours, tracker(Some(imei)))
        .await
        .unwrap()
        .id;
    let device = registry
        .create_device(world.ours, world.our_link, device(tracker, Some(imei)))
        .await
        .unwrap()
        .id;
    (tracker, device)
}

/// The same database in another process.
async fn other_process(world: &World) -> Registry {
    Registry::open(&world.folder.path().join("registry.db"))
        .await
        .unwrap()
}

#[track_caller]
fn in_use<T: std::fmt::Debug>(result: Result<T, RegistryError>, entity: &str) {
    match result {
        Err(RegistryError::InUse { entity: e }) => assert_eq!(e, entity),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn changed<T: std::fmt::Debug>(result: Result<T, RegistryError>) {
    match result {
        Err(RegistryError::Changed { .. }) => {}
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_change_touches_what_it_mentions_and_nothing_else() {
    let world = world().await;
    let (tracker, device) = pair(&world, "353").await;
    let registry = &world.registry;
    let before = registry.tracker(tracker).unwrap();
    let renamed = TrackerChange {
        name: Some("renamed".into()),
        ..TrackerChange::default()
    };
    let after = registry
        .update_tracker(world.ours, tracker, None, renamed)
        .await
        .unwrap();
    let expected = Tracker {
        name: "renamed".into(),
        ..(*before).clone()
    };
    assert_eq!(*after, expected);
    assert_eq!(*registry.tracker_by_imei(world.ours, "353").unwrap(), expected);

    let emptied = DeviceChange {
        code: Some(None),
        team: Some(9),
        ..DeviceChange::default()
    };
    let before = registry.device(device).unwrap();
    registry
        .update_device(world.ours, device, None, emptied)
        .await
        .unwrap();
    let expected = Device {
        code: None,
        team: 9,
        ..(*before).clone()
    };
    assert_eq!(*registry.device(device).unwrap(), expected);
    assert_eq!(
        picture(&other_process(&world).await).await,
        picture(registry).await
    );
}

#[tokio::test]
async fn a_changed_imei_is_found_under_the_new_one_only() {
    let world = world().await;
    let (tracker, _) = pair(&world, "old").await;
    let registry = &world.registry;
    let change = |imei: Option<&str>| TrackerChange {
        imei: Some(imei.map(str::to_owned)),
        ..TrackerChange::default()
    };
    registry
        .update_tracker(world.ours, tracker, None, change(Some("new")))
        .await
        .unwrap();
    assert!(registry.tracker_by_imei(world.ours, "old").is_none());
    assert_eq!(registry.tracker_by_imei(world.ours, "new").unwrap().id, tracker);
    // the old one is free again
    let second = registry
        .create_tracker(world.ours, self::tracker(Some("old")))
        .await
        .unwrap()
        .id;
    exists(
        registry
            .update_tracker(world.ours, second, None, change(Some("new")))
            .await,
        "TRACKER",
        "IMEI",
    );
    registry
        .update_tracker(world.ours, tracker, None, change(None))
        .await
        .unwrap();
    assert!(registry.tracker_by_imei(world.ours, "new").is_none());
    assert_eq!(registry.tracker_by_imei(world.ours, "old").unwrap().id, second);
}

#[tokio::test]
async fn a_device_switches_trackers_and_the_old_one_is_free() {
    let world = world().await;
    let (old, device) = pair(&world, "1").await;
    let (taken, _) = pair(&world, "2").await;
    let registry = &world.registry;
    let free = registry
        .create_tracker(world.ours, tracker(Some("3")))
        .await
        .unwrap()
        .id;
    let theirs = registry
        .create_tracker(world.theirs, tracker(None))
        .await
        .unwrap()
        .id;
    let switch = |tracker| {
        registry.update_device(
            world.ours,
            device,
            None,
            DeviceChange {
                tracker: Some(tracker),
                ..DeviceChange::default()
            },
        )
    };
    exists(switch(taken).await, "DEVICE", "IDTRACKER");
    missing(switch(theirs).await, "TRACKER", "idTracker");
    missing(switch(TrackerId(999)).await, "TRACKER", "idTracker");
    assert_eq!(registry.tracker(old).unwrap().device, Some(device));

    switch(free).await.unwrap();
    assert_eq!(registry.tracker(old).unwrap().device, None);
    assert_eq!(registry.tracker_by_imei(world.ours, "1").unwrap().device, None);
    assert_eq!(
        registry.tracker_by_imei(world.ours, "3").unwrap().device,
        Some(device)
    );
    assert_eq!(
        picture(&other_process(&world).await).await,
        picture(registry).await
    );
}

#[tokio::test]
async fn a_device_needs_a_known_type_and_a_uuid_of_its_own() {
    let world = world().await;
    let (_, first) = pair(&world, "1").await;
    pair(&world, "2").await;
    let update = |change| world.registry.update_device(world.ours, first, None, change);
    let untyped = DeviceChange {
        device_type: Some(999),
        ..DeviceChange::default()
    };
    missing(update(untyped).await, "DEVICE_TYPE", "idType");
    let same = DeviceChange {
        uuid: Some(Some("2".into())),
        ..DeviceChange::default()
    };
    exists(update(same).await, "DEVICE", "DEVICEUUID");
    assert_eq!(world.registry.device(first).unwrap().uuid.as_deref(), Some("1"));
}

#[tokio::test]
async fn a_tracker_goes_only_when_neither_device_nor_credential_refers_to_it() {
    let world = world().await;
    let (used, device) = pair(&world, "1").await;
    let registry = &world.registry;
    in_use(registry.delete_tracker(world.ours, used, None).await, "TRACKER");
    registry.delete_device(world.ours, device, None).await.unwrap();
    registry
        .create_credential("u", None, world.ours, None, Role::Tracker(used))
        .await
        .unwrap();
    in_use(registry.delete_tracker(world.ours, used, None).await, "TRACKER");
    assert!(registry.tracker_by_imei(world.ours, "1").is_some());
    registry.delete_credential("u").await.unwrap();
    registry.delete_tracker(world.ours, used, None).await.unwrap();
    assert!(registry.tracker(used).is_none());
    assert!(registry.tracker_by_imei(world.ours, "1").is_none());
    assert!(registry.trackers(world.ours).is_empty());
    missing(
        registry.delete_tracker(world.ours, used, None).await,
        "TRACKER",
        "idTracker",
    );
}

#[tokio::test]
async fn a_deleted_device_frees_its_tracker_and_its_id_is_never_used_again() {
    let world = world().await;
    let (tracker, first) = pair(&world, "1").await;
    let registry = &world.registry;
    registry.delete_device(world.ours, first, None).await.unwrap();
    assert!(registry.device(first).is_none());
    assert!(registry.devices(world.ours).is_empty());
    assert_eq!(registry.tracker(tracker).unwrap().device, None);
    let again = registry
        .create_device(world.ours, world.our_link, device(tracker, Some("1")))
        .await
        .unwrap();
    assert!(again.id > first);
    // also by a process that never saw the first one
    registry.delete_device(world.ours, again.id, None).await.unwrap();
    let third = other_process(&world)
        .await
        .create_device(world.ours, world.our_link, device(tracker, Some("1")))
        .await
        .unwrap();
    assert!(third.id > again.id);
}

#[tokio::test]
async fn another_clients_things_can_not_be_changed_or_deleted() {
    let world = world().await;
    let (tracker, device) = pair(&world, "1").await;
    let registry = &world.registry;
    let group = new_group(&world, "ours").await;
    let before = picture(registry).await;
    let theirs = world.theirs;
    missing(
        registry
            .update_tracker(theirs, tracker, None, TrackerChange::default())
            .await,
        "TRACKER",
        "idTracker",
    );
    missing(
        registry.delete_tracker(theirs, tracker, None).await,
        "TRACKER",
        "idTracker",
    );
    missing(
        registry
            .update_device(theirs, device, None, DeviceChange::default())
            .await,
        "DEVICE",
        "idDevice",
    );
    missing(
        registry.delete_device(theirs, device, None).await,
        "DEVICE",
        "idDevice",
    );
    missing(
        registry
            .update_group(theirs, group, None, GroupChange::default())
            .await,
        "GROUP",
        "id",
    );
    missing(registry.delete_group(theirs, group, None).await, "GROUP", "id");
    missing(registry.add_to_group(theirs, group, device).await, "GROUP", "id");
    assert!(registry.group(theirs, group).is_none());
    assert!(registry.group_devices(theirs, group).is_none());
    assert_eq!(picture(registry).await, before);
}

#[tokio::test]
async fn a_change_is_refused_when_the_caller_saw_something_else() {
    let world = world().await;
    let (tracker, device) = pair(&world, "1").await;
    let registry = &world.registry;
    let other = other_process(&world).await;
    let (seen_tracker, seen_device) = (registry.tracker(tracker), registry.device(device));
    // another process changes both; this one does not know it yet
    let renamed = TrackerChange {
        name: Some("x".into()),
        ..TrackerChange::default()
    };
    other
        .update_tracker(world.ours, tracker, None, renamed)
        .await
        .unwrap();
    let paused = DeviceChange {
        status: Some("x".into()),
        ..DeviceChange::default()
    };
    other
        .update_device(world.ours, device, None, paused)
        .await
        .unwrap();
    changed(
        registry
            .update_tracker(
                world.ours,
                tracker,
                seen_tracker.clone(),
                TrackerChange::default(),
            )
            .await,
    );
    changed(
        registry
            .update_device(world.ours, device, seen_device.clone(), DeviceChange::default())
            .await,
    );
    changed(registry.delete_device(world.ours, device, seen_device).await);
    changed(registry.delete_tracker(world.ours, tracker, seen_tracker).await);
    registry.refresh().await.unwrap();
    let seen = registry.device(device);
    registry.delete_device(world.ours, device, seen).await.unwrap();
}

#[tokio::test]
async fn a_partial_change_keeps_what_another_process_changed_a_moment_ago() {
    let world = world().await;
    let (_, device) = pair(&world, "1").await;
    let other = other_process(&world).await;
    let team = DeviceChange {
        team: Some(77),
        ..DeviceChange::default()
    };
    other.update_device(world.ours, device, None, team).await.unwrap();
    let name = DeviceChange {
        name: Some("both".into()),
        ..DeviceChange::default()
    };
    let after = world
        .registry
        .update_device(world.ours, device, None, name)
        .await
        .unwrap();
    assert_eq!((after.team, after.name.as_str()), (77, "both"));
}

async fn new_group(world: &World, name: &str) -> GroupId {
    let new = group(name);
    world.registry.create_group(world.ours, new).await.unwrap().id
}

fn group(name: &str) -> NewGroup {
    NewGroup {
        name: name.into(),
        description: None,
        url: None,
    }
}

#[tokio::test]
async fn groups_are_named_uniquely_within_a_client_only() {
    let world = world().await;
    let registry = &world.registry;
    let first = new_group(&world, "north").await;
    exists(
        registry.create_group(world.ours, group("north")).await,
        "GROUP",
        "NAME",
    );
    registry.create_group(world.theirs, group("north")).await.unwrap();
    let second = new_group(&world, "south").await;
    let rename = |name: &str| GroupChange {
        name: Some(name.into()),
        ..GroupChange::default()
    };
    exists(
        registry
            .update_group(world.ours, second, None, rename("north"))
            .await,
        "GROUP",
        "NAME",
    );
    registry
        .update_group(world.ours, second, None, rename("east"))
        .await
        .unwrap();
    let names: Vec<_> = registry
        .groups(world.ours)
        .iter()
        .map(|(group, _)| (group.id, group.name.clone()))
        .collect();
    assert_eq!(names, [(first, "north".into()), (second, "east".into())]);
    missing(
        registry.create_group(ClientId(999), group("x")).await,
        "CLIENT",
        "idClient",
    );
}

#[tokio::test]
async fn a_device_is_in_a_group_until_it_is_taken_out_or_either_goes() {
    let world = world().await;
    let registry = &world.registry;
    let (_, one) = pair(&world, "1").await;
    let (_, two) = pair(&world, "2").await;
    let their_tracker = registry
        .create_tracker(world.theirs, tracker(None))
        .await
        .unwrap()
        .id;
    let foreign = registry
        .create_device(world.theirs, world.their_link, device(their_tracker, None))
        .await
        .unwrap()
        .id;
    let (north, south) = (new_group(&world, "north").await, new_group(&world, "south").await);
    for device in [two, one, two] {
        registry.add_to_group(world.ours, north, device).await.unwrap();
    }
    registry.add_to_group(world.ours, south, one).await.unwrap();
    for device in [foreign, DeviceId(999)] {
        missing(
            registry.add_to_group(world.ours, north, device).await,
            "DEVICE",
            "id",
        );
    }
    missing(
        registry.add_to_group(world.ours, GroupId(999), one).await,
        "GROUP",
        "id",
    );
    let devices = |group| registry.group_devices(world.ours, group);
    assert_eq!(devices(north), Some(vec![one, two]));
    assert_eq!(registry.group(world.ours, north).unwrap().1, 2);
    let other = other_process(&world).await;
    assert_eq!(other.group_devices(world.ours, north), Some(vec![one, two]));

    for _ in 0..2 {
        registry.remove_from_group(world.ours, north, two).await.unwrap();
    }
    assert_eq!(devices(north), Some(vec![one]));
    // a changed group keeps its devices
    let described = GroupChange {
        description: Some(Some("d".into())),
        ..GroupChange::default()
    };
    registry
        .update_group(world.ours, north, None, described)
        .await
        .unwrap();
    assert_eq!(devices(north), Some(vec![one]));
    registry.delete_device(world.ours, one, None).await.unwrap();
    assert_eq!(
        (devices(north), devices(south)),
        (Some(Vec::new()), Some(Vec::new()))
    );
    registry.add_to_group(world.ours, south, two).await.unwrap();
    registry.delete_group(world.ours, south, None).await.unwrap();
    assert_eq!(devices(south), None);
    assert!(registry.device(two).is_some());
    assert!(other.refresh().await.unwrap());
    assert_eq!(other.groups(world.ours), registry.groups(world.ours));
    assert_eq!(other.group_devices(world.ours, north), Some(Vec::new()));
}

#[tokio::test]
async fn a_client_sets_its_thresholds_and_the_defaults_come_back() {
    let world = world().await;
    let registry = &world.registry;
    let other = other_process(&world).await;
    assert!(registry.config(world.ours).is_none());
    assert_eq!(registry.thresholds(world.ours), Thresholds::default());
    let fast = Thresholds {
        max_speed_kmh: 120,
        gap_threshold_seconds: u32::MAX,
        ..Thresholds::default()
    };
    let set = registry
        .set_config(world.ours, None, move |now| {
            assert!(now.is_none());
            Ok(fast)
        })
        .await
        .unwrap();
    assert_eq!(registry.thresholds(world.ours), fast);
    assert_eq!(registry.thresholds(world.theirs), Thresholds::default());
    assert!(other.refresh().await.unwrap());
    assert_eq!(other.config(world.ours).as_deref(), Some(&*set));

    let slower = |now: Option<&ReportConfig>| {
        Ok(Thresholds {
            max_speed_kmh: 90,
            ..now.unwrap().thresholds
        })
    };
    let next = other.set_config(world.ours, None, slower).await.unwrap();
    assert_eq!((next.id, next.thresholds.max_speed_kmh), (set.id, 90));
    changed(
        registry
            .set_config(world.ours, Some(Arc::clone(&set)), move |_| Ok(fast))
            .await,
    );
    changed(registry.delete_config(world.ours, None, Some(set)).await);
    missing(
        registry.delete_config(world.ours, Some(999), None).await,
        "CONFIG",
        "idConfig",
    );
    missing(
        registry.delete_config(world.theirs, None, None).await,
        "CONFIG",
        "idConfig",
    );
    registry.refresh().await.unwrap();
    registry
        .delete_config(world.ours, Some(next.id), None)
        .await
        .unwrap();
    assert_eq!(registry.thresholds(world.ours), Thresholds::default());
    assert!(other.refresh().await.unwrap());
    assert!(other.config(world.ours).is_none());
}

fn once<T>(key: &str, request: u8) -> Once<T> {
    Once {
        key: key.into(),
        request: [request; 32],
        answer: Box::new(move |_| Remembered {
            status: 201,
            location: format!("/of/{request}"),
            body: "{}".into(),
        }),
    }
}

#[track_caller]
fn is_new<T: std::fmt::Debug>(created: Result<Created<T>, RegistryError>) -> T {
    match created {
        Ok(Created::Now(made)) => made,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn is_answered<T: std::fmt::Debug>(created: Result<Created<T>, RegistryError>, location: &str) {
    match created {
        Ok(Created::Before(before)) => assert_eq!(before.location, location),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_repeated_create_is_carried_out_once_also_by_another_process() {
    let world = world().await;
    let registry = &world.registry;
    let create =
        |key, request| registry.create_tracker_once(world.ours, tracker(Some("1")), once(key, request));
    let made = is_new(create("a", 1).await);
    for _ in 0..2 {
        is_answered(create("a", 1).await, "/of/1");
    }
    let other = other_process(&world).await;
    is_answered(
        other
            .create_tracker_once(world.ours, tracker(Some("1")), once("a", 1))
            .await,
        "/of/1",
    );
    assert!(matches!(create("a", 2).await, Err(RegistryError::OtherRequest)));
    // a refused create is not remembered: it changed nothing
    exists(create("b", 1).await, "TRACKER", "IMEI");
    registry.delete_tracker(world.ours, made.id, None).await.unwrap();
    is_new(create("b", 1).await);
    // keys of another client are its own
    is_new(
        registry
            .create_tracker_once(world.theirs, tracker(None), once("a", 9))
            .await,
    );
    assert_eq!(registry.trackers(world.ours).len(), 1);
}

#[tokio::test]
async fn devices_groups_and_keys_are_created_once_too() {
    let world = world().await;
    let registry = &world.registry;
    let ours = world.ours;
    let tracker = registry.create_tracker(ours, tracker(None)).await.unwrap().id;
    for time in 0..2 {
        let new = device(tracker, None);
        let made = registry
            .create_device_once(ours, world.our_link, new, once("d", 1))
            .await;
        if time == 0 {
            is_new(made);
        } else {
            is_answered(made, "/of/1");
        }
        let made = registry
            .create_group_once(ours, group("north"), once("g", 2))
            .await;
        if time == 0 {
            is_new(made);
        } else {
            is_answered(made, "/of/2");
        }
        let new = NewApiKey {
            name: "key".into(),
            scopes: vec![Scope::Read],
            ..NewApiKey::default()
        };
        let made = registry.create_key_once(ours, new, once("k", 3)).await;
        if time == 0 {
            let (_, secret) = is_new(made);
            assert!(registry.api_key(&secret).is_some());
        } else {
            is_answered(made, "/of/3");
        }
    }
    assert_eq!(registry.devices(ours).len(), 1);
    assert_eq!(registry.groups(ours).len(), 1);
    assert_eq!(registry.api_keys(Some(ours)).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_made_elsewhere_begins_is_looked_for_and_is_answered() {
    let world = world().await;
    let (registry, ours) = (&world.registry, world.ours);
    let begin = |of: &Registry, key: &str, request| {
        let (of, key) = (of.clone(), key.to_owned());
        async move { of.begin_once(ours, key, [request; 32]).await }
    };
    let Ok(Begun::Now(turn)) = begin(registry, "a", 1).await else {
        panic!("it was begun before");
    };
    let at = turn.at();
    // who asks meanwhile waits; and finds out that nobody knows how it ended
    let waiting = tokio::spawn(begin(registry, "a", 1));
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    drop(turn);
    let Ok(Begun::Again(turn)) = waiting.await.unwrap() else {
        panic!("what became of it is known");
    };
    assert_eq!(turn.at(), at);
    drop(turn);
    // another process, after a crash of this one
    let other = other_process(&world).await;
    let Ok(Begun::Again(turn)) = begin(&other, "a", 1).await else {
        panic!("it has not begun");
    };
    assert_eq!(turn.at(), at);
    let answer = Remembered {
        status: 201,
        location: "/of/1".into(),
        body: "{}".into(),
    };
    other.end_once(turn, answer.clone()).await.unwrap();
    for registry in [registry, &other] {
        match begin(registry, "a", 1).await {
            Ok(Begun::Before(before)) => assert_eq!(before, answer),
            other => panic!("{other:?}"),
        }
    }
    // the key stands for this request, also for the creates of the registry itself
    let refused = begin(registry, "a", 2).await;
    assert!(matches!(refused, Err(RegistryError::OtherRequest)), "{refused:?}");
    let refused = registry
        .create_group_once(ours, group("north"), once("a", 2))
        .await;
    assert!(matches!(refused, Err(RegistryError::OtherRequest)), "{refused:?}");
    // what was refused stands for nothing
    let Ok(Begun::Now(turn)) = begin(registry, "b", 1).await else {
        panic!("it was begun before");
    };
    registry.abandon_once(turn).await.unwrap();
    assert!(matches!(begin(&other, "b", 2).await, Ok(Begun::Now(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_requests_under_one_key_one_creates_and_all_get_its_answer() {
    let world = world().await;
    let requests: Vec<_> = (0..16)
        .map(|_| {
            let (registry, ours) = (world.registry.clone(), world.ours);
            tokio::spawn(async move {
                let created = registry
                    .create_tracker_once(ours, tracker(None), once("a", 1))
                    .await;
                matches!(created, Ok(Created::Now(_)))
            })
        })
        .collect();
    let mut made = 0;
    for request in requests {
        made += usize::from(request.await.unwrap());
    }
    assert_eq!((made, world.registry.trackers(world.ours).len()), (1, 1));
}

#[tokio::test]
async fn an_answer_is_kept_for_a_day_and_only_so_many_of_a_client() {
    let world = world().await;
    let registry = &world.registry;
    let create =
        |key: String, request| registry.create_tracker_once(world.ours, tracker(None), once(&key, request));
    is_new(create("old".into(), 1).await);
    let age = |ms: i64, key: &'static str| async move {
        let mut writer = registry.inner.writer().await;
        sqlx::query("UPDATE answered SET created_at = created_at - $1 WHERE key = $2")
            .bind(ms)
            .bind(key)
            .execute(&mut writer.connection)
            .await
            .unwrap();
    };
    age(KEPT_MS - 60_000, "old").await;
    is_answered(create("old".into(), 1).await, "/of/1");
    age(60_001, "old").await;
    is_new(create("old".into(), 2).await);

    // fill up to the bound by hand: the oldest make room
    let fill = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) \
                INSERT INTO answered SELECT $1, 'fill-' || i, zeroblob(32), 201, '', '', $2 - i FROM n";
    {
        let mut writer = registry.inner.writer().await;
        sqlx::query(fill)
            .bind(world.ours.0)
            .bind(crate::clock::now().0 - 1_000)
            .execute(&mut writer.connection)
            .await
            .unwrap();
    }
    is_new(create("new".into(), 3).await);
    let mut writer = registry.inner.writer().await;
    let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM answered WHERE client = $1")
        .bind(world.ours.0)
        .fetch_one(&mut writer.connection)
        .await
        .unwrap();
    let oldest: i64 = sqlx::query_scalar("SELECT count(*) FROM answered WHERE key = 'fill-10000'")
        .fetch_one(&mut writer.connection)
        .await
        .unwrap();
    assert_eq!((kept, oldest), (10_000, 0));
}

#[tokio::test]
async fn a_client_revokes_its_own_keys_only_and_sees_their_use_at_once() {
    let world = world().await;
    let registry = &world.registry;
    let contact = Contact {
        email: Some("ops@example.com".into()),
        phone: Some("+49 30 1234567".into()),
    };
    let new = NewApiKey {
        name: "k".into(),
        link: Some(world.our_link),
        scopes: vec![Scope::Read],
        expires: Some(TimeMs(i64::MAX)),
        contact: contact.clone(),
    };
    let (made, secret) = registry.create_key(world.ours, new).await.unwrap();
    let listed = |registry: &Registry| {
        let registry = registry.clone();
        async move { registry.api_keys(Some(world.ours)).await.unwrap().remove(0) }
    };
    let found = listed(registry).await;
    assert_eq!(
        (found.created, found.expires, found.contact, found.last_used),
        (made.created, Some(TimeMs(i64::MAX)), contact, None)
    );
    registry.api_key(&secret).unwrap();
    let used = listed(registry).await.last_used.unwrap();
    assert!(used >= made.created);
    // written down, it is still there
    {
        let mut writer = registry.inner.writer().await;
        registry.inner.write_last_used(&mut writer).await.unwrap();
    }
    assert_eq!(listed(registry).await.last_used, Some(used));
    assert_eq!(listed(&other_process(&world).await).await.last_used, Some(used));

    missing(
        registry.revoke_api_key_of(world.theirs, made.key.id).await,
        "API_KEY",
        "id",
    );
    assert!(registry.api_key(&secret).is_some());
    registry.revoke_api_key_of(world.ours, made.key.id).await.unwrap();
    assert!(registry.api_key(&secret).is_none());
}
