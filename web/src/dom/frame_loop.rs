//! The only place that asks for animation frames. A frame: messages, then panels, then pictures, then work that takes
//! longer than a frame, a slice of it.

use super::address::AddressLine;
use super::ask::Asking;
use super::author::Author;
use super::capture::Capture;
use super::document::BlockPanel;
use super::elements::{Elements, Listener, by_id};
use super::embed::Embed;
use super::events::Events;
use super::fetch::now as clock;
use super::load::{Bar, Files, Loader};
use super::opener::Opener;
use super::overlay::Overlay;
use super::part::{Frame, Part};
use super::speaker::Link;
use super::voice::Voice;
use super::{
    input, map::Map, pages::PagesInput, panels::Panels, picture::Picture, player::Player, shell::Shell,
    talk::Talk, theme, time::Time, walk::Walk, window,
};
use crate::app::{App, SidePanel};
use crate::meter::Meter;
use crate::msg::Msg;
use crate::view::{View, view};
use crate::{about, compare, inspect, load};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::HtmlElement;

/// Where messages wait for the next frame, in the order in which they came.
#[derive(Clone)]
pub(super) struct Queue(Rc<Inner>);

/// What the browser calls for a frame, with the time in milliseconds.
type FrameCall = Closure<dyn FnMut(f64)>;

struct Inner {
    waiting: RefCell<VecDeque<Msg>>,
    scheduled: Cell<bool>,
    frame: RefCell<Option<FrameCall>>,
}

impl Queue {
    /// Puts a message in and asks for a frame.
    pub(super) fn send(&self, msg: Msg) {
        self.0.waiting.borrow_mut().push_back(msg);
        self.request_frame();
    }

    fn request_frame(&self) {
        // Before the loop stands, messages only wait.
        if let (false, Ok(window), Some(frame)) = (self.0.scheduled.get(), window(), &*self.0.frame.borrow())
        {
            let asked = window.request_animation_frame(frame.as_ref().unchecked_ref());
            self.0.scheduled.set(asked.is_ok());
        }
    }
}

/// What panels take, in milliseconds, when a moment has been reached.
const PANELS_MS: f64 = 3.0;
/// What messages and panels may take, in milliseconds, for the pictures to be drawn in the same frame.
const LATE_MS: f64 = 9.0;

/// The owner of everything.
struct Page {
    app: App,
    /// What the panels say, and the revision of the state that they say it of.
    view: View,
    revision: Option<u64>,
    /// They write elements: their text decides how much room the pictures have.
    panels: Vec<Box<dyn Part>>,
    /// They draw.
    pictures: Vec<Box<dyn Part>>,
    loader: Loader,
    meter: Meter,
    meter_element: HtmlElement,
    last_frame: Option<f64>,
    /// The pictures have been left to this frame.
    late: bool,
    /// The trace that was shown last, and whether all of it had been gone through.
    marked: (u64, bool),
    _listeners: Vec<Listener>,
}

