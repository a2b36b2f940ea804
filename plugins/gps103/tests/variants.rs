//! What the vectors do not show: answers, clocks and days, the decimal form, damage.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use fixstream_decoder::{AttributeKey, DecodeError, DecodeResult, Message, Position, Transport, Value, time};
use fixstream_decoder_gps103::{KEYS, decode};

const IMEI: &str = "353451044508750";

/// 23° 30' S, 46° 36' W, 10 knots.
const PLACE: &str = "A,2330.0000,S,04636.0000,W,10.00";

fn decoded(payload: &str) -> DecodeResult {
    decode(&Message {
        transport: Transport::Tcp,
        channel: String::new(),
        device: None,
        received_ms: 1_717_286_400_000,
        context: Vec::new(),
        state: Vec::new(),
        payload: payload.as_bytes().to_vec(),
    })
}

#[track_caller]
fn only(payload: &str) -> Position {
    let mut positions = decoded(payload).unwrap().positions;
    assert_eq!(positions.len(), 1);
    let position = positions.remove(0);
    assert_eq!(position.device.as_deref(), Some(IMEI));
    assert_eq!(
        (position.latitude, position.longitude),
        (Some(-23.5), Some(-46.6))
    );
    position
}

fn report(keyword: &str, local: &str, clock: &str, rest: &str) -> String {
    format!("imei:{IMEI},{keyword},{local},,F,{clock},{PLACE}{rest};")
}

fn is_nothing(payload: &str) -> bool {
    decoded(payload).unwrap().positions.is_empty()
}

fn is_malformed(payload: &str) -> bool {
    matches!(decoded(payload), Err(DecodeError::Malformed(_)))
}

fn attribute<'a>(position: &'a Position, name: &str) -> Option<&'a Value> {
    let is_it = |key: &AttributeKey| match key {
        AttributeKey::Declared(index) => KEYS[*index as usize] == name,
        AttributeKey::Named(key) => key == name,
    };
    position
        .attributes
        .iter()
        .find(|attribute| is_it(&attribute.key))
        .map(|attribute| &attribute.value)
}

#[test]
fn login_and_heartbeat_are_answered() {
    let login = decoded(&format!("##,imei:{IMEI},A;")).unwrap();
    assert!(login.positions.is_empty());
    assert_eq!(login.reply.as_deref(), Some(b"LOAD".as_slice()));
    for heartbeat in [IMEI.to_owned(), format!("{IMEI};\r\n")] {
        let heartbeat = decoded(&heartbeat).unwrap();
        assert!(heartbeat.positions.is_empty());
        assert_eq!(heartbeat.reply.as_deref(), Some(b"ON".as_slice()));
    }
    assert_eq!(
        decoded(&report("tracker", "240601090000", "120000.000", ""))
            .unwrap()
            .reply,
        None
    );
    for wrong in ["##", "##,imei:,A;", "##,imei:35345104450x750,A;"] {
        assert!(is_malformed(wrong), "{wrong}");
    }
}

#[test]
fn the_day_is_moved_to_the_day_of_the_utc_clock() {
    for (local, clock, moment) in [
        // 2024-03-01 in zones -11, -3, 0, +9, +14
        ("240229190000", "060000.000", "2024-03-01T06:00:00Z"),
        ("2403011900", "220030.250", "2024-03-01T22:00:30.250Z"),
        ("240301220000", "220000", "2024-03-01T22:00:00Z"),
        ("240302070000", "220000", "2024-03-01T22:00:00Z"),
        ("240301020000", "120000", "2024-03-01T12:00:00Z"),
        ("240302020000", "120000", "2024-03-02T12:00:00Z"),
        // half a day: zone +12, both before and after midnight
        ("240302000000", "120000", "2024-03-01T12:00:00Z"),
        ("2403020000", "120059", "2024-03-01T12:00:59Z"),
        ("240301120000", "000000", "2024-03-01T00:00:00Z"),
        // new year
        ("231231200000", "040000", "2024-01-01T04:00:00Z"),
        ("240101040000", "200000", "2023-12-31T20:00:00Z"),
        ("24/03/01 22:00", "220000", "2024-03-01T22:00:00Z"),
    ] {
        let position = only(&report("tracker", local, clock, ""));
        assert_eq!(
            position.time_ms,
            Some(time::ms_from_rfc3339(moment).unwrap()),
            "{local} {clock}"
        );
    }
}

