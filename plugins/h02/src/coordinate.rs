//! Latitude and longitude in the three ways in which trackers write degrees and minutes.

use fixstream_decoder::text::{decimal, is_digits};
use fixstream_decoder::units;

/// Digits behind the point that some firmwares leave out.
const DECIMALS: usize = 4;

/// Fewest digits of degrees, minutes and decimals without point; fewer are whole minutes.
const FEWEST_WITHOUT_POINT: usize = 3 + DECIMALS;

/// Most digits of whole degrees and minutes.
const MOST_WHOLE: usize = 5;

/// Degrees of `2333.0312`, `23330312` and `-23-33.0312` with the letter of their hemisphere.
pub(crate) fn degrees(text: &str, hemisphere: &str) -> Option<f64> {
    let is_negative = matches!(hemisphere, "S" | "W");
    let unsigned = text.strip_prefix('-');
    if unsigned.is_some() && !is_negative {
        // sign and letter contradict each other
        return None;
    }
    let text = unsigned.unwrap_or(text);
    let degrees = if let Some((degrees, minutes)) = text.split_once('-') {
        degrees_and_minutes(degrees, minutes)?
    } else if text.contains('.') || text.len() <= MOST_WHOLE {
        units::degrees_from_ddmm(text)?
    } else {
        without_point(text)?
    };
    // 0 has no sign
    Some(if is_negative && degrees != 0.0 {
        -degrees
    } else {
        degrees
    })
}

fn degrees_and_minutes(degrees: &str, minutes: &str) -> Option<f64> {
    // only digits and a point: `decimal` alone would take a sign
    let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let minutes = decimal(minutes).filter(|number| is_plain(minutes) && *number < 60.0)?;
    let degrees = decimal(degrees).filter(|_| is_digits(degrees))?;
    Some(degrees + minutes / 60.0)
}

fn without_point(text: &str) -> Option<f64> {
    if !is_digits(text) || text.len() < FEWEST_WITHOUT_POINT {
        return None;
    }
    let (whole, decimals) = text.split_at_checked(text.len().checked_sub(DECIMALS)?)?;
    units::degrees_from_ddmm(&format!("{whole}.{decimals}"))
}
