//! What the simulated trackers say: the vendors' own formats, byte for byte.

use serde::{Deserialize, Serialize};
use serde_json::json;
use time::OffsetDateTime;
use time::macros::format_description;

use super::tracks::Drive;

/// A vendor's format that the fleet speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Format {
    /// Teltonika codec 8, binary.
    Teltonika,
    /// OwnTracks, JSON.
    Owntracks,
    /// Queclink @Track, ASCII.
    Queclink,
    /// Traccar position forwarding, JSON.
    Traccar,
}

impl Format {
    pub const ALL: [Self; 4] = [Self::Teltonika, Self::Owntracks, Self::Queclink, Self::Traccar];

    /// The format of vehicle `number`: mixed, most of them binary.
    pub fn of(number: u32) -> Self {
        match number % 5 {
            0 | 3 => Self::Teltonika,
            1 => Self::Owntracks,
            2 => Self::Queclink,
            _ => Self::Traccar,
        }
    }

    /// The plugin's and vendor's name.
    pub fn vendor(self) -> &'static str {
        match self {
            Self::Teltonika => "teltonika",
            Self::Owntracks => "owntracks",
            Self::Queclink => "queclink",
            Self::Traccar => "traccar",
        }
    }

    /// What such a tracker is mounted on.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Teltonika => "Truck",
            Self::Owntracks => "Van",
            Self::Queclink => "Excavator",
            Self::Traccar => "Bus",
        }
    }

    /// What tracker `number` calls itself.
    pub fn imei(self, number: u32) -> String {
        match self {
            Self::Teltonika => format!("3520930{:08}", 10_000_000 + number),
            Self::Owntracks => format!("demo/v{:03}", number + 1),
            Self::Queclink => format!("8684870{:08}", 10_000_000 + number),
            Self::Traccar => format!("8612340{:08}", 10_000_000 + number),
        }
    }

    /// The topic that it publishes to: the vendor's native one where there is one.
    pub fn topic(self, imei: &str) -> String {
        match self {
            Self::Teltonika => format!("{imei}/data"),
            Self::Owntracks => format!("owntracks/{imei}"),
            Self::Queclink | Self::Traccar => format!("trackers/{}/{imei}/up", self.vendor()),
        }
    }

    /// One message about `drive` at `now`.
    pub fn message(self, imei: &str, drive: &Drive, now: OffsetDateTime, count: u64) -> Vec<u8> {
        match self {
            Self::Teltonika => teltonika(drive, now),
            Self::Owntracks => owntracks(drive, now),
            Self::Queclink => queclink(imei, drive, now, count),
            Self::Traccar => traccar(imei, drive, now),
        }
    }
}

/// Codec 8 with one record and four IO elements (ignition 239, external 66 mV, battery 67 mV, odometer 16 m).
fn teltonika(drive: &Drive, now: OffsetDateTime) -> Vec<u8> {
    let mut data = vec![0x08, 1];
    data.extend(((now.unix_timestamp_nanos() / 1_000_000) as u64).to_be_bytes());
    data.push(0);
    data.extend(((drive.longitude * 1e7).round() as i32).to_be_bytes());
    data.extend(((drive.latitude * 1e7).round() as i32).to_be_bytes());
    data.extend((drive.altitude_m.round() as i16).to_be_bytes());
    data.extend((drive.heading_deg.round() as u16 % 360).to_be_bytes());
    data.push(drive.satellites);
    data.extend((drive.speed_kmh.round() as u16).to_be_bytes());
    data.extend([0, 4]);
    data.extend([1, 239, u8::from(drive.ignition)]);
    data.push(2);
    data.push(66);
    data.extend(((drive.power_v * 1000.0) as u16).to_be_bytes());
    data.push(67);
    data.extend(4050_u16.to_be_bytes());
    data.extend([1, 16]);
    data.extend(((drive.odometer_km * 1000.0) as u32).to_be_bytes());
    data.push(0);
    data.push(1);
    let mut frame = vec![0, 0, 0, 0];
    frame.extend((data.len() as u32).to_be_bytes());
    let crc = crc16_arc(&data);
    frame.extend(data);
    frame.extend(u32::from(crc).to_be_bytes());
    frame
}

/// CRC-16/ARC, as Teltonika's "Data Sending Protocols" page gives it.
fn crc16_arc(data: &[u8]) -> u16 {
    crc::Crc::<u16>::new(&crc::CRC_16_ARC).checksum(data)
}

fn owntracks(drive: &Drive, now: OffsetDateTime) -> Vec<u8> {
    json!({
        "_type": "location", "tid": "fs", "t": "t", "tst": now.unix_timestamp(), "lat": round(drive.latitude, 6),
        "lon": round(drive.longitude, 6), "alt": drive.altitude_m.round(), "vel": drive.speed_kmh.round(),
        "cog": drive.heading_deg.round() as u16 % 360, "acc": 6, "batt": 88, "conn": "m",
    })
    .to_string()
    .into_bytes()
}

fn queclink(imei: &str, drive: &Drive, now: OffsetDateTime, count: u64) -> Vec<u8> {
    let stamp = format_description!("[year][month][day][hour][minute][second]");
    let time = now.format(stamp).unwrap_or_default();
    let state = if drive.ignition { "220100" } else { "110000" };
    format!(
        "+RESP:GTFRI,270100,{imei},demo,,10,1,1,{:.1},{},{:.1},{:.6},{:.6},{time},0724,0002,18D8,6141,00,{:.1},,,,100,{state},,,,{time},{:04X}$",
        drive.speed_kmh,
        drive.heading_deg.round() as u16 % 360,
        drive.altitude_m,
        drive.longitude,
        drive.latitude,
        drive.odometer_km,
        count & 0xffff,
    )
    .into_bytes()
}

fn traccar(imei: &str, drive: &Drive, now: OffsetDateTime) -> Vec<u8> {
    let stamp =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]+00:00");
    let time = now.format(stamp).unwrap_or_default();
    json!({
        "position": {
            "id": 0, "deviceId": 1, "protocol": "osmand", "serverTime": time, "deviceTime": time, "fixTime": time, "outdated": false,
            "valid": true, "latitude": round(drive.latitude, 6), "longitude": round(drive.longitude, 6),
            "altitude": round(drive.altitude_m, 1), "speed": round(drive.speed_kmh / 1.852, 4), "course": round(drive.heading_deg, 1),
            "accuracy": 0.0,
            "attributes": {
                "ignition": drive.ignition, "sat": drive.satellites, "power": round(drive.power_v, 2), "battery": 4.05,
                "odometer": (drive.odometer_km * 1000.0).round(), "motion": drive.speed_kmh > 1.0,
            },
        },
        "device": { "id": 1, "name": imei, "uniqueId": imei, "status": "online", "attributes": {} },
    })
    .to_string()
    .into_bytes()
}

fn round(value: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (value * scale).round() / scale
}
