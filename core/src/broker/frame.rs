//! MQTT 3.1.1 packets on the wire, read in place.
//!
//! [`next`] takes the first packet off a buffer without copying: every text and payload borrows from it.
//! Whatever the bytes are, the answer is a packet, "not complete yet" or an error; never a panic.

use std::str;

/// What a packet breaks. The connection that sent it is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The remaining length takes more than four bytes.
    #[error("remaining length takes more than four bytes")]
    Length,
    /// Larger than this server takes.
    #[error("packet of {0} bytes is larger than allowed")]
    TooLarge(usize),
    /// Reserved, or one that only servers send.
    #[error("packet type {0} is not for a server")]
    Type(u8),
    /// Reserved bits are set.
    #[error("reserved flags are set")]
    Flags,
    /// A field runs over the end of the packet, or bytes are left over.
    #[error("fields do not fill the packet")]
    Fields,
    /// A text is not UTF-8 or holds U+0000.
    #[error("text is not well formed")]
    Text,
    /// Packet id 0.
    #[error("packet id 0")]
    PacketId,
    /// A topic that is empty or holds a wildcard.
    #[error("topic name is empty or holds a wildcard")]
    Topic,
    /// QoS 3.
    #[error("quality of service 3")]
    Qos,
    /// Another protocol or version; the level that was asked for.
    #[error("protocol level {0} is not spoken here")]
    Level(u8),
}

/// Quality of service that a client asks for or uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
#[expect(
    clippy::enum_variant_names,
    reason = "these are the words of the MQTT specification"
)]
pub enum Qos {
    /// At most once.
    AtMostOnce = 0,
    /// At least once.
    AtLeastOnce = 1,
    /// Exactly once.
    ExactlyOnce = 2,
}

impl Qos {
    fn from_bits(bits: u8) -> Result<Self, FrameError> {
        match bits {
            0 => Ok(Self::AtMostOnce),
            1 => Ok(Self::AtLeastOnce),
            2 => Ok(Self::ExactlyOnce),
            _ => Err(FrameError::Qos),
        }
    }
}

/// A packet that a client may send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet<'a> {
    /// First packet of a connection.
    Connect(Connect<'a>),
    /// A message.
    Publish(Publish<'a>),
    /// QoS 1 received.
    PubAck(u16),
    /// QoS 2 received.
    PubRec(u16),
    /// QoS 2 release.
    PubRel(u16),
    /// QoS 2 complete.
    PubComp(u16),
    /// Filters to add, at least one.
    Subscribe(u16, Vec<(&'a str, Qos)>),
    /// Filters to remove, at least one.
    Unsubscribe(u16, Vec<&'a str>),
    /// Are you there?
    PingReq,
    /// Good bye; the will is not to be published.
    Disconnect,
}

/// CONNECT of MQTT 3.1.1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connect<'a> {
    /// Client identifier, may be empty.
    pub client_id: &'a str,
    /// Forget the session before and after.
    pub clean_session: bool,
    /// Seconds; 0 = off.
    pub keep_alive: u16,
    /// To be published when the connection is lost.
    pub will: Option<Will<'a>>,
    /// User name.
    pub username: Option<&'a str>,
    /// Password.
    pub password: Option<&'a [u8]>,
}

/// The will of a CONNECT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Will<'a> {
    /// Topic name.
    pub topic: &'a str,
    /// Message.
    pub payload: &'a [u8],
    /// Its quality of service.
    pub qos: Qos,
}

/// PUBLISH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publish<'a> {
    /// The sender sent it before.
    pub dup: bool,
    /// Quality of service.
    pub qos: Qos,
    /// To be kept for later subscribers.
    pub retain: bool,
    /// Topic name, without wildcards.
    pub topic: &'a str,
    /// Packet id, 0 for QoS 0.
    pub pkid: u16,
    /// Message.
    pub payload: &'a [u8],
}

/// The first packet in `bytes` and its length; `None` while it is not complete.
/// `max` bounds the whole packet; it and the kind of packet are checked before the packet is complete.
pub fn next(bytes: &[u8], max: usize) -> Result<Option<(Packet<'_>, usize)>, FrameError> {
    let Some(&first) = bytes.first() else {
        return Ok(None);
    };
    check_flags(first)?;
    let Some((length, header)) = remaining_length(bytes)? else {
        return Ok(None);
    };
    let total = header + length;
    if total > max {
        return Err(FrameError::TooLarge(total));
    }
    let Some(body) = bytes.get(header..total) else {
        return Ok(None);
    };
    Ok(Some((packet(first, body)?, total)))
}

/// Whether the first byte may begin a packet from a client.
fn check_flags(first: u8) -> Result<(), FrameError> {
    let (kind, flags) = (first >> 4, first & 0x0f);
    let expected = match kind {
        3 => flags,
        6 | 8 | 10 => 2,
        1 | 4 | 5 | 7 | 12 | 14 => 0,
        _ => return Err(FrameError::Type(kind)),
    };
    if flags == expected {
        Ok(())
    } else {
        Err(FrameError::Flags)
    }
}

/// Remaining length and bytes of the fixed header.
fn remaining_length(bytes: &[u8]) -> Result<Option<(usize, usize)>, FrameError> {
    let mut length = 0;
    for (index, &byte) in bytes.iter().skip(1).take(4).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Ok(Some((length, index + 2)));
        }
    }
    if bytes.len() > 4 {
        Err(FrameError::Length)
    } else {
        Ok(None)
    }
}

