//! What the vectors do not show: other types and ways to write a place, both identifiers of the binary
//! form, alarms, answers, damage.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use fixstream_decoder::{
    AttributeKey, DecodeError, DecodeResult, Decoded, Message, Position, Transport, Value, vectors,
};
use fixstream_decoder_h02::{KEYS, decode};

/// 2024-06-01T12:00:00Z
const NOON: i64 = 1_717_243_200_000;

const ID: &str = "4209951296";

/// 23.5 S 46.75 W, 10 knots, 90°, status without alarm, ignition off.
const GROUP: &str = "A,2330.0000,S,04645.0000,W,010.00,090,010624,FFFFFBFF";

fn message(payload: &[u8]) -> Message {
    Message {
        transport: Transport::Udp,
        channel: String::new(),
        device: None,
        received_ms: NOON + 500,
        context: Vec::new(),
        state: Vec::new(),
        payload: payload.to_vec(),
    }
}

fn decoded(payload: &str) -> DecodeResult {
    let result = decode(&message(payload.as_bytes()));
    if let Ok(decoded) = &result {
        assert_eq!(vectors::contract_violations(decoded, KEYS), Vec::<String>::new());
    }
    result
}

fn binary(hex: &str) -> DecodeResult {
    let digits: Vec<u8> = hex.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let payload: Vec<u8> = digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect();
    decode(&message(&payload))
}

#[track_caller]
fn only(result: DecodeResult) -> Position {
    let mut positions = result.unwrap().positions;
    assert_eq!(positions.len(), 1);
    positions.remove(0)
}

#[track_caller]
fn assert_group(position: &Position) {
    assert_eq!((position.time_ms, position.valid), (Some(NOON), Some(true)));
    assert_eq!(
        (position.latitude, position.longitude),
        (Some(-23.5), Some(-46.75))
    );
    assert_eq!(
        (position.speed_kmh, position.heading_deg),
        (Some(18.52), Some(90.0))
    );
    assert_eq!(position.ignition, Some(false));
}

fn is_nothing(result: &DecodeResult) -> bool {
    matches!(result, Ok(Decoded { positions, .. }) if positions.is_empty())
}

fn is_malformed(result: &DecodeResult) -> bool {
    matches!(result, Err(DecodeError::Malformed(_)))
}

fn attribute(position: &Position, name: &str) -> Option<Value> {
    let is_it = |key: &AttributeKey| match key {
        AttributeKey::Declared(index) => KEYS[*index as usize] == name,
        AttributeKey::Named(key) => key == name,
    };
    let attribute = position.attributes.iter().find(|one| is_it(&one.key));
    attribute.map(|attribute| attribute.value.clone())
}

/// A V1 report at noon with this group.
fn v1(group: &str) -> DecodeResult {
    decoded(&format!("*HQ,{ID},V1,120000,{group}#"))
}

#[test]
fn all_types_and_makers_share_the_group() {
    for kind in ["V1", "V2", "V5", "V6", "V8", "VI1", "SMS"] {
        for maker in ["HQ", "TH", "hq"] {
            let position = only(decoded(&format!("*{maker},{ID},{kind},120000,{GROUP}#\r\n")));
            assert_group(&position);
            assert_eq!(position.device.as_deref(), Some(ID));
        }
    }
}

#[test]
fn a_command_echo_has_its_answer_before_the_group() {
    let position = only(decoded(&format!("*HQ,{ID},V4,S20,DONE,130305,120000,{GROUP}#")));
    assert_group(&position);
    assert_eq!(
        attribute(&position, "result"),
        Some(Value::Text("S20,DONE,130305".to_owned()))
    );
    assert!(is_nothing(&decoded(&format!("*HQ,{ID},V4,S20,DONE,130305#"))));
}

#[test]
fn v19_has_network_phone_and_card_before_the_status() {
    for network in ["", "26006"] {
        let position = only(decoded(&format!(
            "*HQ,{ID},V19,120000,A,2330.0000,S,04645.0000,W,010.00,090,010624,{network},5492932630888,8954?,FFFFFFFF#"
        )));
        assert_eq!((position.time_ms, position.ignition), (Some(NOON), Some(true)));
    }
}

