//! What one sentence says. The layouts are those of NMEA 0183, numbered from the address.

use fixstream_decoder::DecodeError;
use fixstream_decoder::units::{heading_deg, kmh_from_knots};

use crate::fields::Fields;
use crate::moment;

/// Kinds of sentences that are read. Of several with the same clock the first of this list says where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Recommended minimum: everything but altitude.
    Rmc,
    /// Fix of one system: no date, no speed.
    Gga,
    /// Fix of several systems: no date, no speed.
    Gns,
    /// Place and clock.
    Gll,
    /// Clock and date.
    Zda,
    /// Course and speed, without a clock.
    Vtg,
}

/// What one sentence says; what it does not say is `None`.
#[derive(Debug, Clone)]
pub(crate) struct Reading {
    pub(crate) kind: Kind,
    /// Milliseconds since midnight.
    pub(crate) clock: Option<i64>,
    /// Midnight of the day.
    pub(crate) day: Option<i64>,
    /// Degrees.
    pub(crate) place: Option<(f64, f64)>,
    pub(crate) valid: Option<bool>,
    pub(crate) speed_kmh: Option<f64>,
    pub(crate) heading_deg: Option<f64>,
    pub(crate) satellites: Option<u16>,
    pub(crate) hdop: Option<f64>,
    pub(crate) altitude_m: Option<f64>,
    /// Height of the geoid over the ellipsoid.
    pub(crate) separation_m: Option<f64>,
    pub(crate) quality: Option<u8>,
    pub(crate) mode: Option<String>,
}

/// Reads a sentence; `None` when it is of a kind that says nothing about place, time or motion.
pub(crate) fn of(body: &str) -> Result<Option<Reading>, DecodeError> {
    let fields = Fields::new(body);
    let Some(kind) = kind(fields.text(0)) else {
        return Ok(None);
    };
    Ok(Some(match kind {
        Kind::Rmc => rmc(&fields)?,
        Kind::Gga | Kind::Gns => fix(kind, &fields)?,
        Kind::Gll => gll(&fields)?,
        Kind::Zda => zda(&fields)?,
        Kind::Vtg => vtg(&fields),
    }))
}

/// The kind behind an address: two characters of any talker, then three of the kind. A `P` begins what
/// makers define themselves, and there `PGRMC` is not a place but a setting of a Garmin.
fn kind(address: &str) -> Option<Kind> {
    if address.starts_with('P') {
        return None;
    }
    let (_, kind) = address.split_at_checked(2)?;
    Some(match kind {
        "RMC" => Kind::Rmc,
        "GGA" => Kind::Gga,
        "GNS" => Kind::Gns,
        "GLL" => Kind::Gll,
        "ZDA" => Kind::Zda,
        "VTG" => Kind::Vtg,
        _ => return None,
    })
}

/// `hhmmss,A|V,lat,N|S,lon,E|W,knots,course,ddmmyy,variation,E|W[,mode[,status]]`
fn rmc(fields: &Fields<'_>) -> Result<Reading, DecodeError> {
    fields.expect(10)?;
    Ok(Reading {
        clock: moment::clock(fields.text(1))?,
        day: moment::day(fields.text(9))?,
        place: fields.place(3)?,
        // the mode does not count: senders put "no fix" there beside a good status
        valid: Some(fields.text(2) == "A"),
        speed_kmh: fields.amount(7).map(kmh_from_knots),
        heading_deg: fields.number(8).and_then(heading_deg),
        mode: mode_text(fields.text(12)),
        ..Reading::new(Kind::Rmc)
    })
}

/// `hhmmss,lat,N|S,lon,E|W,quality or modes,satellites,HDOP,altitude,M (GGA only),separation,…`
fn fix(kind: Kind, fields: &Fields<'_>) -> Result<Reading, DecodeError> {
    fields.expect(10)?;
    let quality = fields.text(6);
    let reading = Reading {
        clock: moment::clock(fields.text(1))?,
        place: fields.place(2)?,
        satellites: fields.text(7).parse().ok(),
        hdop: fields.amount(8),
        altitude_m: fields.number(9),
        ..Reading::new(kind)
    };
    Ok(if kind == Kind::Gga {
        Reading {
            valid: Some(quality.parse().is_ok_and(|quality: u8| quality > 0)),
            quality: quality.parse().ok(),
            altitude_m: reading.altitude_m.filter(|_| matches!(fields.text(10), "M" | "")),
            separation_m: fields.number(11),
            ..reading
        }
    } else {
        Reading {
            // one letter a system
            valid: Some(quality.chars().any(|mode| mode != 'N')),
            separation_m: fields.number(10),
            mode: mode_text(quality),
            ..reading
        }
    })
}

/// `lat,N|S,lon,E|W[,hhmmss,A|V[,mode]]`
fn gll(fields: &Fields<'_>) -> Result<Reading, DecodeError> {
    fields.expect(5)?;
    Ok(Reading {
        clock: moment::clock(fields.text(5))?,
        place: fields.place(1)?,
        valid: Some(fields.text(6) == "A"),
        mode: mode_text(fields.text(7)),
        ..Reading::new(Kind::Gll)
    })
}

/// `hhmmss,day,month,year,…`
fn zda(fields: &Fields<'_>) -> Result<Reading, DecodeError> {
    Ok(Reading {
        clock: moment::clock(fields.text(1))?,
        day: moment::day_of(fields.text(2), fields.text(3), fields.text(4))?,
        ..Reading::new(Kind::Zda)
    })
}

/// `course,T,magnetic,M,knots,N,km/h,K[,mode]`; older ones have no letters and are left alone.
fn vtg(fields: &Fields<'_>) -> Reading {
    let behind = |number: usize, letter: &str| {
        (fields.text(number + 1) == letter)
            .then(|| fields.amount(number))
            .flatten()
    };
    Reading {
        speed_kmh: behind(7, "K").or(behind(5, "N").map(kmh_from_knots)),
        heading_deg: behind(1, "T").and_then(heading_deg),
        ..Reading::new(Kind::Vtg)
    }
}

/// Modes are a letter for each system; anything else is not kept.
fn mode_text(mode: &str) -> Option<String> {
    let is_mode = (1..=8).contains(&mode.len()) && mode.bytes().all(|letter| letter.is_ascii_uppercase());
    is_mode.then(|| mode.to_owned())
}

impl Reading {
    fn new(kind: Kind) -> Self {
        Self {
            kind,
            clock: None,
            day: None,
            place: None,
            valid: None,
            speed_kmh: None,
            heading_deg: None,
            satellites: None,
            hdop: None,
            altitude_m: None,
            separation_m: None,
            quality: None,
            mode: None,
        }
    }
}
