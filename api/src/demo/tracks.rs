//! Where the fleet drives: closed rounds through real places, and a vehicle that follows one.

use std::f64::consts::PI;

/// Metres per degree of latitude on the sphere of mean Earth radius.
const METRES_PER_DEGREE: f64 = 6_371_008.8 * PI / 180.0;

/// A closed round of waypoints, degrees WGS 84.
struct Round {
    waypoints: &'static [(f64, f64)],
    /// Free-flow speed, km/h.
    cruise_kmh: f64,
}

/// Rounds along main roads: São Paulo (marginal roads), Campinas, Curitiba, Munich, Lisbon, a harbour and a pit.
const ROUNDS: &[Round] = &[
    Round {
        waypoints: &[
            (-23.5187, -46.6953),
            (-23.5160, -46.6700),
            (-23.5155, -46.6440),
            (-23.5190, -46.6180),
            (-23.5262, -46.5850),
            (-23.5420, -46.5730),
            (-23.5605, -46.5850),
            (-23.5760, -46.6090),
            (-23.5935, -46.6350),
            (-23.6070, -46.6660),
            (-23.5990, -46.6930),
            (-23.5790, -46.7020),
            (-23.5570, -46.7180),
            (-23.5350, -46.7330),
        ],
        cruise_kmh: 72.0,
    },
    Round {
        waypoints: &[
            (-22.9056, -47.0608),
            (-22.8930, -47.0470),
            (-22.8720, -47.0490),
            (-22.8390, -47.0600),
            (-22.8180, -47.0690),
            (-22.8330, -47.0880),
            (-22.8610, -47.0990),
            (-22.8890, -47.0880),
        ],
        cruise_kmh: 64.0,
    },
    Round {
        waypoints: &[
            (-25.4284, -49.2733),
            (-25.4120, -49.2560),
            (-25.3930, -49.2480),
            (-25.3900, -49.2790),
            (-25.4080, -49.3080),
            (-25.4370, -49.3150),
            (-25.4620, -49.2950),
            (-25.4540, -49.2700),
        ],
        cruise_kmh: 55.0,
    },
    Round {
        waypoints: &[
            (48.1770, 11.5090),
            (48.1860, 11.5420),
            (48.1830, 11.5800),
            (48.1700, 11.6060),
            (48.1400, 11.6170),
            (48.1150, 11.6020),
            (48.1060, 11.5660),
            (48.1110, 11.5270),
            (48.1280, 11.5030),
            (48.1530, 11.4970),
        ],
        cruise_kmh: 58.0,
    },
    Round {
        waypoints: &[
            (38.7223, -9.1393),
            (38.7360, -9.1460),
            (38.7520, -9.1580),
            (38.7660, -9.1820),
            (38.7480, -9.2010),
            (38.7230, -9.1960),
            (38.7050, -9.1730),
            (38.7070, -9.1480),
        ],
        cruise_kmh: 48.0,
    },
    Round {
        waypoints: &[
            (-23.9608, -46.3336),
            (-23.9530, -46.3240),
            (-23.9420, -46.3080),
            (-23.9290, -46.3060),
            (-23.9330, -46.3270),
            (-23.9480, -46.3390),
        ],
        cruise_kmh: 35.0,
    },
    Round {
        waypoints: &[
            (-20.0240, -43.8305),
            (-20.0190, -43.8230),
            (-20.0120, -43.8250),
            (-20.0100, -43.8340),
            (-20.0160, -43.8410),
            (-20.0230, -43.8390),
        ],
        cruise_kmh: 24.0,
    },
];

/// The state of a simulated vehicle, as its tracker would measure it.
#[derive(Debug, Clone)]
pub(super) struct Drive {
    round: usize,
    /// Metres along the round.
    at_m: f64,
    /// Metres of the whole round.
    length_m: f64,
    /// Seconds of standing still that are left.
    pause_s: f64,
    random: u64,
    /// Degrees.
    pub latitude: f64,
    /// Degrees.
    pub longitude: f64,
    /// km/h.
    pub speed_kmh: f64,
    /// Degrees clockwise from north.
    pub heading_deg: f64,
    /// Metres.
    pub altitude_m: f64,
    /// km.
    pub odometer_km: f64,
    /// Engine on.
    pub ignition: bool,
    /// External supply, volts.
    pub power_v: f64,
    /// Satellites used.
    pub satellites: u8,
}

impl Drive {
    /// Vehicle `number` somewhere on its round.
    pub fn new(number: u32) -> Self {
        let round = number as usize % ROUNDS.len();
        let length_m = legs(round).map(|leg| leg.length_m).sum();
        let mut drive = Self {
            round,
            at_m: 0.0,
            length_m,
            pause_s: 0.0,
            random: 0x9e37_79b9_7f4a_7c15 ^ u64::from(number).wrapping_mul(0xd134_2543_de82_ef95) | 1,
            latitude: 0.0,
            longitude: 0.0,
            speed_kmh: 0.0,
            heading_deg: 0.0,
            altitude_m: 0.0,
            odometer_km: 0.0,
            ignition: true,
            power_v: 13.8,
            satellites: 12,
        };
        drive.at_m = drive.uniform() * length_m;
        drive.odometer_km = 10_000.0 + drive.uniform() * 90_000.0;
        drive.step(0.0);
        drive
    }

