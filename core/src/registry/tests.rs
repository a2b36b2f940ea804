#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;

use tempfile::TempDir;

use super::*;
use crate::clock;
use crate::model::{ClientId, LinkId, TimeMs, TrackerId};

pub(super) struct World {
    pub(super) registry: Registry,
    pub(super) ours: ClientId,
    pub(super) our_link: LinkId,
    pub(super) theirs: ClientId,
    pub(super) their_link: LinkId,
    pub(super) folder: TempDir,
}

pub(super) async fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::open(&folder.path().join("registry.db")).await.unwrap();
    registry.create_vendor("traccar").await.unwrap();
    let ours = registry.create_client("ours").await.unwrap().id;
    let theirs = registry.create_client("theirs").await.unwrap().id;
    let our_link = registry
        .create_link(ours, "traccar", UnknownTracker::Reject)
        .await
        .unwrap()
        .id;
    let their_link = registry
        .create_link(theirs, "traccar", UnknownTracker::Hold)
        .await
        .unwrap()
        .id;
    World {
        registry,
        ours,
        our_link,
        theirs,
        their_link,
        folder,
    }
}

pub(super) fn tracker(imei: Option<&str>) -> NewTracker {
    NewTracker {
        name: "a tracker".into(),
        description: None,
        imei: imei.map(str::to_owned),
        status: "active".into(),
        context: vec![("model".into(), "fmb920".into())],
    }
}

pub(super) fn device(tracker: TrackerId, uuid: Option<&str>) -> NewDevice {
    NewDevice {
        tracker,
        worksite: 1,
        team: 2,
        name: "a device".into(),
        device_type: 1,
        code: Some("ABC-1234".into()),
        uuid: uuid.map(str::to_owned),
        status: "active".into(),
    }
}

#[track_caller]
pub(super) fn exists<T: std::fmt::Debug>(result: Result<T, RegistryError>, entity: &str, field: &str) {
    match result {
        Err(RegistryError::Exists { entity: e, field: f }) => assert_eq!((e, f), (entity, field)),
        other => panic!("expected {entity} exists with {field}, got {other:?}"),
    }
}

#[track_caller]
pub(super) fn missing<T: std::fmt::Debug>(result: Result<T, RegistryError>, entity: &str, field: &str) {
    match result {
        Err(RegistryError::NotFound { entity: e, field: f }) => assert_eq!((e, f), (entity, field)),
        other => panic!("expected {entity} not found with {field}, got {other:?}"),
    }
}

#[tokio::test]
async fn a_new_registry_knows_the_seeded_device_types() {
    let world = world().await;
    let types: Vec<_> = world
        .registry
        .device_types()
        .iter()
        .map(|t| (t.id, t.name.clone(), t.code.clone()))
        .collect();
    assert_eq!(types.len(), 5);
    assert_eq!(types[0], (1, "Vehicle".into(), "VEHICLE".into()));
    assert_eq!(types[4], (5, "Trailer".into(), "TRAILER".into()));
    assert_eq!(
        world
            .registry
            .create_device_type("Boat", "BOAT")
            .await
            .unwrap()
            .id,
        6
    );
    assert_eq!(world.registry.device_types().len(), 6);
}

#[tokio::test]
async fn a_created_tracker_and_device_are_seen_at_once() {
    let World {
        registry,
        ours,
        our_link,
        ..
    } = world().await;
    let tracker = registry.create_tracker(ours, tracker(Some("353"))).await.unwrap();
    assert_eq!(tracker.device, None);
    let device = registry
        .create_device(ours, our_link, device(tracker.id, Some("chassis")))
        .await
        .unwrap();

    let seen = registry.tracker_by_imei(ours, "353").unwrap();
    assert_eq!((seen.id, seen.device), (tracker.id, Some(device.id)));
    assert_eq!(registry.tracker(tracker.id).unwrap().device, Some(device.id));
    assert_eq!(registry.trackers(ours)[0].device, Some(device.id));
    assert_eq!(registry.device(device.id).unwrap().tracker, tracker.id);
    assert_eq!(registry.devices(ours).len(), 1);
    assert_eq!(seen.context.as_ref(), [("model".to_owned(), "fmb920".to_owned())]);
}

