//! `/v1/groups`: devices under a common name. Its devices are listed by `GET /v1/devices?groupId=`.

use std::sync::Arc;

use fixstream_core::model::DeviceId;
use fixstream_core::registry::{Group, GroupChange, GroupId, NewGroup, Remembered};
use poem::Response;
use poem::http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::Serialize;

use super::create::{self, Repeatable};
use super::{etag, page};
use crate::rest::codes;
use crate::rest::envelope::json_response;
use crate::rest::error::ApiError;
use crate::rest::operation::{Call, Content, Operation};
use crate::rest::resource::Page;
use crate::rest::validate::{self, Field, Rule};

/// Characters of a name.
const NAME: Rule = Rule::Sized { min: 2, max: 100 };

/// Query of the list.
pub(super) const LIST: &[Field] = &[
    Field::text("name", 100),
    page::number(),
    page::size(),
    page::sort(&["id", "name", "description", "deviceCount"]),
];

/// A new group.
pub(super) const NEW: &[Field] = &[
    Field::new("name", NAME).required(),
    Field::text("description", 200),
    Field::new("url", Rule::Url),
];

/// A change. Null empties what can be empty.
pub(super) const CHANGE: &[Field] = &[
    Field::new("name", NAME).never_null(),
    Field::text("description", 200),
    Field::new("url", Rule::Url),
];

/// The path of a member.
pub(super) const MEMBER: &[Field] = &[Field::id("id").required(), Field::id("deviceId").required()];

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct GroupResource {
    id: u32,
    /// Unique.
    name: String,
    description: Option<String>,
    /// A page about it.
    url: Option<String>,
    device_count: usize,
}

/// The endpoints.
pub(super) fn operations() -> Vec<Operation> {
    const ALL: &[&str] = &["/groups"];
    const ONE: &[&str] = &["/groups/{id}"];
    const DEVICE: &[&str] = &["/groups/{id}/devices/{deviceId}"];
    vec![
        Operation::new(Method::GET, "list_groups", ALL, "The groups", list)
            .resource()
            .query(LIST)
            .answers::<Page<GroupResource>>(200, "One page"),
        Operation::new(
            Method::POST,
            "create_group",
            ALL,
            "Makes a group without devices",
            create,
        )
        .resource()
        .body(NEW)
        .answers::<GroupResource>(201, "The group, at Location")
        .refuses(&codes::ENTITY_WITH_FIELD_ALREADY_EXISTS)
        .refuses(&codes::IDEMPOTENCY_KEY_REUSED),
        Operation::new(Method::GET, "get_group", ONE, "A group", get)
            .resource()
            .parameters(page::BY_ID)
            .answers::<GroupResource>(200, "It, with its ETag")
            .refuses(&codes::ENTITY_WITH_FIELD_NOT_FOUND),
        Operation::new(
            Method::PATCH,
            "update_group",
            ONE,
            "Changes what the body mentions",
            update,
        )
        .resource()
        .parameters(page::BY_ID)
        .body(CHANGE)
        .answers::<GroupResource>(200, "As it is now")
        .refuses(&codes::ENTITY_WITH_FIELD_NOT_FOUND)
        .refuses(&codes::ENTITY_WITH_FIELD_ALREADY_EXISTS)
        .refuses(&codes::PRECONDITION_FAILED),
        Operation::new(
            Method::DELETE,
            "delete_group",
            ONE,
            "Deletes a group; its devices stay",
            delete,
        )
        .resource()
        .parameters(page::BY_ID)
        .answers_with(204, "It is deleted", Content::Empty)
        .refuses(&codes::ENTITY_WITH_FIELD_NOT_FOUND)
        .refuses(&codes::PRECONDITION_FAILED),
        Operation::new(
            Method::PUT,
            "add_device_to_group",
            DEVICE,
            "Puts a device into a group",
            add,
        )
        .resource()
        .parameters(MEMBER)
        .answers_with(204, "It is in the group", Content::Empty)
        .refuses(&codes::ENTITY_WITH_FIELD_NOT_FOUND),
        Operation::new(
            Method::DELETE,
            "remove_device_from_group",
            DEVICE,
            "Takes a device out of a group",
            remove,
        )
        .resource()
        .parameters(MEMBER)
        .answers_with(204, "It is not in the group", Content::Empty)
        .refuses(&codes::ENTITY_WITH_FIELD_NOT_FOUND),
    ]
}