/// Builds the page and draws its first frame.
pub(super) fn start(elements: Elements) -> Result<(), String> {
    let queue = Queue(Rc::new(Inner {
        waiting: RefCell::default(),
        scheduled: Cell::new(false),
        frame: RefCell::new(None),
    }));
    theme::restore(&elements)?;
    let elements = Rc::new(elements);
    let document = elements.document.clone();
    let files = Files::default();
    let embedded = files.embedded(&document);
    if let Some(from) = &embedded {
        queue.send(Msg::Load(load::Msg::Home(from.clone())));
    }
    let listeners = input::listen(&elements, &queue, &files)?;
    let mut page = Page {
        app: App::default(),
        view: View::default(),
        revision: None,
        panels: vec![
            Box::new(Shell::new(&document)?),
            Box::new(Talk::new(&document, &queue)?),
            Box::new(Panels::new(Rc::clone(&elements))),
            Box::new(Player::new(&document, &queue)?),
            Box::new(Map::new(&document, &queue)?),
            Box::new(PagesInput::new(&document, &queue)?),
            Box::new(Bar::new(&document)?),
            Box::new(AddressLine::new(&document, &queue)?),
            Box::new(Opener::new(&document, &queue, &files, embedded)?),
            Box::new(Events::new(&document, &queue)?),
            Box::new(BlockPanel::new(&document, "inspect", SidePanel::Inspect, inspect::blocks)?),
            Box::new(BlockPanel::new(&document, "compare", SidePanel::Compare, compare::blocks)?),
            Box::new(BlockPanel::new(&document, "trace", SidePanel::Trace, about::blocks)?),
            Box::new(Author::new(&document, &queue)?),
            Box::new(Overlay::new(&elements, &queue)?),
            Box::new(Voice::new(&document)?),
            Box::new(Asking::new(&document, &queue)?),
            Box::new(Link::new(&document, &queue)?),
        ],
        loader: Loader::new(&queue, files),
        pictures: vec![
            Box::new(Picture::new(Rc::clone(&elements), &queue)?),
            Box::new(Walk::new(&document, &queue)?),
            Box::new(Time::new(&document, &queue)?),
            Box::new(Capture::new(&document, &queue)?),
        ],
        meter: Meter::default(),
        meter_element: by_id(&document, "meter")?,
        last_frame: None,
        late: false,
        marked: (0, false),
        _listeners: listeners,
    };
    if let Some(embed) = Embed::new(&document, &queue)? {
        page.panels.push(Box::new(embed));
    }
    let inner = queue.clone();
    *queue.0.frame.borrow_mut() = Some(Closure::new(move |now: f64| {
        inner.0.scheduled.set(false);
        // Taken out first: a message that comes while this runs waits for the next frame.
        let waiting = std::mem::take(&mut *inner.0.waiting.borrow_mut());
        let worked = page.frame(now, waiting);
        // What was worked out is shown by the next frame.
        if worked || page.app.is_moving() || page.app.has_work() {
            inner.request_frame();
        }
    }));
    queue.send(Msg::Redraw);
    Ok(())
}

impl Page {
    /// Says whether there is something to show that it has not shown.
    fn frame(&mut self, now: f64, waiting: VecDeque<Msg>) -> bool {
        let begun = clock();
        let was_moving = self.app.is_moving();
        let mut waiting = waiting.into_iter().peekable();
        while let Some(msg) = waiting.next() {
            if !waiting.peek().is_some_and(|next| msg.is_overtaken_by(next)) {
                self.app.update(msg);
            }
        }
        // What somebody waits for is shown in this frame, if it is near.
        if self.app.approaches() {
            self.work(clock() - begun + PANELS_MS, App::approaches);
        }
        let elapsed = self.last_frame.map_or(0.0, |last| now - last);
        self.last_frame = Some(now);
        if was_moving {
            self.app.update(Msg::Tick(elapsed));
        }
        if self.revision != Some(self.app.revision) {
            self.revision = Some(self.app.revision);
            self.view = view(&self.app);
        }
        let frame = Frame { app: &self.app, view: &self.view };
        let acted = clock();
        for part in &mut self.panels {
            part.show(&frame);
        }
        let written = clock();
        // What has taken long is shown in two frames: the pictures come a moment later, and no frame is very long.
        self.late = !self.late && written - begun > LATE_MS;
        if !self.late {
            for part in &mut self.pictures {
                part.show(&frame);
            }
        }
        let drawn = clock();
        let works = !self.late && self.app.has_work();
        if works {
            self.work(drawn - begun, App::has_work);
        }
        self.loader.fetch(&self.app);
        if !self.late {
            self.mark();
        }
        self.meter.frame([acted - begun, written - acted, drawn - written]);
        self.show_meter();
        works || self.late
    }

    /// Work for as long as there is some, and room in the frame.
    fn work(&mut self, spent: f64, goes_on: fn(&App) -> bool) {
        let app = &mut self.app;
        self.meter.work(spent, clock, |events| {
            app.update(Msg::Work(events));
            (app.worked, goes_on(app))
        });
    }

    /// Notes for whoever measures when a trace was shown first, and when it had been gone through.
    fn mark(&mut self) {
        let Some(timeline) = &self.app.timeline else { return };
        let now = (self.app.trace, timeline.explored() == timeline.end());
        if now == self.marked || self.app.goal.is_some() {
            return;
        }
        let name = if now.1 { "trace-whole" } else { "trace-shown" };
        self.marked = now;
        if let Some(performance) = window().ok().and_then(|w| w.performance()) {
            let _ = performance.mark(name);
        }
    }

    fn show_meter(&self) {
        if self.meter_element.hidden() == self.app.meter {
            self.meter_element.set_hidden(!self.app.meter);
        }
        if self.app.meter {
            self.meter_element.set_text_content(Some(&self.meter.to_string()));
        }
    }
}