#[tokio::test]
async fn an_imei_is_unique_within_a_client_only() {
    let World {
        registry,
        ours,
        theirs,
        ..
    } = world().await;
    let mine = registry.create_tracker(ours, tracker(Some("353"))).await.unwrap();
    exists(
        registry.create_tracker(ours, tracker(Some("353"))).await,
        "TRACKER",
        "IMEI",
    );
    let other = registry
        .create_tracker(theirs, tracker(Some("353")))
        .await
        .unwrap();
    assert_ne!(mine.id, other.id);
    assert_eq!(registry.tracker_by_imei(ours, "353").unwrap().id, mine.id);
    assert_eq!(registry.tracker_by_imei(theirs, "353").unwrap().id, other.id);
}

#[tokio::test]
async fn trackers_without_an_imei_do_not_collide() {
    let World { registry, ours, .. } = world().await;
    registry.create_tracker(ours, tracker(None)).await.unwrap();
    registry.create_tracker(ours, tracker(None)).await.unwrap();
    assert_eq!(registry.trackers(ours).len(), 2);
}

#[tokio::test]
async fn a_device_uuid_is_unique_within_a_client_only() {
    let World {
        registry,
        ours,
        our_link,
        theirs,
        their_link,
        ..
    } = world().await;
    let first = registry.create_tracker(ours, tracker(None)).await.unwrap().id;
    let second = registry.create_tracker(ours, tracker(None)).await.unwrap().id;
    let foreign = registry.create_tracker(theirs, tracker(None)).await.unwrap().id;
    registry
        .create_device(ours, our_link, device(first, Some("chassis")))
        .await
        .unwrap();
    exists(
        registry
            .create_device(ours, our_link, device(second, Some("chassis")))
            .await,
        "DEVICE",
        "DEVICEUUID",
    );
    registry
        .create_device(theirs, their_link, device(foreign, Some("chassis")))
        .await
        .unwrap();
    assert_eq!(registry.devices(ours).len(), 1);
    assert_eq!(registry.tracker(second).unwrap().device, None);
}

#[tokio::test]
async fn a_tracker_serves_one_device() {
    let World {
        registry,
        ours,
        our_link,
        ..
    } = world().await;
    let tracker = registry.create_tracker(ours, tracker(None)).await.unwrap().id;
    registry
        .create_device(ours, our_link, device(tracker, None))
        .await
        .unwrap();
    exists(
        registry
            .create_device(ours, our_link, device(tracker, None))
            .await,
        "DEVICE",
        "IDTRACKER",
    );
}

#[tokio::test]
async fn another_clients_ids_are_not_found_wherever_they_are_used() {
    let World {
        registry,
        ours,
        our_link,
        theirs,
        their_link,
        ..
    } = world().await;
    let free = registry
        .create_tracker(theirs, tracker(Some("1")))
        .await
        .unwrap()
        .id;
    let used = registry
        .create_tracker(theirs, tracker(Some("2")))
        .await
        .unwrap()
        .id;
    registry
        .create_device(theirs, their_link, device(used, None))
        .await
        .unwrap();
    let mine = registry.create_tracker(ours, tracker(None)).await.unwrap().id;

    missing(
        registry.create_device(ours, our_link, device(free, None)).await,
        "TRACKER",
        "idTracker",
    );
    // Not "exists": that would tell that the other client's tracker has a device.
    missing(
        registry.create_device(ours, our_link, device(used, None)).await,
        "TRACKER",
        "idTracker",
    );
    missing(
        registry.create_device(ours, their_link, device(mine, None)).await,
        "CLIENT_VENDOR",
        "link",
    );
    missing(
        registry
            .create_api_key("k", ours, Some(their_link), &[Scope::Read])
            .await,
        "CLIENT_VENDOR",
        "link",
    );
    missing(
        registry
            .create_credential("u", None, ours, Some(their_link), Role::Gateway)
            .await,
        "CLIENT_VENDOR",
        "link",
    );
    missing(
        registry
            .create_credential("u", None, ours, None, Role::Tracker(free))
            .await,
        "TRACKER",
        "idTracker",
    );

    assert!(registry.tracker_by_imei(ours, "1").is_none());
    assert_eq!(registry.trackers(ours).len(), 1);
    assert!(registry.devices(ours).is_empty());
    assert!(registry.link_to(ours, "nobody").is_none());
    assert_eq!(registry.link_to(ours, "traccar").unwrap().id, our_link);
    assert_eq!(registry.links(ours).len(), 1);
    assert!(registry.credential("u").is_none());
}

