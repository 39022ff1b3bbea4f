//! Ask first: before a step is shown somebody guesses what will happen, then what the kernel did plays. Lessons bring
//! written questions; for everything else [`make`] works one out from what is to come.

pub mod make;

use crate::format::clipped;
use make::Made;
use pagescope_shared::addr::Range;

/// What somebody does about questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Msg {
    /// Questions are asked, or no longer.
    Toggle,
    /// This answer, from 0.
    Choose(usize),
}

/// A guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guess {
    /// One of the answers, from 0.
    Choice(usize),
    /// These pages.
    Pages(Range),
}

/// A question that waits for an answer, or for the next step.
#[derive(Clone, Debug, PartialEq)]
pub struct Open {
    /// What is asked.
    pub made: Made,
    /// The moment before the step, ...
    pub from: usize,
    /// ... and the one after it.
    pub to: usize,
}

/// What became of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Whether the guess was right, where there was one.
    pub right: Option<bool>,
    /// The answer.
    pub answer: String,
    /// Why, in a sentence.
    pub why: String,
    from: usize,
    to: usize,
}

/// The state of asking.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    /// Whether questions are asked.
    pub on: bool,
    /// One that waits.
    pub open: Option<Open>,
    /// The one before, as long as its step is shown.
    pub told: Option<Told>,
}

impl Ask {
    /// The open question is answered.
    pub fn tell(&mut self, guess: Option<Guess>) {
        let Some(Open { made, from, to }) = self.open.take() else { return };
        let answer = made.answer.and_then(|answer| made.choices.get(answer)).cloned();
        let right = guess.and_then(|guess| match guess {
            Guess::Choice(choice) => made.answer.map(|answer| answer == choice),
            Guess::Pages(range) => made.page.map(|page| page == range),
        });
        let page = || made.page.map(|page| format!("the page at {}", page.start()));
        let answer = clipped(&answer.or_else(page).unwrap_or_default(), 200);
        self.told = Some(Told { right, answer, why: made.why, from, to });
    }

    /// Another moment is shown: what is not about it is forgotten.
    pub fn settle(&mut self, position: usize) {
        self.open = self.open.take().filter(|open| self.on && open.from == position);
        self.told = self.told.take().filter(|told| (told.from..=told.to).contains(&position));
    }
}

#[cfg(test)]
mod tests;
