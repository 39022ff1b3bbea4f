//! Videos: the middle of the page, drawn whenever it changes, as the browser records it.

use super::{Capture, canvas_of};
use crate::app::App;
use crate::capture::webm::Index;
use crate::capture::{clock, file_name};
use crate::dom::address::tell;
use crate::dom::caption::Words;
use crate::dom::compose::even;
use crate::dom::elements::Listener;
use crate::dom::part::Frame;
use crate::dom::{save, window};
use crate::msg::Msg;
use js_sys::{Array, Reflect, Uint8Array};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{
    Blob, BlobEvent, CanvasRenderingContext2d, HtmlCanvasElement, MediaRecorder, MediaRecorderOptions,
};

/// So many lines of words stand under a video.
const LINES: usize = 3;
/// What videos are written as, the best first: the type, and how its files end.
const TYPES: [(&str, &str); 4] = [
    ("video/webm;codecs=vp9", "webm"),
    ("video/webm;codecs=vp8", "webm"),
    ("video/webm", "webm"),
    ("video/mp4", "mp4"),
];
const BITS_A_SECOND: u32 = 6_000_000;
/// One can begin to play so often, in milliseconds.
const KEY_MS: u32 = 2000;
/// Frames are no nearer than this, in milliseconds.
const NEAR_MS: f64 = 30.0;
/// What stands still is drawn so often, in milliseconds: something in it may move by itself.
const STILL_MS: f64 = 500.0;

/// A video that is being made.
pub(super) struct Recording {
    recorder: MediaRecorder,
    canvas: HtmlCanvasElement,
    context: CanvasRenderingContext2d,
    /// When its last frame was drawn, in its own milliseconds, and of what.
    drawn: (f64, Option<u64>),
    /// How long it is.
    ms: Rc<Cell<f64>>,
    _listeners: [Listener; 2],
}

/// What was recorded as one blob, with what the browser has left out of it.
async fn whole(pieces: &Array, ms: f64) -> Option<Blob> {
    let mut index = Index::default();
    for piece in pieces.iter() {
        let bytes = JsFuture::from(piece.dyn_ref::<Blob>()?.array_buffer()).await.ok()?;
        index.feed(&Uint8Array::new(bytes.as_ref()).to_vec());
    }
    let plain = Blob::new_with_blob_sequence(pieces).ok()?;
    let Some(head) = index.finish(ms) else { return Some(plain) };
    let rest = plain.slice_with_f64_and_f64(crate::time::scale::float(head.of), plain.size()).ok()?;
    Blob::new_with_blob_sequence(&Array::of2(&Uint8Array::from(head.bytes.as_slice()), &rest)).ok()
}

/// What is drawn where nothing moves; none where something does.
fn still(app: &App) -> Option<u64> {
    (!app.is_changing()).then_some(app.revision)
}

impl Capture {
    /// Begins a video.
    ///
    /// # Errors
    /// Why there is none, in a sentence.
    fn begin(&mut self, frame: &Frame<'_>) -> Result<(), &'static str> {
        const MISSING: &str =
            "This browser cannot record videos: it has no MediaRecorder that writes WebM or MP4";
        const REFUSED: &str = "The browser refuses to record a video";
        let window = window().map_err(|_| MISSING)?;
        if !Reflect::has(&window, &"MediaRecorder".into()).unwrap_or(false) {
            return Err(MISSING);
        }
        let (kind, ending) =
            TYPES.iter().find(|(kind, _)| MediaRecorder::is_type_supported(kind)).ok_or(MISSING)?;
        let (canvas, context) = canvas_of(&self.document, false).ok_or(REFUSED)?;
        let letters = self.letters();
        let rect = self.root(frame.app.stage).ok_or(REFUSED)?.get_bounding_client_rect();
        let ratio = window.device_pixel_ratio().clamp(1.0, 2.0);
        canvas.set_width(even(rect.width() * ratio));
        canvas.set_height(even((rect.height() + Words::height(&letters, LINES)) * ratio));
        self.compose(frame, &canvas, &context, ratio, Some(LINES)).ok_or(REFUSED)?;
        let stream = canvas.capture_stream_with_frame_request_rate(30.0).map_err(|_| REFUSED)?;
        let options = MediaRecorderOptions::new();
        options.set_mime_type(kind);
        options.set_video_bits_per_second(BITS_A_SECOND);
        // Not every browser knows it.
        let _ = Reflect::set(&options, &"videoKeyFrameIntervalDuration".into(), &KEY_MS.into());
        let recorder = MediaRecorder::new_with_media_stream_and_media_recorder_options(&stream, &options)
            .map_err(|_| REFUSED)?;
        let pieces = Rc::new(RefCell::new(Array::new()));
        let (name, ms) = (file_name(frame.app, ending), Rc::new(Cell::new(0.0)));
        let listeners = [
            Listener::new(&recorder, "dataavailable", {
                let pieces = Rc::clone(&pieces);
                move |event| {
                    if let Some(blob) = event.dyn_ref::<BlobEvent>().and_then(BlobEvent::data) {
                        pieces.borrow().push(&blob);
                    }
                }
            }),
            Listener::new(&recorder, "stop", {
                let (document, said, ms) = (self.document.clone(), self.said.clone(), Rc::clone(&ms));
                move |_| {
                    let (pieces, ms) = (pieces.take(), ms.get());
                    let (document, said, name) = (document.clone(), said.clone(), name.clone());
                    spawn_local(async move {
                        let video = whole(&pieces, ms).await.filter(|video| video.size() > 0.0);
                        let text = match video {
                            Some(video) => {
                                save::blob(&document, &video, &name);
                                format!("{name} saved")
                            }
                            None => "No video was saved: the browser recorded nothing".to_owned(),
                        };
                        tell(&said, &text).await;
                    });
                }
            }),
        ];
        recorder.start_with_time_slice(1000).map_err(|_| REFUSED)?;
        self.video =
            Some(Recording { recorder, canvas, context, drawn: (0.0, None), ms, _listeners: listeners });
        Ok(())
    }

    pub(super) fn video(&mut self, frame: &Frame<'_>) {
        let Some(video) = frame.app.video else {
            if let Some(recording) = self.video.take() {
                let _ = recording.recorder.stop();
                self.last = Some(recording);
                self.mark.set_hidden(true);
            }
            return;
        };
        if let Some(mut recording) = self.video.take() {
            let (passed, now) = (video.ms - recording.drawn.0, still(frame.app));
            let same = now.is_some() && now == recording.drawn.1;
            if passed >= if same { STILL_MS } else { NEAR_MS } {
                self.compose(frame, &recording.canvas, &recording.context, 1.0, Some(LINES));
                recording.drawn = (video.ms, now);
            }
            recording.ms.set(video.ms);
            self.video = Some(recording);
        } else if let Err(why) = self.begin(frame) {
            self.queue.send(Msg::Video);
            self.tell(why.to_owned());
            return;
        }
        let time = clock(video.ms);
        if self.mark.hidden() || self.time.text_content().as_deref() != Some(&time) {
            self.mark.set_hidden(false);
            self.time.set_text_content(Some(&time));
        }
    }
}
