//! Bindings of the released contract versions. One module per major version of `wit/`; 1.x only adds
//! interfaces, so a guest built for any 1.x is found under the names of 1.0.0.

#![allow(missing_docs, clippy::all, clippy::pedantic)]

/// `fixstream:decoder@1.0.0`.
pub(super) mod v1 {
    wasmtime::component::bindgen!({ world: "decoder", path: "../wit/1.0.0" });
}

/// `fixstream:packed@1.0.0`.
pub(super) mod packed_v1 {
    wasmtime::component::bindgen!({ world: "packed", path: "../wit/packed-1.0.0" });
}