async fn list(mut call: Call) -> Result<Response, ApiError> {
    let query = validate::exact_query(std::mem::take(&mut call.query), LIST)?;
    let mut groups = call.rest.registry.groups(call.client.id);
    groups.retain(|(group, _)| query.text("name").is_none_or(|name| group.name == name));
    let page = page::of(
        groups,
        &query,
        |attribute, (one, one_count), (other, other_count)| match attribute {
            "name" => one.name.cmp(&other.name),
            "description" => one.description.cmp(&other.description),
            "deviceCount" => one_count.cmp(other_count),
            _ => one.id.cmp(&other.id),
        },
        |(group, count)| view(group, *count),
    );
    Ok(json_response(StatusCode::OK, &page))
}

async fn create(call: Call) -> Result<Response, ApiError> {
    let fields = validate::exact_body(&call.body, NEW)?;
    let new = NewGroup {
        name: fields.required_text("name"),
        description: fields.text("description").map(str::to_owned),
        url: fields.text("url").map(str::to_owned),
    };
    let (registry, client) = (&call.rest.registry, call.client.id);
    match Repeatable::of(&call, "create_group")? {
        None => Ok(create::respond(made(&*registry.create_group(client, new).await?))),
        Some(repeatable) => {
            let created = registry
                .create_group_once(client, new, repeatable.once(made))
                .await?;
            Ok(create::settle(created, |group| create::respond(made(&group))))
        }
    }
}

async fn get(call: Call) -> Result<Response, ApiError> {
    let (group, count) = owned(&call)?;
    Ok(etag::entity(StatusCode::OK, &view(&group, count)))
}

async fn update(call: Call) -> Result<Response, ApiError> {
    let (now, count) = owned(&call)?;
    let fields = validate::exact_body(&call.body, CHANGE)?;
    let change = GroupChange {
        name: fields.text("name").map(str::to_owned),
        description: fields.change("description"),
        url: fields.change("url"),
    };
    let seen = etag::demanded(&call.headers, "GROUP", &view(&now, count))?.then(|| Arc::clone(&now));
    let (registry, client) = (&call.rest.registry, call.client.id);
    let group = registry.update_group(client, now.id, seen, change).await?;
    let count = registry.group(client, now.id).map_or(count, |(_, count)| count);
    Ok(etag::entity(StatusCode::OK, &view(&group, count)))
}

async fn delete(call: Call) -> Result<Response, ApiError> {
    let (now, count) = owned(&call)?;
    let seen = etag::demanded(&call.headers, "GROUP", &view(&now, count))?.then(|| Arc::clone(&now));
    call.rest
        .registry
        .delete_group(call.client.id, now.id, seen)
        .await?;
    Ok(create::nothing())
}

async fn add(call: Call) -> Result<Response, ApiError> {
    let (group, device) = member(&call)?;
    call.rest
        .registry
        .add_to_group(call.client.id, group, device)
        .await?;
    Ok(create::nothing())
}

async fn remove(call: Call) -> Result<Response, ApiError> {
    let (group, device) = member(&call)?;
    call.rest
        .registry
        .remove_from_group(call.client.id, group, device)
        .await?;
    Ok(create::nothing())
}

fn member(call: &Call) -> Result<(GroupId, DeviceId), ApiError> {
    let path = validate::query(call.parameters.clone(), MEMBER)?;
    Ok((
        GroupId(path.required_id("id")),
        DeviceId(path.required_id("deviceId")),
    ))
}

/// The client's group of the id in the path, with the number of its devices.
fn owned(call: &Call) -> Result<(Arc<Group>, usize), ApiError> {
    let group = call.rest.registry.group(call.client.id, GroupId(page::id(call)?));
    group.ok_or(ApiError::NotFound {
        entity: "GROUP",
        field: "id",
    })
}

fn made(group: &Group) -> Remembered {
    create::answer(format!("/v1/groups/{}", group.id), &view(group, 0))
}

fn view(group: &Group, device_count: usize) -> GroupResource {
    GroupResource {
        id: group.id.0,
        name: group.name.clone(),
        description: group.description.clone(),
        url: group.url.clone(),
        device_count,
    }
}