#[tokio::test]
async fn what_a_change_refers_to_must_exist() {
    let World {
        registry,
        ours,
        our_link,
        ..
    } = world().await;
    let nobody = ClientId(999);
    missing(
        registry.create_tracker(nobody, tracker(None)).await,
        "CLIENT",
        "idClient",
    );
    missing(
        registry
            .create_link(nobody, "traccar", UnknownTracker::Reject)
            .await,
        "CLIENT",
        "idClient",
    );
    missing(
        registry.create_link(ours, "nobody", UnknownTracker::Reject).await,
        "VENDOR",
        "vendor",
    );
    missing(
        registry.create_api_key("k", nobody, None, &[]).await,
        "CLIENT",
        "idClient",
    );
    missing(
        registry
            .create_device(ours, our_link, device(TrackerId(999), None))
            .await,
        "TRACKER",
        "idTracker",
    );
    let tracker = registry.create_tracker(ours, tracker(None)).await.unwrap().id;
    let untyped = NewDevice {
        device_type: 999,
        ..device(tracker, None)
    };
    missing(
        registry.create_device(ours, our_link, untyped).await,
        "DEVICE_TYPE",
        "idType",
    );
    missing(registry.revoke_api_key(999).await, "API_KEY", "id");
    missing(
        registry.delete_credential("nobody").await,
        "CREDENTIAL",
        "username",
    );
    // A refused change leaves nothing behind, also not an open transaction.
    assert!(registry.devices(ours).is_empty());
    registry
        .create_device(ours, our_link, device(tracker, None))
        .await
        .unwrap();
}

#[tokio::test]
async fn names_of_clients_links_and_users_are_unique() {
    let World { registry, ours, .. } = world().await;
    exists(registry.create_client("ours").await, "CLIENT", "NAME");
    exists(
        registry.create_link(ours, "traccar", UnknownTracker::Hold).await,
        "CLIENT_VENDOR",
        "VENDOR",
    );
    registry
        .create_credential("u", None, ours, None, Role::App)
        .await
        .unwrap();
    exists(
        registry.create_credential("u", None, ours, None, Role::App).await,
        "CREDENTIAL",
        "USERNAME",
    );
    registry.create_vendor("traccar").await.unwrap();
    assert_eq!(registry.vendors().len(), 1);
}

#[tokio::test]
async fn a_key_opens_until_it_is_revoked_or_expires() {
    let World {
        registry,
        ours,
        our_link,
        ..
    } = world().await;
    let (key, secret) = registry
        .create_api_key("k", ours, Some(our_link), &[Scope::Read, Scope::Write])
        .await
        .unwrap();
    assert!(secret.starts_with("fsk_") && secret.len() == 68);
    let found = registry.api_key(&secret).unwrap();
    assert_eq!(
        (found.id, found.client, found.link),
        (key.id, ours, Some(our_link))
    );
    assert!(found.may(Scope::Write) && !found.may(Scope::Admin));
    for wrong in [
        "",
        "fsk_",
        &secret[..67],
        &secret.to_uppercase(),
        &"fsk_".repeat(10_000),
    ] {
        assert!(registry.api_key(wrong).is_none());
    }
    registry.revoke_api_key(key.id).await.unwrap();
    assert!(registry.api_key(&secret).is_none());
    registry.revoke_api_key(key.id).await.unwrap();

    let now = clock::now();
    let (_, expired) = registry
        .create_api_key_until("e", ours, None, &[Scope::Read], Some(now))
        .await
        .unwrap();
    assert!(registry.api_key(&expired).is_none());
    let later = Some(TimeMs(now.0 + 3_600_000));
    let (_, valid) = registry
        .create_api_key_until("l", ours, None, &[Scope::Read], later)
        .await
        .unwrap();
    assert!(registry.api_key(&valid).is_some());

    let listed = registry.api_keys(Some(ours)).await.unwrap();
    assert_eq!(listed.len(), 3);
    assert!(listed[0].revoked.is_some() && listed[1].expires == Some(now) && listed[2].expires == later);
}

#[tokio::test]
async fn admin_lists_stay_within_the_asked_client() {
    let World {
        registry,
        ours,
        theirs,
        ..
    } = world().await;
    registry
        .create_api_key("a", ours, None, &[Scope::Read])
        .await
        .unwrap();
    registry
        .create_api_key("b", theirs, None, &[Scope::Read])
        .await
        .unwrap();
    registry
        .create_credential("a", None, ours, None, Role::Gateway)
        .await
        .unwrap();
    registry
        .create_credential("b", None, theirs, None, Role::App)
        .await
        .unwrap();
    assert_eq!(registry.api_keys(None).await.unwrap().len(), 2);
    assert_eq!(registry.api_keys(Some(theirs)).await.unwrap()[0].key.name, "b");
    assert_eq!(registry.credentials(None).await.unwrap().len(), 2);
    let listed = registry.credentials(Some(ours)).await.unwrap();
    assert_eq!(
        (listed.len(), listed[0].username.as_str(), listed[0].role),
        (1, "a", Role::Gateway)
    );
    assert_eq!(registry.clients().len(), 2);
}

