//! How a live message looks on its way through the router.
//!
//! Payload: journal offset (8 bytes), length of the topic (2 bytes), topic, payload. The original topic
//! travels here and not as the router's topic, which would be remembered for ever.

use bytes::{Buf, Bytes};

use crate::model::{ClientId, Offset};

/// A live message; without a topic it is a marker that says "everything before `offset` was sent".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its record in the journal.
    pub offset: Offset,
    /// Topic as the device published it; empty for markers.
    pub topic: Bytes,
    /// Payload as published.
    pub payload: Bytes,
}

impl Entry {
    /// Whether it carries no message.
    pub fn is_marker(&self) -> bool {
        self.topic.is_empty()
    }

    /// Reads what [`encode`] wrote; `None` for anything else.
    pub fn decode(mut bytes: Bytes) -> Option<Self> {
        let offset = Offset(bytes.try_get_u64().ok()?);
        let length = usize::from(bytes.try_get_u16().ok()?);
        if bytes.len() < length {
            return None;
        }
        let topic = bytes.split_to(length);
        Some(Self {
            offset,
            topic,
            payload: bytes,
        })
    }
}

/// The bytes of an entry. `topic` must be shorter than 64 KiB, as MQTT topics are.
pub fn encode(offset: Offset, topic: &str, payload: &[u8]) -> Bytes {
    let topic = topic
        .as_bytes()
        .get(..usize::from(u16::MAX))
        .unwrap_or(topic.as_bytes());
    let mut out = Vec::with_capacity(10 + topic.len() + payload.len());
    out.extend_from_slice(&offset.0.to_be_bytes());
    out.extend_from_slice(&(topic.len() as u16).to_be_bytes());
    out.extend_from_slice(topic);
    out.extend_from_slice(payload);
    Bytes::from(out)
}

/// The router's topic for messages of a client and vendor: ASCII whatever the vendor is called.
pub fn router_topic(client: ClientId, vendor: &str) -> String {
    let plain = vendor.len() <= 64
        && vendor
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    format!("c/{client}/{}", if plain { vendor } else { "other" })
}

/// The router's filter for everything of a client.
pub fn router_filter(client: ClientId) -> String {
    format!("c/{client}/#")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_entry_comes_back_as_it_was(offset in any::<u64>(), topic in "\\PC{0,50}", payload in proptest::collection::vec(any::<u8>(), 0..200)) {
            let entry = Entry::decode(encode(Offset(offset), &topic, &payload)).unwrap();
            prop_assert_eq!(entry, Entry { offset: Offset(offset), topic: Bytes::from(topic), payload: Bytes::from(payload) });
        }

        #[test]
        fn any_bytes_give_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = Entry::decode(Bytes::from(bytes));
        }

        #[test]
        fn what_the_router_sees_is_ascii_and_a_valid_topic_of_the_client(client in any::<u32>(), vendor in "\\PC{0,80}") {
            let topic = router_topic(ClientId(client), &vendor);
            prop_assert!(topic.is_ascii() && rumqttd::protocol::valid_topic(&topic));
            prop_assert!(rumqttd::protocol::matches(&topic, &router_filter(ClientId(client))));
            prop_assert!(!rumqttd::protocol::matches(&topic, &router_filter(ClientId(client ^ 1))));
        }
    }
}
