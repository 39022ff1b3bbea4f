//! Fetches what the state asks for: by address, with ranges where the server has them, or from a file. Tells how far it
//! is.

use super::elements::by_id;
use super::fetch::{self, Abort, Body};
use super::frame_loop::Queue;
use super::part::{Frame, Part};
use crate::address::Place;
use crate::app::App;
use crate::load::{self, EMBEDDED, END_BYTES, From, Progress, Wish, wants_parts};
use crate::msg::Msg;
use crate::number::whole;
use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::rc::Rc;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::spawn_local;
use web_sys::{Document, File, HtmlElement};

/// Parts that are fetched at the same time.
const PARTS: usize = 2;
/// The shortest and the longest part. A longer one would take its time to be put away.
const PART_BYTES: (f64, f64) = (131_072.0, 2_097_152.0);
/// What a part should take, in milliseconds: what somebody wants to see waits behind one.
const PART_MS: f64 = 250.0;

/// The files that the person chose: messages name them by number.
#[derive(Clone, Default)]
pub(super) struct Files(Rc<RefCell<Vec<(u32, File)>>>);

impl Files {
    /// Opens a file.
    pub(super) fn open(&self, queue: &Queue, file: File) {
        let mut files = self.0.borrow_mut();
        let key = files.last().map_or(EMBEDDED, |(last, _)| *last) + 1;
        // The one that is shown, and the one that comes in its place.
        files.retain(|(old, _)| *old == EMBEDDED || old + 1 == key);
        let (name, bytes) = (file.name(), whole(file.size()));
        files.push((key, file));
        queue.send(Msg::Load(load::Msg::Open {
            from: From::File { key, name, bytes },
            autoplay: true,
            place: Place::default(),
        }));
    }

    /// The trace that stands in the page, where there is one: `pagescope convert` puts it there.
    pub(super) fn embedded(&self, document: &Document) -> Option<From> {
        let element = document.get_element_by_id("embedded-trace")?;
        let file: File = js_sys::Reflect::get(&element, &"file".into()).ok()?.dyn_into().ok()?;
        let (name, bytes) = (file.name(), whole(file.size()));
        self.0.borrow_mut().push((EMBEDDED, file));
        Some(From::File { key: EMBEDDED, name, bytes })
    }

    fn get(&self, key: u32) -> Option<File> {
        self.0.borrow().iter().find(|(known, _)| *known == key).map(|(_, file)| file.clone())
    }
}

/// What is being fetched.
struct Task {
    id: u32,
    wish: Wish,
    abort: Abort,
    state: Rc<TaskState>,
}

#[derive(Default)]
struct TaskState {
    done: Cell<bool>,
    /// Enough has come for now.
    hold: Cell<bool>,
    /// Milliseconds that it took, and bytes.
    rate: Cell<Option<(f64, f64)>>,
}

/// Fetches.
pub(super) struct Loader {
    queue: Queue,
    files: Files,
    tasks: Vec<Task>,
    /// How long a part is to be, in bytes.
    part: f64,
}

impl Loader {
    pub(super) fn new(queue: &Queue, files: Files) -> Self {
        Self { queue: queue.clone(), files, tasks: Vec::new(), part: 4.0 * PART_BYTES.0 }
    }

    /// Begins what the state asks for, and ends what nobody waits for any more. To be called last in a frame.
    pub(super) fn fetch(&mut self, app: &App) {
        for task in &self.tasks {
            if let Some((bytes, ms)) = task.state.rate.take() {
                let wish = bytes / ms.max(1.0) * PART_MS;
                self.part = wish.min(self.part * 2.0).clamp(PART_BYTES.0, PART_BYTES.1);
            }
            task.state.hold.set(app.load.is_ahead());
            if !app.load.is_current(task.id) {
                task.abort.abort();
            }
        }
        // What has brought a whole file is kept as long as that is being opened: it need not be brought again.
        let is_part = |task: &Task| matches!(task.wish, Wish::Part(_));
        self.tasks.retain(|task| app.load.is_current(task.id) && (!task.state.done.get() || !is_part(task)));
        if let Some((id, from, wish)) = app.load.wish()
            && !self.tasks.iter().any(|task| task.id == id && task.wish == *wish)
        {
            self.begin(id, from, wish.clone());
        }
        let Some(from) = app.load.remote.as_ref().map(|remote| &remote.from) else { return };
        loop {
            let part =
                |task: &Task| if let Wish::Part(range) = &task.wish { Some(range.clone()) } else { None };
            let coming: Vec<Range<u64>> = self.tasks.iter().filter_map(part).collect();
            if coming.len() >= PARTS {
                return;
            }
            let Some((id, range)) = app.next_part(whole(self.part), &coming) else { return };
            self.begin(id, from, Wish::Part(range));
        }
    }

    fn begin(&mut self, id: u32, from: &From, wish: Wish) {
        let state = Rc::new(TaskState::default());
        let abort = Abort::new();
        let source = match from {
            From::Url(url) => Some(Source::Url(url.clone())),
            From::File { key, .. } => self.files.get(*key).map(Source::File),
        };
        let source = source.map(|source| Fetch {
            id,
            is_text: from.is_text(),
            source,
            queue: self.queue.clone(),
            state: Rc::clone(&state),
            abort: abort.clone(),
        });
        self.tasks.push(Task { id, wish: wish.clone(), abort, state: Rc::clone(&state) });
        let queue = self.queue.clone();
        spawn_local(async move {
            let outcome = match source {
                Some(source) => source.run(wish).await,
                None => Err("the file is no longer there: choose it again".to_owned()),
            };
            state.done.set(true);
            match outcome {
                Err(reason) => queue.send(Msg::Load(load::Msg::Failed(id, reason))),
                Ok(()) => queue.send(Msg::Frame),
            }
        });
    }
}

