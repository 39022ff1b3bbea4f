//! What is answered to which address: `/TOKEN/` is the page, `/TOKEN/trace/NAME` the trace, and nothing else is there.

use super::{file, guard};
use crate::page::{Found, Page};
use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::path::PathBuf;
use std::sync::Arc;

/// What is served.
#[derive(Debug)]
pub(super) struct Site {
    /// Who does not know it gets nothing.
    pub(super) token: String,
    pub(super) page: Page,
    /// The trace, by an absolute path.
    pub(super) file: PathBuf,
    /// The trace's name in addresses.
    pub(super) name: String,
}

/// All routes, behind the checks of [`guard`].
pub(super) fn router(site: Site, port: u16) -> Router {
    Router::new()
        .route("/{token}/", get(index))
        .route("/{token}/trace/{name}", get(trace))
        .route("/{token}/{*path}", get(part))
        .fallback(|| async { StatusCode::NOT_FOUND })
        .layer(middleware::from_fn_with_state(guard::Hosts::at(port), guard::check))
        .with_state(Arc::new(site))
}

async fn index(State(site): State<Arc<Site>>, Path(token): Path<String>) -> Response {
    page(&site, &token, "index.html")
}

async fn part(State(site): State<Arc<Site>>, Path((token, path)): Path<(String, String)>) -> Response {
    page(&site, &token, &path)
}

fn page(site: &Site, token: &str, path: &str) -> Response {
    if token != site.token {
        return StatusCode::NOT_FOUND.into_response();
    }
    match site.page.file(path) {
        Some(Found { bytes, media_type }) => ([(header::CONTENT_TYPE, media_type)], bytes).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn trace(
    State(site): State<Arc<Site>>,
    Path((token, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    if token != site.token || name != site.name {
        return StatusCode::NOT_FOUND.into_response();
    }
    file::answer(&site.file, &headers).await.unwrap_or_else(|error| {
        let why = format!("cannot read {}: {error}\n", site.file.display());
        eprint!("warning: {why}");
        (StatusCode::NOT_FOUND, why).into_response()
    })
}
