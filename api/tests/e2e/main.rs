//! End to end: the real program, real MQTT clients, real plugins, the real ClickHouse engine.

// a test that can't go on should panic, and say where
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::missing_panics_doc)]

mod away;
mod clients;
mod contract;
mod corrections;
mod cors;
mod crash;
mod deadletter;
mod disk_full;
mod durability;
mod entities;
mod harness;
mod hostile;
mod load;
mod mqtt;
mod pins;
mod plugins;
mod redecode;
mod refusals;
mod repeat;
mod reports;
mod spine;
mod stateful;
mod tls;
mod versions;
