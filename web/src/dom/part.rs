//! What a part of the page is.

use crate::app::App;
use crate::view::View;

/// What a part may look at when it shows itself.
pub(super) struct Frame<'a> {
    /// The state of the page.
    pub app: &'a App,
    /// What the panels say of it, made anew when `app.revision` changes.
    pub view: &'a View,
}

/// A part of the page. It keeps what it has shown, and writes only what differs: it is asked at every frame.
pub(super) trait Part {
    /// Brings its elements in line with the state.
    fn show(&mut self, frame: &Frame<'_>);
}
