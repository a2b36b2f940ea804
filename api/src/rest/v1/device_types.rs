//! `/v1/device-types`: the same for all clients; the operator adds some.

use fixstream_core::registry::DeviceType;
use poem::Response;
use poem::http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::Serialize;

use super::{etag, page};
use crate::rest::codes;
use crate::rest::envelope::json_response;
use crate::rest::error::ApiError;
use crate::rest::operation::{Call, Operation};
use crate::rest::resource::Page;
use crate::rest::validate::{self, Field};

/// Query of the list.
pub(super) const LIST: &[Field] = &[
    Field::text("code", 200),
    page::number(),
    page::size(),
    page::sort(&["id", "name", "code"]),
];

#[derive(Serialize, JsonSchema)]
struct DeviceTypeResource {
    id: u32,
    name: String,
    code: String,
}

/// The endpoints.
pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new(
            Method::GET,
            "list_device_type_resources",
            &["/device-types"],
            "The device types",
            list,
        )
        .resource()
        .query(LIST)
        .answers::<Page<DeviceTypeResource>>(200, "One page"),
        Operation::new(
            Method::GET,
            "get_device_type_resource",
            &["/device-types/{id}"],
            "A device type",
            get,
        )
        .resource()
        .parameters(page::BY_ID)
        .answers::<DeviceTypeResource>(200, "It")
        .refuses(&codes::ENTITY_WITH_FIELD_NOT_FOUND),
    ]
}

async fn list(mut call: Call) -> Result<Response, ApiError> {
    let query = validate::exact_query(std::mem::take(&mut call.query), LIST)?;
    let mut types = call.rest.registry.device_types();
    types.retain(|kind| query.text("code").is_none_or(|code| kind.code == code));
    let page = page::of(
        types,
        &query,
        |attribute, one, other| match attribute {
            "name" => one.name.cmp(&other.name),
            "code" => one.code.cmp(&other.code),
            _ => one.id.cmp(&other.id),
        },
        |kind| view(kind),
    );
    Ok(json_response(StatusCode::OK, &page))
}

async fn get(call: Call) -> Result<Response, ApiError> {
    let id = page::id(&call)?;
    let types = call.rest.registry.device_types();
    let kind = types.iter().find(|kind| kind.id == id);
    let kind = kind.ok_or(ApiError::NotFound {
        entity: "DEVICE_TYPE",
        field: "id",
    })?;
    Ok(etag::entity(StatusCode::OK, &view(kind)))
}

fn view(kind: &DeviceType) -> DeviceTypeResource {
    DeviceTypeResource {
        id: kind.id,
        name: kind.name.clone(),
        code: kind.code.clone(),
    }
}
