//! From a core module, as `cargo build --target wasm32-unknown-unknown` leaves it, to a component.

use super::PluginError;

/// The first eight bytes of a core module and of a component (magic, version, layer).
const CORE: &[u8] = b"\0asm\x01\0\0\0";
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

/// What a WASM file begins as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layer {
    Core,
    Component,
    Neither,
}

pub(super) fn layer(bytes: &[u8]) -> Layer {
    if bytes.starts_with(COMPONENT) {
        Layer::Component
    } else if bytes.starts_with(CORE) {
        Layer::Core
    } else {
        Layer::Neither
    }
}

/// Wraps a core module, built with the SDK, into a component. The same module always gives the same
/// bytes. A component is refused, because packing twice is a mistake.
pub fn pack(core_module: &[u8]) -> Result<Vec<u8>, PluginError> {
    let refuse = |what: String| PluginError::Pack { what };
    match layer(core_module) {
        Layer::Core => {}
        Layer::Component => return Err(refuse("it is a component already".to_owned())),
        Layer::Neither => return Err(refuse("it does not begin like a WASM file".to_owned())),
    }
    wit_component::ComponentEncoder::default()
        .validate(true)
        .module(core_module)
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| {
            refuse(format!(
                "{error:#}; a decoder is built with the SDK for wasm32-unknown-unknown"
            ))
        })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn what_is_no_core_module_is_refused_with_the_reason() {
        assert!(pack(b"hello").expect_err("text").to_string().contains("WASM"));
        assert!(
            pack(COMPONENT)
                .expect_err("component")
                .to_string()
                .contains("already")
        );
        assert!(pack(&[CORE, b"\x01"].concat()).is_err());
    }
}