fn packet(first: u8, body: &[u8]) -> Result<Packet<'_>, FrameError> {
    let (kind, flags) = (first >> 4, first & 0x0f);
    let mut fields = Fields(body);
    let packet = match kind {
        1 => return connect(body).map(Packet::Connect),
        3 => return publish(flags, body).map(Packet::Publish),
        4 => Packet::PubAck(fields.packet_id()?),
        5 => Packet::PubRec(fields.packet_id()?),
        6 => Packet::PubRel(fields.packet_id()?),
        7 => Packet::PubComp(fields.packet_id()?),
        8 => {
            let (pkid, mut filters) = (fields.packet_id()?, Vec::new());
            while !fields.0.is_empty() || filters.is_empty() {
                filters.push((fields.text()?, Qos::from_bits(fields.u8()?)?));
            }
            Packet::Subscribe(pkid, filters)
        }
        10 => {
            let (pkid, mut filters) = (fields.packet_id()?, Vec::new());
            while !fields.0.is_empty() || filters.is_empty() {
                filters.push(fields.text()?);
            }
            Packet::Unsubscribe(pkid, filters)
        }
        12 => Packet::PingReq,
        14 => Packet::Disconnect,
        _ => return Err(FrameError::Type(kind)),
    };
    fields.end()?;
    Ok(packet)
}

fn publish(flags: u8, body: &[u8]) -> Result<Publish<'_>, FrameError> {
    let qos = Qos::from_bits((flags >> 1) & 3)?;
    let dup = flags & 8 != 0;
    if dup && qos == Qos::AtMostOnce {
        return Err(FrameError::Flags);
    }
    let mut fields = Fields(body);
    let topic = fields.topic()?;
    let pkid = if qos == Qos::AtMostOnce {
        0
    } else {
        fields.packet_id()?
    };
    Ok(Publish {
        dup,
        qos,
        retain: flags & 1 != 0,
        topic,
        pkid,
        payload: fields.0,
    })
}

fn connect(body: &[u8]) -> Result<Connect<'_>, FrameError> {
    let mut fields = Fields(body);
    let (name, level) = (fields.text()?, fields.u8()?);
    if name != "MQTT" || level != 4 {
        return Err(FrameError::Level(level));
    }
    let flags = fields.u8()?;
    let has = |bit: u8| flags & bit != 0;
    let (has_will, has_password, has_username) = (has(0x04), has(0x40), has(0x80));
    let will_qos = Qos::from_bits((flags >> 3) & 3)?;
    let will_bits_without_will = !has_will && flags & 0x38 != 0;
    if has(0x01) || will_bits_without_will || (has_password && !has_username) {
        return Err(FrameError::Flags);
    }
    let keep_alive = fields.u16()?;
    let client_id = fields.text()?;
    let will = if has_will {
        Some(Will {
            topic: fields.topic()?,
            payload: fields.binary()?,
            qos: will_qos,
        })
    } else {
        None
    };
    let username = if has_username { Some(fields.text()?) } else { None };
    let password = if has_password {
        Some(fields.binary()?)
    } else {
        None
    };
    fields.end()?;
    Ok(Connect {
        client_id,
        clean_session: has(0x02),
        keep_alive,
        will,
        username,
        password,
    })
}

