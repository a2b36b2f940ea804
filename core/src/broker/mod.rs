//! The device door and, behind it, the embedded `rumqttd` router.
//!
//! Comes in: MQTT 3.1.1 over TCP, from trackers, gateways and apps. Goes out: raw uplinks to the
//! [journal](crate::journal), acknowledgements to devices, live uplinks to apps, downlinks to devices.
//!
//! Promises:
//! - PUBACK and PUBREC leave only after the message is on disk, in the order of the publishes.
//! - A credential publishes only what `policy` allows; anything else closes its connection and is never journalled.
//! - One client never sees another's messages, and no bytes of one connection disturb another one.
//! - Everything is bounded: connections, bytes per packet, messages in flight, answers and queues. When
//!   the journal is full, senders wait; only QoS 0 is dropped, and counted.
//!
//! `rumqttd`'s own listeners are not used: they acknowledge before anything is stored and can be stopped
//! by a flaky link. Its router is the live tail, see `live`.

mod ack_fifo;
mod auth;
mod batch;
mod close;
mod connection;
mod frame;
mod listener;
mod live;
mod metrics;
mod options;
mod policy;
mod record;
mod service;
mod sessions;
mod topics;

pub use metrics::BrokerMetrics;
pub use options::{BrokerError, BrokerOptions};
pub use service::Broker;
use service::Shared;
