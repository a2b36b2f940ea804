//! The live tail: uplinks to subscribed apps, and downlinks back to devices.
//!
//! Comes in: durable records, read from the journal while somebody is subscribed. Goes out: MQTT
//! publishes to apps, each client its own only. Promises: a subscriber gets every uplink that became
//! durable after its SUBSCRIBE, in journal order, once per subscription, however slow it is, as long as
//! the journal still has it; one that falls further behind is disconnected, never skipped. Memory per
//! subscriber is bounded.
//!
//! `rumqttd` fans out (`router`); it may drop messages or die, which shows as a hole in its cursors
//! and is filled from the journal (`subscriber`).

pub(super) mod downlink;
pub(super) mod entry;
pub(super) mod fanout;
pub(super) mod replay;
pub(super) mod router;
pub(super) mod subscriber;
pub(super) mod tail;

#[cfg(test)]
mod tests;
