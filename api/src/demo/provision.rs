//! The demo client with its vendors, links, key, trackers, devices and credentials; made once.

use std::collections::BTreeMap;
use std::path::Path;

use fixstream_core::model::ClientId;
use fixstream_core::registry::{Link, NewDevice, NewTracker, Registry, Role, Scope, UnknownTracker};
use serde::{Deserialize, Serialize};

use super::formats::Format;
use crate::cli::Failure;

/// What the demo needs to know again at its next run; secrets are shown only once, so it keeps its own.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Demo {
    /// API key.
    pub key: String,
    client: ClientId,
    /// Vehicles by number.
    pub vehicles: Vec<Vehicle>,
}

/// One simulated tracker with its vehicle.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Vehicle {
    pub format: Format,
    /// What the tracker calls itself.
    pub imei: String,
    /// MQTT user name.
    pub username: String,
    /// MQTT password.
    pub password: String,
    /// Device id in REST.
    pub device: u32,
    /// Device name.
    pub name: String,
}

/// Loads what an earlier run made, and adds what is missing up to `vehicles`.
pub(super) async fn provision(registry: &Registry, data: &Path, vehicles: u32) -> Result<Demo, Failure> {
    let path = data.join("demo.json");
    let mut demo = match std::fs::read(&path) {
        Ok(bytes) => {
            serde_json::from_slice(&bytes).map_err(|error| format!("{}: {error}", path.display()))?
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => begin(registry).await?,
        Err(error) => return Err(format!("{}: {error}", path.display()).into()),
    };
    let links: BTreeMap<Format, std::sync::Arc<Link>> = Format::ALL
        .into_iter()
        .filter_map(|format| Some((format, registry.link_to(demo.client, format.vendor())?)))
        .collect();
    let missing = (demo.vehicles.len() as u32..vehicles).collect::<Vec<_>>();
    for number in missing {
        let format = Format::of(number);
        let link = links
            .get(&format)
            .ok_or_else(|| format!("the demo client has no link to {}", format.vendor()))?;
        demo.vehicles
            .push(vehicle(registry, demo.client, link, number, format).await?);
    }
    save(&path, &demo)?;
    demo.vehicles.truncate(vehicles as usize);
    Ok(demo)
}

async fn begin(registry: &Registry) -> Result<Demo, Failure> {
    let client = registry.create_client("demo").await?;
    let mut first = None;
    for format in Format::ALL {
        registry.create_vendor(format.vendor()).await?;
        let link = registry
            .create_link(client.id, format.vendor(), UnknownTracker::Reject)
            .await?;
        first.get_or_insert(link.id);
    }
    let (_, key) = registry
        .create_api_key("demo", client.id, first, &[Scope::Read, Scope::Write])
        .await?;
    Ok(Demo {
        key,
        client: client.id,
        vehicles: Vec::new(),
    })
}

async fn vehicle(
    registry: &Registry,
    client: ClientId,
    link: &Link,
    number: u32,
    format: Format,
) -> Result<Vehicle, Failure> {
    let imei = format.imei(number);
    let name = format!("{} {:03}", format.kind(), number + 1);
    let tracker = NewTracker {
        name: format!("{} tracker {:03}", format.vendor(), number + 1),
        description: Some("simulated".into()),
        imei: Some(imei.clone()),
        status: "active".into(),
        context: Vec::new(),
    };
    let tracker = registry.create_tracker(client, tracker).await?;
    let device = NewDevice {
        tracker: tracker.id,
        worksite: 1,
        team: 1,
        name: name.clone(),
        device_type: 1,
        code: Some(format!("FIX-{:04}", number + 1)),
        uuid: Some(format!("DEMO-{:06}", number + 1)),
        status: "active".into(),
    };
    let device = registry.create_device(client, link.id, device).await?;
    let username = format!("demo-{}-{:03}", format.vendor(), number + 1);
    let (_, password) = registry
        .create_credential(&username, None, client, Some(link.id), Role::Tracker(tracker.id))
        .await?;
    Ok(Vehicle {
        format,
        imei,
        username,
        password,
        device: device.id.0,
        name,
    })
}

/// Written for this user only: it holds secrets.
fn save(path: &Path, demo: &Demo) -> Result<(), Failure> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let fresh = path.with_extension("new");
    let write = || {
        let mut file = std::fs::File::options()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&fresh)?;
        file.write_all(&serde_json::to_vec_pretty(demo)?)?;
        file.sync_all()?;
        std::fs::rename(&fresh, path)
    };
    write().map_err(|error| format!("{}: {error}", path.display()).into())
}
