//! What the erring decoder hears, and what has to come of it.

use fixstream_core::model::DeviceId;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Hub, Tenant, Tracked, now_ms};
use crate::mqtt::{Connection, connect, publish};

/// What each device says, a minute apart; the kinds are those of `plugins/hostile/src/erring.rs`. `t` counts, `u`
/// comes of a tracker that nobody has registered.
const SCRIPTS: [(&str, &str); 6] = [
    // the wrong side of the world
    ("plain", "pppppppp"),
    // refused, no position, one too many
    ("odd", "pepnpxpexp"),
    // right, but for one that looks like a jump
    ("jump", "gggpggg"),
    // a state that goes on from message to message
    ("tally", "tttttt"),
    // refused by the successor
    ("lost", "gff"),
    // people correct the latest position
    ("last", "pp"),
];
/// Places in [`SCRIPTS`].
const PLAIN: usize = 0;
const LOST: usize = 4;
const LAST: usize = 5;

/// Devices of a client, and what they say.
pub struct Fleet {
    pub tenant: Tenant,
    trackers: Vec<Tracked>,
    gateway: (String, String),
    start_ms: i64,
}

/// What everybody sees: SQL, the positions of each device, the latest ones.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Seen {
    rows: Vec<Vec<String>>,
    positions: Vec<Value>,
    latest: Vec<Value>,
}

/// What a job has to count.
pub struct Differences {
    pub changed: u64,
    pub added: u64,
    pub removed: u64,
    pub unchanged: u64,
    pub kept: u64,
    pub refused: u64,
    pub unassigned: u64,
}

impl Fleet {
    /// Registers a client and its devices: the same numbers in every new hub.
    pub async fn register(hub: &Hub) -> Self {
        let tenant = hub.tenant("hostile").await;
        let mut trackers = Vec::new();
        for (name, _) in SCRIPTS {
            trackers.push(hub.tracked(&tenant, name).await);
        }
        let gateway = hub.gateway(&tenant).await;
        Self {
            tenant,
            trackers,
            gateway,
            // the same in every hub of a test, and in the past
            start_ms: now_ms() / 86_400_000 * 86_400_000 - 86_400_000,
        }
    }

    /// Messages of all devices.
    pub fn messages() -> u64 {
        SCRIPTS.iter().map(|(_, script)| script.len() as u64).sum::<u64>() + 1
    }

    /// Messages that the version which errs refuses.
    pub fn refused_at_first() -> u64 {
        of_kind('e')
    }

    /// The device that only says `p`.
    pub fn plain(&self) -> DeviceId {
        self.trackers[PLAIN].device
    }

    /// What it says in each part.
    pub fn plain_messages() -> u64 {
        SCRIPTS[PLAIN].1.len() as u64
    }

    /// What differs after people have corrected.
    pub fn differences() -> Differences {
        Differences {
            changed: of_kind('p') + of_kind('x') - 3,
            added: of_kind('e') + of_kind('n'),
            removed: of_kind('x'),
            unchanged: of_kind('g') + of_kind('t'),
            kept: 3,
            refused: of_kind('f'),
            unassigned: 1,
        }
    }

    /// Sends everything, in the same order everywhere, and returns when it is stored as a version that errs, or not, decodes
    /// it.
    pub async fn send(&self, hub: &Hub, errs: bool) {
        let mut gateway = self.connect(hub);
        self.part(&mut gateway, 0);
        up(&mut gateway, "unknown", &message('g', self.start_ms, 10.0));
        stored(hub, Self::messages(), Self::positions(errs)).await;
    }

    /// Positions that a version which errs, or not, makes of all messages.
    fn positions(errs: bool) -> u64 {
        let messages = Self::messages() - 1;
        if errs {
            messages - of_kind('e') - of_kind('n') + of_kind('x')
        } else {
            messages - of_kind('f')
        }
    }

