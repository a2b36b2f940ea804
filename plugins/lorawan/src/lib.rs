//! What the decoders of LoRaWAN networks share: the payload formats of the trackers behind them, and
//! the reading of payloads that the network has decoded already.
//!
//! A plain library: it exports nothing to the host, so that several decoders can link it. The
//! decoders that use it declare [`KEYS`] as their own attribute keys.

mod browan;
mod codec;
mod decoded;
mod dragino;
mod location;
mod names;
mod object;
mod oyster;
mod reception;
mod uplink;

pub mod cayenne_lpp;
pub mod keys;

pub use crate::codec::Codec;
pub use crate::keys::KEYS;
pub use crate::location::position_of_location;
pub use crate::object::{Node, Object};
pub use crate::reception::{Reception, strongest};
pub use crate::uplink::{Uplink, payload_from_base64};
