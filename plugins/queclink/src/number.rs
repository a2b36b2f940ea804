//! Fields as numbers. Only what is written as the protocol writes it counts: no exponent, no blanks.

/// A number with optional sign and fraction: `-5.4`, `92`, `0.0`.
pub(crate) fn decimal(field: &str) -> Option<f64> {
    let (whole, fraction) = parts(field)?;
    (is_digits(whole) && fraction.is_none_or(is_digits))
        .then(|| field.parse().ok())
        .flatten()
}

/// A number that must have a fraction: `2000.0`.
pub(crate) fn with_fraction(field: &str) -> Option<f64> {
    field.contains('.').then(|| decimal(field)).flatten()
}

/// Degrees, which always have six decimals: by this they are told from everything else.
pub(crate) fn degrees(field: &str) -> Option<f64> {
    const DECIMALS: usize = 6;
    let (whole, fraction) = parts(field)?;
    let is_degrees = is_digits(whole)
        && fraction.is_some_and(|fraction| fraction.len() == DECIMALS && is_digits(fraction));
    is_degrees.then(|| field.parse().ok()).flatten()
}

/// A whole number without sign.
pub(crate) fn whole(field: &str) -> Option<u32> {
    is_digits(field).then(|| field.parse().ok()).flatten()
}

/// A hexadecimal number of exactly so many digits.
pub(crate) fn hex(field: &str, digits: usize) -> Option<u32> {
    let is_hex = field.len() == digits && field.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then(|| u32::from_str_radix(field, 16).ok()).flatten()
}

/// Whether there are only digits, and at least one.
pub(crate) fn is_digits(field: &str) -> bool {
    !field.is_empty() && field.bytes().all(|byte| byte.is_ascii_digit())
}

/// Digits before and behind the point, without the sign.
fn parts(field: &str) -> Option<(&str, Option<&str>)> {
    /// Longer than any number of the protocol.
    const LONGEST: usize = 20;
    if field.len() > LONGEST {
        return None;
    }
    let unsigned = field.strip_prefix('-').unwrap_or(field);
    Some(match unsigned.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (unsigned, None),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_protocols_own_spelling_is_a_number() {
        assert_eq!(decimal("-5.4"), Some(-5.4));
        assert_eq!(decimal("92"), Some(92.0));
        for wrong in [
            "", "-", ".", "1.", ".5", "1e3", " 1", "+1", "NaN", "inf", "1.2.3", "--1",
        ] {
            assert_eq!(decimal(wrong), None, "{wrong}");
        }
        assert_eq!(with_fraction("92"), None);
        assert_eq!(degrees("-46.633308"), Some(-46.633_308));
        assert_eq!(degrees("46.63330"), None);
        assert_eq!(hex("0099", 4), Some(153));
        assert_eq!(hex("+099", 4), None);
    }
}
