//! A talk's part of the state.

use super::App;
use crate::ask::Guess;
use crate::player::Motion;
use crate::talk::{Msg, stops};

impl App {
    pub(super) fn talk_msg(&mut self, msg: Msg) {
        let talk = &mut self.talk;
        match msg {
            // Whatever comes next makes it light again, and nothing else.
            Msg::Asked(_) | Msg::Digit(_) | Msg::Go if talk.black => talk.black = false,
            Msg::Toggle => self.give_talk(!self.talk.on),
            Msg::Back if talk.typed > 0 => talk.typed = 0,
            Msg::Back if talk.black || talk.spot => (talk.black, talk.spot) = (false, false),
            Msg::Back => self.give_talk(false),
            Msg::Code => talk.code = !talk.code,
            Msg::Black => talk.black = !talk.black,
            Msg::Light => talk.black = false,
            Msg::Spot => talk.spot = !talk.spot,
            Msg::Digit(digit)
                if digit > 0 && self.ask.open.as_ref().is_some_and(|open| !open.made.choices.is_empty()) =>
            {
                self.guess(Guess::Choice(usize::from(digit) - 1));
            }
            Msg::Digit(digit) => talk.typed = (talk.typed * 10 + usize::from(digit % 10)) % 100_000,
            Msg::Asked(id) => self.happens(crate::msg::Msg::Run(id)),
            Msg::Blocked => {
                let why = "The browser has not let the speaker window open. Allow pop-ups for this page, then press S again.";
                self.error = Some(why.to_owned());
            }
            Msg::Go => {
                let typed = std::mem::take(&mut talk.typed);
                match typed.checked_sub(1) {
                    Some(place) => self.go_to_stop(stops::at_place(&self.talk.stops, place)),
                    None => self.next_step(),
                }
            }
        }
    }

    /// Begins or ends a talk: nothing moves any more by itself.
    pub(super) fn give_talk(&mut self, on: bool) {
        if on && !self.talk.on {
            self.motion = Motion::Still;
            self.overlay = None;
            self.pages.follow();
        }
        let talk = &mut self.talk;
        (talk.on, talk.black, talk.spot, talk.typed) = (on, false, false, 0);
    }
}

#[cfg(test)]
mod tests;
