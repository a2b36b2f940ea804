//! What the vectors do not show: answers, padding, several messages, damage.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use fixstream_decoder::{DecodeError, DecodeResult, Message, Position, Transport};
use fixstream_decoder_tk103::decode;

/// 2024-06-01T12:00:00Z
const NOON: i64 = 1_717_243_200_000;
const ID: &str = "027023361470";
const GROUP: &str = "240601A2330.0000S04636.0000W050.5120000090.50";

fn decoded(payload: &str) -> DecodeResult {
    decode(&Message {
        transport: Transport::Tcp,
        channel: String::new(),
        device: None,
        received_ms: NOON,
        context: Vec::new(),
        state: Vec::new(),
        payload: payload.as_bytes().to_vec(),
    })
}

#[track_caller]
fn only(payload: &str) -> Position {
    let mut positions = decoded(payload).unwrap().positions;
    assert_eq!(positions.len(), 1, "{payload}");
    positions.remove(0)
}

#[track_caller]
fn assert_whole(position: &Position) {
    assert_eq!(
        (position.latitude, position.longitude),
        (Some(-23.5), Some(-46.6))
    );
    assert_eq!((position.time_ms, position.valid), (Some(NOON), Some(true)));
    assert_eq!(
        (position.speed_kmh, position.heading_deg),
        (Some(50.5), Some(90.5))
    );
}

fn is_nothing(payload: &str) -> bool {
    decoded(payload).unwrap().positions.is_empty()
}

fn is_malformed(payload: &str) -> bool {
    matches!(decoded(payload), Err(DecodeError::Malformed(_)))
}

#[test]
fn the_group_may_stand_behind_an_identifier_or_an_alarm() {
    for body in [
        format!("BR00{GROUP}00000000L00000000"),
        format!("BR02{GROUP}"),
        format!("BP05354188047365460{GROUP}00000000L00000000"),
        format!("BP04{GROUP}"),
        format!("BO012{GROUP}00000000L00000000"),
        format!("BX99{GROUP},00000000L00000000"),
    ] {
        let position = only(&format!("({ID}{body})"));
        assert_whole(&position);
        assert_eq!(position.device.as_deref(), Some(ID));
    }
}

#[test]
fn an_identifier_may_be_a_name_or_shorter() {
    for id in ["BALLESTEROS3", "01602009983"] {
        let position = only(&format!("({id}BR00{GROUP}00000000L00000000)"));
        assert_whole(&position);
        assert_eq!(position.device.as_deref(), Some(id));
    }
}

#[test]
fn numbers_may_be_padded_with_blanks() {
    let position = only(&format!(
        "({ID}BR00240601A2330.0000S 4636.0000W 50.5120000 90.50 1000000L00000000)"
    ));
    assert_whole(&position);
    // one digit less of the longitude
    assert_whole(&only(&format!(
        "({ID}BR00240601A2330.0000S4636.0000W050.5120000090.5001000000)"
    )));
    // what is behind the clock is no course
    let position = only(&format!(
        "({ID}BR00240601A2330.0000S04636.0000W050.5120000900000000L0)"
    ));
    assert_eq!((position.time_ms, position.heading_deg), (Some(NOON), None));
}

#[test]
fn a_day_that_is_none_leaves_a_position_without_time() {
    for day in ["000000", "000007", "061830"] {
        let position = only(&format!("({ID}BR00{}00000000L0)", GROUP.replace("240601", day)));
        assert_eq!(
            (position.latitude, position.time_ms),
            (Some(-23.5), None),
            "{day}"
        );
    }
    assert!(is_malformed(&format!(
        "({ID}BR00{})",
        GROUP.replace("120000", "250000")
    )));
    let no_fix = GROUP.replace('A', "V");
    assert_eq!(only(&format!("({ID}BR00{no_fix})")).valid, Some(false));
}

