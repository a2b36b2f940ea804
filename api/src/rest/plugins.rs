//! Vendor decoders: what is installed, and the same changes as on the command line, by the same code.
//!
//! Plugins belong to the hub, not to a client: any key of scope admin may change them. Pins belong to links, and
//! links to clients: only the caller's own are seen and set.

use std::path::Path;
use std::sync::Arc;

use fixstream_core::decode::{Archive, BreakerState, MAX_ARCHIVE};
use fixstream_core::model::LinkId;
use fixstream_core::registry::{Link, Scope};
use poem::Response;
use poem::http::{HeaderValue, Method, StatusCode, header};
use schemars::JsonSchema;
use serde::Serialize;

use super::Rest;
use super::codes;
use super::envelope::json_response;
use super::error::ApiError;
use super::operation::{Answer, Call, Content, Operation};
use super::resource::Page;
use super::validate::{self, Field, Rule};
use crate::plugins::{Entry, InstallError};

/// Plugins on a page, where the request says nothing.
const SIZE: u64 = 20;

const PAGE: &[Field] = &[
    Field::new("size", Rule::Integer { min: 1, max: 200 }),
    Field::new(
        "page",
        Rule::Integer {
            min: 0,
            max: 1_000_000,
        },
    ),
];
const NAME: &[Field] = &[Field::text("name", 32).required()];
const VERSION_PATH: &[Field] = &[
    Field::text("name", 32).required(),
    Field::text("version", 64).required(),
];
const PIN_PATH: &[Field] = &[Field::text("name", 32).required(), Field::id("link").required()];
const INSTALL: &[Field] = &[Field::new("replace", Rule::Flag)];
const VERSION: &[Field] = &[Field::text("version", 64).required()];
const MAYBE_VERSION: &[Field] = &[Field::text("version", 64)];

