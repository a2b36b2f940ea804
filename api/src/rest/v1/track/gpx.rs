//! GPX 1.1, with speed and course in the widespread extension for track points.

use std::io;

use fixstream_core::history::{HistoryError, TrackPoint};
use quick_xml::Writer as XmlWriter;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};

use super::super::reports::unwritten;
use super::{Gaps, Writer};
use crate::rest::time;

const SEGMENT: &str = "trkseg";

/// A track with a segment for each part of the way.
pub(super) struct Gpx {
    name: String,
    gaps: Gaps,
    /// Whether a segment is open.
    open: bool,
}

impl Gpx {
    pub(super) fn new(name: &str, gap_ms: i64) -> Self {
        Self {
            // XML has no way to write these
            name: name.chars().filter(|letter| is_xml(*letter)).collect(),
            gaps: Gaps::new(gap_ms),
            open: false,
        }
    }
}

impl Writer for Gpx {
    fn begin(&mut self, bytes: &mut Vec<u8>) -> Result<(), HistoryError> {
        let mut xml = XmlWriter::new(bytes);
        let root = BytesStart::new("gpx").with_attributes([
            ("version", "1.1"),
            ("creator", "fixstream"),
            ("xmlns", "http://www.topografix.com/GPX/1/1"),
            (
                "xmlns:gpxtpx",
                "http://www.garmin.com/xmlschemas/TrackPointExtension/v2",
            ),
        ]);
        for event in [
            Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)),
            Event::Start(root),
            Event::Start(BytesStart::new("trk")),
        ] {
            xml.write_event(event).map_err(unwritten)?;
        }
        text(&mut xml, "name", &self.name).map_err(unwritten)
    }

    fn points(&mut self, points: &[TrackPoint], bytes: &mut Vec<u8>) -> Result<(), HistoryError> {
        let mut xml = XmlWriter::new(bytes);
        for point in points {
            if self.gaps.before(point) {
                if std::mem::replace(&mut self.open, true) {
                    xml.write_event(Event::End(BytesEnd::new(SEGMENT)))
                        .map_err(unwritten)?;
                }
                xml.write_event(Event::Start(BytesStart::new(SEGMENT)))
                    .map_err(unwritten)?;
            }
            write(&mut xml, point).map_err(unwritten)?;
        }
        Ok(())
    }

    fn end(&mut self, bytes: &mut Vec<u8>) -> Result<(), HistoryError> {
        let mut xml = XmlWriter::new(bytes);
        for name in self.open.then_some(SEGMENT).into_iter().chain(["trk", "gpx"]) {
            xml.write_event(Event::End(BytesEnd::new(name)))
                .map_err(unwritten)?;
        }
        Ok(())
    }
}

fn write(xml: &mut XmlWriter<&mut Vec<u8>>, point: &TrackPoint) -> io::Result<()> {
    // 180° east is written as 180° west, where GPX has it
    let longitude = if point.longitude >= 180.0 {
        -180.0
    } else {
        point.longitude
    };
    let (latitude, longitude) = (point.latitude.to_string(), longitude.to_string());
    xml.create_element("trkpt")
        .with_attributes([("lat", latitude.as_str()), ("lon", longitude.as_str())])
        .write_inner_content(|xml| {
            if let Some(altitude) = point.altitude_m {
                text(xml, "ele", &altitude.to_string())?;
            }
            if let Some(time) = time::format(point.time) {
                text(xml, "time", time.as_str())?;
            }
            if point.speed_kmh.is_none() && point.heading_deg.is_none() {
                return Ok(());
            }
            xml.create_element("extensions").write_inner_content(|xml| {
                xml.create_element("gpxtpx:TrackPointExtension")
                    .write_inner_content(|xml| {
                        if let Some(speed) = point.speed_kmh {
                            // m/s there
                            let speed = (speed / 3.6 * 1e3).round() / 1e3;
                            text(xml, "gpxtpx:speed", &speed.to_string())?;
                        }
                        if let Some(heading) = point.heading_deg {
                            text(xml, "gpxtpx:course", &heading.to_string())?;
                        }
                        Ok(())
                    })?;
                Ok(())
            })?;
            Ok(())
        })?;
    Ok(())
}

/// An element with a text, escaped.
fn text(xml: &mut XmlWriter<&mut Vec<u8>>, name: &str, text: &str) -> io::Result<()> {
    xml.create_element(name)
        .write_text_content(BytesText::new(text))
        .map(drop)
}

/// Whether XML 1.0 can have it.
fn is_xml(letter: char) -> bool {
    matches!(letter, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}
