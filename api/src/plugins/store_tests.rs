#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;

const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

fn manifest(version: &str, description: &str) -> String {
    format!(
        "schema = 1\n[plugin]\nname = \"acme\"\nversion = \"{version}\"\napi = \"fixstream:decoder@1.0.0\"\n\
         license = \"MIT\"\ndescription = \"{description}\"\n[component]\nfile = \"decoder.wasm\"\n"
    )
}

/// A bundle that nobody runs.
fn archive(version: &str, description: &str) -> Archive {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(MANIFEST_FILE), manifest(version, description)).unwrap();
    fs::write(folder.path().join("decoder.wasm"), COMPONENT).unwrap();
    Archive::open(folder.path()).unwrap()
}

fn store() -> (tempfile::TempDir, Store) {
    let root = tempfile::tempdir().unwrap();
    let store = Store::open(root.path().join("plugins")).unwrap();
    (root, store)
}

fn kept(store: &Store) -> (String, Vec<String>) {
    let entry = store.plugin("acme").unwrap();
    let versions = entry.versions.into_iter().map(|kept| kept.version).collect();
    (entry.active, versions)
}

#[test]
fn versions_are_kept_in_the_order_of_their_numbers_and_the_last_installed_is_active() {
    let (_root, store) = store();
    assert!(store.plugins().is_empty());
    for version in ["1.10.0", "1.2.0", "1.9.0"] {
        store.put(&archive(version, "x"), false).unwrap();
    }
    assert_eq!(
        kept(&store),
        (
            "1.9.0".into(),
            vec!["1.2.0".into(), "1.9.0".into(), "1.10.0".into()]
        )
    );
    let read = Archive::open(&store.plugin("acme").unwrap().version("1.2.0").unwrap().folder).unwrap();
    assert_eq!(read.bundle.sums(), archive("1.2.0", "x").bundle.sums());
}

#[test]
fn a_rollback_goes_back_step_by_step_and_not_in_circles() {
    let (_root, store) = store();
    for version in ["1.0.0", "1.1.0", "1.2.0"] {
        store.put(&archive(version, "x"), false).unwrap();
    }
    assert_eq!(store.rollback("acme").unwrap(), "1.1.0");
    assert_eq!(store.rollback("acme").unwrap(), "1.0.0");
    assert!(matches!(
        store.rollback("acme"),
        Err(InstallError::NothingBefore(_))
    ));
    store.activate("acme", "1.2.0").unwrap();
    assert_eq!(store.rollback("acme").unwrap(), "1.0.0");
    assert!(
        store
            .activate("acme", "9.9.9")
            .unwrap_err()
            .to_string()
            .contains("1.0.0, 1.1.0, 1.2.0")
    );
}

#[test]
fn a_version_means_one_build_unless_it_is_replaced_on_purpose() {
    let (_root, store) = store();
    store.put(&archive("1.0.0", "first"), false).unwrap();
    store.put(&archive("1.0.0", "first"), false).unwrap();
    let other = archive("1.0.0", "second");
    assert!(matches!(
        store.put(&other, false),
        Err(InstallError::OtherBuild { .. })
    ));
    let folder = store
        .plugin("acme")
        .unwrap()
        .version("1.0.0")
        .unwrap()
        .folder
        .clone();
    assert!(
        fs::read_to_string(folder.join(MANIFEST_FILE))
            .unwrap()
            .contains("first")
    );
    store.put(&other, true).unwrap();
    assert!(
        fs::read_to_string(folder.join(MANIFEST_FILE))
            .unwrap()
            .contains("second")
    );
    assert_eq!(kept(&store), ("1.0.0".into(), vec!["1.0.0".into()]));
}

#[test]
fn the_active_version_is_not_removed_by_itself() {
    let (_root, store) = store();
    store.put(&archive("1.0.0", "x"), false).unwrap();
    store.put(&archive("1.1.0", "x"), false).unwrap();
    assert!(matches!(
        store.remove_version("acme", "1.1.0"),
        Err(InstallError::IsActive { .. })
    ));
    store.remove_version("acme", "1.0.0").unwrap();
    assert!(matches!(
        store.remove_version("acme", "1.0.0"),
        Err(InstallError::UnknownVersion { .. })
    ));
    // what was removed is not come back to
    assert!(matches!(
        store.rollback("acme"),
        Err(InstallError::NothingBefore(_))
    ));
    store.remove("acme").unwrap();
    assert!(store.plugin("acme").is_none());
    assert!(matches!(store.remove("acme"), Err(InstallError::Unknown(_))));
}

#[test]
fn each_change_is_seen_even_within_one_tick_of_the_clock() {
    let (_root, store) = store();
    store.put(&archive("1.0.0", "x"), false).unwrap();
    store.put(&archive("1.1.0", "x"), false).unwrap();
    let mut seen = vec![store.stamp()];
    for _ in 0..50 {
        for version in ["1.0.0", "1.1.0"] {
            store.activate("acme", version).unwrap();
            assert!(!seen.contains(&store.stamp()));
            seen.push(store.stamp());
        }
    }
    assert_eq!(store.stamp(), store.stamp());
}

#[test]
fn plugins_without_versions_are_moved_and_stay_in_service() {
    let root = tempfile::tempdir().unwrap();
    let home = root.path().join("acme");
    fs::create_dir_all(&home).unwrap();
    fs::write(home.join(MANIFEST_FILE), manifest("1.4.2", "old")).unwrap();
    fs::write(home.join("decoder.wasm"), COMPONENT).unwrap();
    // as a move leaves it that was interrupted
    fs::create_dir_all(home.join(".new")).unwrap();
    for _ in 0..2 {
        let store = Store::open(root.path().to_owned()).unwrap();
        assert_eq!(kept(&store), ("1.4.2".into(), vec!["1.4.2".into()]));
        let entry = store.plugin("acme").unwrap();
        assert!(Archive::open(&entry.versions[0].folder).is_ok());
    }
    assert!(!home.join(MANIFEST_FILE).exists());
}

#[test]
fn there_is_a_most_of_everything_and_names_are_no_paths() {
    let (_root, store) = store();
    for patch in 0..MAX_VERSIONS {
        store.put(&archive(&format!("1.0.{patch}"), "x"), false).unwrap();
    }
    assert!(matches!(
        store.put(&archive("2.0.0", "x"), false),
        Err(InstallError::TooMany { .. })
    ));
    for name in ["..", ".", "", "../plugins/acme", "acme/1.0.0", ".lock"] {
        assert!(store.plugin(name).is_none(), "{name:?}");
    }
}