#[tokio::test]
async fn no_secret_is_stored_in_clear() {
    let World {
        registry,
        ours,
        folder,
        ..
    } = world().await;
    let (_, key) = registry
        .create_api_key("k", ours, None, &[Scope::Read])
        .await
        .unwrap();
    let (_, password) = registry
        .create_credential("u", Some("correct horse"), ours, None, Role::App)
        .await
        .unwrap();
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        for secret in [&key, &password] {
            assert!(
                !bytes
                    .windows(secret.len())
                    .any(|window| window == secret.as_bytes())
            );
        }
    }
}

#[tokio::test]
async fn a_password_is_verified_and_a_changed_hash_forgets_it() {
    let World { registry, ours, .. } = world().await;
    let (generated, password) = registry
        .create_credential("g", None, ours, None, Role::Gateway)
        .await
        .unwrap();
    assert!(generated.password_hash.starts_with("$argon2id$"));
    assert!(registry.verify_password(&generated, password.as_bytes()));
    assert!(registry.verify_password(&generated, password.as_bytes()));
    assert!(!registry.verify_password(&generated, b"wrong"));
    assert!(!registry.verify_password(&generated, b""));
    assert!(!registry.verify_password(&generated, &[b'x'; 4096]));

    let (chosen, _) = registry
        .create_credential("c", Some("correct horse"), ours, None, Role::App)
        .await
        .unwrap();
    assert!(chosen.password_hash.contains("m=8192,t=2"));
    assert!(registry.verify_password(&chosen, b"correct horse"));
    assert!(!registry.verify_password(&chosen, password.as_bytes()));

    let swapped = Credential {
        password_hash: generated.password_hash.clone(),
        ..(*chosen).clone()
    };
    assert!(!registry.verify_password(&swapped, b"correct horse"));
    let broken = Credential {
        password_hash: "nonsense".into(),
        ..(*chosen).clone()
    };
    assert!(!registry.verify_password(&broken, b"correct horse"));
}

#[tokio::test]
async fn a_deleted_credential_is_gone() {
    let World { registry, ours, .. } = world().await;
    registry
        .create_credential("u", None, ours, None, Role::App)
        .await
        .unwrap();
    registry.delete_credential("u").await.unwrap();
    assert!(registry.credential("u").is_none());
    registry
        .create_credential("u", None, ours, None, Role::App)
        .await
        .unwrap();
}

/// Everything that the view shows, in one comparable text.
pub(super) async fn picture(registry: &Registry) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    for client in registry.clients() {
        writeln!(text, "{client:?}").unwrap();
        writeln!(text, "{:?}", registry.links(client.id)).unwrap();
        writeln!(text, "{:?}", registry.trackers(client.id)).unwrap();
        writeln!(text, "{:?}", registry.devices(client.id)).unwrap();
        for tracker in registry.trackers(client.id) {
            writeln!(text, "{:?}", registry.tracker(tracker.id)).unwrap();
            if let Some(imei) = &tracker.imei {
                writeln!(text, "{:?}", registry.tracker_by_imei(client.id, imei)).unwrap();
            }
        }
    }
    for info in registry.credentials(None).await.unwrap() {
        writeln!(text, "{:?}", registry.credential(&info.username)).unwrap();
    }
    writeln!(text, "{:?} {:?}", registry.vendors(), registry.device_types()).unwrap();
    text
}

async fn populate(world: &World) -> String {
    let World {
        registry,
        ours,
        our_link,
        theirs,
        ..
    } = world;
    let (_, secret) = registry
        .create_api_key("k", *ours, Some(*our_link), &[Scope::Read, Scope::Admin])
        .await
        .unwrap();
    for number in 0..20 {
        let tracker = registry
            .create_tracker(*ours, tracker(Some(&format!("imei-{number}"))))
            .await
            .unwrap()
            .id;
        if number % 2 == 0 {
            registry
                .create_device(
                    *ours,
                    *our_link,
                    device(tracker, Some(&format!("chassis-{number}"))),
                )
                .await
                .unwrap();
        }
        registry
            .create_credential(
                &format!("user-{number}"),
                None,
                *ours,
                Some(*our_link),
                Role::Tracker(tracker),
            )
            .await
            .unwrap();
    }
    registry
        .create_tracker(*theirs, tracker(Some("imei-0")))
        .await
        .unwrap();
    registry
        .create_credential("their-app", None, *theirs, None, Role::App)
        .await
        .unwrap();
    registry.create_device_type("Boat", "BOAT").await.unwrap();
    secret
}

