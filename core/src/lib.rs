//! The way of a tracker message, from the socket to the row.
//!
//! ```text
//! tracker ─MQTT─► broker ─► journal ─► pipeline: decode (WASM) ─► device actors ─► latest (memory)
//! REST ───────────ingest ┘   (ack = on disk)                                   └─► history ─► ClickHouse
//! ```
//!
//! The tree is the data's way and nothing points backwards: `broker` hands raw uplinks to the
//! `journal`; the `pipeline` reads them back in order, has them understood by `decode`, applied by
//! `device`, shown by `latest` and kept by `history`; from there `deadletter` puts what failed into the
//! journal once more, `corrections` what was restated or taken back, and `redecode` what a better decoder says of old
//! messages. `registry` says who is who; `engine` is the ClickHouse that runs beside us when no other one is configured. `core/ARCHITECTURE.md` walks one message through all of it.

pub mod broker;
pub mod clock;
pub mod corrections;
pub mod crash;
pub mod deadletter;
pub mod decode;
pub mod device;
pub mod engine;
mod geo;
pub mod history;
pub mod ingest;
pub mod journal;
pub mod latest;
pub mod model;
pub mod pipeline;
pub mod redecode;
pub mod registry;
pub mod report;
pub mod telemetry;
