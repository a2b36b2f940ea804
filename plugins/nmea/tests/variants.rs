//! What the vectors do not show: other sentences, several moments, what is not known, damage.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use fixstream_decoder::checksum::xor;
use fixstream_decoder::{DecodeError, DecodeResult, Message, Position, Transport};
use fixstream_decoder_nmea::decode;

/// 2024-06-01T12:00:00Z
const NOON: i64 = 1_717_243_200_000;
const RMC: &str = "GPRMC,120000.00,A,2330.0000,S,04636.0000,W,10.0,90.5,010624,,,A";
const GGA: &str = "GPGGA,120000,2330.0000,S,04636.0000,W,1,08,0.9,760.5,M,-3.5,M,,";

fn decoded_bytes(payload: &[u8]) -> DecodeResult {
    decode(&Message {
        transport: Transport::Mqtt,
        channel: "nmea/boat-1/raw".to_owned(),
        device: Some("boat-1".to_owned()),
        received_ms: NOON,
        context: Vec::new(),
        state: Vec::new(),
        payload: payload.to_vec(),
    })
}

fn sentence(body: &str) -> String {
    format!("${body}*{:02X}\r\n", xor(body.as_bytes()))
}

fn all(bodies: &[&str]) -> Vec<Position> {
    let payload: String = bodies.iter().map(|body| sentence(body)).collect();
    decoded_bytes(payload.as_bytes()).unwrap().positions
}

#[track_caller]
fn only(bodies: &[&str]) -> Position {
    let mut positions = all(bodies);
    assert_eq!(positions.len(), 1, "{bodies:?}");
    positions.remove(0)
}

fn is_malformed(payload: &str) -> bool {
    matches!(decoded_bytes(payload.as_bytes()), Err(DecodeError::Malformed(_)))
}

#[test]
fn any_talker_says_where_and_when() {
    for talker in ["GP", "GN", "GL", "GA", "GB", "BD", "GQ", "II", "IN"] {
        let position = only(&[&RMC.replacen("GP", talker, 1)]);
        assert_eq!(
            (position.latitude, position.longitude),
            (Some(-23.5), Some(-46.6))
        );
        assert_eq!((position.time_ms, position.valid), (Some(NOON), Some(true)));
        assert_eq!(
            (position.speed_kmh, position.heading_deg),
            (Some(18.52), Some(90.5))
        );
        assert_eq!((position.satellites, position.altitude_m), (None, None));
    }
}

#[test]
fn years_below_80_are_in_this_century() {
    for (date, ms) in [
        ("010100", 946_728_000_000),
        ("010179", 3_439_800_000_000),
        ("010180", 315_576_000_000),
        ("311299", 946_641_600_000),
        ("290224", 1_709_208_000_000),
    ] {
        assert_eq!(only(&[&RMC.replace("010624", date)]).time_ms, Some(ms), "{date}");
    }
}

#[test]
fn gga_with_the_same_clock_adds_to_rmc_in_any_order() {
    for bodies in [
        [RMC, GGA],
        [GGA, RMC],
        [RMC, &GGA.replace("120000", "120000.000")],
    ] {
        let position = only(&bodies);
        assert_eq!((position.time_ms, position.speed_kmh), (Some(NOON), Some(18.52)));
        assert_eq!((position.satellites, position.hdop), (Some(8), Some(0.9)));
        assert_eq!(position.altitude_m, Some(760.5));
    }
    // what belongs to no position is no obstacle
    let position = only(&[
        "GPGSA,A,3,04,05,,09,12,,,24,,,,,2.5,1.3,2.1",
        GGA,
        "GPGSV,1,1,01,01,40,083,46",
        RMC,
        "GPGLL,2330.0000,S,04636.0000,W,120000,A,A",
        "PGRME,15.0,M,45.0,M,25.0,M",
    ]);
    assert_eq!((position.time_ms, position.altitude_m), (Some(NOON), Some(760.5)));
}

#[test]
fn gga_with_another_clock_does_not_add_to_rmc() {
    let positions = all(&[RMC, &GGA.replace("120000", "120005")]);
    assert_eq!(positions.len(), 2);
    assert_eq!((positions[0].altitude_m, positions[0].satellites), (None, None));
    assert_eq!(positions[1].altitude_m, Some(760.5));
    // its day is that of the other
    assert_eq!(positions[1].time_ms, Some(NOON + 5000));
    assert_eq!(positions[1].speed_kmh, None);
}

