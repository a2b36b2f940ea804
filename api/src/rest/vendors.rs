//! Positions in a vendor's format.

use fixstream_core::clock;
use fixstream_core::decode::{Decoded, Failure, FailureKind, Input, Outcome, Transport};
use fixstream_core::model::Source;
use fixstream_core::registry::{Link, Registry, UnknownTracker};
use poem::Response;
use poem::http::Method;

use super::codes;
use super::envelope::Success;
use super::error::ApiError;
use super::fields;
use super::operation::{Call, Operation};
use super::positions;

/// The endpoints.
pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new(
            Method::POST,
            "create_vendor_position",
            &["/position/vendor/{vendor}"],
            "Takes positions in a vendor's format",
            create,
        )
        .parameters(fields::VENDOR_PATH)
        .body(&[])
        .answers::<Success>(201, "The message is on disk")
        .refuses(&codes::ENTITY_NOT_FOUND)
        .refuses(&codes::ENTITY_WITH_FIELD_NOT_FOUND),
    ]
}

/// `POST /position/vendor/{vendor}`: decoded once to tell the sender what is wrong with it, then journalled
/// as it came; the pipeline decodes the journalled bytes again.
pub(super) async fn create(call: Call) -> Result<Response, ApiError> {
    let vendor = call.parameter("vendor").to_owned();
    let unknown_vendor = || ApiError::UnknownName {
        entity: "VENDOR",
        name: vendor.clone(),
    };
    let link = call
        .rest
        .registry
        .link_to(call.client.id, &vendor)
        .ok_or_else(unknown_vendor)?;
    if call.rest.decode.manifest(&vendor).is_none() {
        return Err(unknown_vendor());
    }
    let path = call
        .uri
        .path_and_query()
        .map_or_else(String::new, |path| path.as_str().to_owned());
    let input = Input {
        transport: Transport::Http,
        channel: path.clone(),
        device: None,
        received: clock::now(),
        context: Vec::new(),
        state: Vec::new(),
        payload: call.body.clone(),
    };
    let batch = call
        .rest
        .decode
        .decode_pinned(&vendor, link.pin.as_deref(), vec![input])
        .await;
    match batch.outcomes.into_iter().next() {
        Some(Outcome::Decoded(decoded)) => check_trackers(&call.rest.registry, &link, &decoded)?,
        Some(Outcome::Failed(failure)) => return Err(undecodable(&failure, unknown_vendor)),
        None => return Err(ApiError::Failed),
    }
    let payload = call.body.clone();
    positions::accept(
        &call,
        Source::Http {
            vendor,
            path,
            payload,
        },
    )
    .await
}

/// A message with nothing to locate is fine. One of which no position belongs to a tracker with a device
/// is refused, unless the link says that unknown trackers are kept; with at least one that does, it is
/// taken, and the rest become dead letters: one stranger must not hold up a gateway's batch.
fn check_trackers(registry: &Registry, link: &Link, decoded: &Decoded) -> Result<(), ApiError> {
    if decoded.fixes.is_empty() || link.unknown != UnknownTracker::Reject {
        return Ok(());
    }
    let mut refusal = ApiError::Malformed("the payload names no device".into());
    for (device, _) in &decoded.fixes {
        let Some(imei) = device else { continue };
        match registry.tracker_by_imei(link.client, imei) {
            Some(tracker) if tracker.device.is_some() => return Ok(()),
            Some(_) => {
                refusal = ApiError::NotFound {
                    entity: "DEVICE",
                    field: "idTracker",
                }
            }
            None => {
                refusal = ApiError::NotFound {
                    entity: "TRACKER",
                    field: "imei",
                }
            }
        }
    }
    Err(refusal)
}

