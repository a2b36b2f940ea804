//! Decodes each message as many times as its setting `bench_times` says, by the decoder that `bench_decoder` names, and
//! drops what they make: what is left beside the decoder's own time in the sandbox is the crossing, divided by so many.

use std::hint::black_box;

use fixstream_decoder::{DecodeError, DecodeResult, Decoded, Decoder, Message, unsupported};

fixstream_decoder::decoder! { name: "bench", keys: &[], decode: decode }

fn decode(message: &Message) -> Result<Decoded, DecodeError> {
    let decode: fn(&Message) -> DecodeResult = match message.setting("bench_decoder") {
        Some("cayenne_lpp") => fixstream_decoder_cayenne_lpp::Plugin::decode,
        Some("chirpstack") => fixstream_decoder_chirpstack::Plugin::decode,
        Some("flespi") => fixstream_decoder_flespi::Plugin::decode,
        Some("gps103") => fixstream_decoder_gps103::Plugin::decode,
        Some("gpschile") => fixstream_decoder_gpschile::Plugin::decode,
        Some("gt06") => fixstream_decoder_gt06::Plugin::decode,
        Some("h02") => fixstream_decoder_h02::Plugin::decode,
        Some("iotm") => fixstream_decoder_iotm::Plugin::decode,
        Some("meitrack") => fixstream_decoder_meitrack::Plugin::decode,
        Some("meshtastic") => fixstream_decoder_meshtastic::Plugin::decode,
        Some("nmea") => fixstream_decoder_nmea::Plugin::decode,
        Some("osmand") => fixstream_decoder_osmand::Plugin::decode,
        Some("owntracks") => fixstream_decoder_owntracks::Plugin::decode,
        Some("pui") => fixstream_decoder_pui::Plugin::decode,
        Some("queclink") => fixstream_decoder_queclink::Plugin::decode,
        Some("ruptela") => fixstream_decoder_ruptela::Plugin::decode,
        Some("suntech") => fixstream_decoder_suntech::Plugin::decode,
        Some("teltonika") => fixstream_decoder_teltonika::Plugin::decode,
        Some("tk103") => fixstream_decoder_tk103::Plugin::decode,
        Some("traccar") => fixstream_decoder_traccar::Plugin::decode,
        Some("trackerhub") => fixstream_decoder_trackerhub::Plugin::decode,
        Some("ttn") => fixstream_decoder_ttn::Plugin::decode,
        Some("xexun") => fixstream_decoder_xexun::Plugin::decode,
        _ => return Err(unsupported("no such decoder")),
    };
    let times = message
        .setting("bench_times")
        .and_then(|times| times.parse().ok())
        .unwrap_or(0u32);
    let mut message = message.clone();
    message.context.retain(|(name, _)| !name.starts_with("bench_"));
    for _ in 0..times {
        drop(black_box(decode(black_box(&message))));
    }
    Ok(Decoded::nothing())
}
