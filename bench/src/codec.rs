//! The few MQTT 3.1.1 packets that a load needs, and the message that it sends.

/// CONNECT with clean session.
pub fn connect(client_id: &str, username: &str, password: &str) -> Vec<u8> {
    let flags = if username.is_empty() {
        0b0000_0010
    } else {
        0b1100_0010
    };
    let mut body = vec![0, 4, b'M', b'Q', b'T', b'T', 4, flags, 0, 120];
    let texts: &[&str] = if username.is_empty() {
        &[client_id]
    } else {
        &[client_id, username, password]
    };
    for text in texts {
        body.extend((text.len() as u16).to_be_bytes());
        body.extend(text.as_bytes());
    }
    packet(0x10, &body)
}

/// QoS 1 PUBLISH appended to `out`.
pub fn publish(out: &mut Vec<u8>, topic: &str, id: u16, payload: &[u8]) {
    out.push(0x32);
    remaining_length(out, 4 + topic.len() + payload.len());
    out.extend((topic.len() as u16).to_be_bytes());
    out.extend(topic.as_bytes());
    out.extend(id.to_be_bytes());
    out.extend(payload);
}

fn packet(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![kind];
    remaining_length(&mut out, body.len());
    out.extend(body);
    out
}

fn remaining_length(out: &mut Vec<u8>, mut length: usize) {
    loop {
        let byte = (length % 128) as u8;
        length /= 128;
        out.push(if length > 0 { byte | 128 } else { byte });
        if length == 0 {
            return;
        }
    }
}

/// A Teltonika codec 8 frame with one record and no IO elements.
pub fn teltonika(time_ms: i64, latitude: f64, longitude: f64) -> Vec<u8> {
    let mut data = vec![0x08, 1];
    data.extend(time_ms.to_be_bytes());
    data.push(0);
    data.extend(((longitude * 1e7).round() as i32).to_be_bytes());
    data.extend(((latitude * 1e7).round() as i32).to_be_bytes());
    data.extend([0, 100, 0, 90, 9, 0, 36, 0, 0, 0, 0, 0, 0, 1]);
    let crc = crc::Crc::<u16>::new(&crc::CRC_16_ARC).checksum(&data);
    let mut frame = vec![0, 0, 0, 0];
    frame.extend((data.len() as u32).to_be_bytes());
    frame.extend(data);
    frame.extend(u32::from(crc).to_be_bytes());
    frame
}
