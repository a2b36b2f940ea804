//! The universal reports of ST4300 and later: `<kind>;<id>;<mask>;` and the fields whose bit the mask has, in
//! the order of the bits; UTC.

use fixstream_decoder::text::{decimal, is_digits, shown};
use fixstream_decoder::{AttributeKey, DecodeError, Position, malformed};

use crate::fields::{Fields, course, moment, positive, switch};
use crate::{alert, extension, keys};

/// Bits of the mask; the binary form has the same ones.
pub(crate) mod bit {
    pub(crate) const MODEL: u8 = 1;
    pub(crate) const SOFTWARE: u8 = 2;
    pub(crate) const LIVE: u8 = 3;
    pub(crate) const DAY: u8 = 4;
    pub(crate) const CLOCK: u8 = 5;
    pub(crate) const CELL: u8 = 6;
    pub(crate) const COUNTRY: u8 = 7;
    pub(crate) const NETWORK: u8 = 8;
    pub(crate) const AREA: u8 = 9;
    pub(crate) const SIGNAL: u8 = 10;
    pub(crate) const LATITUDE: u8 = 11;
    pub(crate) const LONGITUDE: u8 = 12;
    pub(crate) const SPEED: u8 = 13;
    pub(crate) const COURSE: u8 = 14;
    pub(crate) const SATELLITES: u8 = 15;
    pub(crate) const FIX: u8 = 16;
    pub(crate) const INPUT: u8 = 17;
    pub(crate) const OUTPUT: u8 = 18;
    /// Mode, number of the alert, or length of the data.
    pub(crate) const KIND: u8 = 19;
    /// Reason, modifier of the alert, or the data.
    pub(crate) const KIND_2: u8 = 20;
    /// Number of the message, data of the alert, or checksum of the data.
    pub(crate) const KIND_3: u8 = 21;
    pub(crate) const RESERVED: u8 = 22;
    pub(crate) const ASSIGNED: u8 = 23;
}

/// Most fields that a tracker can be set to add.
const MOST_ASSIGNED: usize = 32;

/// Numbers of the added fields, from 0, that hold the voltages of battery and supply.
const ASSIGNED_BATTERY: usize = 0;
const ASSIGNED_POWER: usize = 1;

/// Most beacons of which attributes are made.
const MOST_BEACONS: usize = 16;

/// Fields of a beacon.
const BEACON_FIELDS: usize = 7;

/// The fields that are still to be read, and which of them there are.
struct Cursor<'fields, 'text> {
    fields: &'fields Fields<'text>,
    next: usize,
    mask: u64,
}

impl<'text> Cursor<'_, 'text> {
    /// Whether the mask has the field.
    fn has(&self, bit: u8) -> bool {
        self.mask >> bit & 1 == 1
    }

    /// The next field, when the mask has it; then it must be there, too.
    fn take(&mut self, bit: u8) -> Result<Option<&'text str>, DecodeError> {
        if !self.has(bit) {
            return Ok(None);
        }
        let field = self.fields.required(self.next)?;
        self.next += 1;
        Ok(Some(field))
    }

    /// Steps over fields, where the mask has them.
    fn skip(&mut self, bits: core::ops::RangeInclusive<u8>) -> Result<(), DecodeError> {
        for bit in bits {
            self.take(bit)?;
        }
        Ok(())
    }
}

/// Decodes STT, ALT and UEX; `None` when there are no coordinates.
pub(crate) fn decode(fields: &Fields<'_>) -> Result<Option<Position>, DecodeError> {
    let mask = fields.required(2)?;
    let is_mask = (1..=16).contains(&mask.len()) && mask.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mask = is_mask.then(|| u64::from_str_radix(mask, 16).ok()).flatten();
    let mut cursor = Cursor {
        fields,
        next: 3,
        mask: mask.ok_or_else(|| malformed("no mask"))?,
    };
    cursor.skip(bit::MODEL..=bit::LIVE)?;
    let time_ms = time(cursor.take(bit::DAY)?, cursor.take(bit::CLOCK)?)?;
    cursor.skip(bit::CELL..=bit::AREA)?;
    let signal = cursor.take(bit::SIGNAL)?;
    let place = (cursor.take(bit::LATITUDE)?, cursor.take(bit::LONGITUDE)?);
    let speed = cursor.take(bit::SPEED)?;
    let heading = cursor.take(bit::COURSE)?;
    let satellites = cursor.take(bit::SATELLITES)?;
    let fix = cursor.take(bit::FIX)?;
    let input = cursor.take(bit::INPUT)?;
    let output = cursor.take(bit::OUTPUT)?;

    let mut position = Position {
        time_ms,
        signal: signal.and_then(decimal),
        speed_kmh: speed.and_then(positive),
        heading_deg: heading.and_then(course),
        satellites: satellites.and_then(|count| count.parse().ok()),
        ..Position::default()
    };
    position.valid = match fix {
        None | Some("") => None,
        Some(fix) => Some(switch(fix).ok_or_else(|| malformed(format_args!("fix {}", shown(fix))))?),
    };
    position.ignition = input.and_then(|input| switch(input.get(input.len().checked_sub(1)?..)?));
    position.add_some(keys::INPUT, input.and_then(bits));
    position.add_some(keys::OUTPUT, output.and_then(bits));
    match fields.first() {
        "UEX" => serial_data(&mut cursor, &mut position)?,
        kind => {
            of_kind(&mut cursor, kind, &mut position)?;
            assigned(&mut cursor, &mut position);
        }
    }
    at(position, place)
}

