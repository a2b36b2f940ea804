// Generated from wit/1.0.0/decoder.wit by wit-bindgen 0.61.1; do not edit. Committed, because the
// macro's dependencies take longer to build than all decoders together. To regenerate: a scratch
// crate with `wit-bindgen = "=0.61.1"` (features macros, realloc, std) and
//     wit_bindgen::generate!({ world: "decoder", path: "<repo>/wit/1.0.0", pub_export_macro: true,
//         default_bindings_module: "fixstream_decoder::bindings",
//         additional_derives: [PartialEq, Clone], generate_unused_types: true });
// built with WIT_BINDGEN_DEBUG=1; copy decoder0.rs from its OUT_DIR below this comment, run rustfmt.
#[allow(dead_code, clippy::all)]
pub mod fixstream {
    pub mod decoder {
        #[allow(dead_code, async_fn_in_trait, unused_imports, clippy::all)]
        pub mod types {
            #[used]
            #[doc(hidden)]
            static __FORCE_SECTION_REF: fn() = super::super::super::__link_custom_section_describing_imports;
            use super::super::super::_rt;
            /// A value of an attribute that the position record has no field for.
            #[derive(Clone, PartialEq)]
            pub enum Value {
                Flag(bool),
                Integer(i64),
                /// Must be finite.
                Real(f64),
                Text(_rt::String),
            }
            impl ::core::fmt::Debug for Value {
                fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                    match self {
                        Value::Flag(e) => f.debug_tuple("Value::Flag").field(e).finish(),
                        Value::Integer(e) => f.debug_tuple("Value::Integer").field(e).finish(),
                        Value::Real(e) => f.debug_tuple("Value::Real").field(e).finish(),
                        Value::Text(e) => f.debug_tuple("Value::Text").field(e).finish(),
                    }
                }
            }
            /// `declared(i)` is the i-th entry of `descriptor.attribute-keys`: no string crosses the boundary,
            /// which is the largest saving there is. `named` is for keys that are only known at run time.
            /// Keys are lower snake case with the unit as suffix (`oil_pressure_kpa`); unknown items `io_<id>`.
            #[derive(Clone, PartialEq)]
            pub enum AttributeKey {
                Declared(u32),
                Named(_rt::String),
            }
            impl ::core::fmt::Debug for AttributeKey {
                fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                    match self {
                        AttributeKey::Declared(e) => {
                            f.debug_tuple("AttributeKey::Declared").field(e).finish()
                        }
                        AttributeKey::Named(e) => f.debug_tuple("AttributeKey::Named").field(e).finish(),
                    }
                }
            }
            #[derive(Clone, PartialEq)]
            pub struct Attribute {
                pub key: AttributeKey,
                pub value: Value,
            }
            impl ::core::fmt::Debug for Attribute {
                fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                    f.debug_struct("Attribute")
                        .field("key", &self.key)
                        .field("value", &self.value)
                        .finish()
                }
            }
            /// One fix or status of one device. Everything is optional; what the payload does not say stays
            /// `none`. A record without both coordinates is nothing to locate and is not stored as a position.
            /// WGS 84 degrees, km/h, km, metres, volts; milliseconds since 1970-01-01T00:00:00Z.
            #[derive(Clone, PartialEq)]
            pub struct Position {
                /// Identifier of the device found in the payload (IMEI, DevEUI, node id …). `none`: the host
                /// uses `message.device`.
                pub device: ::core::option::Option<_rt::String>,
                /// Time of the fix, UTC. `none`: the host uses the time of receipt.
                pub time_ms: ::core::option::Option<i64>,
                /// False when the vendor marks the fix as invalid or as a repeated last known place.
                pub valid: ::core::option::Option<bool>,
                /// Degrees, -90 to 90, north positive.
                pub latitude: ::core::option::Option<f64>,
                /// Degrees, -180 to 180, east positive.
                pub longitude: ::core::option::Option<f64>,
                /// Metres above mean sea level.
                pub altitude_m: ::core::option::Option<f64>,
                /// Speed over ground.
                pub speed_kmh: ::core::option::Option<f64>,
                /// Degrees clockwise from true north, 0 to 360.
                pub heading_deg: ::core::option::Option<f64>,
                /// Radius of the estimated error.
                pub accuracy_m: ::core::option::Option<f64>,
                /// Horizontal dilution of precision.
                pub hdop: ::core::option::Option<f64>,
                /// Satellites used for the fix.
                pub satellites: ::core::option::Option<u16>,
                /// Total distance of the vehicle or, where that is unknown, of the tracker.
                pub odometer_km: ::core::option::Option<f64>,
                /// Distance since the previous fix, as the device states it.
                pub distance_km: ::core::option::Option<f64>,
                pub ignition: ::core::option::Option<bool>,
                pub fuel_percent: ::core::option::Option<f64>,
                pub engine_temperature_c: ::core::option::Option<f64>,
                pub engine_rpm: ::core::option::Option<f64>,
                /// Battery inside the tracker.
                pub battery_v: ::core::option::Option<f64>,
                pub battery_percent: ::core::option::Option<f64>,
                /// External supply, usually the vehicle's battery.
                pub power_v: ::core::option::Option<f64>,
                /// Strength of the mobile signal in the vendor's own scale (CSQ 0 to 31, bars, dBm).
                pub signal: ::core::option::Option<f64>,
                /// What the message reports (`sos`, `enter`, `low_battery`, or the vendor's number as text).
                pub event: ::core::option::Option<_rt::String>,
                /// Values without a field of their own; at most 256.
                pub attributes: _rt::Vec<Attribute>,
            }
            impl ::core::fmt::Debug for Position {
                fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                    f.debug_struct("Position")
                        .field("device", &self.device)
                        .field("time-ms", &self.time_ms)
                        .field("valid", &self.valid)
                        .field("latitude", &self.latitude)
                        .field("longitude", &self.longitude)
                        .field("altitude-m", &self.altitude_m)
                        .field("speed-kmh", &self.speed_kmh)
                        .field("heading-deg", &self.heading_deg)
                        .field("accuracy-m", &self.accuracy_m)
                        .field("hdop", &self.hdop)
                        .field("satellites", &self.satellites)
                        .field("odometer-km", &self.odometer_km)
                        .field("distance-km", &self.distance_km)
                        .field("ignition", &self.ignition)
                        .field("fuel-percent", &self.fuel_percent)
                        .field("engine-temperature-c", &self.engine_temperature_c)
                        .field("engine-rpm", &self.engine_rpm)
                        .field("battery-v", &self.battery_v)
                        .field("battery-percent", &self.battery_percent)
                        .field("power-v", &self.power_v)
                        .field("signal", &self.signal)
                        .field("event", &self.event)
                        .field("attributes", &self.attributes)
                        .finish()
                }
            }
            #[repr(u8)]
            #[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
            pub enum Transport {
                Mqtt,
                Http,
                Tcp,
                Udp,
                File,
            }
            impl ::core::fmt::Debug for Transport {
                fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                    match self {
                        Transport::Mqtt => f.debug_tuple("Transport::Mqtt").finish(),
                        Transport::Http => f.debug_tuple("Transport::Http").finish(),
                        Transport::Tcp => f.debug_tuple("Transport::Tcp").finish(),
                        Transport::Udp => f.debug_tuple("Transport::Udp").finish(),
                        Transport::File => f.debug_tuple("Transport::File").finish(),
                    }
                }
            }
            impl Transport {
                #[doc(hidden)]
                pub unsafe fn _lift(val: u8) -> Transport {
                    if !cfg!(debug_assertions) {
                        return unsafe { ::core::mem::transmute(val) };
                    }
                    match val {
                        0 => Transport::Mqtt,
                        1 => Transport::Http,
                        2 => Transport::Tcp,
                        3 => Transport::Udp,
                        4 => Transport::File,
                        _ => panic!("invalid enum discriminant"),
                    }
                }
            }
            /// One raw message as it was received.
            #[derive(Clone, PartialEq)]
            pub struct Message {
                pub transport: Transport,
                /// MQTT topic, HTTP path and query, or listener name.
                pub channel: _rt::String,
                /// Device identifier that the host already knows from the topic or the credential.
                pub device: ::core::option::Option<_rt::String>,
                /// Time of receipt, UTC. The only clock a decoder has.
                pub received_ms: i64,
                /// Settings of the tracker and of the plugin that the bytes do not carry: `model`,
                /// `device_codec`, `device_config`, `time_zone`, `login` …
                pub context: _rt::Vec<(_rt::String, _rt::String)>,
                /// What this decoder returned as `decoded.state` for the previous message of the same device;
                /// empty at first. The host keeps it, not the decoder.
                pub state: _rt::Vec<u8>,
                pub payload: _rt::Vec<u8>,
            }
            impl ::core::fmt::Debug for Message {
                fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                    f.debug_struct("Message")
                        .field("transport", &self.transport)
                        .field("channel", &self.channel)
                        .field("device", &self.device)
                        .field("received-ms", &self.received_ms)
                        .field("context", &self.context)
                        .field("state", &self.state)
                        .field("payload", &self.payload)
                        .finish()
                }
            }
            /// A message that was understood. No position in it means: nothing to locate (login, heartbeat,
            /// command reply).
            #[derive(Clone, PartialEq)]
            pub struct Decoded {
                /// In the order of the frame; at most 1024.
                pub positions: _rt::Vec<Position>,
                /// Bytes to send back on the same connection (acknowledgement, login answer); at most 4 KiB.
                pub reply: ::core::option::Option<_rt::Vec<u8>>,
                /// New state bytes, at most 4 KiB. `none` keeps the old ones.
                pub state: ::core::option::Option<_rt::Vec<u8>>,
                /// Things worth counting that are not errors (unknown item, clamped value); at most 16.
                pub warnings: _rt::Vec<_rt::String>,
            }
            impl ::core::fmt::Debug for Decoded {
                fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                    f.debug_struct("Decoded")
                        .field("positions", &self.positions)
                        .field("reply", &self.reply)
                        .field("state", &self.state)
                        .field("warnings", &self.warnings)
                        .finish()
                }
            }
            #[derive(Clone, PartialEq)]
            pub enum DecodeError {
                /// Not this decoder's format.
                NotMine,
                /// This format, but broken: wrong checksum, cut frame, impossible value.
                Malformed(_rt::String),
                /// This format, in a variant that is not supported.
                Unsupported(_rt::String),
            }
            impl ::core::fmt::Debug for DecodeError {
                fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                    match self {
                        DecodeError::NotMine => f.debug_tuple("DecodeError::NotMine").finish(),
                        DecodeError::Malformed(e) => {
                            f.debug_tuple("DecodeError::Malformed").field(e).finish()
                        }
                        DecodeError::Unsupported(e) => {
                            f.debug_tuple("DecodeError::Unsupported").field(e).finish()
                        }
                    }
                }
            }
        }
    }
}
#[allow(dead_code, clippy::all)]
pub mod exports {
    pub mod fixstream {
        pub mod decoder {
            /// Facts about the decoder; `describe` is called once after each instantiation.
            #[allow(dead_code, async_fn_in_trait, unused_imports, clippy::all)]
            pub mod plugin {
                #[used]
                #[doc(hidden)]
                static __FORCE_SECTION_REF: fn() =
                    super::super::super::super::__link_custom_section_describing_imports;
                use super::super::super::super::_rt;
                #[derive(Clone, PartialEq)]
                pub struct Descriptor {
                    /// The name in `plugin.toml`.
                    pub name: _rt::String,
                    /// The version in `plugin.toml`.
                    pub version: _rt::String,
                    /// Names behind `attribute-key.declared`; at most 4096.
                    pub attribute_keys: _rt::Vec<_rt::String>,
                    /// Largest batch it wants; the host may send smaller ones.
                    pub max_batch: u32,
                }
                impl ::core::fmt::Debug for Descriptor {
                    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                        f.debug_struct("Descriptor")
                            .field("name", &self.name)
                            .field("version", &self.version)
                            .field("attribute-keys", &self.attribute_keys)
                            .field("max-batch", &self.max_batch)
                            .finish()
                    }
                }
                #[doc(hidden)]
                #[allow(non_snake_case, unused_unsafe)]
                pub unsafe fn _export_describe_cabi<T_: Guest>() -> *mut u8 {
                    unsafe {
                        #[cfg(target_arch = "wasm32")]
                        _rt::run_ctors_once();
                        let result0 = { T_::describe() };
                        let ptr1 = (&raw mut _RET_AREA.0).cast::<u8>();
                        let Descriptor {
                            name: name2,
                            version: version2,
                            attribute_keys: attribute_keys2,
                            max_batch: max_batch2,
                        } = result0;
                        let vec3 = (name2.into_bytes()).into_boxed_slice();
                        let ptr3 = vec3.as_ptr().cast::<u8>();
                        let len3 = vec3.len();
                        ::core::mem::forget(vec3);
                        *ptr1.add(::core::mem::size_of::<*const u8>()).cast::<usize>() = len3;
                        *ptr1.add(0).cast::<*mut u8>() = ptr3.cast_mut();
                        let vec4 = (version2.into_bytes()).into_boxed_slice();
                        let ptr4 = vec4.as_ptr().cast::<u8>();
                        let len4 = vec4.len();
                        ::core::mem::forget(vec4);
                        *ptr1.add(3 * ::core::mem::size_of::<*const u8>()).cast::<usize>() = len4;
                        *ptr1
                            .add(2 * ::core::mem::size_of::<*const u8>())
                            .cast::<*mut u8>() = ptr4.cast_mut();
                        let vec6 = attribute_keys2;
                        let len6 = vec6.len();
                        let layout6 = _rt::alloc::Layout::from_size_align(
                            vec6.len() * (2 * ::core::mem::size_of::<*const u8>()),
                            ::core::mem::size_of::<*const u8>(),
                        )
                        .unwrap();
                        let (result6, _cleanup6) = wit_bindgen::rt::Cleanup::new(layout6);
                        if let Some(cleanup) = _cleanup6 {
                            cleanup.forget();
                        }
                        for (i, e) in vec6.into_iter().enumerate() {
                            let base = result6.add(i * (2 * ::core::mem::size_of::<*const u8>()));
                            {
                                let vec5 = (e.into_bytes()).into_boxed_slice();
                                let ptr5 = vec5.as_ptr().cast::<u8>();
                                let len5 = vec5.len();
                                ::core::mem::forget(vec5);
                                *base.add(::core::mem::size_of::<*const u8>()).cast::<usize>() = len5;
                                *base.add(0).cast::<*mut u8>() = ptr5.cast_mut();
                            }
                        }
                        *ptr1.add(5 * ::core::mem::size_of::<*const u8>()).cast::<usize>() = len6;
                        *ptr1
                            .add(4 * ::core::mem::size_of::<*const u8>())
                            .cast::<*mut u8>() = result6;
                        *ptr1.add(6 * ::core::mem::size_of::<*const u8>()).cast::<i32>() =
                            _rt::as_i32(max_batch2);
                        ptr1
                    }
                }
                #[doc(hidden)]
                #[allow(non_snake_case)]
                pub unsafe fn __post_return_describe<T_: Guest>(arg0: *mut u8) {
                    unsafe {
                        let l0 = *arg0.add(0).cast::<*mut u8>();
                        let l1 = *arg0.add(::core::mem::size_of::<*const u8>()).cast::<usize>();
                        _rt::cabi_dealloc(l0, l1, 1);
                        let l2 = *arg0
                            .add(2 * ::core::mem::size_of::<*const u8>())
                            .cast::<*mut u8>();
                        let l3 = *arg0.add(3 * ::core::mem::size_of::<*const u8>()).cast::<usize>();
                        _rt::cabi_dealloc(l2, l3, 1);
                        let l4 = *arg0
                            .add(4 * ::core::mem::size_of::<*const u8>())
                            .cast::<*mut u8>();
                        let l5 = *arg0.add(5 * ::core::mem::size_of::<*const u8>()).cast::<usize>();
                        let base8 = l4;
                        let len8 = l5;
                        for i in 0..len8 {
                            let base = base8.add(i * (2 * ::core::mem::size_of::<*const u8>()));
                            {
                                let l6 = *base.add(0).cast::<*mut u8>();
                                let l7 = *base.add(::core::mem::size_of::<*const u8>()).cast::<usize>();
                                _rt::cabi_dealloc(l6, l7, 1);
                            }
                        }
                        _rt::cabi_dealloc(
                            base8,
                            len8 * (2 * ::core::mem::size_of::<*const u8>()),
                            ::core::mem::size_of::<*const u8>(),
                        );
                    }
                }
                pub trait Guest {
                    #[allow(async_fn_in_trait)]
                    fn describe() -> Descriptor;
                }
                #[doc(hidden)]
                #[macro_export]
                macro_rules! __export_fixstream_decoder_plugin_1_0_0_cabi {
                    ($ty:ident with_types_in $($path_to_types:tt)*) => {
                        const _ : () = { #[unsafe (export_name =
                        "fixstream:decoder/plugin@1.0.0#describe")] unsafe extern "C" fn
                        export_describe() -> * mut u8 { unsafe { $($path_to_types)*::
                        _export_describe_cabi::<$ty > () } } #[unsafe (export_name =
                        "cabi_post_fixstream:decoder/plugin@1.0.0#describe")] unsafe
                        extern "C" fn _post_return_describe(arg0 : * mut u8,) { unsafe {
                        $($path_to_types)*:: __post_return_describe::<$ty > (arg0) } } };
                    };
                }
                #[doc(hidden)]
                pub use __export_fixstream_decoder_plugin_1_0_0_cabi;
                #[cfg_attr(target_pointer_width = "64", repr(align(8)))]
                #[cfg_attr(target_pointer_width = "32", repr(align(4)))]
                struct _RetArea([::core::mem::MaybeUninit<u8>; 7 * ::core::mem::size_of::<*const u8>()]);
                static mut _RET_AREA: _RetArea =
                    _RetArea([::core::mem::MaybeUninit::uninit(); 7 * ::core::mem::size_of::<*const u8>()]);
            }
            #[allow(dead_code, async_fn_in_trait, unused_imports, clippy::all)]
            pub mod decode {
                #[used]
                #[doc(hidden)]
                static __FORCE_SECTION_REF: fn() =
                    super::super::super::super::__link_custom_section_describing_imports;
                use super::super::super::super::_rt;
                pub type Message = super::super::super::super::fixstream::decoder::types::Message;
                pub type Decoded = super::super::super::super::fixstream::decoder::types::Decoded;
                pub type DecodeError = super::super::super::super::fixstream::decoder::types::DecodeError;
                #[doc(hidden)]
                #[allow(non_snake_case, unused_unsafe)]
                pub unsafe fn _export_decode_batch_cabi<T_: Guest>(arg0: *mut u8, arg1: usize) -> *mut u8 {
                    unsafe {
                        #[cfg(target_arch = "wasm32")]
                        _rt::run_ctors_once();
                        let result25 = {
                            let base24 = arg0;
                            let len24 = arg1;
                            let mut result24 = _rt::Vec::with_capacity(len24);
                            for i in 0..len24 {
                                let base = base24.add(i * (8 + 12 * ::core::mem::size_of::<*const u8>()));
                                let e24 = {
                                    let l0 = i32::from(*base.add(0).cast::<u8>());
                                    let l1 = *base.add(::core::mem::size_of::<*const u8>()).cast::<*mut u8>();
                                    let l2 =
                                        *base.add(2 * ::core::mem::size_of::<*const u8>()).cast::<usize>();
                                    let len3 = l2;
                                    let bytes3 = _rt::Vec::from_raw_parts(l1.cast(), len3, len3);
                                    let l4 = i32::from(
                                        *base.add(3 * ::core::mem::size_of::<*const u8>()).cast::<u8>(),
                                    );
                                    let l8 = *base.add(6 * ::core::mem::size_of::<*const u8>()).cast::<i64>();
                                    let l9 = *base
                                        .add(8 + 6 * ::core::mem::size_of::<*const u8>())
                                        .cast::<*mut u8>();
                                    let l10 = *base
                                        .add(8 + 7 * ::core::mem::size_of::<*const u8>())
                                        .cast::<usize>();
                                    let base17 = l9;
                                    let len17 = l10;
                                    let mut result17 = _rt::Vec::with_capacity(len17);
                                    for i in 0..len17 {
                                        let base = base17.add(i * (4 * ::core::mem::size_of::<*const u8>()));
                                        let e17 = {
                                            let l11 = *base.add(0).cast::<*mut u8>();
                                            let l12 = *base
                                                .add(::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len13 = l12;
                                            let bytes13 = _rt::Vec::from_raw_parts(l11.cast(), len13, len13);
                                            let l14 = *base
                                                .add(2 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l15 = *base
                                                .add(3 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len16 = l15;
                                            let bytes16 = _rt::Vec::from_raw_parts(l14.cast(), len16, len16);
                                            (_rt::string_lift(bytes13), _rt::string_lift(bytes16))
                                        };
                                        result17.push(e17);
                                    }
                                    _rt::cabi_dealloc(
                                        base17,
                                        len17 * (4 * ::core::mem::size_of::<*const u8>()),
                                        ::core::mem::size_of::<*const u8>(),
                                    );
                                    let l18 = *base
                                        .add(8 + 8 * ::core::mem::size_of::<*const u8>())
                                        .cast::<*mut u8>();
                                    let l19 = *base
                                        .add(8 + 9 * ::core::mem::size_of::<*const u8>())
                                        .cast::<usize>();
                                    let len20 = l19;
                                    let l21 = *base
                                        .add(8 + 10 * ::core::mem::size_of::<*const u8>())
                                        .cast::<*mut u8>();
                                    let l22 = *base
                                        .add(8 + 11 * ::core::mem::size_of::<*const u8>())
                                        .cast::<usize>();
                                    let len23 = l22;
                                    super::super::super::super::fixstream::decoder::types::Message {
                                        transport: super::super::super::super::fixstream::decoder::types::Transport::_lift(
                                            l0 as u8,
                                        ),
                                        channel: _rt::string_lift(bytes3),
                                        device: match l4 {
                                            0 => None,
                                            1 => {
                                                let e = {
                                                    let l5 = *base
                                                        .add(4 * ::core::mem::size_of::<*const u8>())
                                                        .cast::<*mut u8>();
                                                    let l6 = *base
                                                        .add(5 * ::core::mem::size_of::<*const u8>())
                                                        .cast::<usize>();
                                                    let len7 = l6;
                                                    let bytes7 = _rt::Vec::from_raw_parts(
                                                        l5.cast(),
                                                        len7,
                                                        len7,
                                                    );
                                                    _rt::string_lift(bytes7)
                                                };
                                                Some(e)
                                            }
                                            _ => _rt::invalid_enum_discriminant(),
                                        },
                                        received_ms: l8,
                                        context: result17,
                                        state: <_ as From<
                                            _rt::Vec<_>,
                                        >>::from(
                                            _rt::Vec::from_raw_parts(l18.cast(), len20, len20),
                                        ),
                                        payload: <_ as From<
                                            _rt::Vec<_>,
                                        >>::from(_rt::Vec::from_raw_parts(l21.cast(), len23, len23)),
                                    }
                                };
                                result24.push(e24);
                            }
                            _rt::cabi_dealloc(
                                base24,
                                len24 * (8 + 12 * ::core::mem::size_of::<*const u8>()),
                                8,
                            );
                            T_::decode_batch(result24)
                        };
                        let ptr26 = (&raw mut _RET_AREA.0).cast::<u8>();
                        let vec45 = result25;
                        let len45 = vec45.len();
                        let layout45 = _rt::alloc::Layout::from_size_align(
                            vec45.len() * (11 * ::core::mem::size_of::<*const u8>()),
                            ::core::mem::size_of::<*const u8>(),
                        )
                        .unwrap();
                        let (result45, _cleanup45) = wit_bindgen::rt::Cleanup::new(layout45);
                        if let Some(cleanup) = _cleanup45 {
                            cleanup.forget();
                        }
                        for (i, e) in vec45.into_iter().enumerate() {
                            let base = result45.add(i * (11 * ::core::mem::size_of::<*const u8>()));
                            {
                                match e {
                                    Ok(e) => {
                                        *base.add(0).cast::<u8>() = (0i32) as u8;
                                        let super::super::super::super::fixstream::decoder::types::Decoded {
                                            positions: positions27,
                                            reply: reply27,
                                            state: state27,
                                            warnings: warnings27,
                                        } = e;
                                        let vec37 = positions27;
                                        let len37 = vec37.len();
                                        let layout37 = _rt::alloc::Layout::from_size_align(
                                            vec37.len() * (312 + 6 * ::core::mem::size_of::<*const u8>()),
                                            8,
                                        )
                                        .unwrap();
                                        let (result37, _cleanup37) = wit_bindgen::rt::Cleanup::new(layout37);
                                        if let Some(cleanup) = _cleanup37 {
                                            cleanup.forget();
                                        }
                                        for (i, e) in vec37.into_iter().enumerate() {
                                            let base = result37
                                                .add(i * (312 + 6 * ::core::mem::size_of::<*const u8>()));
                                            {
                                                let super::super::super::super::fixstream::decoder::types::Position {
                                                    device: device28,
                                                    time_ms: time_ms28,
                                                    valid: valid28,
                                                    latitude: latitude28,
                                                    longitude: longitude28,
                                                    altitude_m: altitude_m28,
                                                    speed_kmh: speed_kmh28,
                                                    heading_deg: heading_deg28,
                                                    accuracy_m: accuracy_m28,
                                                    hdop: hdop28,
                                                    satellites: satellites28,
                                                    odometer_km: odometer_km28,
                                                    distance_km: distance_km28,
                                                    ignition: ignition28,
                                                    fuel_percent: fuel_percent28,
                                                    engine_temperature_c: engine_temperature_c28,
                                                    engine_rpm: engine_rpm28,
                                                    battery_v: battery_v28,
                                                    battery_percent: battery_percent28,
                                                    power_v: power_v28,
                                                    signal: signal28,
                                                    event: event28,
                                                    attributes: attributes28,
                                                } = e;
                                                match device28 {
                                                    Some(e) => {
                                                        *base.add(0).cast::<u8>() = (1i32) as u8;
                                                        let vec29 = (e.into_bytes()).into_boxed_slice();
                                                        let ptr29 = vec29.as_ptr().cast::<u8>();
                                                        let len29 = vec29.len();
                                                        ::core::mem::forget(vec29);
                                                        *base
                                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<usize>() = len29;
                                                        *base
                                                            .add(::core::mem::size_of::<*const u8>())
                                                            .cast::<*mut u8>() = ptr29.cast_mut();
                                                    }
                                                    None => {
                                                        *base.add(0).cast::<u8>() = (0i32) as u8;
                                                    }
                                                };
                                                match time_ms28 {
                                                    Some(e) => {
                                                        *base
                                                            .add(8 + 2 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<u8>() = (1i32) as u8;
                                                        *base
                                                            .add(16 + 2 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<i64>() = _rt::as_i64(e);
                                                    }
                                                    None => {
                                                        *base
                                                            .add(8 + 2 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<u8>() = (0i32) as u8;
                                                    }
                                                };
                                                match valid28 {
                                                    Some(e) => {
                                                        *base
                                                            .add(24 + 2 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<u8>() = (1i32) as u8;
                                                        *base
                                                            .add(25 + 2 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<u8>() = (match e {
                                                            true => 1,
                                                            false => 0,
                                                        })
                                                            as u8;
                                                    }
                                                    None => {
                                                        *base
                                                            .add(24 + 2 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<u8>() = (0i32) as u8;
                                                    }
                                                };
                                                match latitude28 {
                                                    Some(e) => {
                                                        *base
                                                            .add(32 + 2 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<u8>() = (1i32) as u8;
                                                        *base
                                                            .add(40 + 2 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<f64>() = _rt::as_f64(e);
                                                    }
                                                    None => {
                                                        *base
                                                            .add(32 + 2 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<u8>() = (0i32) as u8;
                                                    }
                                                };
                                                match longitude28 {
                                                    Some(e) => {
                                                        *base
                                                            .add(48 + 2 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<u8>() = (1i32) as u8;
                                                        *base
                                                            .add(56 + 2 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<f64>() = _rt::as_f64(e);
                                                    }
                                                    None => {
                                                        *base
                                                            .add(48 + 2 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<u8>() = (0i32) as u8;
                                                    }
                                                };
                                                match altitude_m28 {
                                                    Some(e) => {
                                                        *base
                                                            .add(64 + 2 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<u8>() = (1i32) as u8;
                                                        *base
                                                            .add(72 + 2 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<f64>() = _rt::as_f64(e);
                                                    }
                                                    None => {
                                                        *base
                                                            .add(64 + 2 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<u8>() = (0i32) as u8;
                                                    }
                                                };
                                                match speed_kmh28 {
                                                    Some(e) => {
                                                        *base
                                                            .add(80 + 2 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<u8>() = (1i32) as u8;
                                                        *base
                                                            .add(88 + 2 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<f64>() = _rt::as_f64(e);
                                                    }
                                                    None => {
                                                        *base
                                                            .add(80 + 2 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<u8>() = (0i32) as u8;
                                                    }
                                                };
                                                match heading_deg28 {
                                                    Some(e) => {
                                                        *base
                                                            .add(96 + 2 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<u8>() = (1i32) as u8;
                                                        *base
                                                            .add(
                                                                104 + 2 * ::core::mem::size_of::<*const u8>(),
                                                            )
                                                            .cast::<f64>() = _rt::as_f64(e);
                                                    }
                                                    None => {
                                                        *base
                                                            .add(96 + 2 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<u8>() = (0i32) as u8;
                                                    }
                                                };
                                                match accuracy_m28 {
                                                    Some(e) => {
                                                        *base
                                                            .add(
                                                                112 + 2 * ::core::mem::size_of::<*const u8>(),
                                                            )
                                                            .cast::<u8>() = (1i32) as u8;
                                                        *base
                                                            .add(
                                                                120 + 2 * ::core::mem::size_of::<*const u8>(),
                                                            )
                                                            .cast::<f64>() = _rt::as_f64(e);
                                                    }
                                                    None => {
                                                        *base
                                                            .add(
                                                                112 + 2 * ::core::mem::size_of::<*const u8>(),
                                                            )
                                                            .cast::<u8>() = (0i32) as u8;
                                                    }
                                                };
                                                match hdop28 {
                                                    Some(e) => {
                                                        *base
                                                            .add(
                                                                128 + 2 * ::core::mem::size_of::<*const u8>(),
                                                            )
                                                            .cast::<u8>() = (1i32) as u8;
                                                        *base
                                                            .add(
                                                                136 + 2 * ::core::mem::size_of::<*const u8>(),
                                                            )
                                                            .cast::<f64>() = _rt::as_f64(e);
                                                    }
                                                    None => {
                                                        *base
                                                            .add(
                                                                128 + 2 * ::core::mem::size_of::<*const u8>(),
                                                            )
                                                            .cast::<u8>() = (0i32) as u8;
                                                    }
                                                };
                                                match satellites28 {
                                                    Some(e) => {
                                                        *base
                                                            .add(
                                                                144 + 2 * ::core::mem::size_of::<*const u8>(),
                                                            )
                                                            .cast::<u8>() = (1i32) as u8;
                                                        *base
                                                            .add(
                                                                146 + 2 * ::core::mem::size_of::<*const u8>(),
                                                            )
                                                            .cast::<u16>() = (_rt::as_i32(e)) as u16;
                                                    }
                                                    None => {
                                                        *base
                                                            .add(
                                                                144 + 2 * ::core::mem::size_of::<*const u8>(),
                                                            )
                                                            .cast::<u8>() = (0i32) as u8;
                                                    }
                                                };
                                                match odometer_km28 {
                                                    Some(e) => {
                                                        *base
                                                            .add(
                                                                152 + 2 * ::core::mem::size_of::<*const u8>(),
                                                            )
                                                            .cast::<u8>() = (1i32) as u8;
                                                        *base
                                                            .add(
                                                                160 + 2 * ::core::mem::size_of::<*const u8>(),
                                                            )
                                                            .cast::<f64>() = _rt::as_f64(e);
                                                    }
                                                    None => {
                                                        *base
                                                            .add(
                                                                152 + 2 * ::core::mem::size_of::<*const u8>(),
                                                            )
                                                            .cast::<u8>() = (0i32) as u8;
                                                    }
                                                };
                                                match distance_km28 {
                                                    Some(e) => {
                                                        *base
                                                            .add(
                                                                168 + 2 * ::core::mem::size_of::<*const u8>(),
                                                            )
                                                            .cast::<u8>() = (1i32) as u8;
                                                        *base
                                                            .add(
                                                                176 + 2 * ::core::mem::size_of::<*const u8>(),
                                                            )
                                                            .cast::<f64>() = _rt::as_f64(e);
                                                    }
                                                    None => {
                                                        *base
                                                            .add(
                                                                168 + 2 * ::core::mem::size_of::<*const u8>(),
                                                            )
                                                            .cast::<u8>() = (0i32) as u8;
                                                    }
                                                };
                                                match ignition28 {
                                                    Some(e) => {
                                                        *base
                                                            .add(
                                                                184 + 2 * ::core::mem::size_of::<*const u8>(),
                                                            )
                                                            .cast::<u8>() = (1i32) as u8;
                                                        *base
                                                            .add(
                                                                185 + 2 * ::core::mem::size_of::<*const u8>(),
                                                            )
                                                            .cast::<u8>() = (match e {
                                                            true => 1,
                                                            false => 0,
                                                        })
                                                            as u8;
                                                    }
                                                    None => {
                                                        *base
                                                            .add(
                                                                184 + 2 * ::core::mem::size_of::<*const u8>(),
                                                            )
                                                            .cast::<u8>() = (0i32) as u8;
                                                    }
                                                };
                                                match fuel_percent28 {
                                                    Some(e) => {
                                                        *base
                                                            .add(
                                                                192 + 2 * ::core::mem::size_of::<*const u8>(),
                                                            )
                                                            .cast::<u8>() = (1i32) as u8;
                                                        *base
                                                            .add(
                                                                200 + 2 * ::core::mem::size_of::<*const u8>(),
                                                            )
                                                            .cast::<f64>() = _rt::as_f64(e);
                                                    }
                                                    None => {
                                                        *base
                                                            .add(
                                                                192 + 2 * ::core::mem::size_of::<*const u8>(),
                                                            )
                                                            .cast::<u8>() = (0i32) as u8;
                                                    }
                                                };
                                                match engine_temperature_c28 {
                                                    Some(e) => {
                                                        *base
                                                            .add(
                                                                208 + 2 * ::core::mem::size_of::<*const u8>(),
                                                            )
                                                            .cast::<u8>() = (1i32) as u8;
                                                        *base
                                                            .add(
                                                                216 + 2 * ::core::mem::size_of::<*const u8>(),
                                                            )
                                                            .cast::<f64>() = _rt::as_f64(e);
                                                    }
                                                    None => {
                                                        *base
                                                            .add(
                                                                208 + 2 * ::core::mem::size_of::<*const u8>(),
                                                            )
                                                            .cast::<u8>() = (0i32) as u8;
                                                    }
                                                };
                                                match engine_rpm28 {
                                                    Some(e) => {
                                                        *base
                                                            .add(
                                                                224 + 2 * ::core::mem::size_of::<*const u8>(),
                                                            )
                                                            .cast::<u8>() = (1i32) as u8;
                                                        *base
                                                            .add(
                                                                232 + 2 * ::core::mem::size_of::<*const u8>(),
                                                            )
                                                            .cast::<f64>() = _rt::as_f64(e);
                                                    }
                                                    None => {
                                                        *base
                                                            .add(
                                                                224 + 2 * ::core::mem::size_of::<*const u8>(),
                                                            )
                                                            .cast::<u8>() = (0i32) as u8;
                                                    }
                                                };
                                                match battery_v28 {
                                                    Some(e) => {
                                                        *base
                                                            .add(
                                                                240 + 2 * ::core::mem::size_of::<*const u8>(),
                                                            )
                                                            .cast::<u8>() = (1i32) as u8;
                                                        *base
                                                            .add(
                                                                248 + 2 * ::core::mem::size_of::<*const u8>(),
                                                            )
                                                            .cast::<f64>() = _rt::as_f64(e);
                                                    }
                                                    None => {
                                                        *base
                                                            .add(
                                                                240 + 2 * ::core::mem::size_of::<*const u8>(),
                                                            )
                                                            .cast::<u8>() = (0i32) as u8;
                                                    }
                                                };
                                                match battery_percent28 {
                                                    Some(e) => {
                                                        *base
                                                            .add(
                                                                256 + 2 * ::core::mem::size_of::<*const u8>(),
                                                            )
                                                            .cast::<u8>() = (1i32) as u8;
                                                        *base
                                                            .add(
                                                                264 + 2 * ::core::mem::size_of::<*const u8>(),
                                                            )
                                                            .cast::<f64>() = _rt::as_f64(e);
                                                    }
                                                    None => {
                                                        *base
                                                            .add(
                                                                256 + 2 * ::core::mem::size_of::<*const u8>(),
                                                            )
                                                            .cast::<u8>() = (0i32) as u8;
                                                    }
                                                };
                                                match power_v28 {
                                                    Some(e) => {
                                                        *base
                                                            .add(
                                                                272 + 2 * ::core::mem::size_of::<*const u8>(),
                                                            )
                                                            .cast::<u8>() = (1i32) as u8;
                                                        *base
                                                            .add(
                                                                280 + 2 * ::core::mem::size_of::<*const u8>(),
                                                            )
                                                            .cast::<f64>() = _rt::as_f64(e);
                                                    }
                                                    None => {
                                                        *base
                                                            .add(
                                                                272 + 2 * ::core::mem::size_of::<*const u8>(),
                                                            )
                                                            .cast::<u8>() = (0i32) as u8;
                                                    }
                                                };
                                                match signal28 {
                                                    Some(e) => {
                                                        *base
                                                            .add(
                                                                288 + 2 * ::core::mem::size_of::<*const u8>(),
                                                            )
                                                            .cast::<u8>() = (1i32) as u8;
                                                        *base
                                                            .add(
                                                                296 + 2 * ::core::mem::size_of::<*const u8>(),
                                                            )
                                                            .cast::<f64>() = _rt::as_f64(e);
                                                    }
                                                    None => {
                                                        *base
                                                            .add(
                                                                288 + 2 * ::core::mem::size_of::<*const u8>(),
                                                            )
                                                            .cast::<u8>() = (0i32) as u8;
                                                    }
                                                };
                                                match event28 {
                                                    Some(e) => {
                                                        *base
                                                            .add(
                                                                304 + 2 * ::core::mem::size_of::<*const u8>(),
                                                            )
                                                            .cast::<u8>() = (1i32) as u8;
                                                        let vec30 = (e.into_bytes()).into_boxed_slice();
                                                        let ptr30 = vec30.as_ptr().cast::<u8>();
                                                        let len30 = vec30.len();
                                                        ::core::mem::forget(vec30);
                                                        *base
                                                            .add(
                                                                304 + 4 * ::core::mem::size_of::<*const u8>(),
                                                            )
                                                            .cast::<usize>() = len30;
                                                        *base
                                                            .add(
                                                                304 + 3 * ::core::mem::size_of::<*const u8>(),
                                                            )
                                                            .cast::<*mut u8>() = ptr30.cast_mut();
                                                    }
                                                    None => {
                                                        *base
                                                            .add(
                                                                304 + 2 * ::core::mem::size_of::<*const u8>(),
                                                            )
                                                            .cast::<u8>() = (0i32) as u8;
                                                    }
                                                };
                                                let vec36 = attributes28;
                                                let len36 = vec36.len();
                                                let layout36 = _rt::alloc::Layout::from_size_align(
                                                    vec36.len()
                                                        * (16 + 4 * ::core::mem::size_of::<*const u8>()),
                                                    8,
                                                )
                                                .unwrap();
                                                let (result36, _cleanup36) =
                                                    wit_bindgen::rt::Cleanup::new(layout36);
                                                if let Some(cleanup) = _cleanup36 {
                                                    cleanup.forget();
                                                }
                                                for (i, e) in vec36.into_iter().enumerate() {
                                                    let base = result36.add(
                                                        i * (16 + 4 * ::core::mem::size_of::<*const u8>()),
                                                    );
                                                    {
                                                        let super::super::super::super::fixstream::decoder::types::Attribute {
                                                            key: key31,
                                                            value: value31,
                                                        } = e;
                                                        use super::super::super::super::fixstream::decoder::types::AttributeKey as V33;
                                                        match key31 {
                                                            V33::Declared(e) => {
                                                                *base.add(0).cast::<u8>() = (0i32) as u8;
                                                                *base
                                                                    .add(::core::mem::size_of::<*const u8>())
                                                                    .cast::<i32>() = _rt::as_i32(e);
                                                            }
                                                            V33::Named(e) => {
                                                                *base.add(0).cast::<u8>() = (1i32) as u8;
                                                                let vec32 =
                                                                    (e.into_bytes()).into_boxed_slice();
                                                                let ptr32 = vec32.as_ptr().cast::<u8>();
                                                                let len32 = vec32.len();
                                                                ::core::mem::forget(vec32);
                                                                *base
                                                                    .add(
                                                                        2 * ::core::mem::size_of::<*const u8>(
                                                                        ),
                                                                    )
                                                                    .cast::<usize>() = len32;
                                                                *base
                                                                    .add(::core::mem::size_of::<*const u8>())
                                                                    .cast::<*mut u8>() = ptr32.cast_mut();
                                                            }
                                                        }
                                                        use super::super::super::super::fixstream::decoder::types::Value as V35;
                                                        match value31 {
                                                            V35::Flag(e) => {
                                                                *base
                                                                    .add(
                                                                        8 + 2 * ::core::mem::size_of::<
                                                                            *const u8,
                                                                        >(
                                                                        ),
                                                                    )
                                                                    .cast::<u8>() = (0i32) as u8;
                                                                *base
                                                                    .add(
                                                                        16 + 2 * ::core::mem::size_of::<
                                                                            *const u8,
                                                                        >(
                                                                        ),
                                                                    )
                                                                    .cast::<u8>() = (match e {
                                                                    true => 1,
                                                                    false => 0,
                                                                })
                                                                    as u8;
                                                            }
                                                            V35::Integer(e) => {
                                                                *base
                                                                    .add(
                                                                        8 + 2 * ::core::mem::size_of::<
                                                                            *const u8,
                                                                        >(
                                                                        ),
                                                                    )
                                                                    .cast::<u8>() = (1i32) as u8;
                                                                *base
                                                                    .add(
                                                                        16 + 2 * ::core::mem::size_of::<
                                                                            *const u8,
                                                                        >(
                                                                        ),
                                                                    )
                                                                    .cast::<i64>() = _rt::as_i64(e);
                                                            }
                                                            V35::Real(e) => {
                                                                *base
                                                                    .add(
                                                                        8 + 2 * ::core::mem::size_of::<
                                                                            *const u8,
                                                                        >(
                                                                        ),
                                                                    )
                                                                    .cast::<u8>() = (2i32) as u8;
                                                                *base
                                                                    .add(
                                                                        16 + 2 * ::core::mem::size_of::<
                                                                            *const u8,
                                                                        >(
                                                                        ),
                                                                    )
                                                                    .cast::<f64>() = _rt::as_f64(e);
                                                            }
                                                            V35::Text(e) => {
                                                                *base
                                                                    .add(
                                                                        8 + 2 * ::core::mem::size_of::<
                                                                            *const u8,
                                                                        >(
                                                                        ),
                                                                    )
                                                                    .cast::<u8>() = (3i32) as u8;
                                                                let vec34 =
                                                                    (e.into_bytes()).into_boxed_slice();
                                                                let ptr34 = vec34.as_ptr().cast::<u8>();
                                                                let len34 = vec34.len();
                                                                ::core::mem::forget(vec34);
                                                                *base
                                                                    .add(
                                                                        16 + 3 * ::core::mem::size_of::<
                                                                            *const u8,
                                                                        >(
                                                                        ),
                                                                    )
                                                                    .cast::<usize>() = len34;
                                                                *base
                                                                    .add(
                                                                        16 + 2 * ::core::mem::size_of::<
                                                                            *const u8,
                                                                        >(
                                                                        ),
                                                                    )
                                                                    .cast::<*mut u8>() = ptr34.cast_mut();
                                                            }
                                                        }
                                                    }
                                                }
                                                *base
                                                    .add(304 + 6 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>() = len36;
                                                *base
                                                    .add(304 + 5 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>() = result36;
                                            }
                                        }
                                        *base.add(2 * ::core::mem::size_of::<*const u8>()).cast::<usize>() =
                                            len37;
                                        *base.add(::core::mem::size_of::<*const u8>()).cast::<*mut u8>() =
                                            result37;
                                        match reply27 {
                                            Some(e) => {
                                                *base
                                                    .add(3 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<u8>() = (1i32) as u8;
                                                let vec38 =
                                                    <_ as Into<_rt::Vec<_>>>::into(e).into_boxed_slice();
                                                let ptr38 = vec38.as_ptr().cast::<u8>();
                                                let len38 = vec38.len();
                                                ::core::mem::forget(vec38);
                                                *base
                                                    .add(5 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>() = len38;
                                                *base
                                                    .add(4 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>() = ptr38.cast_mut();
                                            }
                                            None => {
                                                *base
                                                    .add(3 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<u8>() = (0i32) as u8;
                                            }
                                        };
                                        match state27 {
                                            Some(e) => {
                                                *base
                                                    .add(6 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<u8>() = (1i32) as u8;
                                                let vec39 =
                                                    <_ as Into<_rt::Vec<_>>>::into(e).into_boxed_slice();
                                                let ptr39 = vec39.as_ptr().cast::<u8>();
                                                let len39 = vec39.len();
                                                ::core::mem::forget(vec39);
                                                *base
                                                    .add(8 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>() = len39;
                                                *base
                                                    .add(7 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>() = ptr39.cast_mut();
                                            }
                                            None => {
                                                *base
                                                    .add(6 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<u8>() = (0i32) as u8;
                                            }
                                        };
                                        let vec41 = warnings27;
                                        let len41 = vec41.len();
                                        let layout41 = _rt::alloc::Layout::from_size_align(
                                            vec41.len() * (2 * ::core::mem::size_of::<*const u8>()),
                                            ::core::mem::size_of::<*const u8>(),
                                        )
                                        .unwrap();
                                        let (result41, _cleanup41) = wit_bindgen::rt::Cleanup::new(layout41);
                                        if let Some(cleanup) = _cleanup41 {
                                            cleanup.forget();
                                        }
                                        for (i, e) in vec41.into_iter().enumerate() {
                                            let base =
                                                result41.add(i * (2 * ::core::mem::size_of::<*const u8>()));
                                            {
                                                let vec40 = (e.into_bytes()).into_boxed_slice();
                                                let ptr40 = vec40.as_ptr().cast::<u8>();
                                                let len40 = vec40.len();
                                                ::core::mem::forget(vec40);
                                                *base
                                                    .add(::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>() = len40;
                                                *base.add(0).cast::<*mut u8>() = ptr40.cast_mut();
                                            }
                                        }
                                        *base.add(10 * ::core::mem::size_of::<*const u8>()).cast::<usize>() =
                                            len41;
                                        *base
                                            .add(9 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>() = result41;
                                    }
                                    Err(e) => {
                                        *base.add(0).cast::<u8>() = (1i32) as u8;
                                        use super::super::super::super::fixstream::decoder::types::DecodeError as V44;
                                        match e {
                                            V44::NotMine => {
                                                *base.add(::core::mem::size_of::<*const u8>()).cast::<u8>() =
                                                    (0i32) as u8;
                                            }
                                            V44::Malformed(e) => {
                                                *base.add(::core::mem::size_of::<*const u8>()).cast::<u8>() =
                                                    (1i32) as u8;
                                                let vec42 = (e.into_bytes()).into_boxed_slice();
                                                let ptr42 = vec42.as_ptr().cast::<u8>();
                                                let len42 = vec42.len();
                                                ::core::mem::forget(vec42);
                                                *base
                                                    .add(3 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>() = len42;
                                                *base
                                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>() = ptr42.cast_mut();
                                            }
                                            V44::Unsupported(e) => {
                                                *base.add(::core::mem::size_of::<*const u8>()).cast::<u8>() =
                                                    (2i32) as u8;
                                                let vec43 = (e.into_bytes()).into_boxed_slice();
                                                let ptr43 = vec43.as_ptr().cast::<u8>();
                                                let len43 = vec43.len();
                                                ::core::mem::forget(vec43);
                                                *base
                                                    .add(3 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>() = len43;
                                                *base
                                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>() = ptr43.cast_mut();
                                            }
                                        }
                                    }
                                };
                            }
                        }
                        *ptr26.add(::core::mem::size_of::<*const u8>()).cast::<usize>() = len45;
                        *ptr26.add(0).cast::<*mut u8>() = result45;
                        ptr26
                    }
                }
                #[doc(hidden)]
                #[allow(non_snake_case)]
                pub unsafe fn __post_return_decode_batch<T_: Guest>(arg0: *mut u8) {
                    unsafe {
                        let l0 = *arg0.add(0).cast::<*mut u8>();
                        let l1 = *arg0.add(::core::mem::size_of::<*const u8>()).cast::<usize>();
                        let base39 = l0;
                        let len39 = l1;
                        for i in 0..len39 {
                            let base = base39.add(i * (11 * ::core::mem::size_of::<*const u8>()));
                            {
                                let l2 = i32::from(*base.add(0).cast::<u8>());
                                match l2 {
                                    0 => {
                                        let l3 =
                                            *base.add(::core::mem::size_of::<*const u8>()).cast::<*mut u8>();
                                        let l4 = *base
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        let base20 = l3;
                                        let len20 = l4;
                                        for i in 0..len20 {
                                            let base = base20
                                                .add(i * (312 + 6 * ::core::mem::size_of::<*const u8>()));
                                            {
                                                let l5 = i32::from(*base.add(0).cast::<u8>());
                                                match l5 {
                                                    0 => {}
                                                    _ => {
                                                        let l6 = *base
                                                            .add(::core::mem::size_of::<*const u8>())
                                                            .cast::<*mut u8>();
                                                        let l7 = *base
                                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<usize>();
                                                        _rt::cabi_dealloc(l6, l7, 1);
                                                    }
                                                }
                                                let l8 = i32::from(
                                                    *base
                                                        .add(304 + 2 * ::core::mem::size_of::<*const u8>())
                                                        .cast::<u8>(),
                                                );
                                                match l8 {
                                                    0 => {}
                                                    _ => {
                                                        let l9 = *base
                                                            .add(
                                                                304 + 3 * ::core::mem::size_of::<*const u8>(),
                                                            )
                                                            .cast::<*mut u8>();
                                                        let l10 = *base
                                                            .add(
                                                                304 + 4 * ::core::mem::size_of::<*const u8>(),
                                                            )
                                                            .cast::<usize>();
                                                        _rt::cabi_dealloc(l9, l10, 1);
                                                    }
                                                }
                                                let l11 = *base
                                                    .add(304 + 5 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>();
                                                let l12 = *base
                                                    .add(304 + 6 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>();
                                                let base19 = l11;
                                                let len19 = l12;
                                                for i in 0..len19 {
                                                    let base = base19.add(
                                                        i * (16 + 4 * ::core::mem::size_of::<*const u8>()),
                                                    );
                                                    {
                                                        let l13 = i32::from(*base.add(0).cast::<u8>());
                                                        match l13 {
                                                            0 => {}
                                                            _ => {
                                                                let l14 = *base
                                                                    .add(::core::mem::size_of::<*const u8>())
                                                                    .cast::<*mut u8>();
                                                                let l15 = *base
                                                                    .add(
                                                                        2 * ::core::mem::size_of::<*const u8>(
                                                                        ),
                                                                    )
                                                                    .cast::<usize>();
                                                                _rt::cabi_dealloc(l14, l15, 1);
                                                            }
                                                        }
                                                        let l16 = i32::from(
                                                            *base
                                                                .add(
                                                                    8 + 2
                                                                        * ::core::mem::size_of::<*const u8>(),
                                                                )
                                                                .cast::<u8>(),
                                                        );
                                                        match l16 {
                                                            0 => {}
                                                            1 => {}
                                                            2 => {}
                                                            _ => {
                                                                let l17 = *base
                                                                    .add(
                                                                        16 + 2 * ::core::mem::size_of::<
                                                                            *const u8,
                                                                        >(
                                                                        ),
                                                                    )
                                                                    .cast::<*mut u8>();
                                                                let l18 = *base
                                                                    .add(
                                                                        16 + 3 * ::core::mem::size_of::<
                                                                            *const u8,
                                                                        >(
                                                                        ),
                                                                    )
                                                                    .cast::<usize>();
                                                                _rt::cabi_dealloc(l17, l18, 1);
                                                            }
                                                        }
                                                    }
                                                }
                                                _rt::cabi_dealloc(
                                                    base19,
                                                    len19 * (16 + 4 * ::core::mem::size_of::<*const u8>()),
                                                    8,
                                                );
                                            }
                                        }
                                        _rt::cabi_dealloc(
                                            base20,
                                            len20 * (312 + 6 * ::core::mem::size_of::<*const u8>()),
                                            8,
                                        );
                                        let l21 = i32::from(
                                            *base.add(3 * ::core::mem::size_of::<*const u8>()).cast::<u8>(),
                                        );
                                        match l21 {
                                            0 => {}
                                            _ => {
                                                let l22 = *base
                                                    .add(4 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>();
                                                let l23 = *base
                                                    .add(5 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>();
                                                let base24 = l22;
                                                let len24 = l23;
                                                _rt::cabi_dealloc(base24, len24 * 1, 1);
                                            }
                                        }
                                        let l25 = i32::from(
                                            *base.add(6 * ::core::mem::size_of::<*const u8>()).cast::<u8>(),
                                        );
                                        match l25 {
                                            0 => {}
                                            _ => {
                                                let l26 = *base
                                                    .add(7 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>();
                                                let l27 = *base
                                                    .add(8 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>();
                                                let base28 = l26;
                                                let len28 = l27;
                                                _rt::cabi_dealloc(base28, len28 * 1, 1);
                                            }
                                        }
                                        let l29 = *base
                                            .add(9 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>();
                                        let l30 = *base
                                            .add(10 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        let base33 = l29;
                                        let len33 = l30;
                                        for i in 0..len33 {
                                            let base =
                                                base33.add(i * (2 * ::core::mem::size_of::<*const u8>()));
                                            {
                                                let l31 = *base.add(0).cast::<*mut u8>();
                                                let l32 = *base
                                                    .add(::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>();
                                                _rt::cabi_dealloc(l31, l32, 1);
                                            }
                                        }
                                        _rt::cabi_dealloc(
                                            base33,
                                            len33 * (2 * ::core::mem::size_of::<*const u8>()),
                                            ::core::mem::size_of::<*const u8>(),
                                        );
                                    }
                                    _ => {
                                        let l34 = i32::from(
                                            *base.add(::core::mem::size_of::<*const u8>()).cast::<u8>(),
                                        );
                                        match l34 {
                                            0 => {}
                                            1 => {
                                                let l35 = *base
                                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>();
                                                let l36 = *base
                                                    .add(3 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>();
                                                _rt::cabi_dealloc(l35, l36, 1);
                                            }
                                            _ => {
                                                let l37 = *base
                                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>();
                                                let l38 = *base
                                                    .add(3 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>();
                                                _rt::cabi_dealloc(l37, l38, 1);
                                            }
                                        }
                                    }
                                }
                            }
                        }
                        _rt::cabi_dealloc(
                            base39,
                            len39 * (11 * ::core::mem::size_of::<*const u8>()),
                            ::core::mem::size_of::<*const u8>(),
                        );
                    }
                }
                pub trait Guest {
                    /// One result per message, in order. A batch of one is legal. The messages of a batch may come
                    /// from different devices and do not depend on each other.
                    #[allow(async_fn_in_trait)]
                    fn decode_batch(
                        batch: _rt::Vec<Message>,
                    ) -> _rt::Vec<::core::result::Result<Decoded, DecodeError>>;
                }
                #[doc(hidden)]
                #[macro_export]
                macro_rules! __export_fixstream_decoder_decode_1_0_0_cabi {
                    ($ty:ident with_types_in $($path_to_types:tt)*) => {
                        const _ : () = { #[unsafe (export_name =
                        "fixstream:decoder/decode@1.0.0#decode-batch")] unsafe extern "C"
                        fn export_decode_batch(arg0 : * mut u8, arg1 : usize,) -> * mut
                        u8 { unsafe { $($path_to_types)*::
                        _export_decode_batch_cabi::<$ty > (arg0, arg1) } } #[unsafe
                        (export_name =
                        "cabi_post_fixstream:decoder/decode@1.0.0#decode-batch")] unsafe
                        extern "C" fn _post_return_decode_batch(arg0 : * mut u8,) {
                        unsafe { $($path_to_types)*:: __post_return_decode_batch::<$ty >
                        (arg0) } } };
                    };
                }
                #[doc(hidden)]
                pub use __export_fixstream_decoder_decode_1_0_0_cabi;
                #[cfg_attr(target_pointer_width = "64", repr(align(8)))]
                #[cfg_attr(target_pointer_width = "32", repr(align(4)))]
                struct _RetArea([::core::mem::MaybeUninit<u8>; 2 * ::core::mem::size_of::<*const u8>()]);
                static mut _RET_AREA: _RetArea =
                    _RetArea([::core::mem::MaybeUninit::uninit(); 2 * ::core::mem::size_of::<*const u8>()]);
            }
        }
    }
}
mod _rt {
    #![allow(dead_code, unused_imports, clippy::all)]
    pub use alloc_crate::string::String;
    pub use alloc_crate::vec::Vec;
    #[cfg(target_arch = "wasm32")]
    pub fn run_ctors_once() {
        wit_bindgen::rt::run_ctors_once();
    }
    pub use alloc_crate::alloc;
    pub fn as_i32<T: AsI32>(t: T) -> i32 {
        t.as_i32()
    }
    pub trait AsI32 {
        fn as_i32(self) -> i32;
    }
    impl<'a, T: Copy + AsI32> AsI32 for &'a T {
        fn as_i32(self) -> i32 {
            (*self).as_i32()
        }
    }
    impl AsI32 for i32 {
        #[inline]
        fn as_i32(self) -> i32 {
            self as i32
        }
    }
    impl AsI32 for u32 {
        #[inline]
        fn as_i32(self) -> i32 {
            self as i32
        }
    }
    impl AsI32 for i16 {
        #[inline]
        fn as_i32(self) -> i32 {
            self as i32
        }
    }
    impl AsI32 for u16 {
        #[inline]
        fn as_i32(self) -> i32 {
            self as i32
        }
    }
    impl AsI32 for i8 {
        #[inline]
        fn as_i32(self) -> i32 {
            self as i32
        }
    }
    impl AsI32 for u8 {
        #[inline]
        fn as_i32(self) -> i32 {
            self as i32
        }
    }
    impl AsI32 for char {
        #[inline]
        fn as_i32(self) -> i32 {
            self as i32
        }
    }
    impl AsI32 for usize {
        #[inline]
        fn as_i32(self) -> i32 {
            self as i32
        }
    }
    pub unsafe fn cabi_dealloc(ptr: *mut u8, size: usize, align: usize) {
        if size == 0 {
            return;
        }
        unsafe {
            let layout = alloc::Layout::from_size_align_unchecked(size, align);
            alloc::dealloc(ptr, layout);
        }
    }
    pub unsafe fn string_lift(bytes: Vec<u8>) -> String {
        if cfg!(debug_assertions) {
            String::from_utf8(bytes).unwrap()
        } else {
            unsafe { String::from_utf8_unchecked(bytes) }
        }
    }
    pub unsafe fn invalid_enum_discriminant<T>() -> T {
        if cfg!(debug_assertions) {
            panic!("invalid enum discriminant")
        } else {
            unsafe { core::hint::unreachable_unchecked() }
        }
    }
    pub fn as_i64<T: AsI64>(t: T) -> i64 {
        t.as_i64()
    }
    pub trait AsI64 {
        fn as_i64(self) -> i64;
    }
    impl<'a, T: Copy + AsI64> AsI64 for &'a T {
        fn as_i64(self) -> i64 {
            (*self).as_i64()
        }
    }
    impl AsI64 for i64 {
        #[inline]
        fn as_i64(self) -> i64 {
            self as i64
        }
    }
    impl AsI64 for u64 {
        #[inline]
        fn as_i64(self) -> i64 {
            self as i64
        }
    }
    pub fn as_f64<T: AsF64>(t: T) -> f64 {
        t.as_f64()
    }
    pub trait AsF64 {
        fn as_f64(self) -> f64;
    }
    impl<'a, T: Copy + AsF64> AsF64 for &'a T {
        fn as_f64(self) -> f64 {
            (*self).as_f64()
        }
    }
    impl AsF64 for f64 {
        #[inline]
        fn as_f64(self) -> f64 {
            self as f64
        }
    }
    extern crate alloc as alloc_crate;
}
/// Generates `#[unsafe(no_mangle)]` functions to export the specified type as
/// the root implementation of all generated traits.
///
/// For more information see the documentation of `wit_bindgen::generate!`.
///
/// ```rust
/// # macro_rules! export{ ($($t:tt)*) => (); }
/// # trait Guest {}
/// struct MyType;
///
/// impl Guest for MyType {
///     // ...
/// }
///
/// export!(MyType);
/// ```
#[allow(unused_macros)]
#[doc(hidden)]
#[macro_export]
macro_rules! __export_decoder_impl {
    ($ty:ident) => {
        fixstream_decoder::bindings::export!($ty with_types_in
        fixstream_decoder::bindings);
    };
    ($ty:ident with_types_in $($path_to_types_root:tt)*) => {
        $($path_to_types_root)*::
        exports::fixstream::decoder::plugin::__export_fixstream_decoder_plugin_1_0_0_cabi!($ty
        with_types_in $($path_to_types_root)*:: exports::fixstream::decoder::plugin);
        $($path_to_types_root)*::
        exports::fixstream::decoder::decode::__export_fixstream_decoder_decode_1_0_0_cabi!($ty
        with_types_in $($path_to_types_root)*:: exports::fixstream::decoder::decode);
        const _ : () = { #[cfg(target_arch = "wasm32")] #[unsafe (link_section =
        "component-type:wit-bindgen:0.61.1:fixstream:decoder@1.0.0:decoder:imports and exports")]
        #[doc(hidden)] #[allow(clippy::octal_escapes)] pub static
        __WIT_BINDGEN_COMPONENT_TYPE : [u8; 1174] = *
        b"\
\0asm\x0d\0\x01\0\0\x19\x16wit-component-encoding\x04\0\x07\x98\x08\x01A\x02\x01\
A\x09\x01B\x1c\x01q\x04\x04flag\x01\x7f\0\x07integer\x01x\0\x04real\x01u\0\x04te\
xt\x01s\0\x04\0\x05value\x03\0\0\x01q\x02\x08declared\x01y\0\x05named\x01s\0\x04\
\0\x0dattribute-key\x03\0\x02\x01r\x02\x03key\x03\x05value\x01\x04\0\x09attribut\
e\x03\0\x04\x01ks\x01kx\x01k\x7f\x01ku\x01k{\x01p\x05\x01r\x17\x06device\x06\x07\
time-ms\x07\x05valid\x08\x08latitude\x09\x09longitude\x09\x0aaltitude-m\x09\x09s\
peed-kmh\x09\x0bheading-deg\x09\x0aaccuracy-m\x09\x04hdop\x09\x0asatellites\x0a\x0b\
odometer-km\x09\x0bdistance-km\x09\x08ignition\x08\x0cfuel-percent\x09\x14engine\
-temperature-c\x09\x0aengine-rpm\x09\x09battery-v\x09\x0fbattery-percent\x09\x07\
power-v\x09\x06signal\x09\x05event\x06\x0aattributes\x0b\x04\0\x08position\x03\0\
\x0c\x01m\x05\x04mqtt\x04http\x03tcp\x03udp\x04file\x04\0\x09transport\x03\0\x0e\
\x01o\x02ss\x01p\x10\x01p}\x01r\x07\x09transport\x0f\x07channels\x06device\x06\x0b\
received-msx\x07context\x11\x05state\x12\x07payload\x12\x04\0\x07message\x03\0\x13\
\x01p\x0d\x01k\x12\x01ps\x01r\x04\x09positions\x15\x05reply\x16\x05state\x16\x08\
warnings\x17\x04\0\x07decoded\x03\0\x18\x01q\x03\x08not-mine\0\0\x09malformed\x01\
s\0\x0bunsupported\x01s\0\x04\0\x0cdecode-error\x03\0\x1a\x03\0\x1dfixstream:dec\
oder/types@1.0.0\x05\0\x01B\x05\x01ps\x01r\x04\x04names\x07versions\x0eattribute\
-keys\0\x09max-batchy\x04\0\x0adescriptor\x03\0\x01\x01@\0\0\x02\x04\0\x08descri\
be\x01\x03\x04\0\x1efixstream:decoder/plugin@1.0.0\x05\x01\x02\x03\0\0\x07messag\
e\x02\x03\0\0\x07decoded\x02\x03\0\0\x0cdecode-error\x01B\x0b\x02\x03\x02\x01\x02\
\x04\0\x07message\x03\0\0\x02\x03\x02\x01\x03\x04\0\x07decoded\x03\0\x02\x02\x03\
\x02\x01\x04\x04\0\x0cdecode-error\x03\0\x04\x01p\x01\x01j\x01\x03\x01\x05\x01p\x07\
\x01@\x01\x05batch\x06\0\x08\x04\0\x0cdecode-batch\x01\x09\x04\0\x1efixstream:de\
coder/decode@1.0.0\x05\x05\x04\0\x1ffixstream:decoder/decoder@1.0.0\x04\0\x0b\x0d\
\x01\0\x07decoder\x03\0\0\0G\x09producers\x01\x0cprocessed-by\x02\x0dwit-compone\
nt\x070.258.3\x10wit-bindgen-rust\x060.61.1";
        };
    };
}
#[doc(inline)]
pub use __export_decoder_impl as export;
#[cfg(target_arch = "wasm32")]
#[unsafe(link_section = "component-type:wit-bindgen:0.61.1:fixstream:decoder@1.0.0:decoder-with-all-of-its-exports-removed:encoded world")]
#[doc(hidden)]
#[allow(clippy::octal_escapes)]
pub static __WIT_BINDGEN_COMPONENT_TYPE: [u8; 939] = *b"\
\0asm\x0d\0\x01\0\0\x19\x16wit-component-encoding\x04\0\x07\x8d\x06\x01A\x02\x01\
A\x02\x01B\x1c\x01q\x04\x04flag\x01\x7f\0\x07integer\x01x\0\x04real\x01u\0\x04te\
xt\x01s\0\x04\0\x05value\x03\0\0\x01q\x02\x08declared\x01y\0\x05named\x01s\0\x04\
\0\x0dattribute-key\x03\0\x02\x01r\x02\x03key\x03\x05value\x01\x04\0\x09attribut\
e\x03\0\x04\x01ks\x01kx\x01k\x7f\x01ku\x01k{\x01p\x05\x01r\x17\x06device\x06\x07\
time-ms\x07\x05valid\x08\x08latitude\x09\x09longitude\x09\x0aaltitude-m\x09\x09s\
peed-kmh\x09\x0bheading-deg\x09\x0aaccuracy-m\x09\x04hdop\x09\x0asatellites\x0a\x0b\
odometer-km\x09\x0bdistance-km\x09\x08ignition\x08\x0cfuel-percent\x09\x14engine\
-temperature-c\x09\x0aengine-rpm\x09\x09battery-v\x09\x0fbattery-percent\x09\x07\
power-v\x09\x06signal\x09\x05event\x06\x0aattributes\x0b\x04\0\x08position\x03\0\
\x0c\x01m\x05\x04mqtt\x04http\x03tcp\x03udp\x04file\x04\0\x09transport\x03\0\x0e\
\x01o\x02ss\x01p\x10\x01p}\x01r\x07\x09transport\x0f\x07channels\x06device\x06\x0b\
received-msx\x07context\x11\x05state\x12\x07payload\x12\x04\0\x07message\x03\0\x13\
\x01p\x0d\x01k\x12\x01ps\x01r\x04\x09positions\x15\x05reply\x16\x05state\x16\x08\
warnings\x17\x04\0\x07decoded\x03\0\x18\x01q\x03\x08not-mine\0\0\x09malformed\x01\
s\0\x0bunsupported\x01s\0\x04\0\x0cdecode-error\x03\0\x1a\x03\0\x1dfixstream:dec\
oder/types@1.0.0\x05\0\x04\0?fixstream:decoder/decoder-with-all-of-its-exports-r\
emoved@1.0.0\x04\0\x0b-\x01\0'decoder-with-all-of-its-exports-removed\x03\0\0\0G\
\x09producers\x01\x0cprocessed-by\x02\x0dwit-component\x070.258.3\x10wit-bindgen\
-rust\x060.61.1";
#[inline(never)]
#[doc(hidden)]
pub fn __link_custom_section_describing_imports() {
    wit_bindgen::rt::maybe_link_cabi_realloc();
}