#[test]
fn vp1_has_no_clock_and_so_no_time() {
    let position = only(decoded(
        "*hq,356327081001239,VP1,A,2702.7215,S,15251.9309,E,0.62,12.5,050917#",
    ));
    assert_eq!((position.time_ms, position.valid), (None, Some(true)));
    assert!((position.latitude.unwrap() + 27.045_358).abs() < 1e-6);
    assert_eq!(position.heading_deg, Some(12.5));
    assert!(is_nothing(&decoded(
        "*hq,356327081001239,VP1,V,470,002,92,3565,0Y92,1433,-34#"
    )));
}

#[test]
fn degrees_and_minutes_are_written_in_three_ways() {
    for (latitude, longitude) in [
        ("2330.0000", "04645.0000"),
        ("2330.0", "4645.0"),
        ("23300000", "046450000"),
        ("-23-30.0000", "-46-45.0000"),
        ("-23-30", "-46-45"),
        ("2330", "04645"),
    ] {
        let position = only(v1(&format!("A,{latitude},S,{longitude},W,0,0,010624,FFFFFBFF")));
        assert_eq!(
            (position.latitude, position.longitude),
            (Some(-23.5), Some(-46.75))
        );
    }
    let position = only(v1("A,130.5000,N,0015.0000,E,0,0,010624,FFFFFBFF"));
    assert_eq!(
        (position.latitude, position.longitude),
        (Some(1.508_333_333_333_333_3), Some(0.25))
    );
    for wrong in ["233000", "2360.0", "-23-60.0", "-23--3.0", "23-30-1", "-", "."] {
        assert!(
            is_malformed(&v1(&format!("A,{wrong},S,04645.0,W,0,0,010624,FFFFFBFF"))),
            "{wrong}"
        );
    }
    // sign and letter contradict each other
    assert!(is_malformed(&v1("A,-23-30.0,N,-46-45.0,W,0,0,010624,FFFFFBFF")));
}

#[test]
fn what_is_not_valid_is_emitted_as_not_valid() {
    for validity in ["V", "", "B"] {
        let group = GROUP.replacen('A', validity, 1);
        let position = only(v1(&group));
        assert_eq!(position.valid, Some(false), "{validity}");
        assert_eq!(position.latitude, Some(-23.5));
    }
    assert!(is_malformed(&v1(&GROUP.replacen('A', "Q", 1))));
    let nowhere = only(v1("A,0000.0000,N,00000.0000,W,000.00,000,010624,FFFFFBFF"));
    assert_eq!((nowhere.latitude, nowhere.longitude), (Some(0.0), Some(0.0)));
}

#[test]
fn without_coordinates_there_is_no_position() {
    for group in [
        "V,,N,,E,0.00,0,,FFFFF7FF,f0,a,11a0,c0c6",
        "A,,S,,W,010.00,090,010624,FFFFFBFF",
        "V,0.0000,0,0.0000,0,0.00,0.00,000000,ffffffff",
    ] {
        assert!(is_nothing(&v1(group)), "{group}");
    }
    // half a place is none, but not nothing
    assert!(is_malformed(&v1("A,2330.0,S,,W,0,0,010624,FFFFFBFF")));
    for other in [
        "V0",
        "HTBT,80",
        "HTBT",
        "XT,V,0,0",
        "LINK,112137,20,8,67,0,0,081116,FFFFFBFF",
        "BASE,152609,0,0,0,0,211014,FFFFFFFF",
        "BS,,2d4,a,1b63,1969,26",
        "",
        "I1,1,2",
        "NEW,1,2",
        // cells whose numbers look like hemispheres are still no place
        "V3,044855,28403,01,1,N,2,E,1,1,010624,FFFFFBFF",
        "NBR,112315,724,10,2,1,1,N,2,E,0,0,011215,FFFFFFFF",
    ] {
        assert!(is_nothing(&decoded(&format!("*HQ,{ID},{other}#"))), "{other}");
    }
}

