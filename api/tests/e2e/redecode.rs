//! A decoder was wrong: its successor decodes history again, and everybody sees what it says, and nothing else changes.

mod fleet;

use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use self::fleet::{Fleet, Seen};
use crate::harness::{Hub, PROGRAM, eventually};
use crate::versions::versioned;

const JOBS: &str = "/v1/redecodes";
const RAW: &str = "SELECT count(), groupBitXor(cityHash64(*)) FROM fixstream.raw_messages";
/// Every row that was ever inserted and not merged yet.
const ROWS: &str = "SELECT count(), groupBitXor(cityHash64(*)) FROM fixstream.positions";
const DOUBLED: &str = "SELECT count() - uniqExact(id, revision) FROM fixstream.positions";

/// Puts a version of the erring decoder into service.
async fn install(hub: &Hub, admin: &str, version: &str) {
    let folder = versioned("hostile", version);
    hub.command(&["plugin", "install", folder.path().to_str().unwrap()]);
    let runs = eventually(async || {
        let (_, plugin) = hub.get(admin, "/v1/plugins/hostile").await;
        plugin["running"] == version
    });
    assert!(runs.await, "{}", hub.log());
}

/// A hub with the version that errs, which has heard the fleet.
async fn erring() -> (Hub, Fleet, String) {
    let mut hub = Hub::new(&[]);
    let fleet = Fleet::register(&hub).await;
    let admin = hub.admin_key(&fleet.tenant).await;
    let folder = versioned("hostile", "1.0.0");
    hub.command(&["plugin", "install", folder.path().to_str().unwrap()]);
    hub.start().await;
    (hub, fleet, admin)
}

/// Asks for a job; its number.
async fn create(hub: &Hub, admin: &str, body: Value) -> u64 {
    let (status, location, job) = hub.send(Method::POST, admin, JOBS, &body).await;
    assert_eq!(status, 201, "{job}\n{}", hub.log());
    let id = job["id"].as_u64().unwrap();
    assert_eq!(location, Some(format!("{JOBS}/{id}")));
    id
}

async fn job(hub: &Hub, admin: &str, id: u64) -> Value {
    let (status, job) = hub.get(admin, &format!("{JOBS}/{id}")).await;
    assert_eq!(status, 200, "{job}");
    job
}

/// The job when it is finished.
async fn finished(hub: &Hub, admin: &str, id: u64) -> Value {
    let mut last = Value::Null;
    let done = eventually(async || {
        last = job(hub, admin, id).await;
        assert_ne!(last["state"], "failed", "{last}\n{}", hub.log());
        last["state"] == "finished"
    });
    assert!(done.await, "still {last}\n{}", hub.log());
    assert_eq!(last["percent"], 100.0, "{last}");
    last
}

/// Waits until so many messages are through, but not all.
async fn under_way(hub: &Hub, admin: &str, id: u64, messages: u64) {
    let mut last = Value::Null;
    let seen = eventually(async || {
        last = job(hub, admin, id).await;
        last["done"].as_u64().unwrap() >= messages
    });
    assert!(seen.await, "still {last}\n{}", hub.log());
    assert_eq!(last["state"], "running", "{last}");
    assert!(last["done"].as_u64() < last["total"].as_u64(), "{last}");
}

/// The counts that are not zero.
fn counts(job: &Value) -> Value {
    let mut counts = job["counts"].clone();
    counts.as_object_mut().unwrap().retain(|_, count| *count != 0);
    counts
}

