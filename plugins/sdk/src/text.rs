//! Text from the field: identifiers, numbers and what is shown in errors.

use std::borrow::Cow;

/// Longest identifier that makes sense; the contract has no longer ones.
const LONGEST_DEVICE_ID: usize = 128;

/// Longest text of a value.
const LONGEST_TEXT: usize = 4096;

/// Longest attribute key made from a name in the input.
const LONGEST_KEY: usize = 64;

/// Longest piece of input that an error quotes.
const LONGEST_QUOTE: usize = 40;

/// A device identifier without blanks and control characters around it. `None` when nothing is left,
/// when it is too long, or when it has control characters or MQTT wildcards inside.
pub fn device_id(text: &str) -> Option<String> {
    let id = text.trim_matches(|character: char| character.is_whitespace() || character.is_control());
    let usable = !id.is_empty()
        && id.len() <= LONGEST_DEVICE_ID
        && !id
            .chars()
            .any(|character| character.is_control() || matches!(character, '+' | '#'));
    usable.then(|| id.to_owned())
}

/// The payload as text: UTF-8 where it is that, else every byte is one character (ISO 8859-1).
pub fn of_bytes(payload: &[u8]) -> Cow<'_, str> {
    match core::str::from_utf8(payload) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => payload.iter().copied().map(char::from).collect(),
    }
}

/// Whether there is at least one character and all are decimal digits.
pub fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A number as trackers write it: optional sign, digits, optional point and fraction. No exponent, no
/// `NaN`, no blanks.
pub fn decimal(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    (is_digits(whole) && is_digits(fraction))
        .then(|| text.parse().ok())
        .flatten()
}

/// The 15 digits of an IMEI from 8 BCD bytes with a leading 0. `None` when a nibble is no digit.
pub fn imei_from_bcd(bytes: &[u8]) -> Option<String> {
    let mut digits = String::with_capacity(bytes.len() * 2);
    for nibble in bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]) {
        digits.push(char::from_digit(u32::from(nibble), 10)?);
    }
    Some(digits.strip_prefix('0').map(str::to_owned).unwrap_or(digits))
}

/// A name with a number behind it, as the keys of elements without a name of their own are written:
/// `numbered("io", 239)` is `io_239`. Without `format!`, which costs several calls through tables in the sandbox.
pub fn numbered(name: &str, number: impl Into<u64>) -> String {
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(number.into());
    let mut text = String::with_capacity(name.len() + 1 + digits.len());
    text.push_str(name);
    text.push('_');
    text.push_str(digits);
    text
}

/// A number in decimal digits with zeros before it, at least `width` of them (an IMEI has 15).
pub fn padded(number: u64, width: usize) -> String {
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(number);
    let mut text = "0".repeat(width.saturating_sub(digits.len()));
    text.push_str(digits);
    text
}

/// Bytes as lower-case hexadecimal digits, two for each.
pub fn hex(bytes: &[u8]) -> String {
    ::hex::encode(bytes)
}

/// A text of at most 4 KiB, cut at a character: longer ones the host refuses together with the whole
/// answer, and no tracker has so much to say in one value.
pub fn clipped(mut text: String) -> String {
    if text.len() > LONGEST_TEXT {
        let mut end = LONGEST_TEXT;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
    }
    text
}

/// The beginning of a text with control characters escaped, fit for an error.
pub fn shown(text: &str) -> String {
    let mut quote: String = text
        .chars()
        .take(LONGEST_QUOTE)
        .flat_map(char::escape_debug)
        .collect();
    if text.chars().nth(LONGEST_QUOTE).is_some() {
        quote.push('…');
    }
    quote
}

/// A name as an attribute key: lower snake case (`obdOdometer` → `obd_odometer`),
/// everything else than letters and digits becomes one `_`. `None` when nothing is left.
pub fn snake_case(name: &str) -> Option<String> {
    let mut snake = String::with_capacity(name.len() + 4);
    let mut before = ' ';
    for character in name.chars().take(LONGEST_KEY) {
        if character.is_ascii_alphanumeric() {
            let new_word =
                character.is_ascii_uppercase() && (before.is_ascii_lowercase() || before.is_ascii_digit());
            if new_word && !snake.ends_with('_') {
                snake.push('_');
            }
            snake.push(character.to_ascii_lowercase());
        } else if !snake.is_empty() && !snake.ends_with('_') {
            snake.push('_');
        }
        before = character;
    }
    snake.truncate(snake.trim_end_matches('_').len());
    (!snake.is_empty()).then_some(snake)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_lose_what_is_around_them_and_are_refused_for_what_is_inside() {
        assert_eq!(device_id(" 861234\r\n\0").as_deref(), Some("861234"));
        assert_eq!(device_id("jane/phone").as_deref(), Some("jane/phone"));
        for wrong in ["", "  ", "a\nb", "#", "a/+"] {
            assert_eq!(device_id(wrong), None, "{wrong:?}");
        }
        assert_eq!(device_id(&"x".repeat(129)), None);
    }

    #[test]
    fn bytes_that_are_no_utf8_are_one_character_each() {
        assert_eq!(of_bytes("é".as_bytes()), "é");
        assert_eq!(of_bytes(b"\xe9,"), "é,");
    }

    #[test]
    fn only_plain_decimals_are_numbers() {
        assert_eq!(decimal("-5.40"), Some(-5.4));
        assert_eq!(decimal("+28"), Some(28.0));
        for wrong in [
            "", "-", ".5", "5.", "1e3", "NaN", " 1", "1.2.3", "--1", "0x1", "٣",
        ] {
            assert_eq!(decimal(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_long_text_is_cut_at_a_character() {
        assert_eq!(clipped("é".repeat(3000)).len(), 4096);
        assert_eq!(clipped("x".repeat(4095) + "é").len(), 4095);
        assert_eq!(clipped("short".to_owned()), "short");
    }

    #[test]
    fn names_become_snake_case() {
        for (name, key) in [
            ("obdOdometer", "obd_odometer"),
            ("SSID", "ssid"),
            ("temp1", "temp1"),
            ("a b--C", "a_b_c"),
            ("io239Raw", "io239_raw"),
        ] {
            assert_eq!(snake_case(name).as_deref(), Some(key));
        }
        assert_eq!(snake_case("--"), None);
        assert_eq!(snake_case("é"), None);
    }

    #[test]
    fn numbers_are_written_as_format_does() {
        for number in [0_u64, 9, 10, 239, 65_535, u64::MAX] {
            assert_eq!(numbered("io", number), format!("io_{number}"));
            assert_eq!(padded(number, 15), format!("{number:015}"));
            assert_eq!(hex(&number.to_be_bytes()), format!("{number:016x}"));
        }
        assert_eq!(padded(7, 0), "7");
    }

    #[test]
    fn an_imei_comes_out_of_bcd_without_its_leading_zero() {
        assert_eq!(
            imei_from_bcd(&[0x03, 0x58, 0x65, 0x71]).as_deref(),
            Some("3586571")
        );
        assert_eq!(imei_from_bcd(&[0x0a]), None);
    }
}