#[test]
fn the_day_is_the_nearest_one() {
    let positions = all(&[
        &GGA.replace("120000", "235958"),
        &RMC.replace("120000.00", "000001.00"),
    ]);
    // 2024-06-01T00:00:01Z, and three seconds before
    assert_eq!(positions[1].time_ms, Some(NOON - 43_199_000));
    assert_eq!(positions[0].time_ms, Some(NOON - 43_202_000));
}

#[test]
fn several_moments_are_several_positions() {
    let positions = all(&[
        RMC,
        GGA,
        &RMC.replace("120000.00", "120001.00"),
        &GGA.replace("120000", "120001").replace("760.5", "761.0"),
    ]);
    assert_eq!(positions.len(), 2);
    assert_eq!(
        (positions[0].time_ms, positions[0].altitude_m),
        (Some(NOON), Some(760.5))
    );
    assert_eq!(
        (positions[1].time_ms, positions[1].altitude_m),
        (Some(NOON + 1000), Some(761.0))
    );
}

#[test]
fn sentences_may_follow_each_other_without_a_line_end() {
    let joined = format!("{}{}", sentence(RMC).trim(), sentence(GGA).trim());
    for payload in [
        joined.clone(),
        joined.replace("$GPGGA", "\n\n $GPGGA"),
        format!("\\s:boat,c:1717243200*00\\{joined}\0"),
    ] {
        let positions = decoded_bytes(payload.as_bytes()).unwrap().positions;
        assert_eq!(positions.len(), 1, "{payload}");
        assert_eq!(positions[0].altitude_m, Some(760.5));
    }
}

#[test]
fn gga_alone_has_no_time() {
    for (quality, valid) in [("1", true), ("2", true), ("8", true), ("0", false), ("", false)] {
        let position = only(&[&GGA.replace(",1,08", &format!(",{quality},08"))]);
        assert_eq!(
            (position.time_ms, position.valid),
            (None, Some(valid)),
            "{quality}"
        );
    }
    let position = only(&[GGA, "GPVTG,90.5,T,,M,10.0,N,18.5,K,A"]);
    assert_eq!(
        (position.speed_kmh, position.heading_deg),
        (Some(18.5), Some(90.5))
    );
    let position = only(&[
        "GPVTG,90.5,T,,M,10.0,N,,K,A",
        GGA,
        "GPZDA,120000.00,01,06,2024,00,00",
    ]);
    assert_eq!((position.speed_kmh, position.time_ms), (Some(18.52), Some(NOON)));
}

#[test]
fn gns_and_gll_are_positions_too() {
    let position = only(&["GNGNS,120000.00,2330.0000,S,04636.0000,W,AN,15,0.6,760.5,-3.5,,"]);
    assert_eq!((position.valid, position.satellites), (Some(true), Some(15)));
    assert_eq!((position.altitude_m, position.hdop), (Some(760.5), Some(0.6)));
    assert_eq!(
        only(&["GNGNS,120000.00,2330.0000,S,04636.0000,W,NN,00,99.9,,,,"]).valid,
        Some(false)
    );
    for (tail, valid) in [
        (",120000,A,A", true),
        (",120000,V,N", false),
        (",120000,A", true),
        ("", false),
    ] {
        let position = only(&[&format!("GPGLL,2330.0000,S,04636.0000,W{tail}")]);
        assert_eq!((position.latitude, position.valid), (Some(-23.5), Some(valid)));
        assert_eq!(position.time_ms, None);
    }
}

#[test]
fn the_status_says_whether_a_fix_is_valid() {
    for (from, to, valid) in [
        (",A,23", ",V,23", false),
        (",A,23", ",,23", false),
        (",A,23", ",?,23", false),
        (",,,A", ",,,D", true),
        (",,,A", ",,,E", true),
        (",,,A", ",,,N", true),
        (",,,A", ",,,S", true),
        (",,,A", ",,", true),
        (",,,A", "", true),
        (",,,A", ",3.2,W,A,V", true),
    ] {
        let position = only(&[&RMC.replacen(from, to, 1)]);
        assert_eq!(position.valid, Some(valid), "{from} {to}");
        assert_eq!(position.latitude, Some(-23.5));
    }
}