/// The field tables of this module.
#[cfg(test)]
pub(super) const TABLES: &[&[Field]] = &[
    PAGE,
    NAME,
    VERSION_PATH,
    PIN_PATH,
    INSTALL,
    VERSION,
    MAYBE_VERSION,
];

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct PluginView {
    /// Its name, which is also the vendor's.
    id: String,
    /// The active version.
    version: String,
    /// The version that decodes now; another one only where the active one can not run.
    running: Option<String>,
    description: Option<String>,
    license: Option<String>,
    topics: Vec<String>,
    /// `in_service`, `trying_again`, `out_of_service` (it kept failing), or `not_loaded`.
    state: &'static str,
    /// How often a version was put into service since the hub was started.
    generation: u64,
    versions: Vec<VersionView>,
    /// Links of the caller's client that keep a version.
    pins: Vec<PinView>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct VersionView {
    version: String,
    active: bool,
    /// Of the component.
    sha256: Option<String>,
    /// `unsigned`, `unknown key ID`, `trusted key ID`.
    signature: Option<String>,
    /// Why it can not be used.
    error: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct PinView {
    link: u32,
    version: String,
}

/// The endpoints.
pub(super) fn operations() -> Vec<Operation> {
    let gone = || Answer {
        status: 204,
        says: "Done",
        content: Content::Empty,
    };
    let admin = |operation: Operation| operation.resource().scope(Scope::Admin);
    let changes = |operation: Operation| {
        admin(operation)
            .parameters(NAME)
            .answers::<PluginView>(200, "It is in service")
            .refuses(&codes::PLUGIN_NOT_FOUND)
            .refuses(&codes::PLUGIN_REFUSED)
            .refuses(&codes::PLUGIN_CONFLICT)
    };
    let mut operations = vec![
        admin(Operation::new(
            Method::GET,
            "list_plugins",
            &["/plugins"],
            "Installed plugins with their versions, by name",
            list,
        ))
        .query(PAGE)
        .answers::<Page<PluginView>>(200, "One page"),
        admin(Operation::new(
            Method::GET,
            "get_plugin",
            &["/plugins/{name}"],
            "An installed plugin",
            get,
        ))
        .parameters(NAME)
        .answers::<PluginView>(200, "The plugin")
        .refuses(&codes::PLUGIN_NOT_FOUND),
        admin(Operation::new(
            Method::POST,
            "install_plugin",
            &["/plugins"],
            "Checks a .fsp file and puts it into service",
            install,
        ))
        .query(INSTALL)
        .file("application/octet-stream", MAX_ARCHIVE as usize)
        .answers::<PluginView>(201, "It is in service")
        .refuses(&codes::PLUGIN_REFUSED)
        .refuses(&codes::PLUGIN_CONFLICT),
        changes(Operation::new(
            Method::POST,
            "activate_plugin_version",
            &["/plugins/{name}/activate"],
            "Puts a version into service that is kept",
            activate,
        ))
        .body(VERSION),
        changes(Operation::new(
            Method::POST,
            "roll_back_plugin",
            &["/plugins/{name}/rollback"],
            "Goes back to the version that was active before, or to the one that is named",
            rollback,
        ))
        .body(MAYBE_VERSION),
        admin(Operation::new(
            Method::DELETE,
            "remove_plugin",
            &["/plugins/{name}"],
            "Takes a plugin out of service and removes its versions",
            remove,
        ))
        .parameters(NAME),
        admin(Operation::new(
            Method::DELETE,
            "remove_plugin_version",
            &["/plugins/{name}/versions/{version}"],
            "Removes a version that is kept and not active",
            remove_version,
        ))
        .parameters(VERSION_PATH),
        admin(Operation::new(
            Method::PUT,
            "pin_plugin_version",
            &["/plugins/{name}/pins/{link}"],
            "Keeps a version for the messages of a link",
            pin,
        ))
        .parameters(PIN_PATH)
        .body(VERSION)
        .answers::<PinView>(200, "The link keeps the version")
        .refuses(&codes::PLUGIN_NOT_FOUND),
        admin(Operation::new(
            Method::DELETE,
            "unpin_plugin_version",
            &["/plugins/{name}/pins/{link}"],
            "Gives a link the active version again",
            unpin,
        ))
        .parameters(PIN_PATH),
    ];
    for operation in &mut operations {
        if operation.method == Method::DELETE {
            operation.answers.push(gone());
            operation.refusals.push(&codes::PLUGIN_NOT_FOUND);
            operation.refusals.push(&codes::PLUGIN_CONFLICT);
        }
    }
    operations
}

async fn list(mut call: Call) -> Result<Response, ApiError> {
    let query = validate::exact_query(std::mem::take(&mut call.query), PAGE)?;
    let (number, size) = (
        query.long("page").unwrap_or(0),
        query.long("size").unwrap_or(SIZE),
    );
    let page = blocking(&call, move |rest, links| {
        let entries = rest.plugins.installer().store().plugins();
        let total = entries.len() as u64;
        let content = entries
            .iter()
            .skip(number.saturating_mul(size) as usize)
            .take(size as usize)
            .map(|entry| view(&rest, entry, &links))
            .collect();
        Ok(Page::new(content, total, number, size))
    })
    .await?;
    Ok(json_response(StatusCode::OK, &page))
}

async fn get(call: Call) -> Result<Response, ApiError> {
    let name = call.parameter("name").to_owned();
    let found = blocking(&call, move |rest, links| shown(&rest, &name, &links)).await?;
    Ok(json_response(StatusCode::OK, &found))
}

/// `POST /v1/plugins`: the body is a `.fsp` file. Answered when the hub decodes with it.
async fn install(mut call: Call) -> Result<Response, ApiError> {
    let query = validate::exact_query(std::mem::take(&mut call.query), INSTALL)?;
    let replace = query.flag("replace").unwrap_or(false);
    let body = std::mem::take(&mut call.body);
    let made = change(&call, "installed", move |rest| {
        let archive = Archive::parse(&body, Path::new("upload.fsp"))?;
        Ok(rest.plugins.installer().install(&archive, replace)?.name)
    })
    .await?;
    let place = HeaderValue::from_str(&format!("/v1/plugins/{}", made.id));
    let mut response = json_response(StatusCode::CREATED, &made);
    if let Ok(place) = place {
        response.headers_mut().insert(header::LOCATION, place);
    }
    Ok(response)
}

async fn activate(call: Call) -> Result<Response, ApiError> {
    let body = validate::exact_body(&call.body, VERSION)?;
    let (name, version) = (call.parameter("name").to_owned(), body.required_text("version"));
    let now = change(&call, "activated", move |rest| {
        Ok(rest.plugins.installer().activate(&name, &version)?.name)
    })
    .await?;
    Ok(json_response(StatusCode::OK, &now))
}

async fn rollback(call: Call) -> Result<Response, ApiError> {
    let version = if call.body.is_empty() {
        None
    } else {
        let body = validate::exact_body(&call.body, MAYBE_VERSION)?;
        body.text("version").map(str::to_owned)
    };
    let name = call.parameter("name").to_owned();
    let now = change(&call, "rolled back", move |rest| {
        let installer = rest.plugins.installer();
        Ok(installer.rollback(&name, version.as_deref())?.name)
    })
    .await?;
    Ok(json_response(StatusCode::OK, &now))
}

async fn remove(call: Call) -> Result<Response, ApiError> {
    remove_kept(call, None).await
}

async fn remove_version(call: Call) -> Result<Response, ApiError> {
    let version = call.parameter("version").to_owned();
    remove_kept(call, Some(version)).await
}

async fn remove_kept(call: Call, version: Option<String>) -> Result<Response, ApiError> {
    let name = call.parameter("name").to_owned();
    let key = call.key.id;
    blocking(&call, move |rest, _| {
        let pins = rest.registry.pins(&name);
        let store = rest.plugins.installer().store();
        store.remove_unpinned(&pins, &name, version.as_deref())?;
        rest.plugins.follow();
        tracing::info!(plugin = name, version, key, "plugin removed");
        Ok(())
    })
    .await?;
    Ok(nothing())
}

async fn pin(call: Call) -> Result<Response, ApiError> {
    let body = validate::exact_body(&call.body, VERSION)?;
    let version = body.required_text("version");
    let (name, link) = own_link(&call)?;
    let kept = (name, version.clone());
    blocking(&call, move |rest, _| {
        let store = rest.plugins.installer().store();
        Ok(store.is_kept(&kept.0, &kept.1).map(drop)?)
    })
    .await?;
    let link = call
        .rest
        .registry
        .pin_link(call.client.id, link, Some(&version))
        .await?;
    let view = PinView {
        link: link.id.0,
        version,
    };
    Ok(json_response(StatusCode::OK, &view))
}

async fn unpin(call: Call) -> Result<Response, ApiError> {
    let (_, link) = own_link(&call)?;
    call.rest.registry.pin_link(call.client.id, link, None).await?;
    Ok(nothing())
}

/// The plugin and the link of the path: the caller's own link, and to this vendor.
fn own_link(call: &Call) -> Result<(String, LinkId), ApiError> {
    let path = validate::query(call.parameters.clone(), PIN_PATH)?;
    let name = path.required_text("name");
    let id = LinkId(path.required_id("link"));
    let link = call
        .rest
        .registry
        .link(id)
        .filter(|link| call.owns(link.client) && *link.vendor == *name)
        .ok_or(ApiError::NotFound {
            entity: "LINK",
            field: "link",
        })?;
    Ok((name, link.id))
}

/// Does what may compile on a thread that may wait. A caller that goes away does not stop it half-way.
async fn blocking<T: Send + 'static>(
    call: &Call,
    work: impl FnOnce(Arc<Rest>, Vec<Arc<Link>>) -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    let rest = Arc::clone(&call.rest);
    let links = rest.registry.links(call.client.id);
    tokio::task::spawn_blocking(move || work(rest, links))
        .await
        .unwrap_or_else(|error| {
            tracing::error!(%error, "a change of plugins failed");
            Err(ApiError::Failed)
        })
}

/// Changes what is active, and answers when the hub follows.
async fn change(
    call: &Call,
    what: &'static str,
    work: impl FnOnce(&Rest) -> Result<String, InstallError> + Send + 'static,
) -> Result<PluginView, ApiError> {
    let key = call.key.id;
    blocking(call, move |rest, links| {
        let name = work(&rest)?;
        rest.plugins.follow();
        let view = shown(&rest, &name, &links)?;
        tracing::info!(plugin = name, version = view.version, key, "plugin {what}");
        Ok(view)
    })
    .await
}

fn shown(rest: &Rest, name: &str, links: &[Arc<Link>]) -> Result<PluginView, ApiError> {
    let entry = rest.plugins.installer().store().plugin(name);
    let entry = entry.ok_or_else(|| InstallError::Unknown(name.to_owned()))?;
    Ok(view(rest, &entry, links))
}

fn view(rest: &Rest, entry: &Entry, links: &[Arc<Link>]) -> PluginView {
    let installer = rest.plugins.installer();
    let loaded = rest.decode.plugin(&entry.name);
    let mut manifest = None;
    let versions = entry
        .versions
        .iter()
        .map(|kept| {
            let active = kept.version == entry.active;
            let read = Archive::open(&kept.folder).map_err(InstallError::from);
            let admitted = read.and_then(|archive| Ok((installer.policy().admit(&archive)?, archive)));
            let mut view = VersionView {
                version: kept.version.clone(),
                active,
                sha256: None,
                signature: None,
                error: None,
            };
            match admitted {
                Ok((signed, archive)) => {
                    view.sha256 = Some(hex::encode(archive.bundle.sha256));
                    view.signature = Some(signed.shown());
                    if active {
                        manifest = Some(archive.bundle.manifest);
                    }
                }
                Err(error) => view.error = Some(error.to_string()),
            }
            view
        })
        .collect();
    let pins = links
        .iter()
        .filter(|link| *link.vendor == *entry.name)
        .filter_map(|link| {
            Some(PinView {
                link: link.id.0,
                version: link.pin.as_deref()?.to_owned(),
            })
        })
        .collect();
    PluginView {
        id: entry.name.clone(),
        version: entry.active.clone(),
        state: match loaded.as_ref().map(|loaded| loaded.breaker) {
            None => "not_loaded",
            Some(BreakerState::Closed) => "in_service",
            Some(BreakerState::HalfOpen) => "trying_again",
            Some(BreakerState::Open) => "out_of_service",
        },
        running: loaded.as_ref().map(|loaded| loaded.manifest.version.to_string()),
        generation: loaded.map_or(0, |loaded| loaded.generation),
        description: manifest.as_ref().map(|manifest| manifest.description.clone()),
        license: manifest.as_ref().map(|manifest| manifest.license.clone()),
        topics: manifest.map(|manifest| manifest.topics).unwrap_or_default(),
        versions,
        pins,
    }
}

fn nothing() -> Response {
    Response::builder().status(StatusCode::NO_CONTENT).finish()
}
