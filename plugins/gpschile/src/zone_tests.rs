//! The changes of 2012 to 2030 as the IANA database has them (release 2025b), and what is around them.

#![allow(clippy::unwrap_used, clippy::panic)]

use fixstream_decoder::time::{ms_from_iso, ms_from_rfc3339};

use super::*;

/// The Sundays on which America/Santiago goes to winter time at 03:00 UTC, and to summer time at 04:00 UTC.
const CHANGES: [(&str, &str); 18] = [
    ("2012-04-29", "2012-09-02"),
    ("2013-04-28", "2013-09-08"),
    ("2014-04-27", "2014-09-07"),
    ("2016-05-15", "2016-08-14"),
    ("2017-05-14", "2017-08-13"),
    ("2018-05-13", "2018-08-12"),
    ("2019-04-07", "2019-09-08"),
    ("2020-04-05", "2020-09-06"),
    ("2021-04-04", "2021-09-05"),
    ("2022-04-03", "2022-09-11"),
    ("2023-04-02", "2023-09-03"),
    ("2024-04-07", "2024-09-08"),
    ("2025-04-06", "2025-09-07"),
    ("2026-04-05", "2026-09-06"),
    ("2027-04-04", "2027-09-05"),
    ("2028-04-02", "2028-09-03"),
    ("2029-04-08", "2029-09-02"),
    ("2030-04-07", "2030-09-08"),
];

/// No message is a live one.
const LONG_AFTER: i64 = i64::MAX;

fn ms(text: &str) -> i64 {
    ms_from_rfc3339(text).unwrap()
}

fn midnight_of(date: &str) -> i64 {
    ms(&format!("{date} 00:00"))
}

fn utc(zone: Zone, local: &str) -> i64 {
    zone.utc_ms(ms(local), LONG_AFTER)
}

fn hours_behind(zone: Zone, local: &str) -> i64 {
    (utc(zone, local) - ms(local)) / HOUR_MS
}

#[test]
fn both_sides_of_every_change_are_right() {
    for (winter, summer) in CHANGES {
        let midnight = midnight_of(winter);
        let change = midnight + 3 * HOUR_MS;
        // from 23:00 to midnight the clock repeats itself
        let unique = midnight - HOUR_MS - 1000;
        assert_eq!(
            Zone::SANTIAGO.utc_ms(unique, LONG_AFTER),
            change - HOUR_MS - 1000,
            "{winter}"
        );
        assert_eq!(
            Zone::SANTIAGO.utc_ms(midnight - 1000, LONG_AFTER),
            change - 1000,
            "{winter}"
        );
        assert_eq!(
            Zone::SANTIAGO.utc_ms(midnight, LONG_AFTER),
            change + HOUR_MS,
            "{winter}"
        );

        let midnight = midnight_of(summer);
        let change = midnight + 4 * HOUR_MS;
        assert_eq!(
            Zone::SANTIAGO.utc_ms(midnight - 1000, LONG_AFTER),
            change - 1000,
            "{summer}"
        );
        assert_eq!(
            Zone::SANTIAGO.utc_ms(midnight + HOUR_MS, LONG_AFTER),
            change,
            "{summer}"
        );
    }
}

#[test]
fn every_hour_of_every_year_has_one_of_two_offsets_and_changes_only_where_the_table_says() {
    let mut offset = -3;
    let mut seen = Vec::new();
    let mut local = ms("2012-01-01 00:00:00");
    while local < ms("2031-01-01 00:00:00") {
        let now = (local - Zone::SANTIAGO.utc_ms(local, LONG_AFTER)) / HOUR_MS;
        if now != offset {
            seen.push(local);
            offset = now;
        }
        local += HOUR_MS;
    }
    // by the local clock: midnight to winter; 01:00 to summer, because midnight does not exist
    let expected: Vec<i64> = CHANGES
        .iter()
        .flat_map(|(winter, summer)| [midnight_of(winter), midnight_of(summer) + HOUR_MS])
        .collect();
    assert_eq!(seen, expected);
}

#[test]
fn the_year_2015_had_no_winter() {
    for local in [
        "2015-01-15 12:00:00",
        "2015-06-15 12:00:00",
        "2016-05-14 12:00:00",
    ] {
        assert_eq!(hours_behind(Zone::SANTIAGO, local), 3, "{local}");
    }
}

#[test]
fn the_repeated_hour_is_the_first_one_unless_the_message_is_live() {
    let local = ms("2024-04-06 23:30:00");
    let (first, second) = (ms("2024-04-07T02:30:00Z"), ms("2024-04-07T03:30:00Z"));
    for (received, expected) in [
        (first + 5_000, first),
        (second + 5_000, second),
        (second - 5_000, second),
        (second + HOUR_MS, first),
        (second + 30 * DAY_MS, first),
    ] {
        assert_eq!(Zone::SANTIAGO.utc_ms(local, received), expected);
    }
}

#[test]
fn the_hour_that_does_not_exist_is_read_by_the_clock_before() {
    assert_eq!(
        utc(Zone::SANTIAGO, "2024-09-08 00:30:00"),
        ms("2024-09-08T04:30:00Z")
    );
}

#[test]
fn the_other_zones_of_chile_have_their_own_hours() {
    for (name, local, hours) in [
        ("Chile/Continental", "2024-07-01 12:00:00", 4),
        ("Pacific/Easter", "2024-07-01 12:00:00", 6),
        ("Pacific/Easter", "2024-01-01 12:00:00", 5),
        // midnight of the continent is 22:00 there
        ("Pacific/Easter", "2024-04-06 20:59:59", 5),
        ("Pacific/Easter", "2024-04-06 22:00:00", 6),
        ("America/Punta_Arenas", "2016-07-01 12:00:00", 4),
        ("America/Punta_Arenas", "2017-07-01 12:00:00", 3),
        ("America/Punta_Arenas", "2024-07-01 12:00:00", 3),
        ("America/Punta_Arenas", "2024-04-06 23:30:00", 3),
        ("America/Coyhaique", "2024-07-01 12:00:00", 4),
        ("America/Coyhaique", "2025-07-01 12:00:00", 3),
    ] {
        assert_eq!(
            hours_behind(Zone::named(name).unwrap(), local),
            hours,
            "{name} {local}"
        );
    }
}

#[test]
fn an_offset_is_a_zone_and_what_is_neither_is_none() {
    for (name, local) in [
        ("UTC", "2024-06-01 12:00:00"),
        ("-03:00", "2024-06-01 09:00:00"),
        ("-3", "2024-06-01 09:00:00"),
        ("UTC-4", "2024-06-01 08:00:00"),
        ("GMT+01:00", "2024-06-01 13:00:00"),
        ("+0530", "2024-06-01 17:30:00"),
    ] {
        assert_eq!(
            utc(Zone::named(name).unwrap(), local),
            ms("2024-06-01T12:00:00Z"),
            "{name}"
        );
    }
    for name in [
        "",
        "Etc/GMT+3",
        "America/Lima",
        "UTC3",
        "+15",
        "-03:0",
        "+12345",
        "-é",
        "+ 3",
        "--3",
        "-03:60",
    ] {
        assert_eq!(Zone::named(name), None, "{name}");
    }
}

#[test]
fn no_number_is_too_large() {
    for zone in [Zone::SANTIAGO, Zone::Fixed { ahead_ms: HOUR_MS }] {
        for extreme in [i64::MIN, i64::MAX] {
            let _ = zone.utc_ms(extreme, -extreme.saturating_add(1));
        }
    }
    assert!(ms_from_iso("9999-12-31T23:59:59", 0).is_ok());
}
