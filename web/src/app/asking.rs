//! Asking before showing.

use super::App;
use crate::ask::{Guess, Msg, Open, make};
use crate::player::Motion;

impl App {
    pub(super) fn ask_msg(&mut self, msg: Msg) {
        match msg {
            Msg::Toggle => self.ask.on = !self.ask.on,
            Msg::Choose(choice) => self.guess(Guess::Choice(choice)),
        }
    }

    /// Somebody has answered: what the kernel did plays.
    pub(super) fn guess(&mut self, guess: Guess) {
        let known = |open: &Open| match guess {
            Guess::Choice(choice) => choice < open.made.choices.len(),
            Guess::Pages(_) => open.made.page.is_some(),
        };
        if self.ask.open.as_ref().is_some_and(known) {
            self.ask.tell(Some(guess));
            self.go_on();
        }
    }

    /// Before the next step is shown its question is asked. Whether it waits for an answer now.
    pub(super) fn asks_first(&mut self) -> bool {
        if self.ask.open.is_some() {
            self.ask.tell(None);
            return false;
        }
        if !self.ask.on {
            return false;
        }
        if let Motion::Towards(to) = self.motion {
            self.jump(to);
        }
        let (from, to) = (self.position(), self.next_target());
        let Some(timeline) = self.timeline.as_ref().filter(|_| self.goal.is_none() && to > from) else {
            return false;
        };
        let stop = self.next_stop().and_then(|at| self.talk.stops.get(at));
        let made = make::question(timeline, from, to, stop);
        self.ask.open = made.map(|made| Open { made, from, to });
        let waits = self.ask.open.is_some();
        if waits {
            self.motion = Motion::Still;
            self.ask.told = None;
            self.lead();
        }
        waits
    }

    /// Where somebody is, or will be soon.
    fn heading(&self) -> usize {
        match self.motion {
            // Asked again while still on the way: the rest is skipped, and it goes on from there.
            Motion::Towards(to) => to,
            _ => self.position(),
        }
    }

    /// The stop that the next step leads to.
    pub(super) fn next_stop(&self) -> Option<usize> {
        self.talk.beside(self.heading(), false)
    }

    /// Where the next step leads.
    pub(super) fn next_target(&self) -> usize {
        let Some(timeline) = &self.timeline else { return 0 };
        let at = self.heading();
        if self.talk.stops.is_empty() {
            return at.saturating_add(1).min(timeline.end());
        }
        let next = self.next_stop().and_then(|at| self.talk.stops.get(at)).map(|stop| stop.position);
        // Behind the last one is the end of the trace, where the talk goes on in time.
        next.unwrap_or(if at >= self.talk.last() && !self.talk.on { timeline.end() } else { at })
    }
}
