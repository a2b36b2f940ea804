//! Distance on the sphere between two places in 1e-7 degrees.

/// Mean radius, metres.
pub(crate) const EARTH_M: f64 = 6_371_008.8;
/// Metres per 1e-7 degree of a great circle.
const UNIT_M: f64 = EARTH_M * std::f64::consts::PI / 180.0 / 1e7;
const TURN: i64 = 3_600_000_000;

/// A place in 1e-7 degrees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Place {
    pub lat: i32,
    pub lon: i32,
}

impl Place {
    /// Rounds degrees; the caller has checked them (anything else saturates).
    pub fn new(latitude: f64, longitude: f64) -> Self {
        Self {
            lat: (latitude * 1e7).round() as i32,
            lon: (longitude * 1e7).round() as i32,
        }
    }

    /// Never less than the distance in metres, without trigonometry: good enough to see that almost every
    /// fix of a device is near the one before.
    pub fn at_most_m(self, other: Self) -> f64 {
        let (lat, lon) = self.differences(other);
        (lat + lon) as f64 * UNIT_M
    }

    /// Great-circle distance in metres.
    pub fn distance_m(self, other: Self) -> f64 {
        let (lat, lon) = self.differences(other);
        let radians = |units: i64| (units as f64 / 1e7).to_radians();
        let (sin_lat, sin_lon) = ((radians(lat) / 2.0).sin(), (radians(lon) / 2.0).sin());
        let cosines = radians(i64::from(self.lat)).cos() * radians(i64::from(other.lat)).cos();
        let root = (sin_lat * sin_lat + cosines * sin_lon * sin_lon).sqrt();
        2.0 * EARTH_M * root.min(1.0).asin()
    }

    /// Differences in 1e-7 degrees, both positive, the longitude the short way round.
    fn differences(self, other: Self) -> (i64, i64) {
        let lat = (i64::from(self.lat) - i64::from(other.lat)).abs();
        let lon = (i64::from(self.lon) - i64::from(other.lon)).abs();
        (lat, lon.min((TURN - lon).abs()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_distances_come_out() {
        let santiago = Place::new(-33.4489, -70.6693);
        let buenos_aires = Place::new(-34.6037, -58.3816);
        let distance = santiago.distance_m(buenos_aires);
        assert!((distance - 1_139_000.0).abs() < 5_000.0, "{distance}");
        assert!(santiago.distance_m(santiago) < 1e-9);
    }

    #[test]
    fn the_date_line_is_no_wall() {
        let west = Place::new(0.0, 179.9999);
        let east = Place::new(0.0, -179.9999);
        assert!(west.distance_m(east) < 30.0);
        assert!(west.at_most_m(east) < 30.0);
    }

    proptest! {
        #[test]
        fn the_quick_bound_is_never_too_low(
            lat in proptest::array::uniform2(-90.0..90.0f64), lon in proptest::array::uniform2(-180.0..180.0f64)
        ) {
            let (from, to) = (Place::new(lat[0], lon[0]), Place::new(lat[1], lon[1]));
            prop_assert!(from.distance_m(to) <= from.at_most_m(to) + 0.01);
        }
    }
}
