//! Options of the device room.

use std::time::Duration;

/// Options of the device room.
#[derive(Debug, Clone)]
pub struct DeviceOptions {
    /// `per-device` or `sharded`.
    pub layout: Layout,
    /// An actor without messages for so long is drained into its slot.
    pub idle_after: Duration,
    /// Fix times beyond now plus this are `future`.
    pub future_tolerance: Duration,
    /// Faster than this from the fix before and to the fix after is a `jump`, km/h. Zero, negative or
    /// not finite: no fix is a jump.
    pub jump_speed_kmh: f64,
}

/// How devices are laid out over actors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// An actor per active device.
    PerDevice,
    /// An actor per shard of devices.
    Sharded,
}