    /// Everything but the unknown tracker, twice, the second time later; a point in time between both.
    pub async fn send_in_two_parts(&self, hub: &Hub) -> String {
        let mut gateway = self.connect(hub);
        self.part(&mut gateway, 0);
        let (messages, positions) = (Self::messages() - 1, Self::positions(true));
        stored(hub, messages, positions).await;
        let middle = "SELECT formatDateTime(max(received) + toIntervalMillisecond(1), '%Y-%m-%dT%H:%i:%S.%fZ', 'UTC') \
                      FROM fixstream.raw_messages";
        let middle = hub.sql(middle).await;
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        self.part(&mut gateway, 1);
        stored(hub, 2 * messages, 2 * positions).await;
        middle
    }

    /// So many plain messages of the first three devices; returns when they are stored.
    pub async fn send_many(&self, hub: &Hub, messages: u64) {
        self.plain_ones(hub, 0..messages);
        stored(hub, messages, messages).await;
    }

    /// As many again; returns when they are acknowledged.
    pub fn send_more(&self, hub: &Hub, messages: u64) {
        self.plain_ones(hub, messages..2 * messages);
    }

    fn plain_ones(&self, hub: &Hub, numbers: std::ops::Range<u64>) {
        let mut gateway = self.connect(hub);
        for number in numbers {
            let tracked = &self.trackers[(number % 3) as usize];
            let (time_ms, latitude) = (self.start_ms + number as i64 * 1000, 10.0 + number as f64 * 1e-5);
            up(&mut gateway, &tracked.imei, &message('p', time_ms, latitude));
        }
    }

    fn connect(&self, hub: &Hub) -> Connection {
        let (username, password) = &self.gateway;
        connect(hub.ports.mqtt, "gateway", username, password).unwrap()
    }

    fn part(&self, gateway: &mut Connection, part: i64) {
        let longest = SCRIPTS.iter().map(|(_, script)| script.len()).max().unwrap();
        for minute in 0..longest {
            for (tracked, (_, script)) in self.trackers.iter().zip(SCRIPTS) {
                let Some(kind) = script.chars().nth(minute) else {
                    continue;
                };
                let time_ms = self.start_ms + part * 3_600_000 + minute as i64 * 60_000;
                // a step that a vehicle can make in a minute
                up(
                    gateway,
                    &tracked.imei,
                    &message(kind, time_ms, 10.0 + minute as f64 * 1e-3),
                );
            }
        }
    }

    /// A person puts a position right, corrects a detail of a latest one, and deletes a third; their ids.
    pub async fn people_correct(&self, hub: &Hub) -> Vec<u64> {
        let ids = [
            self.nth(hub, PLAIN, 3).await,
            self.nth(hub, LAST, 1).await,
            self.nth(hub, PLAIN, 5).await,
        ];
        let change = async |method: Method, id: u64, body: Value| {
            let path = format!("/v1/positions/{id}");
            let (status, _, answer) = hub.send(method, &self.tenant.key, &path, &body).await;
            assert!((200..300).contains(&status), "{status} {answer}");
        };
        change(Method::PATCH, ids[0], json!({ "longitude": -46.6 })).await;
        change(Method::PATCH, ids[1], json!({ "fuelPercent": 12.5 })).await;
        change(Method::DELETE, ids[2], json!({})).await;
        let said = "SELECT count(), countIf(fuel_percent = 12.5) FROM fixstream.positions FINAL WHERE verdict != 'deleted'";
        let left = Self::positions(true) - 1;
        hub.sql_becomes(said, &format!("{left}\t1")).await;
        ids.to_vec()
    }

    /// The id of a position of a device, by the order of its messages.
    async fn nth(&self, hub: &Hub, device: usize, place: usize) -> u64 {
        let device = self.trackers[device].device;
        let query = format!(
            "SELECT id FROM fixstream.positions FINAL WHERE device_id = {device} ORDER BY id LIMIT {place}, 1"
        );
        hub.sql(&query).await.parse().unwrap()
    }