/// `BLE;<id>;<model>;<software>;<day>;<clock>;<latitude>;<longitude>;<count>;` and the beacons around.
pub(crate) fn decode_beacons(fields: &Fields<'_>) -> Result<Option<Position>, DecodeError> {
    const DAY: usize = 4;
    const COUNT: usize = 8;
    let mut position = Position {
        time_ms: time(fields.get(DAY), fields.get(DAY + 1))?,
        // there is no field for it: the report is only sent from where the tracker is
        valid: Some(true),
        ..Position::default()
    };
    let place = (Some(fields.required(DAY + 2)?), Some(fields.required(DAY + 3)?));
    let count = fields.required(COUNT)?.parse::<usize>().unwrap_or(0);
    for beacon in 0..count.min(MOST_BEACONS) {
        let from = COUNT + 1 + beacon * BEACON_FIELDS;
        // weakest and strongest signal are left out
        for (distance, name) in [(0, "Rssi"), (3, "Id"), (4, "Samples"), (5, "Major"), (6, "Minor")] {
            let value = fields.get(from + distance).filter(|value| !value.is_empty());
            let key = || AttributeKey::Named(format!("tag{}{name}", beacon + 1));
            match value.map(|value| (value, value.parse::<i32>())) {
                Some((id, _)) if name == "Id" => position.add(key(), id),
                Some((_, Ok(number))) => position.add(key(), number),
                _ => {}
            }
        }
    }
    at(position, place)
}

/// Puts a position where it is; `None` when it is nowhere.
fn at(
    position: Position,
    (latitude, longitude): (Option<&str>, Option<&str>),
) -> Result<Option<Position>, DecodeError> {
    let (latitude, longitude) = (latitude.unwrap_or_default(), longitude.unwrap_or_default());
    if latitude.is_empty() && longitude.is_empty() {
        return Ok(None);
    }
    let (latitude, longitude) = decimal(latitude)
        .zip(decimal(longitude))
        .ok_or_else(|| malformed("no degrees"))?;
    let place = Position::at(latitude, longitude)?;
    Ok(Some(Position {
        latitude: place.latitude,
        longitude: place.longitude,
        ..position
    }))
}

/// The time of the fix, when the report has both day and clock.
fn time(day: Option<&str>, clock: Option<&str>) -> Result<Option<i64>, DecodeError> {
    match (day.unwrap_or_default(), clock.unwrap_or_default()) {
        ("", _) | (_, "") => Ok(None),
        (day, clock) => moment(day, clock).map(Some),
    }
}

/// Digits 0 and 1 as a number.
fn bits(digits: &str) -> Option<u32> {
    is_digits(digits)
        .then(|| u32::from_str_radix(digits, 2).ok())
        .flatten()
}

/// What a status and an alert add.
fn of_kind(cursor: &mut Cursor<'_, '_>, kind: &str, position: &mut Position) -> Result<(), DecodeError> {
    let fields = [
        cursor.take(bit::KIND)?,
        cursor.take(bit::KIND_2)?,
        cursor.take(bit::KIND_3)?,
    ];
    if kind == "ALT" {
        let [number, modifier, data] = fields.map(|field| field.filter(|field| !field.is_empty()));
        let number = number.and_then(|number| number.parse().ok());
        if let Some(number) = number {
            alert::set_alert(number, position);
        }
        position.add_some(keys::ALERT_MODIFIER, modifier);
        let key = if number == Some(alert::DRIVER) {
            keys::DRIVER
        } else {
            keys::ALERT_DATA
        };
        position.add_some(key, data);
    } else {
        let numbers = fields.map(|field| field.and_then(|field| field.parse::<u32>().ok()));
        for (key, number) in [keys::MODE, keys::REASON, keys::MESSAGE_NUMBER]
            .into_iter()
            .zip(numbers)
        {
            position.add_some(key, number);
        }
    }
    Ok(())
}

/// Length and data of a serial port; what follows them differs between firmwares.
fn serial_data(cursor: &mut Cursor<'_, '_>, position: &mut Position) -> Result<(), DecodeError> {
    let length = cursor.take(bit::KIND)?.and_then(|length| length.parse().ok());
    if let Some(length) = length
        && cursor.has(bit::KIND_2)
    {
        cursor.next = extension::add(cursor.fields, cursor.next, length, position)?;
    }
    Ok(())
}

/// What the owner had added: by a mask of its own, or all that follows.
fn assigned(cursor: &mut Cursor<'_, '_>, position: &mut Position) {
    let fields = cursor.fields;
    if cursor.has(bit::RESERVED) {
        cursor.next += 1;
    }
    let has_mask = cursor.has(bit::ASSIGNED);
    let mask = if has_mask {
        let mask = fields.get(cursor.next).unwrap_or_default();
        cursor.next += 1;
        u32::from_str_radix(mask, 16).unwrap_or(0)
    } else {
        u32::MAX
    };
    for number in (0..MOST_ASSIGNED).filter(|number| mask >> number & 1 == 1) {
        let value = fields.get(cursor.next).unwrap_or_default();
        cursor.next += 1;
        if value.is_empty() {
            continue;
        }
        position.add(AttributeKey::Named(format!("assign{}", number + 1)), value);
        let volts = positive(value).filter(|_| has_mask && value.contains('.'));
        match number {
            ASSIGNED_BATTERY => position.battery_v = volts.filter(|volts| *volts < 6.0),
            ASSIGNED_POWER => position.power_v = volts.filter(|volts| *volts < 60.0),
            _ => {}
        }
    }
}
