//! What the panel of the talk says.

use super::{Field, Mark, title_of};
use crate::app::App;
use crate::format::{count, grouped};
use crate::time::scale::{float, time_text};
use pagescope_shared::event::Marker;

/// A row of so many pages is everything: see `pages::level::FARTHEST`.
const EVERYTHING: u64 = 1 << 36;

/// A marker in the panel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Which one.
    pub id: u32,
    /// Its title.
    pub title: String,
    /// When, and which event it is behind.
    pub moment: String,
    /// Where it looks.
    pub camera: String,
    /// Whether it stands at the moment that is shown.
    pub here: bool,
    /// Its words, where it is the one that is edited: title, text, note.
    pub words: Option<[String; 3]>,
}

/// All of the panel.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Words {
    /// In the order of the talk.
    pub rows: Vec<Row>,
    /// What there is, and what becomes of it.
    pub status: String,
    /// How far a copy has come, from 0 to 1.
    pub share: Option<f64>,
    /// Whether something can be undone, and done again.
    pub can: (bool, bool),
    /// What can be done with the steps of the lesson, if anything.
    pub steps: String,
    /// Whether there is a trace to put a marker into.
    pub ready: bool,
}

/// What the panel says of a state.
pub fn words(app: &App) -> Words {
    let Some(timeline) = &app.timeline else { return Words::default() };
    let (author, first_ns) = (&app.author, timeline.reach().times().0);
    let row = |mark: &Mark| Row {
        id: mark.id,
        title: title_of(&mark.marker),
        moment: moment_text(mark, first_ns),
        camera: camera_text(&mark.marker),
        here: mark.position == timeline.position(),
        words: (author.open == Some(mark.id))
            .then(|| Field::ALL.map(|(field, ..)| field.of(&mark.marker).to_owned())),
    };
    let rows: Vec<Row> = author.marks().map(row).collect();
    let number = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    let status = if let Some(said) = author.said {
        said.to_owned()
    } else if let Some(copy) = &author.copy {
        format!("Writing {}: {} of {}", copy.name, grouped(number(copy.position())), events(timeline.end()))
    } else if author.waits_for_link() {
        "The markers of the address are looked for.".to_owned()
    } else if !author.is_unsaved() {
        match author.is_edited() {
            true => "Saved.".to_owned(),
            false => String::new(),
        }
    } else if author.link_is_too_long() {
        "Not saved. It is too long for a link: save a copy of the trace.".to_owned()
    } else {
        "Not saved: copy a link, or save a copy of the trace.".to_owned()
    };
    let share = author
        .copy
        .as_ref()
        .map(|copy| float(number(copy.position())) / float(number(timeline.end()).max(1)));
    let left = author.steps_left().count();
    let steps = match author.tells_steps() {
        _ if left == 0 => String::new(),
        true => format!("Bring back {}", count(number(left), "step", "steps")),
        false => format!("Edit the {}", count(number(left), "step", "steps")),
    };
    Words { rows, status, share, can: author.can(), steps, ready: true }
}

fn events(n: usize) -> String {
    count(u64::try_from(n).unwrap_or(u64::MAX), "event", "events")
}

fn moment_text(mark: &Mark, first_ns: u64) -> String {
    let at = grouped(u64::try_from(mark.position).unwrap_or(u64::MAX));
    format!("{} · event {at}", time_text(float(mark.time_ns.saturating_sub(first_ns))))
}

/// Where a marker looks, in a few words.
fn camera_text(marker: &Marker) -> String {
    let view = match marker.view.as_deref() {
        Some("walk") => "Walk",
        Some("time") => "Time",
        _ => "Pages",
    };
    let step = marker.step.filter(|step| *step > 0).map(|step| format!("Step {step} · "));
    let camera = match (marker.addr, marker.row) {
        (Some(addr), Some(1)) => format!("{view} · {addr}, one page"),
        (_, Some(EVERYTHING..)) => format!("{view} · all of it"),
        (Some(addr), Some(row)) => format!("{view} · {addr}, {} a row", count(row, "page", "pages")),
        (Some(addr), None) => format!("{view} · {addr}"),
        (None, _) if view == "Pages" => "Follows the events".to_owned(),
        (None, _) => view.to_owned(),
    };
    step.unwrap_or_default() + &camera
}
