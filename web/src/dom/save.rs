//! Bytes become a file that the browser saves.

use super::elements::make;
use js_sys::{Array, Uint8Array};
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::spawn_local;
use web_sys::{Blob, Document, HtmlElement, Url};

/// Saves pieces as one file of this name.
pub(super) fn pieces(document: &Document, bytes: &[Vec<u8>], name: &str) {
    let parts: Array = bytes.iter().map(|piece| Uint8Array::from(piece.as_slice())).collect();
    if let Ok(blob) = Blob::new_with_u8_array_sequence(&parts) {
        self::blob(document, &blob, name);
    }
}

/// Saves a blob as a file of this name.
pub(super) fn blob(document: &Document, blob: &Blob, name: &str) {
    let Ok(url) = Url::create_object_url_with_blob(blob) else { return };
    if let Some(link) = make(document, "a", "", "") {
        let _ = link.set_attribute("href", &url);
        let _ = link.set_attribute("download", name);
        if let Some(link) = link.dyn_ref::<HtmlElement>() {
            link.click();
        }
    }
    // The browser has begun to read it by then.
    spawn_local(async move {
        super::fetch::pause(30_000).await;
        let _ = Url::revoke_object_url(&url);
    });
}
