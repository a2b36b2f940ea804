//! `/v1/plugins` up to where a plugin would be compiled; with real ones it is tested end to end.

use fixstream_core::decode::MAX_ARCHIVE;
use fixstream_core::registry::Scope;
use poem::http::Method;
use serde_json::json;

use super::world::{Answer, World};

const PLUGINS: &str = "/v1/plugins";

#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!(
        (answer.status, &answer.body["code"]),
        (status, &json!(code)),
        "{}",
        answer.body
    );
}

async fn admin(world: &World) -> String {
    let made = world
        .registry
        .create_api_key("admin", world.ours, None, &[Scope::Admin])
        .await;
    made.unwrap().1
}

#[tokio::test]
async fn only_keys_of_scope_admin_see_or_change_plugins() {
    let world = World::new().await;
    let link = world.our_link;
    for (method, path) in [
        (Method::GET, PLUGINS.to_owned()),
        (Method::POST, PLUGINS.to_owned()),
        (Method::GET, format!("{PLUGINS}/x")),
        (Method::DELETE, format!("{PLUGINS}/x")),
        (Method::POST, format!("{PLUGINS}/x/activate")),
        (Method::POST, format!("{PLUGINS}/x/rollback")),
        (Method::DELETE, format!("{PLUGINS}/x/versions/1.0.0")),
        (Method::PUT, format!("{PLUGINS}/x/pins/{link}")),
        (Method::DELETE, format!("{PLUGINS}/x/pins/{link}")),
    ] {
        refused(
            &world.send(method.clone(), &path, None, "").await,
            401,
            "unauthorized",
        );
        refused(
            &world.send(method, &path, Some(&world.key), "").await,
            403,
            "forbidden",
        );
    }
}

#[tokio::test]
async fn what_is_not_there_is_not_found_and_an_empty_list_is_a_page() {
    let world = World::new().await;
    let admin = admin(&world).await;
    let send = async |method, path: &str, body: &str| {
        world
            .send(method, &format!("{PLUGINS}{path}"), Some(&admin), body.to_owned())
            .await
    };
    let list = send(Method::GET, "", "").await;
    assert_eq!(
        (list.status, &list.body["totalElements"], &list.body["content"]),
        (200, &json!(0), &json!([]))
    );
    assert_eq!(send(Method::GET, "?size=0", "").await.status, 400);
    refused(&send(Method::GET, "/x", "").await, 404, "plugin_not_found");
    refused(&send(Method::GET, "/..%2Fx", "").await, 404, "plugin_not_found");
    refused(&send(Method::DELETE, "/x", "").await, 404, "plugin_not_found");
    refused(
        &send(Method::DELETE, "/x/versions/1.0.0", "").await,
        404,
        "plugin_not_found",
    );
    refused(
        &send(Method::POST, "/x/rollback", "").await,
        404,
        "plugin_not_found",
    );
    let version = r#"{"version":"1.0.0"}"#;
    refused(
        &send(Method::POST, "/x/activate", version).await,
        404,
        "plugin_not_found",
    );
    refused(
        &send(Method::POST, "/x/activate", "{}").await,
        400,
        "constraint_violation",
    );
    // our own link, a link to another vendor, another client's link, none
    let pin = async |path: String| send(Method::PUT, &path, version).await;
    let our_link = world.our_link;
    let their_link = world.registry.link_to(
        world
            .registry
            .clients()
            .into_iter()
            .find(|client| client.id != world.ours)
            .unwrap()
            .id,
        "theirs-only",
    );
    refused(
        &pin(format!("/traccar/pins/{our_link}")).await,
        404,
        "plugin_not_found",
    );
    refused(
        &pin(format!("/other/pins/{our_link}")).await,
        404,
        "link_not_found",
    );
    refused(
        &pin(format!("/theirs-only/pins/{}", their_link.unwrap().id)).await,
        404,
        "link_not_found",
    );
    refused(&pin("/traccar/pins/99".into()).await, 404, "link_not_found");
    refused(&pin("/traccar/pins/x".into()).await, 400, "constraint_violation");
    assert_eq!(
        send(Method::DELETE, &format!("/traccar/pins/{our_link}"), "")
            .await
            .status,
        204
    );
}

#[tokio::test]
async fn what_is_no_plugin_is_refused_with_the_reason_and_changes_nothing() {
    let world = World::new().await;
    let admin = admin(&world).await;
    let install = async |body: Vec<u8>| world.send(Method::POST, PLUGINS, Some(&admin), body).await;
    let empty = install(Vec::new()).await;
    refused(&empty, 422, "plugin_refused");
    assert!(
        empty.body["message"].as_str().unwrap().contains("no plugin.toml"),
        "{}",
        empty.body
    );
    refused(&install(b"nonsense".repeat(1000)).await, 422, "plugin_refused");
    // larger than other bodies may be, and still not without an end
    let large = install(vec![0; 2 << 20]).await;
    refused(&large, 422, "plugin_refused");
    let too_large = install(vec![0; MAX_ARCHIVE as usize + 1]).await;
    refused(&too_large, 413, "body_too_large");
    let unknown = world
        .send(Method::POST, &format!("{PLUGINS}?replcae=true"), Some(&admin), "")
        .await;
    refused(&unknown, 400, "constraint_violation");
    let list = world.send(Method::GET, PLUGINS, Some(&admin), ()).await;
    assert_eq!(list.body["totalElements"], 0);
}
