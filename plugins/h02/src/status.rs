//! The status word: 32 bits, of which those of alarms are 0 when the alarm is on.

use fixstream_decoder::Position;

use crate::keys;

/// Set while the ignition is on.
const IGNITION: u32 = 1 << 10;

/// Alarms in the order in which one hides the others: bits, event, and the word of the vectors.
const ALARMS: [(u32, &str, &str); 5] = [
    (1 << 0, "vibration", "vibration"),
    (1 << 1, "sos", "sos"),
    (1 << 18, "sos", "sos"),
    (1 << 2, "speed", "overspeed"),
    (1 << 19, "power_cut", "powerCut"),
];

/// Eight hexadecimal digits.
pub(crate) fn word(text: &str) -> Option<u32> {
    let is_word = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_word.then(|| u32::from_str_radix(text, 16).ok()).flatten()
}

/// Sets ignition, alarm and the word itself.
pub(crate) fn add(word: u32, position: &mut Position) {
    position.ignition = Some(word & IGNITION != 0);
    position.add(keys::STATUS, word);
    // without any bit the word is not filled in
    let alarm = ALARMS.iter().find(|(bit, _, _)| word != 0 && word & bit == 0);
    if let Some((_, event, name)) = alarm {
        position.event = Some((*event).to_owned());
        position.add(keys::ALARM, *name);
    }
}