fn undecodable(failure: &Failure, unknown_vendor: impl Fn() -> ApiError) -> ApiError {
    match failure.kind {
        FailureKind::NotMine | FailureKind::Malformed | FailureKind::Unsupported => {
            ApiError::Malformed(failure.detail.clone())
        }
        FailureKind::NoPlugin => unknown_vendor(),
        FailureKind::OutOfService => ApiError::Overloaded { retry_after: 30 },
        // The decoder's fault, not the sender's; the decode room has logged it.
        FailureKind::Trapped | FailureKind::Deadline | FailureKind::Contract => ApiError::Failed,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use fixstream_core::model::Fix;
    use fixstream_core::registry::{NewDevice, NewTracker};

    use super::*;

    fn named(devices: &[Option<&str>]) -> Decoded {
        let fixes = devices
            .iter()
            .map(|device| (device.map(str::to_owned), Fix::default()))
            .collect();
        Decoded {
            fixes,
            ..Decoded::default()
        }
    }

    #[tokio::test]
    async fn a_message_is_refused_only_when_none_of_its_positions_has_a_place() {
        let folder = tempfile::tempdir().unwrap();
        let registry = Registry::open(&folder.path().join("registry.db")).await.unwrap();
        for vendor in ["strict", "patient", "eager"] {
            registry.create_vendor(vendor).await.unwrap();
        }
        let ours = registry.create_client("ours").await.unwrap().id;
        let theirs = registry.create_client("theirs").await.unwrap().id;
        let strict = registry
            .create_link(ours, "strict", UnknownTracker::Reject)
            .await
            .unwrap();
        let patient = registry
            .create_link(ours, "patient", UnknownTracker::Hold)
            .await
            .unwrap();
        let eager = registry
            .create_link(ours, "eager", UnknownTracker::AutoRegister)
            .await
            .unwrap();
        let tracker = |imei: &str| NewTracker {
            name: "t".into(),
            description: None,
            imei: Some(imei.into()),
            status: "active".into(),
            context: Vec::new(),
        };
        let full = registry.create_tracker(ours, tracker("full")).await.unwrap().id;
        registry.create_tracker(ours, tracker("bare")).await.unwrap();
        registry.create_tracker(theirs, tracker("foreign")).await.unwrap();
        let device = NewDevice {
            tracker: full,
            worksite: 1,
            team: 1,
            name: "d".into(),
            device_type: 1,
            code: None,
            uuid: None,
            status: "active".into(),
        };
        registry.create_device(ours, strict.id, device).await.unwrap();

        for fine in [
            &[][..],
            &[Some("full")],
            &[Some("stranger"), Some("full")],
            &[None, Some("bare"), Some("full")],
        ] {
            assert!(
                check_trackers(&registry, &strict, &named(fine)).is_ok(),
                "{fine:?}"
            );
        }
        for (refused, entity) in [
            (&[Some("stranger")][..], "TRACKER"),
            (&[Some("foreign")], "TRACKER"),
            (&[Some("")], "TRACKER"),
            (&[None, Some("bare")], "DEVICE"),
        ] {
            match check_trackers(&registry, &strict, &named(refused)) {
                Err(ApiError::NotFound { entity: found, .. }) => assert_eq!(found, entity, "{refused:?}"),
                other => panic!("{refused:?}: {other:?}"),
            }
            assert!(check_trackers(&registry, &patient, &named(refused)).is_ok());
            assert!(check_trackers(&registry, &eager, &named(refused)).is_ok());
        }
        assert!(matches!(
            check_trackers(&registry, &strict, &named(&[None])),
            Err(ApiError::Malformed(_))
        ));
    }

    #[test]
    fn a_failure_is_the_senders_fault_only_when_the_decoder_says_so() {
        let answer = |kind| {
            let failure = Failure {
                kind,
                detail: "why".into(),
            };
            undecodable(&failure, || ApiError::UnknownName {
                entity: "VENDOR",
                name: "v".into(),
            })
        };
        for kind in [
            FailureKind::NotMine,
            FailureKind::Malformed,
            FailureKind::Unsupported,
        ] {
            assert!(matches!(answer(kind), ApiError::Malformed(why) if why == "why"));
        }
        for kind in [FailureKind::Trapped, FailureKind::Deadline, FailureKind::Contract] {
            assert!(matches!(answer(kind), ApiError::Failed));
        }
        assert!(matches!(
            answer(FailureKind::OutOfService),
            ApiError::Overloaded { .. }
        ));
        assert!(matches!(
            answer(FailureKind::NoPlugin),
            ApiError::UnknownName { .. }
        ));
    }
}
