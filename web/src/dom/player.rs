//! The player's controls.

use super::elements::{Listener, by_id};
use super::frame_loop::Queue;
use super::part::{Frame, Part};
use crate::msg::Msg;
use crate::player::SPEEDS;
use crate::time::scale::Pace;
use crate::view;
use web_sys::{Document, HtmlElement, HtmlInputElement, HtmlSelectElement};

/// What the page calls what passes evenly.
const PACES: [(&str, Pace); 3] = [("events", Pace::Events), ("wall", Pace::Wall), ("idle", Pace::Idle)];

/// The controls, and what they show.
pub(super) struct Player {
    play: HtmlElement,
    scrub: HtmlInputElement,
    position: HtmlElement,
    speed: HtmlInputElement,
    speed_text: HtmlElement,
    pace: HtmlSelectElement,
    unloop: HtmlElement,
    markers: [HtmlElement; 2],
    shown: view::Player,
    _listeners: Vec<Listener>,
}

impl Player {
    pub(super) fn new(document: &Document, queue: &Queue) -> Result<Self, String> {
        let scrub: HtmlInputElement = by_id(document, "scrub")?;
        let speed: HtmlInputElement = by_id(document, "speed")?;
        let pace: HtmlSelectElement = by_id(document, "pace")?;
        let listeners = vec![
            Listener::new(&scrub, "input", {
                let (queue, scrub) = (queue.clone(), scrub.clone());
                move |_| queue.send(Msg::Seek(scrub.value().parse().unwrap_or(0)))
            }),
            Listener::new(&speed, "input", {
                let (queue, speed) = (queue.clone(), speed.clone());
                move |_| {
                    let chosen = speed.value().parse().ok().and_then(|at: usize| SPEEDS.get(at));
                    queue.send(Msg::Speed(chosen.copied().unwrap_or(1.0)));
                }
            }),
            Listener::new(&pace, "change", {
                let (queue, pace) = (queue.clone(), pace.clone());
                move |_| {
                    let chosen = PACES.iter().find(|(name, _)| *name == pace.value());
                    queue.send(Msg::Pace(chosen.map_or(Pace::Events, |(_, pace)| *pace)));
                }
            }),
        ];
        Ok(Self {
            play: by_id(document, "play")?,
            scrub,
            position: by_id(document, "position")?,
            speed,
            speed_text: by_id(document, "speed-text")?,
            pace,
            unloop: by_id(document, "unloop")?,
            markers: [by_id(document, "previous-marker")?, by_id(document, "next-marker")?],
            shown: view::Player { end: usize::MAX, ..view::Player::default() },
            _listeners: listeners,
        })
    }
}

impl Part for Player {
    fn show(&mut self, frame: &Frame<'_>) {
        let (now, old) = (&frame.view.player, &self.shown);
        if now == old {
            return;
        }
        if now.end != old.end {
            let _ = self.scrub.set_attribute("max", &now.end.to_string());
        }
        if (now.end, now.position) != (old.end, old.position) {
            self.scrub.set_value(&now.position.to_string());
        }
        if now.label != old.label {
            self.position.set_text_content(Some(&now.label));
        }
        if now.playing != old.playing {
            let _ = self.play.class_list().toggle_with_force("playing", now.playing);
            let _ = self.play.set_attribute("aria-label", if now.playing { "Pause" } else { "Play" });
        }
        let at = SPEEDS.iter().rposition(|s| *s <= now.speed).unwrap_or(0);
        self.speed.set_value(&at.to_string());
        let text = format!("{}×", now.speed);
        let _ = self.speed.set_attribute("aria-valuetext", &text);
        self.speed_text.set_text_content(Some(&text));
        let pace = PACES.iter().find(|(_, pace)| *pace == now.pace).map_or("events", |(name, _)| *name);
        self.pace.set_value(pace);
        if now.pace_title != old.pace_title {
            let _ = self.pace.set_attribute("title", &format!("{} (W)", now.pace_title));
        }
        self.unloop.set_hidden(now.repeat.is_none());
        if let Some((from, to)) = now.repeat {
            self.unloop.set_text_content(Some(&format!("loop {from} to {to} ✕")));
        }
        for button in &self.markers {
            button.set_hidden(!now.markers);
        }
        self.shown.clone_from(now);
    }
}
