//! What a decoder knows from before this message: settings, and the login whose frames carry no id.

use crate::{Decoded, Message};

impl Message {
    /// The setting of this name, without blanks around it. `None` when it is absent or empty.
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.context
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.trim())
            .filter(|value| !value.is_empty())
    }

    /// The bytes of the login packet that opened the connection: the setting `login`, in hex.
    pub fn login_packet(&self) -> Option<Vec<u8>> {
        bytes_from_hex(self.setting("login")?)
    }
}

impl Decoded {
    /// Gives the device to all positions that do not name one themselves.
    pub fn name_positions(&mut self, device: &str) {
        for position in &mut self.positions {
            position.device.get_or_insert_with(|| device.to_owned());
        }
    }
}

/// Hexadecimal digits, two a byte. `None` for everything else.
fn bytes_from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |character: u8| char::from(character).to_digit(16);
    text.as_bytes()
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => Some((digit(*high)? << 4 | digit(*low)?) as u8),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Position, Transport};

    fn message(context: &[(&str, &str)]) -> Message {
        Message {
            transport: Transport::Tcp,
            channel: String::new(),
            device: None,
            received_ms: 0,
            context: context
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
            state: Vec::new(),
            payload: Vec::new(),
        }
    }

    #[test]
    fn settings_are_found_by_name_and_an_empty_one_is_none() {
        let message = message(&[("model", " XT40 "), ("login", "78780D01"), ("zone", "")]);
        assert_eq!(message.setting("model"), Some("XT40"));
        assert_eq!(message.setting("zone"), None);
        assert_eq!(message.setting("other"), None);
        assert_eq!(message.login_packet(), Some(vec![0x78, 0x78, 0x0d, 0x01]));
    }

    #[test]
    fn a_login_that_is_not_hex_is_none() {
        for login in ["787", "7g", "é1", "+1"] {
            assert_eq!(message(&[("login", login)]).login_packet(), None, "{login}");
        }
    }

    #[test]
    fn a_position_keeps_the_device_that_it_names() {
        let named = Position {
            device: Some("a".to_owned()),
            ..Position::default()
        };
        let mut decoded = Decoded::from(vec![named, Position::default()]);
        decoded.name_positions("b");
        let devices: Vec<_> = decoded
            .positions
            .iter()
            .map(|one| one.device.as_deref())
            .collect();
        assert_eq!(devices, [Some("a"), Some("b")]);
    }
}