#[test]
fn with_commas_the_day_is_first() {
    let fields = "010624,A,2330.0000S,04636.0000W,50.5,120000,90.50";
    for payload in [
        format!("(864768010869060,DW30,{fields},43.40,12)"),
        format!("({ID},ZC07,{fields})"),
        format!("({ID},BP05,{fields})"),
    ] {
        let position = only(&payload);
        assert_whole(&position);
        assert_eq!(position.altitude_m, None);
    }
    assert_eq!(only(&format!("({ID},ZC07,{fields})")).device.as_deref(), Some(ID));
    let with = |from: &str, to: &str| format!("({ID},ZC07,{})", fields.replace(from, to));
    assert_eq!(only(&with("010624", "000000")).time_ms, None);
    assert_eq!(only(&with(",90.50", "")).heading_deg, None);
    assert_eq!(only(&with(",A,", ",V,")).valid, Some(false));
    assert!(is_nothing(&with("2330.0000S,04636.0000W", ",")));
    for (from, to) in [
        ("010624", "320624"),
        ("010624", "011324"),
        ("120000", "126000"),
        ("2330.0000S", "9030.0000S"),
        ("04636.0000W", "18000.1000W"),
        ("2330.0000S", "2330.0000"),
        ("2330.0000S", ""),
        (",50.5,120000,90.50", ""),
    ] {
        assert!(is_malformed(&with(from, to)), "{to}");
    }
}

#[test]
fn what_is_no_position_has_none() {
    for payload in [
        format!("({ID}BP00354188047365460HSO)"),
        format!("({ID}BP05354188047365460)"),
        format!("({ID}BZ00{GROUP})"),
        format!("({ID}BQ86{GROUP})"),
        format!("({ID}BV00{GROUP})"),
        format!("({ID}BS50{GROUP})"),
        format!("({ID}BS51123456A12)"),
        format!("({ID}BX99123456A12)"),
        format!("({ID},ZC20,180716,144222,6,392,65535,255)"),
        format!("({ID},DW5B,310,6,29876,30393,0,041217,102211)"),
        format!("({ID},ZC03,191117,234207,$4 .Check is set to 240 minute(s).\n$)"),
        format!("({ID},ZC11)"),
    ] {
        assert!(is_nothing(&payload), "{payload}");
    }
}

#[test]
fn handshake_and_login_are_answered() {
    let reply = |payload: &str| {
        decoded(payload)
            .unwrap()
            .reply
            .map(|reply| String::from_utf8(reply).unwrap())
    };
    assert_eq!(
        reply(&format!("({ID}BP00354188047365460HSO)")),
        Some(format!("({ID}AP01HSO)"))
    );
    assert_eq!(
        reply(&format!("({ID}BP05354188047365460{GROUP})({ID}BP00)")),
        Some(format!("({ID}AP05)({ID}AP01HSO)"))
    );
    assert_eq!(reply(&format!("({ID}BR00{GROUP})")), None);
    assert_eq!(reply(&format!("({ID},BP05,010624)")), None);
}

#[test]
fn several_messages_may_come_together() {
    let one = format!("({ID}BR00{GROUP}00000000L00000000)");
    assert_eq!(
        decoded(&format!("{one}\r\n{one}{one}\0"))
            .unwrap()
            .positions
            .len(),
        3
    );
    assert!(is_malformed(&one.repeat(1025)));
    assert!(is_malformed(&format!("{one}x{one}x")));
}

#[test]
fn what_is_broken_is_refused() {
    for payload in [
        String::new(),
        "\r\n".to_owned(),
        "()".to_owned(),
        format!("({ID}BR00{GROUP}"),
        format!("({ID})"),
        format!("({ID}BR00)"),
        format!("({ID}br00{GROUP})"),
        format!("({ID}BR00{})", GROUP.replace("2330.0000S", "9330.0000S")),
        format!("({ID}BR00{})", GROUP.replace("04636.0000W", "18136.0000W")),
        format!("({ID}BR00{})", GROUP.replace("2330", "2360")),
        format!("({ID}BR00240601A2330.0000S04636.0000W050.5)"),
        format!("({ID}BR00240601A2330.0000S04636)"),
        format!("({ID}BP05{})", GROUP.replace('S', "X")),
        format!("(+23361470000BR00{GROUP})"),
    ] {
        assert!(is_malformed(&payload), "{payload}");
    }
    for payload in ["##,imei", "*HQ,1,V1#", "\u{e9}("] {
        assert_eq!(decoded(payload), Err(DecodeError::NotMine), "{payload}");
    }
}
