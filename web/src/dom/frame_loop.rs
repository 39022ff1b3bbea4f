//! The only place that asks for animation frames. A frame: messages, then panels, then the picture.

use super::elements::{Elements, Listener};
use super::{input, load, panels::Panels, picture::Picture, theme, window};
use crate::app::App;
use crate::msg::Msg;
use crate::view::view;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;

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

/// The owner of everything.
struct Page {
    app: App,
    panels: Panels,
    picture: Picture,
    last_frame: Option<f64>,
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
    let listeners = input::listen(&elements, &queue)?;
    let mut page = Page {
        app: App::default(),
        panels: Panels::new(Rc::clone(&elements)),
        picture: Picture::new(Rc::clone(&elements))?,
        last_frame: None,
        _listeners: listeners,
    };
    let inner = queue.clone();
    *queue.0.frame.borrow_mut() = Some(Closure::new(move |now: f64| {
        inner.0.scheduled.set(false);
        // Taken out first: a message that comes while this runs waits for the next frame.
        let waiting = std::mem::take(&mut *inner.0.waiting.borrow_mut());
        page.frame(now, waiting);
        if page.app.is_moving() {
            inner.request_frame();
        }
    }));
    load::first(&queue)?;
    queue.send(Msg::Redraw);
    Ok(())
}

impl Page {
    fn frame(&mut self, now: f64, waiting: VecDeque<Msg>) {
        let was_moving = self.app.is_moving();
        for msg in waiting {
            self.app.update(msg);
        }
        let elapsed = self.last_frame.map_or(0.0, |last| now - last);
        self.last_frame = Some(now);
        if was_moving {
            self.app.update(Msg::Tick(elapsed));
        }
        let view = view(&self.app);
        // Panels first: their text decides how much room the picture has.
        self.panels.show(&view);
        self.picture.show(&view, self.app.progress());
        self.panels.keep(view);
    }
}