/// What is left of a packet's body.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], FrameError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(FrameError::Fields)?;
        self.0 = rest;
        Ok(taken)
    }

    fn u8(&mut self) -> Result<u8, FrameError> {
        let (&byte, rest) = self.0.split_first().ok_or(FrameError::Fields)?;
        self.0 = rest;
        Ok(byte)
    }

    fn u16(&mut self) -> Result<u16, FrameError> {
        Ok(u16::from_be_bytes([self.u8()?, self.u8()?]))
    }

    fn packet_id(&mut self) -> Result<u16, FrameError> {
        match self.u16()? {
            0 => Err(FrameError::PacketId),
            pkid => Ok(pkid),
        }
    }

    fn binary(&mut self) -> Result<&'a [u8], FrameError> {
        let length = self.u16()?;
        self.take(usize::from(length))
    }

    fn text(&mut self) -> Result<&'a str, FrameError> {
        let bytes = self.binary()?;
        if bytes.contains(&0) {
            return Err(FrameError::Text);
        }
        str::from_utf8(bytes).map_err(|_| FrameError::Text)
    }

    fn topic(&mut self) -> Result<&'a str, FrameError> {
        let topic = self.text()?;
        if topic.is_empty() || topic.bytes().any(|byte| matches!(byte, b'+' | b'#')) {
            return Err(FrameError::Topic);
        }
        Ok(topic)
    }

    fn end(&self) -> Result<(), FrameError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(FrameError::Fields)
        }
    }
}

/// Packets that the server sends. Each appends to `out`.
pub mod write {
    /// CONNACK.
    pub fn connack(out: &mut Vec<u8>, session_present: bool, code: u8) {
        out.extend_from_slice(&[0x20, 2, u8::from(session_present), code]);
    }

    /// CONNACK "unsupported protocol version" as an MQTT 5 client reads it.
    pub fn connack_v5_unsupported(out: &mut Vec<u8>) {
        out.extend_from_slice(&[0x20, 3, 0, 0x84, 0]);
    }

    fn with_id(out: &mut Vec<u8>, first: u8, pkid: u16) {
        let [high, low] = pkid.to_be_bytes();
        out.extend_from_slice(&[first, 2, high, low]);
    }

    /// PUBACK.
    pub fn puback(out: &mut Vec<u8>, pkid: u16) {
        with_id(out, 0x40, pkid);
    }

    /// PUBREC.
    pub fn pubrec(out: &mut Vec<u8>, pkid: u16) {
        with_id(out, 0x50, pkid);
    }

    /// PUBCOMP.
    pub fn pubcomp(out: &mut Vec<u8>, pkid: u16) {
        with_id(out, 0x70, pkid);
    }

    /// UNSUBACK.
    pub fn unsuback(out: &mut Vec<u8>, pkid: u16) {
        with_id(out, 0xb0, pkid);
    }

    /// SUBACK with one code (granted QoS or 0x80) per filter.
    pub fn suback(out: &mut Vec<u8>, pkid: u16, codes: &[u8]) {
        out.push(0x90);
        length(out, 2 + codes.len());
        out.extend_from_slice(&pkid.to_be_bytes());
        out.extend_from_slice(codes);
    }

    /// PINGRESP.
    pub fn pingresp(out: &mut Vec<u8>) {
        out.extend_from_slice(&[0xd0, 0]);
    }

    /// PUBLISH; QoS 1 with a packet id, QoS 0 without. `topic` must be shorter than 64 KiB.
    pub fn publish(out: &mut Vec<u8>, topic: &str, pkid: Option<u16>, payload: &[u8]) {
        let topic = topic
            .as_bytes()
            .get(..usize::from(u16::MAX))
            .unwrap_or(topic.as_bytes());
        let id = pkid.map_or(0, |_| 2);
        out.push(if pkid.is_some() { 0x32 } else { 0x30 });
        length(out, 2 + topic.len() + id + payload.len());
        out.extend_from_slice(&(topic.len() as u16).to_be_bytes());
        out.extend_from_slice(topic);
        if let Some(pkid) = pkid {
            out.extend_from_slice(&pkid.to_be_bytes());
        }
        out.extend_from_slice(payload);
    }

    fn length(out: &mut Vec<u8>, mut length: usize) {
        loop {
            let byte = (length & 0x7f) as u8;
            length >>= 7;
            if length == 0 {
                out.push(byte);
                return;
            }
            out.push(byte | 0x80);
        }
    }
}

#[cfg(test)]
#[path = "frame_tests.rs"]
mod tests;