#[test]
fn a_moment_that_is_not_said_is_none_and_an_impossible_one_malformed() {
    for (local, clock) in [
        ("000000000", "120000"),
        ("", "120000"),
        ("240601090000", ""),
        ("240601090000", "31.0"),
    ] {
        assert_eq!(
            only(&report("tracker", local, clock, "")).time_ms,
            None,
            "{local} {clock}"
        );
    }
    for (local, clock) in [
        ("241301090000", "120000"),
        ("240631090000", "120000"),
        ("240601250000", "120000"),
        ("240601090000", "240000"),
        ("240601090000", "126000.000"),
    ] {
        assert!(
            is_malformed(&report("tracker", local, clock, "")),
            "{local} {clock}"
        );
    }
}

#[test]
fn any_keyword_may_have_a_position() {
    for (keyword, event) in [
        ("tracker", None),
        ("help me", Some("sos")),
        ("low battery", Some("low_battery")),
        ("move", Some("move")),
        ("speed", Some("speed")),
        ("ac alarm", Some("power_cut")),
        ("T:+28.0", Some("temperature")),
        ("oil 51.6", Some("oil")),
        ("something new", Some("something_new")),
    ] {
        let position = only(&report(
            keyword,
            "240601090000",
            "120000.000",
            ",90.5,760.5,0,1,10.5%,,21",
        ));
        assert_eq!(position.event.as_deref(), event, "{keyword}");
        assert_eq!(
            (position.speed_kmh, position.heading_deg),
            (Some(18.52), Some(90.5))
        );
        assert_eq!(
            (position.altitude_m, position.ignition),
            (Some(760.5), Some(false))
        );
        assert_eq!(attribute(&position, "door"), Some(&Value::Flag(true)));
        assert_eq!(attribute(&position, "fuel1"), Some(&Value::Real(10.5)));
    }
    let position = only(&report("T:-5.5", "240601090000", "120000.000", ""));
    assert_eq!(attribute(&position, "temp1"), Some(&Value::Real(-5.5)));
    assert_eq!(
        only(&report("oil 51.6", "240601090000", "120000", "")).fuel_percent,
        Some(51.6)
    );
    assert_eq!(
        only(&report("acc on", "240601090000", "120000", "")).ignition,
        Some(true)
    );
    assert_eq!(
        only(&report("acc on", "240601090000", "120000", ",,,0")).ignition,
        Some(false)
    );
}

#[test]
fn the_longitude_may_lack_its_letter_but_not_the_latitude() {
    let with = |place: &str| decoded(&format!("imei:{IMEI},tracker,2406010900,,F,120000,{place};"));
    let longitude = |place: &str| with(place).unwrap().positions[0].longitude;
    assert_eq!(longitude("A,2330.0,S,04636.0,,0"), Some(46.6));
    assert_eq!(
        with("V,2330.0,S,04636.0,W,0").unwrap().positions[0].valid,
        Some(false)
    );
    assert!(with("V,,,,,").unwrap().positions.is_empty());
    for wrong in [
        "A,2330.0,,04636.0,W,0",
        "A,2330.0,X,04636.0,W,0",
        "A,2330.0,S,04636.0,X,0",
        "A,2330.0,S,,W,0",
        "A,9030.0,S,04636.0,W,0",
        "A,2360.0,S,04636.0,W,0",
        "A,2330.0,S,18036.0,W,0",
        "X,2330.0,S,04636.0,W,0",
        "A,2330.0,S,04636.0",
        "A,2330.0",
    ] {
        assert!(matches!(with(wrong), Err(DecodeError::Malformed(_))), "{wrong}");
    }
}

