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
use rustix::time::{ClockId, clock_gettime};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// CPU time for each figure.
const TIME: Duration = Duration::from_secs(1);
/// Messages between two looks at the clock, as many as in the sandbox's rounds.
const ROUND: usize = 1_024;

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
    let decode = || {
        let began = cpu_time();
        for message in messages.iter().cycle().take(ROUND) {
            drop(black_box(D::decode(black_box(message))));
        }
        cpu_time().saturating_sub(began)
    };
    // as `fixstream plugin bench` measures: the messages of a round are there, and its outcomes are kept until its end
    let whole = || {
        let round: Vec<Input> = inputs.iter().cycle().take(ROUND).cloned().collect();
        let mut outcomes = Vec::with_capacity(ROUND);
        let began = cpu_time();
        for input in round {
            let message = hub::message(&input);
            outcomes.push(hub::outcome(D::decode(black_box(&message)), &keys));
        }
        let spent = cpu_time().saturating_sub(began);
        drop(black_box(outcomes));
        spent
    };
    serde_json::json!({ "plugin": D::NAME, "decode_us": micros(decode), "whole_us": micros(whole) })
}

/// CPU microseconds per message of rounds, which say what they took.
fn micros(round: impl Fn() -> Duration) -> f64 {
    let run = |least: Duration| {
        let (mut spent, mut rounds) = (Duration::ZERO, 0usize);
        while spent < least {
            spent += round();
            rounds += 1;
        }
        spent.as_secs_f64() * 1e6 / (rounds * ROUND) as f64
    };
    run(TIME / 10);
    run(TIME)
}

/// Time that this thread was on a CPU.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        time.tv_sec.unsigned_abs(),
        u32::try_from(time.tv_nsec).unwrap_or_default(),
    )
}