    /// What everybody sees now, but for what says who said it and when it came.
    pub async fn seen(&self, hub: &Hub) -> Seen {
        let rows = hub
            .sql(
                "SELECT id, device_id, if(odometer_km IS NULL, toString(time), ''), lat_e7, lon_e7, speed_e3, odometer_e3, \
                 fuel_e3, verdict, vendor FROM fixstream.positions FINAL WHERE verdict != 'deleted' ORDER BY id",
            )
            .await;
        let rows = rows
            .lines()
            .map(|row| row.split('\t').map(str::to_owned).collect())
            .collect();
        let mut positions = Vec::new();
        for tracked in &self.trackers {
            let path = format!("/v1/devices/{}/positions?limit=1000", tracked.device);
            let (status, page) = hub.get(&self.tenant.key, &path).await;
            assert_eq!(status, 200, "{page}\n{}", hub.log());
            positions.extend(page["content"].as_array().unwrap().iter().map(bare));
        }
        let (status, page) = hub.get(&self.tenant.key, "/v1/latest?size=100").await;
        assert_eq!(status, 200, "{page}");
        let latest = page["content"].as_array().unwrap().iter().map(bare).collect();
        Seen {
            rows,
            positions,
            latest,
        }
    }

    /// What is seen, apart: what decoders alone decide; and what people have said (`ids`), or a decoder refuses.
    pub fn apart(&self, seen: &Seen, people: &[u64]) -> (Seen, Seen) {
        let lost = self.trackers[LOST].device.to_string();
        let people: Vec<String> = people.iter().map(u64::to_string).collect();
        let decided = |id: &str, device: &str| !people.iter().any(|one| one == id) && device != lost;
        let of_row = |row: &Vec<String>| decided(&row[0], &row[1]);
        let of_view = |view: &Value| decided(&view["id"].to_string(), &view["deviceId"].to_string());
        let (rows, other_rows) = seen.rows.iter().cloned().partition(of_row);
        let (positions, other_positions) = seen.positions.iter().cloned().partition(of_view);
        let (latest, other_latest) = seen.latest.iter().cloned().partition(of_view);
        let decided = Seen {
            rows,
            positions,
            latest,
        };
        let others = Seen {
            rows: other_rows,
            positions: other_positions,
            latest: other_latest,
        };
        (decided, others)
    }
}

/// Waits until so many messages and positions are there.
async fn stored(hub: &Hub, messages: u64, positions: u64) {
    hub.sql_becomes(
        "SELECT count() FROM fixstream.raw_messages",
        &messages.to_string(),
    )
    .await;
    hub.sql_becomes("SELECT count() FROM fixstream.positions", &positions.to_string())
        .await;
}

fn of_kind(kind: char) -> u64 {
    let scripts = SCRIPTS
        .iter()
        .map(|(_, script)| script.matches(kind).count() as u64);
    scripts.sum()
}

/// A payload. The right longitude is west.
fn message(kind: char, time_ms: i64, latitude: f64) -> String {
    match kind {
        't' => "t".to_owned(),
        kind => format!("r {kind} {time_ms} {latitude} -46.6 20"),
    }
}

fn up(gateway: &mut Connection, imei: &str, payload: &str) {
    let topic = format!("trackers/hostile/{imei}/up");
    gateway.write(&publish(&topic, 1, payload.as_bytes())).unwrap();
    assert_eq!(gateway.puback(), Some(1));
}

/// A view without what says who said it and when it came.
fn bare(view: &Value) -> Value {
    let mut view = view.clone();
    let fields = view.as_object_mut().unwrap();
    for name in ["received", "revision", "plugin"] {
        fields.remove(name);
    }
    if fields
        .get("odometerKm")
        .is_some_and(|odometer| !odometer.is_null())
    {
        // the time of receipt
        fields.remove("time");
    }
    view
}
