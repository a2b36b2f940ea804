//! What an event reports.

use fixstream_decoder::Message;

/// The kinds of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Up,
    Location,
    Log,
    /// The other known ones.
    WithoutPlace,
    Unknown,
}

impl Kind {
    /// The last level of the topic (`…/event/up`), or `event=up` in the query of an HTTP call. `None`
    /// when the channel says nothing.
    pub(crate) fn of_channel(message: &Message) -> Option<Self> {
        let channel = message.channel.as_str();
        let name = match channel.split_once('?') {
            Some((_, query)) => query.split('&').find_map(|pair| pair.strip_prefix("event="))?,
            None => channel.rsplit_once("/event/")?.1,
        };
        Some(match name {
            "up" => Self::Up,
            "location" => Self::Location,
            "log" => Self::Log,
            "join" | "ack" | "txack" | "status" | "integration" => Self::WithoutPlace,
            _ => Self::Unknown,
        })
    }
}
