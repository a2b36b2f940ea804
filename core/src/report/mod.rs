//! Reports: what the positions of a device say about its way.
//!
//! In: the trusted fixes of one device after the other, each device's in the order of time ([`Run::push`]). Out:
//! segments ([`Movements`]), speeding episodes ([`Speeding`]) or days ([`Summary`]). Pure, in one pass; beside what
//! it gives out it keeps a few stretches (a summary: the days of one device), however many fixes there are.
//!
//! Distance is the great circle over consecutive fixes, the speed of a stretch its distance by its time; only
//! speeding goes by the speeds that the trackers reported.

mod movements;
mod point;
mod speeding;
mod stretch;
mod summary;
mod thresholds;

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;

pub use movements::{Kind, Movements, Segment};
pub use point::Point;
pub use speeding::{Episode, Speeding};
pub use summary::{Day, Summary};
pub use thresholds::Thresholds;

/// A report over the fixes of a device.
pub trait Report {
    /// What it finds.
    type Item;

    /// Takes the device's next fix; its time is after that of the one before.
    fn fix(&mut self, point: Point, out: &mut Vec<Self::Item>);

    /// The device has no more; what comes next is another's.
    fn end(&mut self, out: &mut Vec<Self::Item>);
}

/// Feeds a report. Of several fixes of one instant a single one counts, whatever their order ([`Point::or`]).
#[derive(Debug)]
pub struct Run<R> {
    report: R,
    held: Option<Point>,
}

impl<R: Report> Run<R> {
    /// Before the first fix.
    pub fn new(report: R) -> Self {
        Self { report, held: None }
    }

    /// Takes the device's next fix. One that is older than the last is left out.
    pub fn push(&mut self, point: Point, out: &mut Vec<R::Item>) {
        self.held = Some(match self.held {
            None => point,
            Some(held) if point.time > held.time => {
                self.report.fix(held, out);
                point
            }
            Some(held) if point.time == held.time => held.or(point),
            Some(held) => held,
        });
    }

    /// The device has no more fixes; the next one may follow.
    pub fn end(&mut self, out: &mut Vec<R::Item>) {
        if let Some(held) = self.held.take() {
            self.report.fix(held, out);
        }
        self.report.end(out);
    }
}
