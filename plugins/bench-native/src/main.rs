//! What decoding costs natively: runs each decoder over its vectors, over and over, and prints the CPU time per message
//! as JSON: `{"plugins":[{"plugin":"gt06","decode_us":0.2,"whole_us":0.5}]}`. `fixstream-bench plugins` reads it.
//!
//! `decode` is the decoder alone, its answer dropped. `whole` is what the hub would do if the decoder were linked into
//! it: make the message, decode, check the answer and make the hub's records of it. That is the hub's own code, taken
//! from its sources, and its allocator.
//!
//! A decoder that is not in the list below is not measured; nothing else depends on the list.

mod hub;
mod model;

use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use fixstream_decoder::{Decoder, Message, vectors};
use hub::Input;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// CPU time for each figure.
const TIME: Duration = Duration::from_secs(1);
/// Messages between two looks at the clock.
const ROUND: usize = 10_000;

fn main() {
    let figures = [
        measure::<fixstream_decoder_cayenne_lpp::Plugin>(),
        measure::<fixstream_decoder_chirpstack::Plugin>(),
        measure::<fixstream_decoder_flespi::Plugin>(),
        measure::<fixstream_decoder_gps103::Plugin>(),
        measure::<fixstream_decoder_gpschile::Plugin>(),
        measure::<fixstream_decoder_gt06::Plugin>(),
        measure::<fixstream_decoder_h02::Plugin>(),
        measure::<fixstream_decoder_iotm::Plugin>(),
        measure::<fixstream_decoder_meitrack::Plugin>(),
        measure::<fixstream_decoder_meshtastic::Plugin>(),
        measure::<fixstream_decoder_nmea::Plugin>(),
        measure::<fixstream_decoder_osmand::Plugin>(),
        measure::<fixstream_decoder_owntracks::Plugin>(),
        measure::<fixstream_decoder_pui::Plugin>(),
        measure::<fixstream_decoder_queclink::Plugin>(),
        measure::<fixstream_decoder_ruptela::Plugin>(),
        measure::<fixstream_decoder_suntech::Plugin>(),
        measure::<fixstream_decoder_teltonika::Plugin>(),
        measure::<fixstream_decoder_tk103::Plugin>(),
        measure::<fixstream_decoder_traccar::Plugin>(),
        measure::<fixstream_decoder_trackerhub::Plugin>(),
        measure::<fixstream_decoder_ttn::Plugin>(),
        measure::<fixstream_decoder_xexun::Plugin>(),
    ];
    println!("{}", serde_json::json!({ "plugins": figures }));
}

fn measure<D: Decoder>() -> serde_json::Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(D::NAME);
    let messages: Vec<Message> = vectors::load(folder.join("tests/vectors.jsonl"))
        .into_iter()
        .map(|vector| vector.message)
        .collect();
    let inputs: Vec<Input> = messages.iter().map(hub::input).collect();
    let keys: Vec<String> = D::ATTRIBUTE_KEYS.iter().map(|key| (*key).to_owned()).collect();
    // what a decoder makes is dropped, as the hub does in the end
    let decode = |message: &Message| drop(black_box(D::decode(black_box(message))));
    let whole = |input: &Input| {
        let message = hub::message(black_box(input));
        black_box(hub::outcome(D::decode(black_box(&message)), &keys));
    };
    run(&messages, TIME / 10, decode);
    let decode_us = run(&messages, TIME, decode);
    run(&inputs, TIME / 10, whole);
    let whole_us = run(&inputs, TIME, whole);
    serde_json::json!({ "plugin": D::NAME, "decode_us": decode_us, "whole_us": whole_us })
}

/// CPU microseconds per message.
fn run<T>(messages: &[T], time: Duration, act: impl Fn(&T)) -> f64 {
    let (began, mut decoded) = (cpu_time(), 0usize);
    loop {
        messages.iter().cycle().take(ROUND).for_each(&act);
        decoded += ROUND;
        let spent = cpu_time().saturating_sub(began);
        if spent >= time {
            return spent.as_secs_f64() * 1e6 / decoded as f64;
        }
    }
}

/// Time that this thread was on a CPU; as exact as the kernel's tick.
fn cpu_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text
        .split_whitespace()
        .next()
        .and_then(|field| field.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or_default())
}
