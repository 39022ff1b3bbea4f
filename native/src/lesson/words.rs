//! What the narrator says.

use pagescope_shared::event::{Question, Step};

/// A step to come, and where in the program it is.
pub(super) struct Words {
    /// What the line of the C program has in it that no line before it has.
    pub(super) marker: &'static str,
    step: Step,
}

/// The step about the first line of the program with `marker` in it.
pub(super) fn at(marker: &'static str, title: &str) -> Words {
    let step = Step {
        title: title.to_owned(),
        text: String::new(),
        line: 0,
        note: String::new(),
        question: None,
        man: Vec::new(),
    };
    Words { marker, step }
}

impl Words {
    /// What the audience reads.
    pub(super) fn says(mut self, text: impl Into<String>) -> Self {
        self.step.text = text.into();
        self
    }

    /// What the speaker may say.
    pub(super) fn note(mut self, note: impl Into<String>) -> Self {
        self.step.note = note.into();
        self
    }

    /// A question before it is seen; `answer` is the number of the right choice, from 0.
    pub(super) fn asks(mut self, text: &str, choices: &[&str], answer: u32) -> Self {
        let choices = choices.iter().map(|choice| (*choice).to_owned()).collect();
        self.step.question = Some(Question { text: text.to_owned(), choices, answer: Some(answer) });
        self
    }

    /// Manual pages about it.
    pub(super) fn man(mut self, pages: &[&str]) -> Self {
        self.step.man = pages.iter().map(|page| (*page).to_owned()).collect();
        self
    }

    /// The step, now that its line is known.
    pub(super) fn on(self, line: u32) -> Step {
        Step { line, ..self.step }
    }
}