    /// Drives on for `seconds`: accelerates up to the cruise speed, brakes for corners, stops now and then.
    pub fn step(&mut self, seconds: f64) {
        let (bend, to_corner) = self.place();
        if self.pause_s > 0.0 {
            self.pause_s -= seconds;
            self.speed_kmh = 0.0;
            self.ignition = self.pause_s < 20.0;
        } else {
            self.ignition = true;
            let cruise = ROUNDS[self.round].cruise_kmh;
            let corner = cruise * (1.0 - 0.7 * (bend / 90.0).min(1.0));
            // v² = v₀² + 2as, braking at 1.5 m/s²
            let braking = ((corner / 3.6).powi(2) + 2.0 * 1.5 * to_corner).sqrt() * 3.6;
            let target = cruise.min(braking) * (0.94 + 0.12 * self.uniform());
            let change = (target - self.speed_kmh).clamp(-9.0 * seconds, 6.0 * seconds);
            self.speed_kmh = (self.speed_kmh + change).max(0.0);
            let metres = self.speed_kmh / 3.6 * seconds;
            self.at_m = (self.at_m + metres) % self.length_m;
            self.odometer_km += metres / 1000.0;
            if self.uniform() < 0.002 * seconds {
                self.pause_s = 5.0 + self.uniform() * 60.0;
            }
        }
        self.place();
        self.power_v = if self.ignition {
            13.6 + 0.4 * self.uniform()
        } else {
            12.4 + 0.2 * self.uniform()
        };
        self.satellites = 9 + (self.uniform() * 8.0) as u8;
    }

    /// Sets coordinates and heading from the way along the round; the bend at the next waypoint, degrees,
    /// and the metres to it.
    fn place(&mut self) -> (f64, f64) {
        let mut along = self.at_m;
        let mut legs = legs(self.round).cycle();
        let mut leg = legs.next().unwrap_or_default();
        for _ in 0..ROUNDS[self.round].waypoints.len() {
            if along <= leg.length_m {
                break;
            }
            along -= leg.length_m;
            leg = legs.next().unwrap_or_default();
        }
        let share = if leg.length_m > 0.0 {
            (along / leg.length_m).min(1.0)
        } else {
            0.0
        };
        self.latitude = leg.from.0 + (leg.to.0 - leg.from.0) * share;
        self.longitude = leg.from.1 + (leg.to.1 - leg.from.1) * share;
        self.heading_deg = leg.heading_deg;
        self.altitude_m = 700.0 + 40.0 * (self.at_m / self.length_m * 2.0 * PI).sin();
        let next = legs.next().unwrap_or_default();
        let turn = (next.heading_deg - leg.heading_deg).rem_euclid(360.0);
        (turn.min(360.0 - turn), leg.length_m - along)
    }

    /// xorshift64*: plausible variety, the same at every run.
    fn uniform(&mut self) -> f64 {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        (self.random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Leg {
    from: (f64, f64),
    to: (f64, f64),
    length_m: f64,
    heading_deg: f64,
}

/// The legs of a round; flat-earth geometry is exact enough over a few kilometres.
fn legs(round: usize) -> impl Iterator<Item = Leg> + Clone {
    let waypoints = ROUNDS[round].waypoints;
    waypoints
        .iter()
        .zip(waypoints.iter().cycle().skip(1))
        .map(|(&from, &to)| {
            let north = (to.0 - from.0) * METRES_PER_DEGREE;
            let east = (to.1 - from.1) * METRES_PER_DEGREE * from.0.to_radians().cos();
            Leg {
                from,
                to,
                length_m: north.hypot(east),
                heading_deg: east.atan2(north).to_degrees().rem_euclid(360.0),
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vehicle_moves_as_far_as_its_speed_says() {
        for number in 0..ROUNDS.len() as u32 {
            let mut drive = Drive::new(number);
            let mut moving = 0;
            for _ in 0..3600 {
                let (latitude, longitude, odometer) = (drive.latitude, drive.longitude, drive.odometer_km);
                drive.step(1.0);
                let north = (drive.latitude - latitude) * METRES_PER_DEGREE;
                let east = (drive.longitude - longitude) * METRES_PER_DEGREE * latitude.to_radians().cos();
                let metres = north.hypot(east);
                assert!(
                    metres <= drive.speed_kmh / 3.6 + 1.0,
                    "{metres} m in a second at {} km/h",
                    drive.speed_kmh
                );
                assert!(drive.speed_kmh < 120.0 && (0.0..360.0).contains(&drive.heading_deg));
                assert!(drive.odometer_km >= odometer);
                moving += i32::from(metres > 0.5);
            }
            assert!(
                moving > 1000,
                "vehicle {number} moved only in {moving} of 3600 seconds"
            );
        }
    }
}
