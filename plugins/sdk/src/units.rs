//! Conversions into the units of the record: km/h, km, volts, degrees.

/// Knots to km/h.
pub fn kmh_from_knots(knots: f64) -> f64 {
    knots * 1.852
}

/// Metres per second to km/h.
pub fn kmh_from_mps(metres_per_second: f64) -> f64 {
    metres_per_second * 3.6
}

/// Metres to km.
pub fn km_from_m(metres: f64) -> f64 {
    metres / 1000.0
}

/// Millivolts to volts.
pub fn v_from_mv(millivolts: f64) -> f64 {
    millivolts / 1000.0
}

/// A heading brought into 0 to 360 (360 stays); `None` for what is not finite.
pub fn heading_deg(degrees: f64) -> Option<f64> {
    if !degrees.is_finite() {
        return None;
    }
    if (0.0..=360.0).contains(&degrees) {
        Some(degrees)
    } else {
        Some(degrees.rem_euclid(360.0))
    }
}

/// Degrees from `ddmm.mmmm` or `dddmm.mmmm`: the two digits before the point and all behind it are
/// minutes, what is left of them are degrees. `None` when it is no number or has 60 minutes or more.
/// The sign is the caller's (`S` and `W` are negative).
pub fn degrees_from_ddmm(text: &str) -> Option<f64> {
    let text = text.trim();
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    let whole_digits = text.find('.').unwrap_or(text.len());
    let (degrees, minutes) = text.split_at_checked(whole_digits.saturating_sub(2))?;
    let degrees: f64 = if degrees.is_empty() {
        0.0
    } else {
        degrees.parse().ok()?
    };
    let minutes: f64 = minutes.parse().ok()?;
    (minutes < 60.0).then_some(degrees + minutes / 60.0)
}

/// [`degrees_from_ddmm`] with the hemisphere's letter; an empty letter counts as north or east.
pub fn signed_degrees_from_ddmm(text: &str, hemisphere: &str) -> Option<f64> {
    let degrees = degrees_from_ddmm(text)?;
    match hemisphere.trim() {
        "N" | "E" | "n" | "e" | "" => Some(degrees),
        "S" | "W" | "s" | "w" => Some(-degrees),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_digits_before_the_point_are_minutes() {
        assert_eq!(degrees_from_ddmm("2230.0000"), Some(22.5));
        assert_eq!(degrees_from_ddmm("11330"), Some(113.5));
        assert_eq!(degrees_from_ddmm("30.0"), Some(0.5));
        assert_eq!(degrees_from_ddmm("6.0"), Some(0.1));
        assert_eq!(signed_degrees_from_ddmm("2230.0", "S"), Some(-22.5));
        for wrong in ["", ".", "2260.0", "-2230.0", "22e1", "1.2.3", "NaN", "22€0.0"] {
            assert_eq!(degrees_from_ddmm(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_heading_is_brought_into_the_circle() {
        assert_eq!(heading_deg(360.0), Some(360.0));
        assert_eq!(heading_deg(-90.0), Some(270.0));
        assert_eq!(heading_deg(f64::NAN), None);
    }
}
