//! The hub's code between a raw message and the records that it keeps, from its own sources: the same is done on
//! the sandbox's side of the comparison.

use bytes::Bytes;
use fixstream_decoder::{DecodeResult, Message};

use crate::model::TimeMs;
use message::Transport;
pub use message::{Input, Outcome};

#[allow(dead_code)]
#[path = "../../../core/src/decode/convert.rs"]
mod convert;
#[allow(dead_code)]
#[path = "../../../core/src/decode/message.rs"]
mod message;

/// Where those sources look for the contract's records: the SDK has them under the same names.
mod wit {
    pub mod v1 {
        pub mod fixstream {
            pub mod decoder {
                pub use fixstream_decoder::bindings::fixstream::decoder::types;
            }
        }
    }
}

/// A raw message, as the hub hands it to its decode host.
pub fn input(message: &Message) -> Input {
    Input {
        transport: Transport::Mqtt,
        channel: message.channel.clone(),
        device: message.device.clone(),
        received: TimeMs(message.received_ms),
        context: message.context.clone(),
        state: message.state.clone(),
        payload: Bytes::from(message.payload.clone()),
    }
}

/// The decoder's message of it.
pub fn message(input: &Input) -> Message {
    convert::message(input)
}

/// What the hub makes of an answer.
pub fn outcome(answer: DecodeResult, keys: &[String]) -> Outcome {
    convert::outcome(answer, keys)
}
