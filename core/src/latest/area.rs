//! Areas of the earth that latest positions are asked for by.

use crate::geo::{EARTH_M, Place};

/// Between two parallels and two meridians, edges included, in degrees. It goes east from `west` to `east`: over
/// the antimeridian where `west` is the greater of the two. All meridians meet at the poles, so a box that reaches
/// a pole contains it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// -180 to 180.
    pub west: f64,
    /// -90 to 90, not above `north`.
    pub south: f64,
    /// -180 to 180.
    pub east: f64,
    /// -90 to 90.
    pub north: f64,
}

/// All places within a great-circle distance, the edge included.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Circle {
    /// Degrees.
    pub latitude: f64,
    /// Degrees.
    pub longitude: f64,
    /// Metres.
    pub radius_m: f64,
}

/// An area.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Area {
    /// A box.
    Box(Bounds),
    /// A circle.
    Circle(Circle),
}

impl Bounds {
    /// Whether a place on earth lies in it.
    pub fn contains(&self, latitude: f64, longitude: f64) -> bool {
        if !(self.south..=self.north).contains(&latitude) {
            return false;
        }
        let at_pole = latitude.abs() >= 90.0;
        // 180° west and 180° east are one meridian.
        let antimeridian = longitude.abs() >= 180.0;
        let between = if self.west <= self.east {
            (self.west..=self.east).contains(&longitude)
                || antimeridian && (self.east >= 180.0 || self.west <= -180.0)
        } else {
            longitude >= self.west || longitude <= self.east || antimeridian
        };
        at_pole || between
    }
}

impl Circle {
    /// Whether a place on earth lies in it.
    pub fn contains(&self, latitude: f64, longitude: f64) -> bool {
        let centre = Place::new(self.latitude, self.longitude);
        centre.distance_m(Place::new(latitude, longitude)) <= self.radius_m
    }

    /// A box around it, a little too large rather than too small.
    pub(super) fn bounds(&self) -> Bounds {
        // A tenth of a metre more, for what rounding takes.
        let angle = (self.radius_m + 0.1) / EARTH_M;
        let (south, north) = (
            self.latitude - angle.to_degrees(),
            self.latitude + angle.to_degrees(),
        );
        let around = if south <= -90.0 || north >= 90.0 {
            None
        } else {
            // The meridian that just touches the circle; there is one as no pole lies in it.
            let sine = angle.sin() / self.latitude.to_radians().cos();
            (sine < 1.0).then(|| sine.asin().to_degrees())
        };
        let (west, east) = around.map_or((-180.0, 180.0), |around| {
            (normal(self.longitude - around), normal(self.longitude + around))
        });
        Bounds {
            west,
            south: south.max(-90.0),
            east,
            north: north.min(90.0),
        }
    }
}

/// Degrees of longitude in -180 to 180.
fn normal(longitude: f64) -> f64 {
    if longitude > 180.0 {
        longitude - 360.0
    } else if longitude < -180.0 {
        longitude + 360.0
    } else {
        longitude
    }
}

impl Area {
    /// Whether a place on earth lies in it.
    pub fn contains(&self, latitude: f64, longitude: f64) -> bool {
        match self {
            Self::Box(bounds) => bounds.contains(latitude, longitude),
            Self::Circle(circle) => circle.contains(latitude, longitude),
        }
    }

    /// A box in which all of it lies.
    pub(super) fn bounds(&self) -> Bounds {
        match self {
            Self::Box(bounds) => *bounds,
            Self::Circle(circle) => circle.bounds(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bounds(west: f64, south: f64, east: f64, north: f64) -> Bounds {
        Bounds {
            west,
            south,
            east,
            north,
        }
    }

    #[test]
    fn edges_the_antimeridian_and_the_poles_belong_to_a_box() {
        let europe = bounds(-10.0, 35.0, 30.0, 70.0);
        for (lat, lon, inside) in [
            (50.0, 10.0, true),
            (35.0, -10.0, true),
            (70.0, 30.0, true),
            (34.999_999_9, 0.0, false),
            (50.0, 30.000_000_1, false),
        ] {
            assert_eq!(europe.contains(lat, lon), inside, "{lat} {lon}");
        }
        let fiji = bounds(176.0, -20.0, -178.0, -15.0);
        for (lon, inside) in [
            (176.0, true),
            (180.0, true),
            (-180.0, true),
            (-178.0, true),
            (0.0, false),
            (175.9, false),
            (-177.9, false),
        ] {
            assert_eq!(fiji.contains(-18.0, lon), inside, "{lon}");
        }
        // one meridian, whichever sign it is written with
        assert!(bounds(170.0, -1.0, 180.0, 1.0).contains(0.0, -180.0));
        assert!(bounds(-180.0, -1.0, -170.0, 1.0).contains(0.0, 180.0));
        assert!(!bounds(-179.0, -1.0, 179.0, 1.0).contains(0.0, 180.0));
        // all meridians meet there
        assert!(bounds(10.0, 80.0, 20.0, 90.0).contains(90.0, -123.0));
        assert!(!bounds(10.0, 80.0, 20.0, 90.0).contains(89.99, -123.0));
    }

    proptest! {
        #[test]
        fn a_circle_never_reaches_out_of_its_box(
            lat in -90.0..=90.0f64, lon in -180.0..=180.0f64, radius in 0.0..21e6f64,
            there in (-90.0..=90.0f64, -180.0..=180.0f64)
        ) {
            let circle = Circle { latitude: lat, longitude: lon, radius_m: radius };
            if circle.contains(there.0, there.1) {
                prop_assert!(circle.bounds().contains(there.0, there.1), "{:?}", circle.bounds());
            }
        }

        #[test]
        fn a_small_circle_never_reaches_out_of_its_box(
            lat in -90.0..=90.0f64, lon in -180.0..=180.0f64, radius in 0.0..2e5f64,
            step in (-2.0..2.0f64, -2.0..2.0f64)
        ) {
            let circle = Circle { latitude: lat, longitude: lon, radius_m: radius };
            let there = ((lat + step.0).clamp(-90.0, 90.0), normal(lon + step.1));
            if circle.contains(there.0, there.1) {
                prop_assert!(circle.bounds().contains(there.0, there.1), "{:?}", circle.bounds());
            }
        }
    }
}