#[test]
fn day_and_clock_make_the_time_when_both_are_there() {
    let with = |clock: &str, day: &str| {
        decoded(&format!(
            "*HQ,{ID},V1,{clock},A,2330.0,S,04645.0,W,0,0,{day},FFFFFBFF#"
        ))
    };
    for (clock, day) in [("", "010624"), ("120000", ""), ("120000", "000000")] {
        assert_eq!(only(with(clock, day)).time_ms, None, "{clock} {day}");
    }
    for (clock, day) in [
        ("240000", "010624"),
        ("126000", "010624"),
        ("120000", "310624"),
        ("120000", "011324"),
        ("1200", "010624"),
        ("120000", "0106"),
        ("120000", "1/6/24"),
    ] {
        assert!(is_malformed(&with(clock, day)), "{clock} {day}");
    }
    // a battery level before the day
    assert_eq!(only(with("120000", "4,010624")).time_ms, Some(NOON));
}

#[test]
fn the_status_says_ignition_and_alarms() {
    for (word, ignition, alarm) in [
        ("FFFFFBFF", false, None),
        ("ffffffff", true, None),
        ("FFFFFFFE", true, Some("vibration")),
        ("FFFFFBFD", false, Some("sos")),
        ("FFFBFFFF", true, Some("sos")),
        ("FFFFFFFB", true, Some("overspeed")),
        ("FFF7FBFF", false, Some("powerCut")),
        ("00000000", false, None),
    ] {
        let position = only(v1(&GROUP.replace("FFFFFBFF", word)));
        assert_eq!(position.ignition, Some(ignition), "{word}");
        assert_eq!(
            attribute(&position, "alarm"),
            alarm.map(|alarm| Value::Text(alarm.to_owned()))
        );
        assert_eq!(position.event.is_some(), alarm.is_some());
        let number = i64::from_str_radix(word, 16).unwrap();
        assert_eq!(attribute(&position, "status"), Some(Value::Integer(number)));
    }
    for word in ["FFFFFBF", "", "GGGGGGGG"] {
        assert_eq!(
            only(v1(&GROUP.replace("FFFFFBFF", word))).ignition,
            None,
            "{word}"
        );
    }
}

#[test]
fn sensors_are_read_only_in_their_own_form() {
    let position = only(v1(&format!("{GROUP},69129336,-5,75.5,-18,5141,5A20")));
    assert_eq!(
        (position.odometer_km, position.altitude_m),
        (Some(69_129.336), Some(-18.0))
    );
    assert_eq!(position.fuel_percent, Some(75.5));
    assert_eq!(attribute(&position, "temp1"), Some(Value::Real(-5.0)));
    for cells in [
        "460,11,d18e105,7752,6,1",
        "724,10,215,2135,123,4",
        "69129336,0,100.0,18,5141",
    ] {
        let position = only(v1(&format!("{GROUP},{cells}")));
        assert_eq!(
            (position.odometer_km, position.altitude_m),
            (None, None),
            "{cells}"
        );
    }
}

#[test]
fn several_messages_may_come_together_and_are_answered() {
    let decoded = decoded(&format!(
        "*HQ,{ID},V1,120000,{GROUP}#\r\n*HQ,{ID},HTBT,80#*TH,{ID},V6,120000,{GROUP}#"
    ))
    .unwrap();
    assert_eq!(decoded.positions.len(), 2);
    assert_eq!(
        String::from_utf8(decoded.reply.unwrap()).unwrap(),
        format!("*HQ,{ID},V4,V1,20240601120000#*HQ,{ID},HTBT#")
    );
}

#[test]
fn a_message_without_identifier_leaves_it_to_the_host() {
    let decoded = decoded(&format!("*HQ,,V1,120000,{GROUP}#")).unwrap();
    assert_eq!(
        (decoded.positions[0].device.as_deref(), decoded.reply),
        (None, None)
    );
}

