//! Style, script and picture of the pages. Their names change with what is in them, so that a browser may keep them.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

/// A file that is part of the program.
pub(super) struct Asset {
    /// Its name in URLs.
    pub(super) name: String,
    media_type: &'static str,
    content: &'static str,
}

pub(super) static CSS: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new(
        "css",
        "text/css; charset=utf-8",
        include_str!("../ui/app.css"),
    )
});
pub(super) static JS: LazyLock<Asset> = LazyLock::new(|| {
    let content = include_str!("../ui/app.js");
    Asset::new("js", "text/javascript; charset=utf-8", content)
});
pub(super) static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("svg", "image/svg+xml", include_str!("../ui/icon.svg")));

/// Serves one of them.
pub(super) async fn file(Path(name): Path<String>) -> Response {
    let assets = [&CSS, &JS, &ICON];
    let Some(asset) = assets.into_iter().find(|asset| asset.name == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, asset.media_type),
        (header::CACHE_CONTROL, "max-age=31536000, immutable"),
        // The picture could be opened by itself.
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; sandbox",
        ),
    ];
    (headers, asset.content).into_response()
}

impl Asset {
    fn new(ending: &str, media_type: &'static str, content: &'static str) -> Self {
        Self {
            name: format!("app-{:016x}.{ending}", fnv(content.as_bytes())),
            media_type,
            content,
        }
    }
}

/// The FNV-1a hash: enough to tell versions of a file apart.
fn fnv(octets: &[u8]) -> u64 {
    octets.iter().fold(0xcbf2_9ce4_8422_2325, |hash, octet| {
        (hash ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3)
    })
}