/// Where bytes are.
enum Source {
    Url(String),
    File(File),
}

/// One thing that is fetched.
struct Fetch {
    id: u32,
    is_text: bool,
    source: Source,
    queue: Queue,
    state: Rc<TaskState>,
    abort: Abort,
}

impl Fetch {
    async fn run(&self, wish: Wish) -> Result<(), String> {
        match wish {
            Wish::Part(range) => self.part(range).await,
            Wish::Whole => self.whole().await,
            Wish::First => self.first().await,
        }
    }

    fn send(&self, msg: load::Msg) {
        self.queue.send(Msg::Load(msg));
    }

    async fn part(&self, range: Range<u64>) -> Result<(), String> {
        let begun = fetch::now();
        let bytes = match &self.source {
            Source::Url(url) => {
                let answer = fetch::get(url, Some(&range), &self.abort).await?;
                match &answer.part {
                    Some((got, _)) if *got == range => answer.bytes().await?,
                    _ => return Err("the server did not send the part that was asked for".to_owned()),
                }
            }
            Source::File(file) => fetch::slice(file, &range).await?,
        };
        if fetch::length(&bytes) != range.end - range.start {
            return Err("a part came that is too short".to_owned());
        }
        #[expect(clippy::cast_precision_loss, reason = "only a rate")]
        self.state.rate.set(Some((bytes.len() as f64, fetch::now() - begun)));
        self.send(load::Msg::Part(self.id, range.start, bytes));
        Ok(())
    }

    /// The first bytes tell how to go on.
    async fn first(&self) -> Result<(), String> {
        match &self.source {
            Source::File(file) => {
                let len = whole(file.size());
                let bytes = fetch::slice(file, &(0..END_BYTES.min(len))).await?;
                if wants_parts(len, &bytes) {
                    self.send(load::Msg::First { id: self.id, len, bytes });
                    return Ok(());
                }
            }
            // Of what is text, all is needed at once.
            Source::Url(_) if self.is_text => {}
            Source::Url(url) => {
                let answer = fetch::get(url, Some(&(0..END_BYTES)), &self.abort).await?;
                match answer.part.clone() {
                    None if answer.is_part => {}
                    None => return self.pieces(answer.len(), answer.body()?).await,
                    Some((_, len)) => {
                        let bytes = answer.bytes().await?;
                        if wants_parts(len, &bytes) {
                            self.send(load::Msg::First { id: self.id, len, bytes });
                            return Ok(());
                        }
                        if fetch::length(&bytes) == len {
                            self.send(load::Msg::Whole(self.id, Some(len)));
                            self.send(load::Msg::Piece(self.id, bytes));
                            self.send(load::Msg::End(self.id));
                            return Ok(());
                        }
                    }
                }
            }
        }
        self.whole().await
    }

    async fn whole(&self) -> Result<(), String> {
        match &self.source {
            Source::Url(url) => {
                let answer = fetch::get(url, None, &self.abort).await?;
                self.pieces(answer.len(), answer.body()?).await
            }
            Source::File(file) => {
                let len = whole(file.size());
                self.send(load::Msg::Whole(self.id, Some(len)));
                let mut at = 0;
                while at < len && !self.abort.is_aborted() {
                    let end = len.min(at + (1 << 20));
                    self.send(load::Msg::Piece(self.id, fetch::slice(file, &(at..end)).await?));
                    at = end;
                    self.wait().await;
                }
                self.send(load::Msg::End(self.id));
                Ok(())
            }
        }
    }

    async fn pieces(&self, len: Option<u64>, body: Body) -> Result<(), String> {
        self.send(load::Msg::Whole(self.id, len));
        while let Some(piece) = body.next().await? {
            self.send(load::Msg::Piece(self.id, piece));
            self.wait().await;
        }
        self.send(load::Msg::End(self.id));
        Ok(())
    }

    /// Until there is room for more.
    async fn wait(&self) {
        while self.state.hold.get() && !self.abort.is_aborted() {
            fetch::pause(20).await;
        }
    }
}

/// How far the trace is that is on its way.
pub(super) struct Bar {
    area: HtmlElement,
    fill: HtmlElement,
    text: HtmlElement,
    stop: HtmlElement,
    shown: Option<Progress>,
}

impl Bar {
    pub(super) fn new(document: &Document) -> Result<Self, String> {
        Ok(Self {
            area: by_id(document, "loading")?,
            fill: by_id(document, "loading-fill")?,
            text: by_id(document, "loading-text")?,
            stop: by_id(document, "loading-cancel")?,
            shown: None,
        })
    }
}

impl Part for Bar {
    fn show(&mut self, frame: &Frame<'_>) {
        let now = frame.app.load_progress();
        if now == self.shown {
            return;
        }
        if now.is_some() != self.shown.is_some() {
            self.area.set_hidden(now.is_none());
        }
        if let Some(progress) = &now {
            self.text.set_text_content(Some(&progress.text));
            self.stop.set_text_content(Some(if progress.stopped { "Go on" } else { "Stop" }));
            let share = progress.share.map_or(String::new(), |share| format!("transform:scaleX({share:.3})"));
            let _ = self.fill.set_attribute("style", &share);
            let _ = self
                .area
                .set_attribute("data-share", if progress.share.is_some() { "known" } else { "unknown" });
        }
        self.shown = now;
    }
}