#[tokio::test]
async fn a_reopened_registry_shows_the_same_view() {
    let world = world().await;
    let secret = populate(&world).await;
    let before = picture(&world.registry).await;
    let again = Registry::open(&world.folder.path().join("registry.db"))
        .await
        .unwrap();
    assert_eq!(picture(&again).await, before);
    assert_eq!(
        again.api_key(&secret).unwrap().scopes,
        [Scope::Read, Scope::Admin]
    );
}

#[tokio::test]
async fn another_process_change_is_seen_after_a_refresh() {
    let world = world().await;
    let other = Registry::open(&world.folder.path().join("registry.db"))
        .await
        .unwrap();
    assert!(!other.refresh().await.unwrap());
    let secret = populate(&world).await;
    assert!(other.api_key(&secret).is_none());
    assert!(other.refresh().await.unwrap());
    assert!(!other.refresh().await.unwrap());
    assert_eq!(picture(&other).await, picture(&world.registry).await);

    // Both change it in turns: neither takes its own change for the other's.
    let (key, mine) = other
        .create_api_key("other", world.ours, None, &[Scope::Read])
        .await
        .unwrap();
    world.registry.create_client("third").await.unwrap();
    other.create_client("fourth").await.unwrap();
    assert!(world.registry.refresh().await.unwrap());
    assert!(other.refresh().await.unwrap());
    assert_eq!(picture(&other).await, picture(&world.registry).await);
    assert!(world.registry.api_key(&mine).is_some());
    other.revoke_api_key(key.id).await.unwrap();
    assert!(world.registry.refresh().await.unwrap());
    assert!(world.registry.api_key(&mine).is_none());
}

#[tokio::test]
async fn the_last_use_of_a_key_is_written_without_waking_other_processes() {
    let World {
        registry,
        ours,
        folder,
        ..
    } = world().await;
    let (_, secret) = registry
        .create_api_key("k", ours, None, &[Scope::Read])
        .await
        .unwrap();
    let other = Registry::open(&folder.path().join("registry.db")).await.unwrap();
    let before = clock::now();
    registry.api_key(&secret).unwrap();
    for _ in 0..2 {
        let mut writer = registry.inner.writer().await;
        registry.inner.write_last_used(&mut writer).await.unwrap();
    }
    let used = registry.api_keys(None).await.unwrap()[0].last_used.unwrap();
    assert!(used >= before && used <= clock::now());
    assert!(!other.refresh().await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn processes_may_start_together_on_a_new_database() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("registry.db");
    let starts: Vec<_> = (0..6)
        .map(|number| {
            let path = path.clone();
            tokio::spawn(async move {
                let registry = Registry::open(&path).await?;
                registry.create_client(&format!("client {number}")).await?;
                Ok::<_, RegistryError>(registry)
            })
        })
        .collect();
    let mut registries = Vec::new();
    for start in starts {
        registries.push(start.await.unwrap().unwrap());
    }
    for registry in registries {
        registry.refresh().await.unwrap();
        assert_eq!((registry.clients().len(), registry.device_types().len()), (6, 5));
    }
}

#[tokio::test]
async fn the_database_is_its_owners_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = world().await;
    for file in std::fs::read_dir(world.folder.path()).unwrap() {
        let file = file.unwrap();
        assert_eq!(
            file.metadata().unwrap().permissions().mode() & 0o777,
            0o600,
            "{:?}",
            file.path()
        );
    }
    let nowhere = world.folder.path().join("missing").join("registry.db");
    assert!(matches!(
        Registry::open(&nowhere).await,
        Err(RegistryError::File { .. })
    ));
}

#[tokio::test]
async fn own_changes_need_no_refresh() {
    let world = world().await;
    populate(&world).await;
    assert!(!world.registry.refresh().await.unwrap());
}