#[test]
fn what_the_receiver_does_not_know_is_none() {
    assert_eq!(only(&[&RMC.replace("010624", "")]).time_ms, None);
    assert_eq!(only(&[&RMC.replace("120000.00", "")]).time_ms, None);
    assert_eq!(
        only(&[&RMC.replace("120000.00", "120000.5")]).time_ms,
        Some(NOON + 500)
    );
    assert_eq!(only(&[&RMC.replace("10.0,90.5", ",")]).speed_kmh, None);
    assert_eq!(only(&[&RMC.replace("10.0,90.5", ",")]).heading_deg, None);
    assert_eq!(only(&[&GGA.replace(",08,0.9,760.5", ",,,")]).altitude_m, None);
    let zero = only(&[&RMC.replace("2330.0000,S,04636.0000", "0000.0000,N,00000.0000")]);
    assert_eq!((zero.latitude, zero.valid), (Some(0.0), Some(true)));
}

#[test]
fn without_coordinates_there_is_nothing_to_locate() {
    for bodies in [
        &["GPRMC,,V,,,,,,,,,,N"][..],
        &[
            "GPRMC,120000.00,V,,,,,,,010624,,,N",
            "GPGGA,120000.00,,,,,0,00,99.9,,,,,,",
        ],
        &["GPGGA,,,,,,0,,,,,,,,"],
        &["GPGLL,,,,,120000,V,N"],
        &[
            "GPGSV,1,1,00",
            "GPVTG,,,,,,,,,N",
            "GPZDA,120000,01,06,2024,,",
            "GPTXT,01,01,02,ok",
        ],
        // a setting of a Garmin, not a place
        &["PGRMC,A,218.8,100,6378137.000,298.257223563,0.0,0.0,0.0,A,3,1,1,4,30"],
    ] {
        assert!(all(bodies).is_empty(), "{bodies:?}");
    }
    // the places of other ships
    let ais = "AIVDM,1,1,,A,13u?etPv2;0n:dDPwUM1U1Cb069D,0";
    let payload = sentence(ais).replace('$', "!");
    assert!(decoded_bytes(payload.as_bytes()).unwrap().positions.is_empty());
    // not ASCII, but whole
    let body = b"GPTXT,01,01,02,\xe9";
    let mut payload = b"$".to_vec();
    payload.extend(body);
    payload.extend(format!("*{:02x}", xor(body)).bytes());
    assert!(decoded_bytes(&payload).unwrap().positions.is_empty());
}

#[test]
fn coordinates_of_the_fix_serve_a_void_rmc() {
    let position = only(&["GPRMC,120000.00,V,,,,,,,010624,,,N", GGA]);
    assert_eq!((position.time_ms, position.valid), (Some(NOON), Some(false)));
    assert_eq!(position.latitude, Some(-23.5));
}

#[test]
fn what_is_broken_is_refused() {
    for (from, to) in [
        ("2330.0000", "9030.0000"),
        ("2330.0000", "2360.0000"),
        ("2330.0000", ""),
        ("04636.0000", ""),
        ("04636.0000", "18036.0000"),
        ("04636.0000", "04x36.0000"),
        (",S,", ",,"),
        (",S,", ",W,"),
        (",W,", ",N,"),
        ("120000.00", "240000.00"),
        ("120000.00", "126000"),
        ("120000.00", "1200"),
        ("010624", "310624"),
        ("010624", "011324"),
        ("010624", "0106"),
        (",10.0,90.5,010624,,,A", ""),
    ] {
        let body = RMC.replacen(from, to, 1);
        assert_ne!(body, RMC);
        assert!(is_malformed(&sentence(&body)), "{body}");
        // also behind a good one
        assert!(
            is_malformed(&format!("{}{}", sentence(GGA), sentence(&body))),
            "{body}"
        );
    }
    let whole = sentence(RMC);
    let whole = whole.trim();
    for length in 1..whole.len() {
        assert!(is_malformed(&whole[..length]), "{length}");
    }
    for payload in [
        "",
        "\r\n\r\n",
        &format!("${RMC}"),
        &format!("${RMC}*"),
        &format!("${RMC}*0G"),
        &format!("{whole}0"),
        &format!("{whole} x"),
        &format!("{whole}\r\nhello"),
        "\\s:x",
        "$*00$",
    ] {
        assert!(is_malformed(payload), "{payload}");
    }
    for payload in ["hello", "{}", "GPRMC,120000", "*HQ,1,V1#"] {
        assert_eq!(
            decoded_bytes(payload.as_bytes()),
            Err(DecodeError::NotMine),
            "{payload}"
        );
    }
    assert!(is_malformed(&sentence(RMC).repeat(1025)));
}
