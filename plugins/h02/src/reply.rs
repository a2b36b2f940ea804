//! Answers that some firmwares wait for before they send the next report.

use fixstream_decoder::text::is_digits;
use fixstream_decoder::time::civil_from_ms;

use crate::sentence::Sentence;

/// The answer to a message, when it has one.
pub(crate) fn to(sentence: &Sentence<'_>, received_ms: i64) -> Option<String> {
    let (maker, id, kind) = (sentence.maker(), sentence.id(), sentence.kind());
    if !is_digits(id) {
        return None;
    }
    match kind {
        "V1" | "NBR" => {
            let (year, month, day, hour, minute, second) = civil_from_ms(received_ms)?;
            let now = format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}");
            Some(format!("*{maker},{id},V4,{kind},{now}#"))
        }
        "V0" | "HTBT" => Some(format!("*{maker},{id},{kind}#")),
        _ => None,
    }
}
