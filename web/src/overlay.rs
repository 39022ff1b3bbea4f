//! What stands over the page: the command palette, the processes, the help.

mod finder;
mod fuzzy;
mod help;
mod processes;

pub use help::{HelpGroup, help};

use crate::app::App;
use crate::panel::Go;

/// Which one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Commands, and everything that can be gone to.
    Finder,
    /// The processes as a tree.
    Processes,
    /// Every command with its keys.
    Help,
}

/// What happens to it.
#[derive(Clone, Debug, PartialEq)]
pub enum Msg {
    /// It is opened.
    Open(Kind),
    /// It is closed.
    Close,
    /// This text is typed in it.
    Text(String),
    /// The mark goes down by so many rows, or up.
    Move(isize),
}

/// What is open.
#[derive(Clone, Debug)]
pub struct Overlay {
    /// Which one.
    pub kind: Kind,
    /// What was typed.
    pub text: String,
    /// The marked row.
    pub marked: usize,
    rows: Rows,
}

#[derive(Clone, Debug, Default)]
enum Rows {
    #[default]
    None,
    Items(Vec<Item>),
    Tree(processes::Tree),
}

/// A row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Item {
    /// What it is.
    pub label: String,
    /// What is said of it.
    pub detail: String,
    /// At its end: keys, or what kind of thing it is.
    pub end: String,
    /// How far it is indented.
    pub depth: u8,
    /// Whether it is over.
    pub dim: bool,
    /// Whether it is what is shown already.
    pub current: bool,
    /// What it leads to; rows without it only say something.
    pub go: Option<Go>,
}

/// No longer text is looked for, in characters.
const MAX_TEXT: usize = 200;

impl Overlay {
    /// Opens one.
    pub fn open(kind: Kind, app: &App) -> Self {
        let mut overlay = Self { kind, text: String::new(), marked: 0, rows: Rows::None };
        overlay.fill(app);
        if let Rows::Tree(tree) = &overlay.rows {
            overlay.marked = tree.shown(app);
        }
        overlay
    }

    /// The same with another text.
    pub fn typed(&self, text: &str, app: &App) -> Self {
        let mut overlay = Self { text: text.chars().take(MAX_TEXT).collect(), marked: 0, ..self.clone() };
        overlay.fill(app);
        overlay
    }

    /// Moves the mark.
    pub fn step(&mut self, by: isize) {
        let last = self.len().saturating_sub(1);
        self.marked = self.marked.saturating_add_signed(by).min(last);
    }

    fn fill(&mut self, app: &App) {
        self.rows = match self.kind {
            Kind::Finder => Rows::Items(finder::items(app, &self.text)),
            Kind::Processes => Rows::Tree(processes::Tree::new(app, &self.text)),
            Kind::Help => Rows::None,
        };
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        match &self.rows {
            Rows::None => 0,
            Rows::Items(items) => items.len(),
            Rows::Tree(tree) => tree.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A row.
    pub fn item(&self, app: &App, row: usize) -> Option<Item> {
        match &self.rows {
            Rows::None => None,
            Rows::Items(items) => items.get(row).cloned(),
            Rows::Tree(tree) => tree.item(app, row),
        }
    }
}

#[cfg(test)]
mod tests;
