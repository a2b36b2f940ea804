//! Settings of the tracker that decide what a report has at its end: `device_config`, a JSON object.

use fixstream_decoder::Message;
use fixstream_decoder::json::{self, Flat};

/// What the tracker is set to add behind driving hours and battery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Added {
    /// `IncludeAdc`
    pub(crate) analog_inputs: bool,
    /// `IncludeRpm`
    pub(crate) engine_speed: bool,
    /// `IncludeTemp`
    pub(crate) thermometers: bool,
}

impl Added {
    /// The settings of the tracker; `None` when it adds nothing (setting `Hbm`) or they are not known.
    pub(crate) fn of(message: &Message) -> Option<Self> {
        let settings: Flat<'_> = json::parse(message.setting("device_config")?.as_bytes()).ok()?;
        let is_on = |name: &str| {
            settings
                .0
                .iter()
                .any(|(key, value)| key.eq_ignore_ascii_case(name) && value.flag() == Some(true))
        };
        is_on("Hbm").then(|| Self {
            analog_inputs: is_on("IncludeAdc"),
            engine_speed: is_on("IncludeRpm"),
            thermometers: is_on("IncludeTemp"),
        })
    }
}