#[test]
fn the_binary_form_has_two_identifiers() {
    let rest = "120000 010624 23300000 06 046450000 6 010 090 fffffbff";
    for (id, device) in [("4209951296", ID), ("3524830841932930", "352483084193293")] {
        let position = only(binary(&format!("24 {id} {rest} 0002ffee")));
        assert_eq!((position.time_ms, position.valid), (Some(NOON), Some(true)));
        assert_eq!(
            (position.latitude, position.longitude),
            (Some(23.5), Some(-46.75))
        );
        assert_eq!(
            (position.speed_kmh, position.heading_deg),
            (Some(18.52), Some(90.0))
        );
        assert_eq!(
            (position.battery_percent, position.ignition),
            (Some(100.0), Some(false))
        );
        assert_eq!(position.device.as_deref(), Some(device));
    }
    // the identifier's end and the clock read as clock and day, too: the length decides
    let position = only(binary(
        "24 3524830841123456 120624 010624 23300000 06 046450000 6 010 090 fffffbff 00112233445566778899",
    ));
    assert_eq!(position.device.as_deref(), Some("352483084112345"));
    assert_eq!(position.latitude, Some(23.5));
}

#[test]
fn the_flags_of_the_binary_form_say_hemispheres_and_validity() {
    for (flags, latitude, longitude, valid) in [
        ("e", 23.5, 46.75, true),
        ("2", -23.5, -46.75, true),
        ("a", -23.5, 46.75, true),
        ("4", 23.5, -46.75, false),
        ("0", -23.5, -46.75, false),
    ] {
        let position = only(binary(&format!(
            "24 4209951296 120000 010624 23300000 00 046450000 {flags} 010 090 fffffbff"
        )));
        assert_eq!(
            (position.latitude, position.longitude),
            (Some(latitude), Some(longitude))
        );
        assert_eq!((position.valid, position.battery_percent), (Some(valid), None));
    }
}

#[test]
fn binary_messages_of_one_tracker_come_apart() {
    let one = "24 4209951296 120000 010624 23300000 00 046450000 2 010 090 fffffbff 000001";
    let decoded = binary(&format!("{one} {one} {one}")).unwrap();
    assert_eq!(decoded.positions.len(), 3);
}

#[test]
fn damage_is_an_error() {
    let good = format!("*HQ,{ID},V1,120000,{GROUP}#");
    for length in 0..good.len() {
        assert!(decoded(&good[..length]).is_err(), "{length}");
    }
    let good = "2442099512961200000106242330000006046450000601009 0fffffbff".replace(' ', "");
    for length in 1..good.len() / 2 {
        assert!(is_malformed(&binary(&good[..length * 2])), "{length}");
    }
    for wrong in [
        // clock and day of neither identifier, minutes above 59, latitude 91, longitude 181, no digits
        "24 4209951296 250000 010624 23300000 06 046450000 6 010 090 fffffbff",
        "24 4209951296 120000 310624 23300000 06 046450000 6 010 090 fffffbff",
        "24 4209951296 120000 010624 23600000 06 046450000 6 010 090 fffffbff",
        "24 4209951296 120000 010624 91000000 06 046450000 6 010 090 fffffbff",
        "24 4209951296 120000 010624 23300000 06 181000000 6 010 090 fffffbff",
        "24 4209951296 120000 010624 2330000a 06 046450000 6 010 090 fffffbff",
    ] {
        assert!(is_malformed(&binary(wrong)), "{wrong}");
    }
    for wrong in ["", "\r\n", "*HQ,1#", &format!("*HQ,{ID},V1,120000,A,2330.0#")] {
        assert!(is_malformed(&decoded(wrong)), "{wrong}");
    }
    for wrong in [
        "9130.0000,S,04645.0000,W",
        "2330.0000,S,18100.0000,W",
        "2330.0000,X,04645.0000,W",
    ] {
        assert!(
            is_malformed(&v1(&format!("A,{wrong},0,0,010624,FFFFFBFF"))),
            "{wrong}"
        );
    }
    assert_eq!(decoded("(027028258309BP00)"), Err(DecodeError::NotMine));
    assert_eq!(decoded("*0,1,2#"), Err(DecodeError::NotMine));
    assert!(is_malformed(&decoded(&format!(
        "*HQ,{ID},V1,120000,{GROUP}#rest"
    ))));
}
