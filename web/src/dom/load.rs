//! Traces by address, from the picker and by drag and drop.

use super::frame_loop::Queue;
use super::window;
use crate::format::{clipped, file_name, size};
use crate::msg::Msg;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{File, Response, UrlSearchParams};

/// What is shown when nothing is asked for.
const GALLERY: &str = "gallery/hello.jsonl";
/// No larger trace is read into memory.
const MAX_BYTES: f64 = 512.0 * 1024.0 * 1024.0;

/// Loads what the address asks for (`?trace=URL`, `#trace=URL`), or the gallery's first lesson.
pub(super) fn first(queue: &Queue) -> Result<(), String> {
    let location = window()?.location();
    let part = |text: Result<String, JsValue>| text.unwrap_or_default();
    let fragment = part(location.hash());
    let params = |text: &str| UrlSearchParams::new_with_str(text).map_err(|_| "the address cannot be read");
    let hash = params(fragment.trim_start_matches('#'))?;
    let query = params(&part(location.search()))?;
    let get = |name: &str| hash.get(name).or_else(|| query.get(name));
    let url = get("trace").unwrap_or_else(|| GALLERY.to_owned());
    let autoplay = get("play").as_deref() != Some("0");
    let file = file_name(url.split(['?', '#']).next().unwrap_or(&url));
    let decoded = js_sys::decode_uri_component(file).map(String::from);
    let name = clipped(&decoded.unwrap_or_else(|_| file.to_owned()), 80);
    queue.send(Msg::Loading(name.clone()));
    let queue = queue.clone();
    spawn_local(async move {
        let bytes = fetch(&url).await.map_err(|reason| format!("{name} could not be loaded: {reason}"));
        queue.send(Msg::Loaded { name, bytes, autoplay });
    });
    Ok(())
}

/// Loads a file that the person chose.
pub(super) fn file(queue: &Queue, file: File) {
    let name = clipped(&file.name(), 80);
    queue.send(Msg::Loading(name.clone()));
    let queue = queue.clone();
    spawn_local(async move {
        let bytes = read_file(&file).await.map_err(|reason| format!("{name} could not be read: {reason}"));
        queue.send(Msg::Loaded { name, bytes, autoplay: true });
    });
}

async fn read_file(file: &File) -> Result<Vec<u8>, String> {
    check_size(file.size())?;
    let buffer = JsFuture::from(file.array_buffer()).await.map_err(|e| reason(&e))?;
    Ok(js_sys::Uint8Array::new(&buffer).to_vec())
}

async fn fetch(url: &str) -> Result<Vec<u8>, String> {
    let response = JsFuture::from(window()?.fetch_with_str(url)).await.map_err(|e| reason(&e))?;
    let response: Response = response.dyn_into().map_err(|_| "the answer is no response")?;
    if !response.ok() {
        return Err(format!("the server answered {} {}", response.status(), response.status_text()));
    }
    let length = response.headers().get("content-length").ok().flatten();
    check_size(length.and_then(|l| l.parse().ok()).unwrap_or(0.0))?;
    let buffer = response.array_buffer().map_err(|e| reason(&e))?;
    let buffer = JsFuture::from(buffer).await.map_err(|e| reason(&e))?;
    Ok(js_sys::Uint8Array::new(&buffer).to_vec())
}

fn check_size(bytes: f64) -> Result<(), String> {
    if bytes <= MAX_BYTES {
        return Ok(());
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positive; only for the message"
    )]
    let bytes = bytes as u64;
    Err(format!("it has {}, and the page reads up to {}", size(bytes), size(512 << 20)))
}

fn reason(error: &JsValue) -> String {
    let text = error.dyn_ref::<js_sys::Error>().map(|e| String::from(e.message()));
    text.unwrap_or_else(|| "the browser does not say why".to_owned())
}
