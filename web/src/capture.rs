//! Pictures and videos of what is shown: what they are called, what stands under them, and when a video ends.

pub mod webm;

use crate::app::App;
use crate::format::clipped;
use crate::player::Motion;
use crate::view::View;
use pagescope_shared::timeline::Timeline;

/// A video ends so long after its last movement, in milliseconds.
const STILL_MS: f64 = 900.0;

/// A video that is being made.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Video {
    /// Milliseconds since it began.
    pub ms: f64,
    /// How long nothing has moved at its end.
    pub still_ms: f64,
}

/// What stands under a picture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Under {
    /// What happens, in a few words.
    pub title: String,
    /// And in a sentence or some.
    pub text: String,
    /// Where it comes from: the trace, the moment, what drew it.
    pub provenance: String,
}

/// Of what is shown.
pub fn under(app: &App, view: &View) -> Under {
    Under {
        title: view.step_title.clone(),
        text: view.narration.clone(),
        provenance: format!("{} · {} · pagescope", clipped(&app.name, 80), view.player.label),
    }
}

/// `NAME-12.ENDING`: a name that any system takes, and the number of events.
pub fn file_name(app: &App, ending: &str) -> String {
    let stem = app.name.split('.').next().unwrap_or_default();
    let plain = |c: char| if c.is_alphanumeric() || "-_ #+".contains(c) { c } else { '_' };
    let stem: String = stem.chars().take(80).map(plain).collect();
    let stem = if stem.is_empty() { "trace" } else { stem.as_str() };
    format!("{stem}-{}.{ending}", app.position())
}

/// `1:05`.
pub fn clock(ms: f64) -> String {
    let seconds = crate::time::scale::whole(ms / 1000.0);
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

impl App {
    /// Begins a video, which plays from here, or ends it.
    pub(crate) fn toggle_video(&mut self) {
        if self.video.take().is_some() || self.timeline.is_none() {
            return;
        }
        if self.motion == Motion::Still {
            self.toggle_play();
        }
        self.video = Some(Video::default());
    }

    /// Time passes for it: it ends with the trace, or with what is played again and again.
    pub(crate) fn video_goes_on(&mut self, ms: f64) {
        let end = self.timeline.as_ref().map_or(0, Timeline::end);
        let limit = self.repeat.map_or(end, |(_, to)| to.min(end));
        let over = self.motion == Motion::Still && self.position() >= limit;
        if let Some(video) = &mut self.video {
            video.ms += ms;
            video.still_ms = if over { video.still_ms + ms } else { 0.0 };
            if video.still_ms > STILL_MS {
                self.video = None;
                self.revision += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::msg::Msg;

    fn app() -> App {
        let mut app = App::default();
        let bytes = include_bytes!("../gallery/hello.jsonl").to_vec();
        app.update(Msg::Loaded { name: "a/b: hello.jsonl".into(), bytes: Ok(bytes), autoplay: false });
        app
    }

    #[test]
    fn a_video_plays_to_the_end_and_ends_with_it() {
        let mut app = app();
        app.update(Msg::Speed(20.0));
        app.update(Msg::Video);
        assert!(app.motion == Motion::Playing && app.is_moving());
        let mut frames = 0;
        while app.video.is_some() && frames < 2000 {
            app.update(Msg::Tick(40.0));
            frames += 1;
        }
        assert_eq!(app.position(), app.timeline.as_ref().unwrap().end());
        assert!(frames < 2000 && !app.is_moving());
        // A loop is seen once; a pause is part of it; whoever wants ends it.
        app.update(Msg::Seek(8));
        app.update(Msg::LoopTo);
        app.update(Msg::Seek(4));
        app.update(Msg::LoopFrom);
        app.update(Msg::Video);
        let mut seen = 0;
        for _ in 0..400 {
            app.update(Msg::Tick(40.0));
            seen = seen.max(app.position());
        }
        assert_eq!((seen, app.video), (8, None));
        app.update(Msg::Seek(4));
        app.update(Msg::Video);
        app.update(Msg::TogglePlay);
        for _ in 0..100 {
            app.update(Msg::Tick(40.0));
        }
        assert!(app.video.is_some_and(|video| video.ms > 3000.0));
        app.update(Msg::Video);
        assert_eq!(app.video, None);
    }

    #[test]
    fn files_have_names_that_any_system_takes() {
        let mut app = app();
        assert_eq!(file_name(&app, "png"), format!("a_b_ hello-{}.png", app.position()));
        app.name = ".".to_owned();
        assert!(file_name(&app, "webm").starts_with("trace-"));
        let view = crate::view::view(&app);
        let under = under(&app, &view);
        assert!(under.provenance.contains("event") && !under.title.is_empty(), "{under:?}");
        assert_eq!([0.0, 65_400.0].map(clock), ["0:00", "1:05"]);
    }
}
