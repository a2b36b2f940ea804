//! The page on which the documents can be read and tried, without a network: Swagger UI is part of the program.

use std::sync::Arc;

use poem::http::{StatusCode, header};
use poem::{Endpoint, Request, Response};
use utoipa_swagger_ui::{Config, Url};

use super::path;
use crate::rest::dialect::Dialect;
use crate::rest::envelope;
use crate::rest::error::ApiError;

/// Serves the files below `/docs/`.
pub(in crate::rest) fn ui() -> impl Endpoint {
    let urls = [
        Url::with_primary("TrackerHub surface", path(Dialect::TrackerHub), true),
        Url::new("Resource surface", path(Dialect::Resource)),
    ];
    let config = Arc::new(
        Config::new(urls)
            .persist_authorization(true)
            .display_request_duration(true)
            .doc_expansion("none"),
    );
    poem::endpoint::make_sync(move |request: Request| -> Response {
        // the page loads its files from its own folder
        if request.uri().path() == "/docs" {
            return Response::builder()
                .status(StatusCode::PERMANENT_REDIRECT)
                .header(header::LOCATION, "/docs/")
                .finish();
        }
        let file = request.path_params::<String>().unwrap_or_default();
        match utoipa_swagger_ui::serve(&file, Arc::clone(&config)) {
            Ok(Some(file)) => Response::builder()
                .content_type(&file.content_type)
                .body(file.bytes.into_owned()),
            Ok(None) => envelope::failure(&ApiError::NoRoute, &[]),
            Err(error) => {
                tracing::error!(%error, "the documentation page can not be made");
                envelope::failure(&ApiError::Failed, &[])
            }
        }
    })
}
