//! Bytes from an address or a file, whole or in parts.

use super::window;
use std::cell::Cell;
use std::ops::Range;
use std::rc::Rc;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortController, File, Headers, ReadableStreamDefaultReader, RequestInit, Response};

/// Ends a fetch before it is done.
#[derive(Clone)]
pub(super) struct Abort {
    controller: Option<AbortController>,
    aborted: Rc<Cell<bool>>,
}

impl Abort {
    pub(super) fn new() -> Self {
        Self { controller: AbortController::new().ok(), aborted: Rc::default() }
    }

    pub(super) fn abort(&self) {
        self.aborted.set(true);
        if let Some(controller) = &self.controller {
            controller.abort();
        }
    }

    pub(super) fn is_aborted(&self) -> bool {
        self.aborted.get()
    }
}

/// What a server answered.
pub(super) struct Answer {
    response: Response,
    /// Whether it is a part of a file.
    pub is_part: bool,
    /// Which one, and how long the file is: other servers may not tell.
    pub part: Option<(Range<u64>, u64)>,
}

/// Asks for an address, or for a part of it.
///
/// # Errors
/// One sentence.
pub(super) async fn get(url: &str, range: Option<&Range<u64>>, abort: &Abort) -> Result<Answer, String> {
    let init = RequestInit::new();
    init.set_signal(abort.controller.as_ref().map(AbortController::signal).as_ref());
    if let Some(range) = range {
        let headers = Headers::new().map_err(|e| reason(&e))?;
        let text = format!("bytes={}-{}", range.start, range.end.saturating_sub(1));
        headers.set("Range", &text).map_err(|e| reason(&e))?;
        init.set_headers(&headers);
    }
    let response = JsFuture::from(window()?.fetch_with_str_and_init(url, &init)).await;
    let response = response.map_err(|e| match is_foreign(url) {
        true => format!("{}. The other server may not let pages read its files (CORS)", reason(&e)),
        false => reason(&e),
    })?;
    let response: Response = response.dyn_into().map_err(|_| "the answer is no response")?;
    let status = response.status();
    // An empty file has no first bytes.
    if status == 416 {
        return Err("the file is empty".to_owned());
    }
    if !response.ok() {
        return Err(format!("the server answered {status} {}", response.status_text()).trim_end().to_owned());
    }
    let told = response.headers().get("content-range").ok().flatten();
    let is_part = status == 206;
    Ok(Answer { part: told.as_deref().filter(|_| is_part).and_then(parse), is_part, response })
}

/// `bytes 0-9/100`.
fn parse(text: &str) -> Option<(Range<u64>, u64)> {
    let (range, len) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last, len) = (first.parse().ok()?, last.parse::<u64>().ok()?, len.parse().ok()?);
    Some((first..last.checked_add(1)?, len))
}

fn is_foreign(url: &str) -> bool {
    let here = window().ok().and_then(|w| w.location().origin().ok());
    here.is_some_and(|here| url.contains("://") && !url.starts_with(&here))
}

impl Answer {
    /// The length of what comes, if it is told. What is packed on its way is longer when it is here.
    pub(super) fn len(&self) -> Option<u64> {
        let headers = self.response.headers();
        let packed = headers.get("content-encoding").ok().flatten();
        let len = headers.get("content-length").ok().flatten().filter(|_| packed.is_none());
        len.and_then(|len| len.parse().ok())
    }

    /// All of it.
    pub(super) async fn bytes(self) -> Result<Vec<u8>, String> {
        let buffer = self.response.array_buffer().map_err(|e| reason(&e))?;
        let buffer = JsFuture::from(buffer).await.map_err(|e| reason(&e))?;
        Ok(js_sys::Uint8Array::new(&buffer).to_vec())
    }

    /// All of it, piece by piece.
    pub(super) fn body(self) -> Result<Body, String> {
        let stream = self.response.body().ok_or("the server sent nothing")?;
        let reader = stream.get_reader().dyn_into().map_err(|_| "the browser cannot read in pieces")?;
        Ok(Body(reader))
    }
}

/// What comes of a file.
pub(super) struct Body(ReadableStreamDefaultReader);

impl Body {
    /// The next piece; `None` at the end.
    pub(super) async fn next(&self) -> Result<Option<Vec<u8>>, String> {
        let piece = JsFuture::from(self.0.read()).await.map_err(|e| reason(&e))?;
        let get = |name: &str| js_sys::Reflect::get(&piece, &JsValue::from_str(name)).map_err(|e| reason(&e));
        if get("done")?.is_truthy() {
            return Ok(None);
        }
        let bytes: js_sys::Uint8Array = get("value")?.dyn_into().map_err(|_| "the stream has no bytes")?;
        Ok(Some(bytes.to_vec()))
    }
}

/// A part of a file.
pub(super) async fn slice(file: &File, range: &Range<u64>) -> Result<Vec<u8>, String> {
    #[expect(clippy::cast_precision_loss, reason = "a browser's files are shorter than 2^53 bytes")]
    let (start, end) = (range.start as f64, range.end as f64);
    let blob = file.slice_with_f64_and_f64(start, end).map_err(|e| reason(&e))?;
    let buffer = JsFuture::from(blob.array_buffer()).await.map_err(|e| reason(&e))?;
    Ok(js_sys::Uint8Array::new(&buffer).to_vec())
}

/// Waits for some milliseconds.
pub(super) async fn pause(ms: i32) {
    let wait = js_sys::Promise::new(&mut |resolve, _| {
        let _ = window().map(|w| w.set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, ms));
    });
    let _ = JsFuture::from(wait).await;
}

/// Milliseconds since the page was opened.
pub(super) fn now() -> f64 {
    window().ok().and_then(|w| w.performance()).map_or(0.0, |p| p.now())
}

/// How many bytes these are.
pub(super) fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// What a browser says went wrong.
pub(super) fn reason(error: &JsValue) -> String {
    let text = error.dyn_ref::<js_sys::Error>().map(|e| String::from(e.message()));
    let text = text.unwrap_or_else(|| "the browser does not say why".to_owned());
    text.trim_end_matches('.').to_owned()
}
