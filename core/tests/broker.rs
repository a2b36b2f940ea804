//! The device door against real sockets, with a real journal and registry behind it.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use fixstream_core::broker::{Broker, BrokerOptions};
use fixstream_core::decode::Manifest;
use fixstream_core::journal::{Journal, JournalOptions};
use fixstream_core::model::{ClientId, LinkId, Offset, Uplink};
use fixstream_core::registry::{NewTracker, Registry, Role, UnknownTracker};
use fixstream_core::telemetry::Health;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const LONG: Duration = Duration::from_secs(30);
const PASSWORD: &str = "correct horse";

struct World {
    broker: Broker,
    journal: Journal,
    registry: Registry,
    folder: tempfile::TempDir,
}

/// Client 1 has trackers 111 and 222, a gateway and an app, client 2 a tracker 111 and an app; vendor gt06.
async fn world(change: impl FnOnce(&mut BrokerOptions, &mut JournalOptions)) -> World {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::open(&folder.path().join("registry.sqlite"))
        .await
        .unwrap();
    for vendor in ["gt06", "teltonika"] {
        registry.create_vendor(vendor).await.unwrap();
    }
    for (name, trackers) in [("one", &["111", "222"][..]), ("two", &["111"][..])] {
        let client = registry.create_client(name).await.unwrap().id;
        let link = registry
            .create_link(client, "gt06", UnknownTracker::Reject)
            .await
            .unwrap()
            .id;
        for imei in trackers {
            let new = NewTracker {
                name: format!("t{imei}"),
                description: None,
                imei: Some((*imei).to_owned()),
                status: "active".into(),
                context: Vec::new(),
            };
            let tracker = registry.create_tracker(client, new).await.unwrap().id;
            credential(
                &registry,
                &format!("{name}-{imei}"),
                client,
                Some(link),
                Role::Tracker(tracker),
            )
            .await;
        }
        credential(
            &registry,
            &format!("{name}-gateway"),
            client,
            Some(link),
            Role::Gateway,
        )
        .await;
        credential(&registry, &format!("{name}-app"), client, None, Role::App).await;
    }
    let mut journal = JournalOptions {
        path: folder.path().join("journal"),
        segment_bytes: 4 << 20,
        max_bytes: 64 << 20,
        min_free_bytes: 0,
        sync: true,
    };
    let mut options = BrokerOptions {
        listen: "127.0.0.1:0".parse().unwrap(),
        ..BrokerOptions::default()
    };
    change(&mut options, &mut journal);
    let journal = Journal::open(journal).unwrap();
    let manifest = Manifest {
        name: "gt06".into(),
        version: semver::Version::new(1, 0, 0),
        topics: vec!["{device}/data".into()],
        capture: "{device}".into(),
        device_order: Vec::new(),
        time_zone: "UTC".into(),
        description: String::new(),
        license: "Apache-2.0".to_owned(),
        component: "decoder.wasm".to_owned(),
        limits: fixstream_core::decode::Limits::default(),
    };
    let broker = Broker::start(
        options,
        journal.clone(),
        registry.clone(),
        &[Arc::new(manifest)],
        Health::default(),
    )
    .await
    .unwrap();
    World {
        broker,
        journal,
        registry,
        folder,
    }
}

async fn credential(registry: &Registry, username: &str, client: ClientId, link: Option<LinkId>, role: Role) {
    registry
        .create_credential(username, Some(PASSWORD), client, link, role)
        .await
        .unwrap();
}

impl World {
    fn records(&self) -> Vec<Uplink> {
        let mut reader = self.journal.reader(self.journal.first()).unwrap();
        let mut records = Vec::new();
        while reader.read(1000, &mut records).unwrap() > 0 {}
        records
            .iter()
            .map(|(_, bytes)| Uplink::decode(bytes).unwrap())
            .collect()
    }