/// `fixstream redecode` with these arguments, as a client of the hub.
fn redecode(hub: &Hub, admin: &str, args: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command
        .arg("redecode")
        .args(args)
        .env("FIXSTREAM_URL", hub.url(""))
        .env("FIXSTREAM_KEY", admin);
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[track_caller]
fn succeeded(output: &Output) -> String {
    assert!(
        output.status.success(),
        "{}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    text(&output.stdout)
}

async fn ended(child: Child) -> Output {
    let wait = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap());
    tokio::time::timeout(crate::harness::PATIENCE, wait)
        .await
        .expect("the command goes on")
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_successor_corrects_history_and_leaves_all_else_alone() {
    // what everybody would see if the decoder had been right from the start
    let right = {
        let mut hub = Hub::new(&[]);
        let fleet = Fleet::register(&hub).await;
        let folder = versioned("hostile", "1.0.1");
        hub.command(&["plugin", "install", folder.path().to_str().unwrap()]);
        hub.start().await;
        fleet.send(&hub, false).await;
        fleet.seen(&hub).await
    };

    let (mut hub, fleet, admin) = erring().await;
    fleet.send(&hub, true).await;
    let people = fleet.people_correct(&hub).await;
    let corrected = fleet.seen(&hub).await;
    let untouched = hub.sql(RAW).await;
    assert!(
        untouched.starts_with(&format!("{}\t", Fleet::messages())),
        "{untouched}"
    );

    // the same decoder says the same
    let rows = hub.sql(ROWS).await;
    let id = create(&hub, &admin, json!({ "vendor": "hostile", "dryRun": true })).await;
    let same = finished(&hub, &admin, id).await;
    assert_eq!(
        (&same["total"], &same["done"]),
        (&json!(Fleet::messages()), &json!(Fleet::messages()))
    );
    for field in ["changed", "added", "removed"] {
        assert_eq!(same["counts"][field], 0, "{same:#}");
    }
    assert_eq!(same["samples"], json!([]));

    // its successor says what would differ, and changes nothing
    install(&hub, &admin, "1.0.1").await;
    let said = redecode(&hub, &admin, &["--vendor", "hostile", "--dry-run"])
        .output()
        .unwrap();
    let said = succeeded(&said);
    println!("{said}");
    let wanted = Fleet::differences();
    let total = wanted.changed + wanted.added + wanted.removed;
    assert!(
        said.contains(&format!("\n{total} positions would differ:\n")),
        "{said}"
    );
    assert!(said.contains("\n  longitude: 46.6 -> -46.6\n"), "{said}");
    assert_eq!(said.matches(" is added: ").count() as u64, wanted.added, "{said}");
    assert_eq!(
        said.matches(" is removed: ").count() as u64,
        wanted.removed,
        "{said}"
    );
    assert_eq!(hub.sql(ROWS).await, rows);
    assert_eq!(fleet.seen(&hub).await, corrected);

    // and then it does
    let said = redecode(&hub, &admin, &["--vendor", "hostile", "--json"])
        .output()
        .unwrap();
    let done: Value = serde_json::from_str(&succeeded(&said)).unwrap();
    assert_eq!(
        counts(&done),
        json!({
            "changed": wanted.changed, "added": wanted.added, "removed": wanted.removed, "unchanged": wanted.unchanged,
            "kept": wanted.kept, "refused": wanted.refused, "unassigned": wanted.unassigned
        })
    );
    assert_eq!(done["version"], "1.0.1");
    let (right, _) = fleet.apart(&right, &people);
    let (_, others) = fleet.apart(&corrected, &people);
    let as_wanted = async |hub: &Hub| {
        let mut seen = (Seen::default(), Seen::default());
        let same = eventually(async || {
            seen = fleet.apart(&fleet.seen(hub).await, &people);
            seen.0 == right
        });
        assert!(same.await, "is {:#?}\nnot {right:#?}\n{}", seen.0, hub.log());
        assert_eq!(seen.1, others);
        seen
    };
    let seen = as_wanted(&hub).await;
    assert_eq!(hub.sql(RAW).await, untouched);
    assert_eq!(hub.sql(DOUBLED).await, "0");
    let letters = async |query: &str| {
        let (_, page) = hub
            .get(&fleet.tenant.key, &format!("/v1/dead-letters?{query}"))
            .await;
        page["totalElements"].clone()
    };
    assert_eq!(
        letters("replayed=true&reason=undecodable").await,
        json!(Fleet::refused_at_first())
    );
    assert_eq!(letters("reason=undecodable").await, 0);
    assert_eq!(letters("reason=unknown_tracker").await, 1);

    // nothing is left to do
    let rows = hub.sql(ROWS).await;
    let id = create(&hub, &admin, json!({ "vendor": "hostile" })).await;
    let again = finished(&hub, &admin, id).await;
    for field in ["changed", "added", "removed"] {
        assert_eq!(again["counts"][field], 0, "{again:#}");
    }
    assert_eq!(hub.sql(ROWS).await, rows);

    // and a restart finds what is newest in the tables alone
    hub.stop();
    hub.start().await;
    assert_eq!(as_wanted(&hub).await, seen);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_asked_for_is_decoded_again() {
    let (hub, fleet, admin) = erring().await;
    let middle = fleet.send_in_two_parts(&hub).await;
    install(&hub, &admin, "1.0.1").await;
    let wrong = "SELECT count() FROM fixstream.positions FINAL WHERE verdict != 'deleted' AND longitude > 0";
    let before: u64 = hub.sql(wrong).await.parse().unwrap();
    let one = fleet.plain();
    let of_one = Fleet::plain_messages();
    let id = create(
        &hub,
        &admin,
        json!({ "vendor": "hostile", "deviceIds": [one.0], "from": middle, "to": "2100-01-01T00:00:00Z" }),
    )
    .await;
    let done = finished(&hub, &admin, id).await;
    assert_eq!(
        (&done["total"], &counts(&done)),
        (&json!(of_one), &json!({ "changed": of_one })),
        "{done:#}"
    );
    hub.sql_becomes(wrong, &(before - of_one).to_string()).await;

    // another client has none of it, and can not ask for this one's devices
    let stranger = hub.tenant("hostile").await;
    let strange = hub.admin_key(&stranger).await;
    assert!(eventually(async || hub.get(&strange, JOBS).await.0 == 200).await);
    let (_, list) = hub.get(&strange, JOBS).await;
    assert_eq!(list["totalElements"], 0);
    assert_eq!(hub.get(&strange, &format!("{JOBS}/{id}")).await.0, 404);
    let body = json!({ "vendor": "hostile", "deviceIds": [one.0] });
    let (status, _, refused) = hub.send(Method::POST, &strange, JOBS, &body).await;
    assert_eq!(
        (status, &refused["code"]),
        (404, &json!("device_not_found")),
        "{refused}"
    );
    let id = create(&hub, &strange, json!({ "vendor": "hostile" })).await;
    let theirs = finished(&hub, &strange, id).await;
    assert_eq!((&theirs["total"], counts(&theirs)), (&json!(0), json!({})));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_before_a_job_is_in_it() {
    let (hub, fleet, admin) = erring().await;
    fleet.send_many(&hub, 30).await;
    fleet.send_more(&hub, 30);
    // nothing of that is in ClickHouse yet
    let id = create(&hub, &admin, json!({ "vendor": "hostile" })).await;
    let done = finished(&hub, &admin, id).await;
    assert_eq!(
        (&done["total"], &done["done"]),
        (&json!(60), &json!(60)),
        "{done:#}"
    );
    assert_eq!(counts(&done), json!({ "unchanged": 60 }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_file_of_a_job_costs_that_job_and_nothing_else() {
    let (mut hub, fleet, admin) = erring().await;
    fleet.send_many(&hub, 30).await;
    for _ in 0..2 {
        let id = create(&hub, &admin, json!({ "vendor": "hostile" })).await;
        finished(&hub, &admin, id).await;
    }
    hub.stop();
    let file = hub.folder.path().join("data/redecode/2.json");
    std::fs::write(&file, "{\"id\":2,").unwrap();
    hub.start().await;
    assert!(
        hub.log()
            .contains("a re-decoding can not be read and does not go on"),
        "{}",
        hub.log()
    );
    assert_eq!(hub.metric("fixstream_redecode_damaged_files").await, Some(1.0));
    assert!(!file.exists() && file.with_extension("json.damaged").exists());
    let (_, list) = hub.get(&admin, JOBS).await;
    assert_eq!(
        (&list["totalElements"], &list["content"][0]["id"]),
        (&json!(1), &json!(1))
    );
    // its number stays its own
    let id = create(&hub, &admin, json!({ "vendor": "hostile" })).await;
    assert_eq!(
        (id, counts(&finished(&hub, &admin, id).await)),
        (3, json!({ "unchanged": 30 }))
    );
}

/// Messages of the tests that interrupt a job, and how fast it may decode them.
const MANY: u64 = 600;
const RATE: u64 = 100;

/// All of them are as the successor says, each once.
async fn all_are_right(hub: &Hub) {
    let right = "SELECT count(), uniqExact(id), countIf(longitude < 0 AND plugin = 'hostile@1.0.1' AND verdict = 'ok') \
                 FROM fixstream.positions FINAL WHERE verdict != 'deleted'";
    hub.sql_becomes(right, &format!("{MANY}\t{MANY}\t{MANY}")).await;
    assert_eq!(hub.sql(DOUBLED).await, "0");
    assert_eq!(
        hub.sql("SELECT count() FROM fixstream.raw_messages").await,
        MANY.to_string()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_goes_on_by_itself_over_kill_9() {
    let (mut hub, fleet, admin) = erring().await;
    fleet.send_many(&hub, MANY).await;
    install(&hub, &admin, "1.0.1").await;
    let rate = RATE.to_string();
    let follower = redecode(&hub, &admin, &["--vendor", "hostile", "--rate", &rate, "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    assert!(eventually(async || hub.get(&admin, &format!("{JOBS}/1")).await.0 == 200).await);
    for messages in [1, MANY / 2] {
        under_way(&hub, &admin, 1, messages).await;
        hub.kill();
        hub.start().await;
    }
    finished(&hub, &admin, 1).await;
    all_are_right(&hub).await;
    // whoever watches sees it through
    let output = ended(follower).await;
    let seen: Value = serde_json::from_str(&succeeded(&output)).unwrap();
    assert_eq!(
        (&seen["id"], &seen["state"]),
        (&json!(1), &json!("finished")),
        "{seen}"
    );
    // and there is nothing left to do
    let id = create(&hub, &admin, json!({ "vendor": "hostile" })).await;
    let again = finished(&hub, &admin, id).await;
    assert_eq!(counts(&again), json!({ "unchanged": MANY }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_stopped_and_continued() {
    let (hub, fleet, admin) = erring().await;
    fleet.send_many(&hub, MANY).await;
    install(&hub, &admin, "1.0.1").await;
    let rate = RATE.to_string();

    // Ctrl-C at the command that follows it
    let follower = redecode(&hub, &admin, &["--vendor", "hostile", "--rate", &rate])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    assert!(eventually(async || hub.get(&admin, &format!("{JOBS}/1")).await.0 == 200).await);
    under_way(&hub, &admin, 1, 1).await;
    let pid = rustix::process::Pid::from_child(&follower);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let output = ended(follower).await;
    let (said, complaint) = (text(&output.stdout), text(&output.stderr));
    assert!(!output.status.success(), "{said}{complaint}");
    assert!(
        complaint.contains("re-decoding 1 is stopped"),
        "{said}{complaint}"
    );
    assert!(
        complaint.contains("`fixstream redecode continue 1`"),
        "{said}{complaint}"
    );
    let stopped = job(&hub, &admin, 1).await;
    assert_eq!(stopped["state"], "stopped", "{stopped}");
    let (status, _, refused) = hub
        .send(Method::DELETE, &admin, &format!("{JOBS}/1"), &Value::Null)
        .await;
    assert_eq!(
        (status, &refused["code"]),
        (409, &json!("redecode_conflict")),
        "{refused}"
    );
    // it ends after the page that it was at
    let resting = eventually(async || {
        let before = job(&hub, &admin, 1).await["done"].clone();
        tokio::time::sleep(Duration::from_secs(2)).await;
        job(&hub, &admin, 1).await["done"] == before
    });
    assert!(resting.await);
    let half = job(&hub, &admin, 1).await;
    assert!(half["done"].as_u64().unwrap() < MANY, "{half}");

    // on, and stopped by a command
    let go_on = redecode(&hub, &admin, &["continue", "1", "--detach"])
        .output()
        .unwrap();
    assert!(succeeded(&go_on).contains("fixstream redecode show 1 --follow"));
    let (status, _, refused) = hub
        .send(Method::POST, &admin, &format!("{JOBS}/1/continue"), &Value::Null)
        .await;
    assert_eq!(
        (status, &refused["code"]),
        (409, &json!("redecode_conflict")),
        "{refused}"
    );
    let stop = redecode(&hub, &admin, &["stop", "1"]).output().unwrap();
    assert!(succeeded(&stop).starts_with("re-decoding 1 stops; go on with `fixstream redecode continue 1`"));

    // and on to the end, as soon as the page is done at which it was stopped
    let mut output = None;
    let went_on = eventually(async || {
        let done = redecode(&hub, &admin, &["continue", "1"]).output().unwrap();
        let busy = text(&done.stderr).contains("409");
        output = Some(done);
        !busy
    });
    assert!(went_on.await, "{output:?}");
    let said = succeeded(&output.unwrap());
    assert!(
        said.contains(&format!("{MANY} of {MANY} messages (100.0%)")),
        "{said}"
    );
    assert!(said.contains("finished"), "{said}");
    let done = finished(&hub, &admin, 1).await;
    assert_eq!(counts(&done), json!({ "changed": MANY }));
    all_are_right(&hub).await;

    let listed = redecode(&hub, &admin, &["list"]).output().unwrap();
    assert!(succeeded(&listed).contains("page 0 of 1, 1 re-decodings"));
    let shown = redecode(&hub, &admin, &["show", "1"]).output().unwrap();
    assert!(succeeded(&shown).contains(&format!("{MANY} positions differ; the first 100:\n")));
    let none = redecode(&hub, &admin, &["show", "2"]).output().unwrap();
    assert!(
        text(&none.stderr).contains("REDECODE not found"),
        "{}",
        text(&none.stderr)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_correct_between_two_pages_stays_theirs() {
    let (hub, fleet, admin) = erring().await;
    fleet.send_many(&hub, MANY).await;
    install(&hub, &admin, "1.0.1").await;
    let id = create(&hub, &admin, json!({ "vendor": "hostile", "rate": RATE })).await;
    // of pages that come later, but may have been read together with the one that was just done
    for (done, restated) in [(2 * RATE, 290), (4 * RATE, 580)] {
        under_way(&hub, &admin, id, done).await;
        for (method, number) in [(Method::PATCH, restated), (Method::DELETE, restated + 1)] {
            let nth = format!("SELECT DISTINCT id FROM fixstream.positions ORDER BY id LIMIT {number}, 1");
            let path = format!("/v1/positions/{}", hub.sql(&nth).await);
            let detail = json!({ "fuelPercent": 12.5 });
            let (status, _, answer) = hub.send(method, &fleet.tenant.key, &path, &detail).await;
            assert!((200..300).contains(&status), "{status} {answer}");
        }
    }
    finished(&hub, &admin, id).await;
    let seen = "SELECT count(), countIf(fuel_percent = 12.5 AND plugin = ''), \
                countIf(longitude < 0 AND plugin = 'hostile@1.0.1') \
                FROM fixstream.positions FINAL WHERE verdict != 'deleted'";
    let wanted = format!("{}\t2\t{}", MANY - 2, MANY - 4);
    hub.sql_becomes(seen, &wanted).await;
    assert_eq!(hub.sql(DOUBLED).await, "0");
    // and the next job leaves them alone as well
    let id = create(&hub, &admin, json!({ "vendor": "hostile" })).await;
    let again = finished(&hub, &admin, id).await;
    assert_eq!(counts(&again), json!({ "unchanged": MANY - 4, "kept": 4 }));
    assert_eq!(hub.sql(seen).await, wanted);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_plugin_is_replaced_starts_anew_with_the_new_one() {
    let (hub, fleet, admin) = erring().await;
    fleet.send_many(&hub, MANY).await;
    install(&hub, &admin, "1.0.2").await;
    let id = create(&hub, &admin, json!({ "vendor": "hostile", "rate": RATE })).await;
    under_way(&hub, &admin, id, 1).await;
    install(&hub, &admin, "1.0.1").await;
    let mut last = Value::Null;
    let failed = eventually(async || {
        last = job(&hub, &admin, id).await;
        last["state"] == "failed"
    });
    assert!(failed.await, "still {last}");
    let reason = last["reason"].as_str().unwrap();
    assert!(reason.contains("1.0.2") && reason.contains("1.0.1"), "{reason}");
    let failing = redecode(&hub, &admin, &["show", "1", "--follow"])
        .output()
        .unwrap();
    assert!(!failing.status.success());
    assert!(
        text(&failing.stderr).contains(reason),
        "{}",
        text(&failing.stderr)
    );
    let (status, _, resumed) = hub
        .send(
            Method::POST,
            &admin,
            &format!("{JOBS}/{id}/continue"),
            &Value::Null,
        )
        .await;
    assert_eq!((status, &resumed["version"]), (200, &json!("1.0.1")), "{resumed}");
    let done = finished(&hub, &admin, id).await;
    assert_eq!(done["done"], MANY);
    // where both say the same, nothing is restated only to name another version
    let stands =
        "SELECT count(), countIf(longitude < 0) FROM fixstream.positions FINAL WHERE verdict != 'deleted'";
    hub.sql_becomes(stands, &format!("{MANY}\t{MANY}")).await;
}
