//! A blocking MQTT client of a few lines for the tests that must see every byte: what was acknowledged, when.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A connection after CONNACK.
pub struct Connection {
    stream: TcpStream,
    /// Read by [`Connection::receive`] and not yet understood.
    unread: Vec<u8>,
}

/// What came, or did not.
#[derive(Debug, PartialEq, Eq)]
pub enum Received {
    Puback(u16),
    Pingresp,
    Nothing,
    Closed,
}

/// CONNECT; the CONNACK return code when refused.
pub fn connect(port: u16, client_id: &str, username: &str, password: &str) -> Result<Connection, u8> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut body = vec![0, 4, b'M', b'Q', b'T', b'T', 4, 0b1100_0010, 0, 60];
    for text in [client_id, username, password] {
        body.extend((text.len() as u16).to_be_bytes());
        body.extend(text.as_bytes());
    }
    let mut packet = vec![0x10];
    remaining_length(&mut packet, body.len());
    packet.extend(body);
    stream.write_all(&packet).unwrap();
    let mut connack = [0; 4];
    stream.read_exact(&mut connack).unwrap();
    assert_eq!(connack[0], 0x20);
    if connack[3] == 0 {
        Ok(Connection {
            stream,
            unread: Vec::new(),
        })
    } else {
        Err(connack[3])
    }
}

impl Connection {
    /// Sends a QoS 1 PUBLISH without waiting.
    pub fn publish(&mut self, topic: &str, id: u16, payload: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(&publish(topic, id, payload))
    }

    /// Sends several packets in one write.
    pub fn write(&mut self, packets: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(packets)
    }

    /// Reads one PUBACK; `None` when the server closed the connection.
    pub fn puback(&mut self) -> Option<u16> {
        let mut packet = [0; 4];
        match self.stream.read_exact(&mut packet) {
            Ok(()) => {
                assert_eq!(packet[..2], [0x40, 2], "not a PUBACK: {packet:?}");
                Some(u16::from_be_bytes([packet[2], packet[3]]))
            }
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
                ) =>
            {
                None
            }
            Err(error) => panic!("no PUBACK: {error}"),
        }
    }

    /// Sends a PINGREQ.
    pub fn ping(&mut self) -> std::io::Result<()> {
        self.stream.write_all(&[0xc0, 0])
    }

    /// The next PUBACK or PINGRESP; `Nothing` when none came within `patience`. Not to be mixed with
    /// [`Connection::puback`].
    pub fn receive(&mut self, patience: Duration) -> Received {
        loop {
            match self.unread[..] {
                [0x40, 2, high, low, ..] => {
                    self.unread.drain(..4);
                    return Received::Puback(u16::from_be_bytes([high, low]));
                }
                [0xd0, 0, ..] => {
                    self.unread.drain(..2);
                    return Received::Pingresp;
                }
                [first, ..] => assert!(first == 0x40 || first == 0xd0, "unexpected packet {first:#x}"),
                [] => {}
            }
            let mut bytes = [0; 1024];
            self.stream.set_read_timeout(Some(patience)).unwrap();
            match self.stream.read(&mut bytes) {
                Ok(0) => return Received::Closed,
                Ok(count) => self.unread.extend(&bytes[..count]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    return Received::Nothing;
                }
                Err(_) => return Received::Closed,
            }
        }
    }

    /// Whether the server closes the connection instead of answering.
    pub fn is_closed(&mut self) -> bool {
        self.puback().is_none()
    }
}

/// The same packet, marked as sent again.
pub fn publish_again(topic: &str, id: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = publish(topic, id, payload);
    packet[0] |= 0b1000;
    packet
}

/// The bytes of a QoS 1 PUBLISH.
pub fn publish(topic: &str, id: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x32];
    remaining_length(&mut packet, 4 + topic.len() + payload.len());
    packet.extend((topic.len() as u16).to_be_bytes());
    packet.extend(topic.as_bytes());
    packet.extend(id.to_be_bytes());
    packet.extend(payload);
    packet
}

fn remaining_length(packet: &mut Vec<u8>, mut length: usize) {
    loop {
        let byte = (length % 128) as u8;
        length /= 128;
        packet.push(if length > 0 { byte | 128 } else { byte });
        if length == 0 {
            return;
        }
    }
}