#[test]
fn the_decimal_form_is_told_by_its_clock_and_day() {
    let form =
        |event: &str, rest: &str| format!("imei:{IMEI},Truck 7,{event},------,----,{rest},1,0,V0.0,%,*");
    let rest = "120000,010624,25,2,-23.5,-46.6,50,90,760,0.8,9";
    let position = only(&form("---", &format!("{rest},1")));
    assert_eq!(position.time_ms, Some(1_717_243_200_000));
    assert_eq!(
        (position.speed_kmh, position.heading_deg),
        (Some(50.0), Some(90.0))
    );
    assert_eq!((position.altitude_m, position.hdop), (Some(760.0), Some(0.8)));
    assert_eq!((position.satellites, position.ignition), (Some(9), Some(true)));
    assert_eq!((position.valid, position.signal), (Some(true), Some(25.0)));
    assert_eq!(position.event, None);
    let position = only(&form("help me", &rest.replace(",25,2,", ",25,0,")));
    assert_eq!(
        (position.valid, position.event.as_deref()),
        (Some(false), Some("sos"))
    );

    for wrong in [
        "120000,011324,25,2,-23.5,-46.6,50,90,760,0.8,9",
        "250000,010624,25,2,-23.5,-46.6,50,90,760,0.8,9",
        "120000,010624,25,2,-93.5,-46.6,50,90,760,0.8,9",
    ] {
        assert!(is_malformed(&form("---", wrong)), "{wrong}");
    }
    assert!(is_malformed(&format!(
        "imei:{IMEI},Truck 7,---,------,----,120000,010624,25,2,-23.5,-46.6,50"
    )));
}

#[test]
fn what_has_no_gps_has_no_position() {
    for payload in [
        format!("imei:{IMEI},tracker,000000000,13554900601,L,;"),
        format!("imei:{IMEI},tracker,2406010900,,L,,,fa8,,c9af,,,,,0,0,0.00%,,;"),
        format!("imei:{IMEI},L,*"),
        format!("imei:{IMEI},OBD,240601090000,195874,,370.8,808,066,30.0%,+87,13.0%,02444,14.3,,,,;"),
    ] {
        assert!(is_nothing(&payload), "{payload}");
    }
}

#[test]
fn several_messages_may_come_together() {
    let one = report("tracker", "240601090000", "120000.000", ",90.5");
    assert_eq!(
        decoded(&format!("{one}\r\n{one}{one}")).unwrap().positions.len(),
        3
    );
    let behind_heartbeat = decoded(&format!("{IMEI}{one}")).unwrap();
    assert_eq!(behind_heartbeat.positions.len(), 1);
    assert_eq!(behind_heartbeat.reply.as_deref(), Some(b"ON".as_slice()));
    assert!(is_malformed(&one.repeat(1025)));
}

#[test]
fn what_is_broken_is_refused() {
    for payload in [
        "",
        " \r\n",
        "imei:",
        "imei:x,tracker,2406010900,,F,120000",
        &format!("imei:{IMEI}"),
        &format!("imei:{IMEI},tracker,2406010900,"),
        &format!("imei:{IMEI},tracker,2406010900,,F"),
    ] {
        assert!(is_malformed(payload), "{payload}");
    }
    assert!(matches!(
        decoded(&format!("imei:{IMEI},vr,2406010900,,Q,120000,1;")),
        Err(DecodeError::Unsupported(_))
    ));
    for payload in ["*HQ,1234,V1#", "(027023361470BR00)", "+RESP:GTFRI"] {
        assert_eq!(decoded(payload), Err(DecodeError::NotMine), "{payload}");
    }
}
