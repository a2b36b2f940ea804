//! Parameters with a length of their own: pictures, tags, batteries. Cells, networks and Wi-Fi are not
//! read.

use fixstream_decoder::text::of_bytes;
use fixstream_decoder::{Cut, Position, Reader};

use crate::keys;

/// Sets a parameter that has a meaning and the known layout.
pub(super) fn set(position: &mut Position, id: u16, bytes: &[u8]) {
    match id {
        0xfe31 => image(position, bytes),
        // a part that is missing spoils only what comes behind it
        0xfe73 => tag(position, bytes).unwrap_or_default(),
        0xfea8 => batteries(position, bytes).unwrap_or_default(),
        _ => {}
    }
}

/// Two bytes about the alarm, then the name of a picture, whose folder is the day that it begins with:
/// `20250607122041_CH1_dca.jpg`.
fn image(position: &mut Position, bytes: &[u8]) {
    let name = of_bytes(bytes.get(2..).unwrap_or_default());
    let name = name.trim_matches('\0');
    if name.is_empty() || name.chars().any(char::is_control) {
        return;
    }
    let folder = name
        .get(..8)
        .filter(|day| day.bytes().all(|byte| byte.is_ascii_digit()));
    let folder = folder.and_then(|day| Some((day.get(..4)?, day.get(4..6)?, day.get(6..)?)));
    match folder {
        Some((year, month, day)) => position.add(keys::IMAGE, format!("{year}-{month}-{day}/{name}")),
        None => position.add(keys::IMAGE, name),
    }
}

/// A Bluetooth tag: kind, length and text of its name, address, battery, then temperature and humidity
/// in 1/256.
fn tag(position: &mut Position, bytes: &[u8]) -> Result<(), Cut> {
    let mut reader = Reader::new(bytes);
    let _kind = reader.u8()?;
    let length = usize::from(reader.u8()?);
    let name = of_bytes(reader.bytes(length)?);
    let _address = reader.bytes(6)?;
    if !name.is_empty() && !name.chars().any(char::is_control) {
        position.add(keys::TAG_NAME, name.into_owned());
    }
    position.add(keys::TAG_BATTERY, reader.u8()?);
    position.add(keys::TAG_TEMPERATURE, f64::from(reader.i16_le()?) / 256.0);
    position.add(keys::TAG_HUMIDITY, f64::from(reader.i16_le()?) / 256.0);
    Ok(())
}

/// State and percent of up to three batteries; without state the battery is not there.
fn batteries(position: &mut Position, bytes: &[u8]) -> Result<(), Cut> {
    let mut reader = Reader::new(bytes);
    for battery in 0..3 {
        let (state, percent) = (reader.u8()?, reader.u8()?);
        if state == 0 || percent > 100 {
            continue;
        }
        match battery {
            0 => position.battery_percent = Some(f64::from(percent)),
            1 => position.add(keys::BATTERY_2_LEVEL, percent),
            _ => position.add(keys::BATTERY_3_LEVEL, percent),
        }
    }
    Ok(())
}
