//! A device as it was at some point of its history: what is decoded again is judged by it, in the order in which it
//! was received, as if the decoder had said so from the start.

use super::apply::{self, Outcome};
use super::core::{DeviceCore, StepConfig};
use super::ticket::Reading;
use crate::history::PositionRow;
use crate::model::{ClientId, DeviceId, PositionId, Verdict};

/// The state of one device between two of its readings.
#[derive(Default)]
pub(crate) struct Shadow {
    core: DeviceCore,
    /// The newest fix that looked like a jump.
    candidate: Option<Box<PositionRow>>,
}

/// What a reading means.
pub(crate) struct Judged {
    /// Its row; nothing for a duplicate.
    pub row: Option<PositionRow>,
    /// An earlier fix which it confirms: that one is no jump, but this.
    pub released: Option<(PositionId, Verdict)>,
}

impl Shadow {
    /// Takes in a row that stands.
    pub(crate) fn restore(&mut self, row: &PositionRow) {
        if !self.core.restore(row) && self.core.restore_jump(row) {
            self.candidate = Some(Box::new(row.clone()));
        }
    }

    /// Judges the next reading.
    pub(crate) fn judge(
        &mut self,
        client: ClientId,
        device: DeviceId,
        reading: Reading,
        config: &StepConfig,
    ) -> Judged {
        let Outcome { row, released, .. } = apply::judge(
            DeviceCore::step,
            config,
            &mut self.core,
            &mut self.candidate,
            client,
            device,
            reading,
        );
        Judged {
            row,
            released: released.map(|row| (row.id, row.verdict)),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use crate::device::testing::{BUENOS_AIRES, SANTIAGO, config, reading_at};

    fn judge(shadow: &mut Shadow, id: u64, seconds: i64, place: (f64, f64)) -> Judged {
        let reading = reading_at(id, seconds, place);
        shadow.judge(ClientId(1), DeviceId(1), reading, &config())
    }

    #[test]
    fn a_jump_is_confirmed_by_the_next_fix_also_when_it_was_restored() {
        let mut whole = Shadow::default();
        let first = judge(&mut whole, 1, 0, SANTIAGO).row.unwrap();
        let jump = judge(&mut whole, 2, 60, BUENOS_AIRES).row.unwrap();
        assert_eq!((first.verdict, jump.verdict), (Verdict::Ok, Verdict::Jump));
        let mut restored = Shadow::default();
        restored.restore(&first);
        restored.restore(&jump);
        for shadow in [&mut whole, &mut restored] {
            let next = judge(shadow, 3, 120, BUENOS_AIRES);
            assert_eq!(next.released, Some((PositionId(2), Verdict::Ok)));
            assert_eq!(next.row.unwrap().verdict, Verdict::Ok);
        }
    }

    #[test]
    fn an_old_jump_is_no_candidate() {
        let mut shadow = Shadow::default();
        let first = judge(&mut shadow, 1, 0, SANTIAGO).row.unwrap();
        let jump = judge(&mut shadow, 2, 60, BUENOS_AIRES).row.unwrap();
        let back = judge(&mut shadow, 3, 120, SANTIAGO).row.unwrap();
        let mut restored = Shadow::default();
        for row in [&first, &back, &jump] {
            restored.restore(row);
        }
        assert!(judge(&mut restored, 4, 180, BUENOS_AIRES).released.is_none());
    }
}