#[tokio::test]
async fn a_change_is_finished_when_its_caller_goes_away() {
    let World { registry, ours, .. } = world().await;
    for _ in 0..20 {
        let mut change = Box::pin(registry.create_tracker(ours, tracker(None)));
        // Polled once, which starts it, and dropped.
        assert!(futures_util::poll!(&mut change).is_pending());
        drop(change);
    }
    // The writer is fair: this one comes after the twenty.
    registry
        .create_tracker(ours, tracker(Some("last")))
        .await
        .unwrap();
    assert_eq!(registry.trackers(ours).len(), 21);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_registrations_of_one_imei_exactly_one_wins() {
    let World { registry, ours, .. } = world().await;
    let attempts: Vec<_> = (0..16)
        .map(|_| {
            let registry = registry.clone();
            tokio::spawn(async move { registry.create_tracker(ours, tracker(Some("353"))).await.is_ok() })
        })
        .collect();
    let mut won = 0;
    for attempt in attempts {
        won += usize::from(attempt.await.unwrap());
    }
    assert_eq!(won, 1);
    assert_eq!(registry.trackers(ours).len(), 1);
}

#[tokio::test]
async fn ids_of_removed_rows_are_not_used_again() {
    let World { registry, ours, .. } = world().await;
    let (first, _) = registry
        .create_credential("a", None, ours, None, Role::App)
        .await
        .unwrap();
    registry.delete_credential("a").await.unwrap();
    let (second, _) = registry
        .create_credential("b", None, ours, None, Role::App)
        .await
        .unwrap();
    assert!(second.id > first.id);
}

/// A tracker of client 1.
fn shown(id: u32, imei: &str) -> Tracker {
    Tracker {
        id: TrackerId(id),
        client: ClientId(1),
        name: "t".into(),
        description: None,
        imei: Some(imei.into()),
        status: "active".into(),
        device: None,
        context: Arc::from([]),
    }
}

#[test]
fn the_imei_index_answers_borrowed_keys() {
    let fleet = fleet::Fleet::default();
    let tracker = shown(1, "old");
    fleet.put_tracker(&Arc::new(tracker.clone()));
    assert!(fleet.tracker_by_imei(ClientId(1), "old").is_some());
    assert!(fleet.tracker_by_imei(ClientId(2), "old").is_none());
    fleet.put_tracker(&Arc::new(Tracker {
        imei: Some("new".into()),
        ..tracker
    }));
    assert!(fleet.tracker_by_imei(ClientId(1), "old").is_none());
    assert_eq!(
        fleet.tracker_by_imei(ClientId(1), "new").unwrap().id,
        TrackerId(1)
    );
    assert_eq!(fleet.trackers(ClientId(1)).len(), 1);
}

#[tokio::test]
async fn an_imei_that_went_to_another_tracker_stays_with_it_when_its_first_one_changes_or_goes() {
    let world = world().await;
    let (registry, ours) = (&world.registry, world.ours);
    let make = async |imei: &str| {
        let made = registry.create_tracker(ours, tracker(Some(imei))).await;
        made.unwrap().id
    };
    let (first, second) = (make("1").await, make("2").await);
    let elsewhere = Registry::open(&world.folder.path().join("registry.db"))
        .await
        .unwrap();
    let now_has = |imei: &str| TrackerChange {
        imei: Some(Some(imei.to_owned())),
        ..TrackerChange::default()
    };
    // another process frees the identifier, this one has not heard of it and gives it away
    let freed = elsewhere.update_tracker(ours, first, None, now_has("3"));
    freed.await.unwrap();
    let given = registry.update_tracker(ours, second, None, now_has("1"));
    given.await.unwrap();
    let leads_to = |imei: &str| registry.tracker_by_imei(ours, imei).map(|tracker| tracker.id);
    assert_eq!(leads_to("1"), Some(second));
    // and then changes the tracker that it knows under that identifier
    let renamed = TrackerChange {
        name: Some("n".into()),
        ..TrackerChange::default()
    };
    registry.update_tracker(ours, first, None, renamed).await.unwrap();
    assert_eq!((leads_to("1"), leads_to("3")), (Some(second), Some(first)));

    // the same where a tracker goes that is known under an identifier that is another's
    let fleet = fleet::Fleet::default();
    fleet.put_tracker(&Arc::new(shown(1, "1")));
    fleet.put_tracker(&Arc::new(shown(2, "1")));
    fleet.remove_tracker(&shown(1, "1"));
    let found = fleet.tracker_by_imei(ClientId(1), "1").map(|tracker| tracker.id);
    assert_eq!(found, Some(TrackerId(2)));
}
