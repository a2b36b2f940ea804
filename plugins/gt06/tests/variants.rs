//! What the vectors do not show: login and state, answers, layouts of other numbers and models, damage.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use fixstream_decoder::checksum::crc16_x25;
use fixstream_decoder::{
    AttributeKey, DecodeError, DecodeResult, Decoded, Message, Position, Transport, Value, vectors,
};
use fixstream_decoder_gt06::{KEYS, decode};

/// 2024-06-01T12:00:00Z
const NOON: i64 = 1_717_243_200_000;

const DATE: &str = "1806010c0000";

/// 12 satellites, 23.5 S 46.6 W, 60 km/h, 90°, valid.
const BEHIND_DATE: &str = "cc 02857260 04ffe840 3c 185a";

const LOGIN: &str = "0358657100000017 0001 0000";
const IMEI: &str = "358657100000017";

fn message(payload: Vec<u8>) -> Message {
    Message {
        transport: Transport::Tcp,
        channel: String::new(),
        device: None,
        received_ms: NOON + 500,
        context: Vec::new(),
        state: Vec::new(),
        payload,
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// A frame with serial 7, and the length and checksum that belong to it.
fn frame(number: u8, content: &[u8]) -> Vec<u8> {
    let mut summed = vec![(content.len() + 5) as u8, number];
    summed.extend(content);
    finish(vec![0x78, 0x78], summed)
}

fn long_frame(number: u8, content: &[u8]) -> Vec<u8> {
    let mut summed = ((content.len() + 5) as u16).to_be_bytes().to_vec();
    summed.push(number);
    summed.extend(content);
    finish(vec![0x79, 0x79], summed)
}

fn finish(mut frame: Vec<u8>, mut summed: Vec<u8>) -> Vec<u8> {
    summed.extend([0, 7]);
    let checksum = crc16_x25(&summed);
    frame.extend(summed);
    frame.extend(checksum.to_be_bytes());
    frame.extend([0x0d, 0x0a]);
    frame
}

fn decoded(number: u8, hex: &str) -> DecodeResult {
    decode(&message(frame(number, &bytes(hex))))
}

fn decoded_long(number: u8, hex: &str) -> DecodeResult {
    decode(&message(long_frame(number, &bytes(hex))))
}

fn decoded_as(model: &str, number: u8, hex: &str) -> DecodeResult {
    decode(&Message {
        context: vec![("model".to_owned(), model.to_owned())],
        ..message(frame(number, &bytes(hex)))
    })
}

fn only(result: DecodeResult) -> Position {
    let mut positions = result.unwrap().positions;
    assert_eq!(positions.len(), 1);
    positions.remove(0)
}

fn is_nothing(result: &DecodeResult) -> bool {
    matches!(result, Ok(Decoded { positions, .. }) if positions.is_empty())
}

#[track_caller]
fn assert_block(position: &Position) {
    assert_eq!(position.time_ms, Some(NOON));
    assert_eq!(
        (position.latitude, position.longitude),
        (Some(-23.5), Some(-46.6)),
    );
    assert_eq!(
        (position.speed_kmh, position.heading_deg),
        (Some(60.0), Some(90.0))
    );
    assert_eq!((position.satellites, position.valid), (Some(12), Some(true)));
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
fn every_number_of_the_block_has_it_in_both_forms() {
    for number in [
        0x10, 0x11, 0x12, 0x15, 0x16, 0x1e, 0x22, 0x26, 0x27, 0x2d, 0x31, 0x37, 0x38, 0xa0, 0xa2, 0xa3, 0xa4,
        0x17, 0x24, 0x36, 0x32,
    ] {
        let block = format!("{DATE} {BEHIND_DATE} 01cc00287d001fb8");
        assert_block(&only(decoded(number, &block)));
        if number != 0x32 {
            assert_block(&only(decoded_long(number, &block)));
        }
    }
}

#[test]
fn an_unknown_number_with_a_right_checksum_is_nothing() {
    for number in [
        0x13, 0x18, 0x19, 0x23, 0x28, 0x2c, 0x2e, 0x69, 0x80, 0x8c, 0x94, 0x9b, 0xa1, 0xa5, 0xa7, 0xf1, 0xf3,
        0x33, 0xee,
    ] {
        assert!(
            is_nothing(&decoded(number, &format!("{DATE} {BEHIND_DATE}"))),
            "{number:02x}"
        );
    }
}

#[test]
fn the_flags_say_hemispheres_and_validity() {
    for (flags, latitude, longitude, valid) in [
        ("1400", 23.5, 46.6, true),
        ("1c00", 23.5, -46.6, true),
        ("0000", -23.5, 46.6, false),
        ("0800", -23.5, -46.6, false),
    ] {
        let position = only(decoded(0x12, &format!("{DATE} cc 02857260 04ffe840 3c {flags}")));
        assert_eq!(
            (position.latitude, position.longitude, position.valid),
            (Some(latitude), Some(longitude), Some(valid))
        );
    }
    // a course that is none is left out
    let position = only(decoded(0x12, &format!("{DATE} cc 02857260 04ffe840 3c 17ff")));
    assert_eq!(position.heading_deg, None);
}

#[test]
fn a_place_that_is_not_on_earth_is_malformed() {
    // 90° is 162 000 000, 180° twice that
    for (place, ok) in [
        ("09a7ec80 134fd900", true),
        ("09a7ec81 134fd900", false),
        ("09a7ec80 134fd901", false),
    ] {
        let result = decoded(0x12, &format!("{DATE} cc {place} 00 1400"));
        assert_eq!(result.is_ok(), ok, "{place}");
    }
}

#[test]
fn an_impossible_date_is_malformed_in_a_block_and_nothing_in_a_status() {
    for date in [
        "180d010c0000",
        "18061f0c0000",
        "180601180000",
        "1806010c3c00",
        "1806010c003c",
    ] {
        let block = format!("{date} {BEHIND_DATE}");
        assert!(
            matches!(decoded(0x12, &block), Err(DecodeError::Malformed(_))),
            "{date}"
        );
        for number in [0x15, 0xa2, 0xa3, 0x2d, 0x17, 0x24, 0x36] {
            assert!(is_nothing(&decoded(number, &block)), "{number:02x} {date}");
        }
    }
    // the tracker has no time yet
    assert!(is_nothing(&decoded(0x12, &format!("000000000000 {BEHIND_DATE}"))));
    assert!(is_nothing(&decoded(
        0x12,
        "1806010c0000 cc 02857260 04ffe840 3c 18"
    )));
}

#[test]
fn wifi_and_cells_in_a_shared_number_are_nothing() {
    // behind the date: number of access points, or a country code
    for number in [0x17, 0x24, 0x36] {
        assert!(is_nothing(&decoded(
            number,
            &format!("{DATE} 07 00cc0400d376714600d37a3d5000d37a3c50")
        )));
    }
    for number in [0xa2, 0xa3, 0x15, 0x2d] {
        assert!(is_nothing(&decoded(
            number,
            &format!("{DATE} 01cc00287d001fb800287d001fb80000")
        )));
    }
    // a text whose beginning would be a date
    assert!(is_nothing(&decoded(
        0x15,
        "0c 0101 0101 31 30 4f4b21204f4b21204f4b21204f4b2120"
    )));
}

#[test]
fn the_ignition_stands_behind_the_cell() {
    for (number, rest, ignition) in [
        (0x22, "01cc 00 287d 001f71 01 00 00", Some(true)),
        (0x22, "01cc 00 287d 001f71 00 01 01", Some(false)),
        // two bytes of network
        (0x22, "8136 0104 cb8a 00bef3 00 01 00", Some(false)),
        (0x22, "01cc 00 287d", None),
        (0xa0, "02d4 02 0000912e 000000000718798d 01 0e 00", Some(true)),
        (0xa0, "81cc 0000 0000287d 0000000002ea5e01 00 04 00", Some(false)),
        (0x16, "09 01cc 00 266a 001e17 42 05 04 00 02", Some(true)),
        (0x26, "08 01cc 00 266a 001e17 40 05 04 00 02", Some(false)),
        (0x27, "0a 8136 0104 cb8a 00bef3 02 06 03 00 02 ff", Some(true)),
        // no length of a cell: another layout
        (0x16, "00 01cc 00 266a 001e17 42 05 04 00 02", None),
        (0x12, "01cc 00 287d 001f71 01 00 00", None),
    ] {
        let position = only(decoded(number, &format!("{DATE} {BEHIND_DATE} {rest}")));
        assert_block(&position);
        assert_eq!(position.ignition, ignition, "{number:02x} {rest}");
    }
}

#[test]
fn a_status_has_alarm_and_battery() {
    let status = |number, status: &str| {
        only(decoded(
            number,
            &format!("{DATE} {BEHIND_DATE} 09 01cc00266a001e17 {status}"),
        ))
    };
    let position = status(0x26, "00 03 04 01 02");
    assert_eq!(position.event.as_deref(), Some("sos"));
    assert_eq!(
        attribute(&position, "alarm"),
        Some(&Value::Text("sos".to_owned()))
    );
    assert_eq!(position.battery_percent, Some(50.0));
    // terminal information: power cut
    assert_eq!(status(0x16, "10 07 04 00 02").event.as_deref(), Some("power_cut"));
    assert_eq!(status(0x16, "10 07 04 00 02").battery_percent, None);
    assert_eq!(status(0x16, "00 06 04 00 02").event, None);
    assert_eq!(status(0x26, "00 06 04 ea 02").event.as_deref(), Some("234"));
    let extended = status(0x16, "02 00 5d 4b 01 02");
    assert_eq!(
        (extended.battery_percent, extended.event.as_deref()),
        (Some(93.0), Some("sos"))
    );
}

#[test]
fn a_long_0x32_has_the_length_of_its_fix() {
    let position = only(decoded_long(
        0x32,
        &format!("{DATE} 0c {BEHIND_DATE} 0901fe0a007c"),
    ));
    assert_block(&position);
    assert!(is_nothing(&decoded_long(
        0x32,
        &format!("{DATE} 00 {BEHIND_DATE}")
    )));
    assert!(matches!(
        decoded_long(0x32, &format!("{DATE} 0c cc 02857260")),
        Err(DecodeError::Malformed(_))
    ));
}

#[test]
fn some_numbers_and_models_have_something_before_the_block() {
    let block = format!("{DATE} {BEHIND_DATE}");
    assert_block(&only(decoded(0x34, &format!("12345678 {block}"))));
    assert!(is_nothing(&decoded_long(0x34, &format!("12345678 {block}"))));

    let position = only(decoded(0x61, &format!("0358657100000017 {block}")));
    assert_block(&position);
    assert_eq!(position.device.as_deref(), Some(IMEI));

    let digits = format!("0358657100000017 {block}");
    assert_block(&only(decoded_as("QH302R", 0x12, &digits)));
    assert!(is_nothing(&decoded_as("QH302R", 0x12, &block)));

    for model in ["NT20", "XT40"] {
        for number in [0x22, 0x25] {
            let content =
                format!("01 0358657100000017 1806010c0100 {block} 09 01cc00266a001e17 20 0984 28 4c 00");
            let position = only(decoded_as(model, number, &content));
            assert_block(&position);
            assert_eq!(position.device.as_deref(), Some(IMEI));
            assert_eq!((position.power_v, position.battery_v), (Some(24.36), Some(4.0)));
            assert_eq!(
                (position.ignition, position.event.as_deref()),
                (None, Some("sos"))
            );
        }
    }
    // without the model 0x25 is not known
    assert!(is_nothing(&decoded(0x25, &block)));
}

#[test]
fn a_camera_event_has_its_place_in_two_forms_or_none() {
    let place = "02857260 04ffe840 185a";
    let position = only(decoded(
        0x95,
        &format!("ffff01 {DATE} cc {place} 003c 007b 69 0000 612e6d70342c622e6d7034"),
    ));
    assert_block(&position);
    assert_eq!(
        (position.power_v, position.event.as_deref()),
        (Some(12.3), Some("105"))
    );
    assert_eq!(
        attribute(&position, "eventFiles"),
        Some(&Value::Text("a.mp4,b.mp4".to_owned()))
    );

    let position = only(decoded(0x95, &format!("{DATE} {place} 93 0000")));
    assert_eq!(position.time_ms, Some(NOON));
    assert_eq!(
        (position.latitude, position.heading_deg),
        (Some(-23.5), Some(90.0))
    );
    assert_eq!((position.speed_kmh, position.satellites), (None, None));
    assert_eq!(position.event.as_deref(), Some("accident"));

    assert!(is_nothing(&decoded(0x95, &format!("{DATE} 91 00"))));
    assert!(is_nothing(&decoded(
        0x95,
        &format!("ffff02 {DATE} cc {place} 003c 007b")
    )));
}

#[test]
fn modules_hold_any_number_of_fixes() {
    // 2024-06-01T12:00:00Z, 12 satellites, 760 m
    let fix = "0033 0012 665b0d40 0c 02f8 02857260 04ffe840 3c 185a";
    let imei = "0001 0008 0358657100000017";
    let position = only(decoded_long(
        0x70,
        &format!("0000000102 0035 0001 00 {fix} {imei}"),
    ));
    assert_block(&position);
    assert_eq!(position.altitude_m, Some(760.0));
    assert_eq!(position.device.as_deref(), Some(IMEI));

    let two = decoded_long(0x70, &format!("0000000102 {fix} {fix}")).unwrap();
    assert_eq!(two.positions.len(), 2);
    let below = fix.replace("02f8", "fff6");
    assert_eq!(
        only(decoded_long(0x70, &format!("0000000102 {below}"))).altitude_m,
        Some(-10.0)
    );
    let meaningless = fix.replace("02f8", "8429");
    assert_eq!(
        only(decoded_long(0x70, &format!("0000000102 {meaningless}"))).altitude_m,
        None
    );

    let no_fix = fix.replace("665b0d40", "00000000");
    assert!(is_nothing(&decoded_long(
        0x70,
        &format!("0000000102 {no_fix} {imei}")
    )));
    // a module that is longer than what is left
    assert!(is_nothing(&decoded_long(
        0x70,
        &format!("0000000102 {fix} 0001 0009 00")
    )));
    assert!(matches!(
        decoded_long(0x70, "0000000102 0033 0004 665b0d40"),
        Err(DecodeError::Malformed(_))
    ));
    assert!(is_nothing(&decoded(0x70, &format!("0000000102 {fix}"))));
}

#[test]
fn a_text_may_name_the_current_position() {
    let text = |text: &str| {
        let mut content = vec![0, 0, 0, 0, 1];
        content.extend(text.as_bytes());
        decode(&message(long_frame(0x21, &content)))
    };
    let position = only(text(
        "Current position!Lat:N54.738910,Lon:E25.272810,Course:126.50,Speed:0.49Km/h,DateTime:2024-06-01  12:00:00"
            .replace("  ", " ")
            .as_str(),
    ));
    assert_eq!(
        (position.latitude, position.longitude),
        (Some(54.73891), Some(25.27281))
    );
    assert_eq!(
        (position.heading_deg, position.speed_kmh),
        (Some(126.5), Some(0.49))
    );
    assert_eq!(position.time_ms, Some(NOON));
    let position = only(text(
        "Current position!Lat:S23.5,Lon:W46.6,Course:0,Speed:3,DateTime:2024-06-01 12:00:00\0\0",
    ));
    assert_eq!(
        (position.latitude, position.longitude),
        (Some(-23.5), Some(-46.6))
    );
    for nothing in [
        "OK",
        "Current position!",
        "Current position!Lat:,Lon:,Course:0",
        "Lat:N1,Lon:E1",
    ] {
        assert!(is_nothing(&text(nothing)), "{nothing}");
    }
    for wrong in [
        "Current position!Lat:X1,Lon:E1",
        "Current position!Lat:N91,Lon:E1",
        "Current position!Lat:N1,Lon:E1,DateTime:2024-13-01 00:00:00",
    ] {
        assert!(matches!(text(wrong), Err(DecodeError::Malformed(_))), "{wrong}");
    }
}

#[test]
fn a_login_names_the_frames_that_follow() {
    let login = decode(&message(frame(0x01, &bytes(LOGIN)))).unwrap();
    assert!(login.positions.is_empty());
    assert_eq!(login.state.as_deref(), Some(IMEI.as_bytes()));
    assert_eq!(login.reply.unwrap(), frame(0x01, &[]));

    let block = frame(0x12, &bytes(&format!("{DATE} {BEHIND_DATE}")));
    let named = |message: Message| only(decode(&message)).device;
    assert_eq!(named(message(block.clone())), None);
    let with_state = Message {
        state: IMEI.into(),
        ..message(block.clone())
    };
    assert_eq!(named(with_state.clone()).as_deref(), Some(IMEI));
    // what the host knows needs no help
    let known = Message {
        device: Some("known".to_owned()),
        ..with_state
    };
    assert_eq!(named(known), None);
    // kept elsewhere, whole or without its end
    for packet in [
        "78780d010358657100000017",
        "787811010358657100000017000100000001abcd0d0a",
    ] {
        let with_login = Message {
            context: vec![("login".to_owned(), packet.to_owned())],
            ..message(block.clone())
        };
        assert_eq!(named(with_login).as_deref(), Some(IMEI));
    }
    // both in one message
    let mut both = frame(0x01, &bytes(LOGIN));
    both.extend(&block);
    assert_eq!(named(message(both)).as_deref(), Some(IMEI));
    for wrong in ["", "03586571000000", "0358657100abcdef", "0000000000000000"] {
        assert!(
            matches!(decoded(0x01, wrong), Err(DecodeError::Malformed(_))),
            "{wrong}"
        );
    }
}

#[test]
fn heartbeats_alarms_and_time_requests_are_answered() {
    for number in [0x13, 0x23, 0x16, 0x26, 0x27] {
        assert_eq!(
            decoded(number, "40050400").unwrap().reply.unwrap(),
            frame(number, &[])
        );
    }
    assert_eq!(
        decoded(0x8a, "").unwrap().reply.unwrap(),
        frame(0x8a, &bytes(DATE))
    );
    assert_eq!(decoded(0x12, "").unwrap().reply, None);
    let mut two = frame(0x13, &[0]);
    two.extend(frame(0x13, &[0]));
    let answers = decode(&message(two)).unwrap().reply.unwrap();
    assert_eq!(answers, [frame(0x13, &[]), frame(0x13, &[])].concat());
}

#[test]
fn several_frames_are_read_in_order_and_damage_spoils_them() {
    let block = frame(0x12, &bytes(&format!("{DATE} {BEHIND_DATE}")));
    let long = long_frame(0x38, &bytes(&format!("{DATE} {BEHIND_DATE}")));
    let both = [block.clone(), long].concat();
    assert_eq!(decode(&message(both.clone())).unwrap().positions.len(), 2);

    for length in [1, 2, 3, both.len() - 3, block.len() - 1, block.len() + 1] {
        let cut = both[..length].to_vec();
        // without its line feed the last frame is whole
        let is_whole = length == block.len() - 1;
        assert_eq!(decode(&message(cut)).is_ok(), is_whole, "{length}");
    }
    let mut wrong_checksum = block.clone();
    wrong_checksum[10] ^= 1;
    let mut wrong_length = block.clone();
    wrong_length[2] += 1;
    let mut no_end = block.clone();
    *no_end.last_mut().unwrap() = 0;
    let mut behind = block.clone();
    behind.push(0);
    for wrong in [wrong_checksum, wrong_length, no_end, behind, Vec::new()] {
        assert!(matches!(decode(&message(wrong)), Err(DecodeError::Malformed(_))));
    }
    assert_eq!(decode(&message(b"##,imei".to_vec())), Err(DecodeError::NotMine));
    let many = block.repeat(1025);
    assert!(matches!(decode(&message(many)), Err(DecodeError::Malformed(_))));
}

#[test]
fn broken_contents_behind_a_right_checksum_do_not_break_the_contract() {
    let block = bytes(&format!(
        "{DATE} {BEHIND_DATE} 09 01cc00266a001e17 0050404001 0358657100000017"
    ));
    for number in 0..=255 {
        for model in ["", "XT40", "QH302R"] {
            for length in 0..=block.len() {
                for fill in [None, Some(0x00), Some(0xff), Some(0x18)] {
                    let mut content = block[..length].to_vec();
                    if let Some(fill) = fill {
                        content.iter_mut().skip(length / 2).for_each(|byte| *byte = fill);
                    }
                    for payload in [frame(number, &content), long_frame(number, &content)] {
                        let outcome = decode(&Message {
                            context: vec![("model".to_owned(), model.to_owned())],
                            ..message(payload)
                        });
                        if let Ok(decoded) = outcome {
                            assert_eq!(vectors::contract_violations(&decoded, KEYS), Vec::<String>::new());
                        }
                    }
                }
            }
        }
    }
}