    async fn join(&self, username: &str) -> Peer {
        let mut peer = Peer::open(self.broker.address()).await;
        peer.send(&connect(username, username, PASSWORD, true)).await;
        assert_eq!(peer.packet().await, Some(vec![0x20, 2, 0, 0]), "{username}");
        peer
    }

    async fn until(&self, what: impl Fn(&Self) -> bool) {
        timeout(LONG, async {
            while !what(self) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await
        .expect("in time");
    }
}

/// The other end, byte by byte.
struct Peer {
    stream: TcpStream,
}

impl Peer {
    async fn open(address: SocketAddr) -> Self {
        Self {
            stream: TcpStream::connect(address).await.unwrap(),
        }
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// The next packet; `None` when the connection is closed.
    async fn packet(&mut self) -> Option<Vec<u8>> {
        timeout(LONG, async {
            let mut packet = vec![0; 2];
            self.stream.read_exact(&mut packet).await.ok()?;
            assert!(packet[1] < 128, "tests use short packets");
            let mut rest = vec![0; usize::from(packet[1])];
            self.stream.read_exact(&mut rest).await.ok()?;
            packet.extend(rest);
            Some(packet)
        })
        .await
        .expect("an answer in time")
    }

    async fn subscribe(&mut self, filter: &str, qos: u8) -> u8 {
        let mut body = vec![0, 1];
        text(&mut body, filter);
        body.push(qos);
        self.send(&framed(0x82, &body)).await;
        *self.packet().await.unwrap().last().unwrap()
    }

    async fn is_closed(&mut self) -> bool {
        self.packet().await.is_none()
    }
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&(text.len() as u16).to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn framed(first: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![first];
    if body.len() < 128 {
        packet.push(body.len() as u8);
    } else {
        packet.extend([(body.len() & 0x7f) as u8 | 0x80, (body.len() >> 7) as u8]);
    }
    packet.extend_from_slice(body);
    packet
}

fn connect_with(
    client_id: &str,
    username: &str,
    password: &str,
    flags: u8,
    will: Option<(&str, &str)>,
) -> Vec<u8> {
    let mut body = Vec::new();
    text(&mut body, "MQTT");
    body.extend([4, 0xc0 | flags, 0, 60]);
    text(&mut body, client_id);
    if let Some((topic, payload)) = will {
        text(&mut body, topic);
        text(&mut body, payload);
    }
    text(&mut body, username);
    text(&mut body, password);
    framed(0x10, &body)
}

fn connect(client_id: &str, username: &str, password: &str, clean: bool) -> Vec<u8> {
    connect_with(client_id, username, password, u8::from(clean) << 1, None)
}

fn publish(first: u8, topic: &str, pkid: u16, payload: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    text(&mut body, topic);
    if first & 6 != 0 {
        body.extend(pkid.to_be_bytes());
    }
    body.extend_from_slice(payload);
    framed(first, &body)
}

const UP: &str = "trackers/gt06/111/up";

#[tokio::test(flavor = "multi_thread")]
async fn pubacks_come_in_order_and_only_for_records_that_are_on_disk() {
    let world = world(|_, _| {}).await;
    let mut peer = world.join("one-111").await;
    let burst: Vec<u8> = (1..=3000u16)
        .flat_map(|pkid| publish(0x32, UP, pkid, &pkid.to_be_bytes()))
        .collect();
    let (mut reader, mut writer) = peer.stream.split();
    let sending = async { writer.write_all(&burst).await.unwrap() };
    let receiving = async {
        for pkid in 1..=3000u16 {
            let mut ack = [0; 4];
            timeout(LONG, reader.read_exact(&mut ack))
                .await
                .expect("in time")
                .unwrap();
            let [high, low] = pkid.to_be_bytes();
            assert_eq!(ack, [0x40, 2, high, low]);
            assert!(
                world.journal.durable().0 - world.journal.first().0 >= u64::from(pkid),
                "acknowledged before it was durable"
            );
        }
    };
    tokio::join!(sending, receiving);
    let records = world.records();
    assert_eq!(records.len(), 3000);
    assert!(
        records
            .iter()
            .zip(1u16..)
            .all(|(record, pkid)| record.payload_bytes()[..] == pkid.to_be_bytes()
                && record.channel() == UP
                && record.vendor() == Some("gt06"))
    );
    assert!(records[0].sender.tracker.is_some() && records[0].sender.client == ClientId(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_acknowledged_when_the_journal_has_stopped() {
    let world = world(|_, _| {}).await;
    let mut peer = world.join("one-111").await;
    world.journal.close();
    peer.send(&publish(0x32, UP, 1, b"x")).await;
    assert!(peer.is_closed().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_passwords_and_unknown_users_get_the_same_answer() {
    let world = world(|_, _| {}).await;
    for (username, password) in [("one-111", "wrong"), ("nobody", PASSWORD)] {
        let mut peer = Peer::open(world.broker.address()).await;
        peer.send(&connect("c", username, password, true)).await;
        assert_eq!(peer.packet().await, Some(vec![0x20, 2, 0, 4]));
        assert!(peer.is_closed().await);
    }
    assert_eq!(world.broker.metrics().failed_logins.get(), 2);
    let mut peer = Peer::open(world.broker.address()).await;
    peer.send(&connect("", "one-111", PASSWORD, false)).await;
    assert_eq!(peer.packet().await, Some(vec![0x20, 2, 0, 2]));
    let mut mqtt5 = connect("c", "one-111", PASSWORD, true);
    mqtt5[8] = 5;
    let mut peer = Peer::open(world.broker.address()).await;
    peer.send(&mqtt5).await;
    assert_eq!(peer.packet().await, Some(vec![0x20, 3, 0, 0x84, 0]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publish_as_another_tracker_closes_the_connection_and_is_not_journalled() {
    let world = world(|_, _| {}).await;
    for topic in [
        "trackers/gt06/222/up",
        "trackers/teltonika/111/up",
        "222/data",
        "somewhere/else",
    ] {
        let mut peer = world.join("one-111").await;
        let mut bytes = publish(0x32, "111/data", 7, b"mine");
        bytes.extend(publish(0x32, topic, 8, b"not mine"));
        peer.send(&bytes).await;
        assert_eq!(
            peer.packet().await,
            Some(vec![0x40, 2, 0, 7]),
            "what came before is kept and acknowledged"
        );
        assert!(peer.is_closed().await, "{topic}");
    }
    world
        .until(|world| world.broker.metrics().refused_publishes.get() == 4)
        .await;
    assert!(
        world
            .records()
            .iter()
            .all(|record| &record.payload_bytes()[..] == b"mine")
    );
    let mut gateway = world.join("one-gateway").await;
    gateway
        .send(&publish(0x32, "trackers/gt06/anybody/up", 1, b"x"))
        .await;
    assert_eq!(gateway.packet().await, Some(vec![0x40, 2, 0, 1]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_qos_2_publish_is_journalled_once_however_often_it_comes_also_after_a_reconnect() {
    let world = world(|_, _| {}).await;
    let message = publish(0x34, UP, 9, b"once");
    for expected_session in [0, 1] {
        let mut peer = Peer::open(world.broker.address()).await;
        peer.send(&connect("dev", "one-111", PASSWORD, false)).await;
        assert_eq!(peer.packet().await, Some(vec![0x20, 2, expected_session, 0]));
        for dup in [0, 8] {
            let mut again = message.clone();
            again[0] |= dup;
            peer.send(&again).await;
            assert_eq!(peer.packet().await, Some(vec![0x50, 2, 0, 9]));
        }
        drop(peer);
        world.until(|world| world.broker.connections() == 0).await;
    }
    let mut peer = Peer::open(world.broker.address()).await;
    peer.send(&connect("dev", "one-111", PASSWORD, false)).await;
    peer.packet().await.unwrap();
    peer.send(&[0x62, 2, 0, 9]).await;
    assert_eq!(peer.packet().await, Some(vec![0x70, 2, 0, 9]));
    assert_eq!(world.records().len(), 1);
    peer.send(&message).await;
    assert_eq!(peer.packet().await, Some(vec![0x50, 2, 0, 9]));
    assert_eq!(world.records().len(), 2, "after PUBREL the id is free");
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_break_things_hurt_only_themselves() {
    let world = world(|options, _| options.connect_timeout = Duration::from_millis(300)).await;
    let mut good = world.join("one-222").await;
    for _ in 0..200 {
        let mut peer = Peer::open(world.broker.address()).await;
        peer.send(&connect("same", "one-111", PASSWORD, true)).await;
        peer.stream.set_zero_linger().unwrap();
        drop(peer);
    }
    let mut slow = Peer::open(world.broker.address()).await;
    slow.send(&connect("slow", "one-111", PASSWORD, true)[..9]).await;
    assert!(slow.is_closed().await, "a CONNECT that does not end");
    for garbage in [
        &[0xff; 64][..],
        b"GET / HTTP/1.1\r\n\r\n",
        &[0x10, 0xff, 0xff, 0xff, 0xff],
        &[0x30, 3, 0, 1, b'a'],
        &[0, 0],
    ] {
        let mut peer = Peer::open(world.broker.address()).await;
        peer.send(garbage).await;
        assert!(peer.is_closed().await);
        let mut peer = world.join("one-111").await;
        peer.send(garbage).await;
        assert!(peer.is_closed().await);
    }
    let mut second_connect = world.join("one-111").await;
    second_connect
        .send(&connect("one-111", "one-111", PASSWORD, true))
        .await;
    assert!(second_connect.is_closed().await);
    good.send(&publish(0x32, "trackers/gt06/222/up", 1, b"x")).await;
    assert_eq!(good.packet().await, Some(vec![0x40, 2, 0, 1]));
    world.until(|world| world.broker.connections() == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_client_id_takes_over_and_the_will_of_the_lost_connection_is_journalled() {
    let world = world(|_, _| {}).await;
    let mut first = Peer::open(world.broker.address()).await;
    first
        .send(&connect_with(
            "dev",
            "one-111",
            PASSWORD,
            0x06,
            Some((UP, "gone")),
        ))
        .await;
    assert_eq!(first.packet().await, Some(vec![0x20, 2, 0, 0]));
    let mut second = Peer::open(world.broker.address()).await;
    second
        .send(&connect_with(
            "dev",
            "one-111",
            PASSWORD,
            0x06,
            Some((UP, "never")),
        ))
        .await;
    assert_eq!(second.packet().await, Some(vec![0x20, 2, 0, 0]));
    assert!(first.is_closed().await);
    second.send(&[0xc0, 0]).await;
    assert_eq!(second.packet().await, Some(vec![0xd0, 0]));
    second.send(&[0xe0, 0]).await;
    assert!(second.is_closed().await);
    world.until(|world| world.records().len() == 1).await;
    assert_eq!(&world.records()[0].payload_bytes()[..], b"gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_client_is_closed_and_its_will_is_journalled() {
    let world = world(|_, _| {}).await;
    let mut peer = Peer::open(world.broker.address()).await;
    let mut bytes = connect_with("dev", "one-111", PASSWORD, 0x06, Some((UP, "gone")));
    bytes[11] = 1;
    peer.send(&bytes).await;
    assert_eq!(peer.packet().await, Some(vec![0x20, 2, 0, 0]));
    assert!(peer.is_closed().await);
    world.until(|world| world.records().len() == 1).await;
    assert_eq!(world.broker.metrics().silent.get(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_the_bound_connections_are_closed_at_once() {
    let world = world(|options, _| options.max_connections = 2).await;
    let (_first, second) = (world.join("one-111").await, world.join("one-222").await);
    assert!(Peer::open(world.broker.address()).await.is_closed().await);
    drop(second);
    world.until(|world| world.broker.connections() == 1).await;
    world.join("one-222").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_journal_makes_qos_1_wait_and_sheds_qos_0_while_pings_are_answered() {
    let world = world(|_, journal| (journal.segment_bytes, journal.max_bytes) = (16 << 10, 64 << 10)).await;
    let mut filler = world.join("one-222").await;
    let mut pkid = 0;
    while world.journal.refusing().is_none() {
        pkid += 1;
        filler
            .send(&publish(0x32, "trackers/gt06/222/up", pkid, &[0; 2000]))
            .await;
        if timeout(Duration::from_millis(200), filler.packet())
            .await
            .is_err()
        {
            break;
        }
    }
    let mut peer = world.join("one-111").await;
    peer.send(&publish(0x30, UP, 0, b"zero")).await;
    world.until(|world| world.broker.metrics().shed.get() == 1).await;
    peer.send(&publish(0x32, UP, 5, b"one")).await;
    world.until(|world| world.broker.metrics().held.get() >= 1).await;
    peer.send(&[0xc0, 0]).await;
    assert_eq!(
        peer.packet().await,
        Some(vec![0xd0, 0]),
        "the ping overtakes what is held"
    );
    world.journal.checkpoint(world.journal.durable()).unwrap();
    assert_eq!(peer.packet().await, Some(vec![0x40, 2, 0, 5]));
    assert_eq!(&world.records().last().unwrap().payload_bytes()[..], b"one");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_gets_its_own_clients_uplinks_in_order_and_nothing_of_another_client() {
    let world = world(|_, _| {}).await;
    let (mut app, mut other) = (world.join("one-app").await, world.join("two-app").await);
    assert_eq!(
        (
            app.subscribe("trackers/#", 1).await,
            other.subscribe("#", 0).await
        ),
        (1, 0)
    );
    let (mut mine, mut foreign) = (world.join("one-111").await, world.join("two-111").await);
    let numbers = 1..=500u16;
    for pkid in numbers.clone() {
        mine.send(&publish(0x32, UP, pkid, &pkid.to_be_bytes())).await;
    }
    foreign.send(&publish(0x32, UP, 1, b"theirs")).await;
    for pkid in numbers {
        let packet = app.packet().await.unwrap();
        let at = 4 + UP.len();
        assert_eq!(
            (packet[0], &packet[4..at], &packet[at + 2..]),
            (0x32, UP.as_bytes(), &pkid.to_be_bytes()[..])
        );
        app.send(&[0x40, 2, packet[at], packet[at + 1]]).await;
    }
    assert_eq!(other.packet().await, Some(publish(0x30, UP, 0, b"theirs")));
    foreign.send(&publish(0x32, UP, 2, b"again")).await;
    assert_eq!(
        other.packet().await,
        Some(publish(0x30, UP, 0, b"again")),
        "nothing came in between"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_app_misses_nothing_although_the_router_forgets() {
    let world = world(|_, journal| journal.max_bytes = 512 << 20).await;
    let mut app = world.join("one-app").await;
    assert_eq!(app.subscribe("#", 0).await, 0);
    let mut device = world.join("one-111").await;
    // Three times what the router keeps.
    let total = 24_000u32;
    let (mut reader, mut writer) = device.stream.split();
    let sending = async {
        for number in 0..total {
            let mut payload = number.to_be_bytes().to_vec();
            payload.resize(1000, 7);
            writer
                .write_all(&publish(0x32, UP, (number % 60_000) as u16 + 1, &payload))
                .await
                .unwrap();
        }
    };
    let acked = async {
        let mut acks = vec![0; total as usize * 4];
        timeout(LONG * 4, reader.read_exact(&mut acks))
            .await
            .expect("in time")
            .unwrap();
    };
    tokio::join!(sending, acked);
    // Only now it reads.
    for number in 0..total {
        let mut packet = vec![0; 3 + 2 + UP.len() + 1000];
        timeout(LONG, app.stream.read_exact(&mut packet))
            .await
            .expect("in time")
            .unwrap();
        assert_eq!(&packet[5 + UP.len()..9 + UP.len()], number.to_be_bytes());
    }
    assert!(
        world.broker.metrics().replayed.get() > 0,
        "the router kept everything: the test proves nothing"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn downlinks_reach_the_subscribed_tracker_and_are_acknowledged_when_handed_over() {
    let world = world(|_, _| {}).await;
    let (mut app, mut device) = (world.join("one-app").await, world.join("one-111").await);
    let down = "trackers/gt06/111/down";
    app.send(&publish(0x32, down, 3, b"early")).await;
    assert_eq!(device.subscribe("trackers/gt06/222/down", 1).await, 0x80);
    assert_eq!(device.subscribe("#", 1).await, 0x80);
    assert_eq!(device.subscribe(down, 1).await, 1);
    assert_eq!(device.packet().await, Some(publish(0x32, down, 1, b"early")));
    assert_eq!(app.packet().await, Some(vec![0x40, 2, 0, 3]));
    device.send(&[0x40, 2, 0, 1]).await;
    app.send(&publish(0x30, down, 0, b"now")).await;
    assert_eq!(device.packet().await, Some(publish(0x30, down, 0, b"now")));
    let mut stranger = world.join("two-app").await;
    stranger
        .send(&publish(0x32, "trackers/gt06/222/down", 1, b"x"))
        .await;
    assert!(stranger.is_closed().await, "222 is another client's");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_credential_loses_its_open_connection() {
    let world = world(|_, _| {}).await;
    let mut peer = world.join("one-111").await;
    world.registry.delete_credential("one-111").await.unwrap();
    timeout(LONG, async {
        loop {
            if peer.stream.write_all(&publish(0x32, UP, 1, b"x")).await.is_err() {
                break;
            }
            if peer.packet().await.is_none() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
    .await
    .expect("closed in time");
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_acknowledges_what_was_received_and_closes() {
    let world = world(|_, _| {}).await;
    let mut peer = world.join("one-111").await;
    peer.send(&publish(0x32, UP, 1, b"x")).await;
    world
        .until(|world| world.broker.metrics().uplinks.get() == 1)
        .await;
    world.broker.stop(LONG).await;
    assert_eq!(peer.packet().await, Some(vec![0x40, 2, 0, 1]));
    assert!(peer.is_closed().await);
    assert_eq!(world.broker.connections(), 0);
    assert!(world.folder.path().exists() && world.journal.durable() > Offset(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ordinary_client_library_is_content() {
    let world = world(|_, _| {}).await;
    let mut options = rumqttc::MqttOptions::new("dev", "127.0.0.1", world.broker.address().port());
    options
        .set_credentials("one-111", PASSWORD)
        .set_keep_alive(Duration::from_secs(5));
    let (client, mut events) = rumqttc::AsyncClient::new(options, 10);
    for qos in [
        rumqttc::QoS::AtMostOnce,
        rumqttc::QoS::AtLeastOnce,
        rumqttc::QoS::ExactlyOnce,
    ] {
        client.publish(UP, qos, false, "hello").await.unwrap();
    }
    let mut outstanding = vec!["puback", "pubcomp"];
    timeout(LONG, async {
        while !outstanding.is_empty() {
            match events.poll().await.unwrap() {
                rumqttc::Event::Incoming(rumqttc::Packet::PubAck(_)) => {
                    outstanding.retain(|what| *what != "puback");
                }
                rumqttc::Event::Incoming(rumqttc::Packet::PubComp(_)) => {
                    outstanding.retain(|what| *what != "pubcomp");
                }
                _ => {}
            }
        }
    })
    .await
    .expect("in time");
    assert_eq!(world.records().len(), 3);
}
