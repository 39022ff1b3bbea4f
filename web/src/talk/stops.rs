//! The stops of a talk: the lesson's steps, and the markers that somebody put into the trace, in order.

use crate::format::clipped;
use pagescope_shared::addr::Addr;
use pagescope_shared::event::{Marker, Question, Step};
use pagescope_shared::timeline::Timeline;

/// No title is shown longer than this, in characters.
const MAX_TITLE: usize = 200;
/// No text or note.
const MAX_TEXT: usize = 2000;
/// So many choices are shown of a question.
const MAX_CHOICES: usize = 9;
/// So many manual pages.
const MAX_MAN: usize = 12;

/// A place to stop at, and what is said there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stop {
    /// Its words are shown from here on, ...
    pub from: usize,
    /// ... up to here: this is where one stops. A position: the number of events before it.
    pub position: usize,
    /// Whether it is a step of the lesson; else it is somebody's marker.
    pub is_step: bool,
    /// A few words.
    pub title: String,
    /// What the audience reads.
    pub text: String,
    /// What the speaker may say.
    pub note: String,
    /// What the audience may be asked before it sees what happens.
    pub question: Option<Question>,
    /// Manual pages, such as `mmap(2)`.
    pub man: Vec<String>,
    /// The line of the lesson's program, from 1; 0 without.
    pub line: u32,
    /// Where to look, if anywhere special.
    pub addr: Option<Addr>,
}

/// The stops of a trace, each at another position, by position.
///
/// `markers` are those to be stopped at, each with the position after its event, in any order. One where a step ends
/// takes its place: its words go first.
pub fn stops<'a>(timeline: &Timeline, markers: impl Iterator<Item = (usize, &'a Marker)>) -> Vec<Stop> {
    let steps = timeline.steps().enumerate().map(|(i, (at, step))| of_step(step, at, timeline.step_end(i)));
    let mut all: Vec<Stop> = steps.chain(markers.map(|(at, marker)| of_marker(marker, at))).collect();
    // Of the same position the steps come first.
    all.sort_by_key(|stop| stop.position);
    all.dedup_by(|later, stop| {
        let same = later.position == stop.position;
        if same {
            for (old, new) in [
                (&mut stop.title, &mut later.title),
                (&mut stop.text, &mut later.text),
                (&mut stop.note, &mut later.note),
            ] {
                if !new.is_empty() {
                    *old = std::mem::take(new);
                }
            }
            stop.addr = later.addr.or(stop.addr);
        }
        same
    });
    all
}

fn of_step(step: &Step, at: usize, end: usize) -> Stop {
    let question = step.question.as_ref().map(|question| Question {
        text: clipped(&question.text, MAX_TEXT),
        choices: question.choices.iter().take(MAX_CHOICES).map(|choice| clipped(choice, MAX_TITLE)).collect(),
        answer: question.answer,
    });
    Stop {
        from: at.saturating_add(1).min(end),
        position: end,
        is_step: true,
        title: clipped(&step.title, MAX_TITLE),
        text: clipped(&step.text, MAX_TEXT),
        note: clipped(&step.note, MAX_TEXT),
        question,
        man: step.man.iter().take(MAX_MAN).map(|man| clipped(man, MAX_TITLE)).collect(),
        line: step.line,
        addr: None,
    }
}

fn of_marker(marker: &Marker, position: usize) -> Stop {
    Stop {
        from: position,
        position,
        title: clipped(&marker.title, MAX_TITLE),
        text: clipped(&marker.text, MAX_TEXT),
        note: clipped(&marker.note, MAX_TEXT),
        addr: marker.addr,
        ..Stop::default()
    }
}

/// The stop whose words are shown at a position.
pub fn told(stops: &[Stop], position: usize) -> Option<usize> {
    let first = stops.partition_point(|stop| stop.position < position);
    let found = stops.get(first..)?.iter().position(|stop| stop.from <= position)?;
    Some(first + found)
}

/// The stop that a position belongs to: the one whose words are shown, or the last one that was passed.
pub fn reached(stops: &[Stop], position: usize) -> Option<usize> {
    let passed = || stops.partition_point(|stop| stop.position <= position).checked_sub(1);
    told(stops, position).or_else(passed)
}

/// The next stop after a position, or the one before it.
pub fn beside(stops: &[Stop], position: usize, back: bool) -> Option<&Stop> {
    if back {
        stops.iter().rev().find(|stop| stop.position < position)
    } else {
        stops.iter().find(|stop| stop.position > position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pagescope_shared::jsonl;

    /// Twelve events; `step` and `marker` where a row says so.
    fn timeline(words: &[(usize, &str)]) -> Timeline {
        let header = include_str!("../../gallery/hello.jsonl").lines().next().unwrap();
        let mut text = format!("{header}\n");
        for seq in 0..12 {
            let kind = words
                .iter()
                .find(|(at, _)| *at == seq)
                .map_or(r#""kind":"lost","count":0,"reason":"""#, |w| w.1);
            text += &format!("{{\"seq\":{seq},\"t\":{seq},\"pid\":1,\"tid\":1,{kind}}}\n");
        }
        Timeline::new(&jsonl::read(text.as_bytes()).unwrap())
    }

    const STEP: &str = r#""kind":"step","title":"a step","text":"t","line":3,"note":"n""#;
    const MARKER: &str = r#""kind":"marker","title":"a marker""#;

    #[test]
    fn steps_and_markers_stand_in_one_list() {
        // What stands where; the stops as (from, position, step); at each position whose words are shown, and which stop
        // was reached.
        type Row<'a> = (&'a [(usize, &'a str)], &'a [(usize, usize, bool)], &'a str, &'a str);
        let rows: [Row<'_>; 4] = [
            (&[], &[], "-------------", "-------------"),
            (&[(1, STEP), (6, STEP)], &[(2, 6, true), (7, 12, true)], "--00000111111", "--00000111111"),
            (&[(3, MARKER), (8, MARKER)], &[(4, 4, false), (9, 9, false)], "----0----1---", "----000001111"),
            // A marker within a step, and one at the end of a step, which takes its place.
            (
                &[(0, STEP), (2, MARKER), (5, STEP), (8, MARKER), (9, STEP)],
                &[(3, 3, false), (1, 5, true), (6, 9, true), (10, 12, true)],
                "-110112222333",
                "-110112222333",
            ),
        ];
        for (words, expected, told_at, reached_at) in rows {
            let timeline = timeline(words);
            let stops = stops(&timeline, timeline.markers());
            let shape: Vec<_> = stops.iter().map(|s| (s.from, s.position, s.is_step)).collect();
            assert_eq!(shape, expected, "{words:?}");
            let letters = |of: fn(&[Stop], usize) -> Option<usize>| -> String {
                (0..13).map(|at| of(&stops, at).map_or("-".to_owned(), |i| i.to_string())).collect()
            };
            assert_eq!(
                (letters(told).as_str(), letters(reached).as_str()),
                (told_at, reached_at),
                "{words:?}"
            );
            // Forwards and back each stop is met once.
            let mut at = 0;
            for stop in &stops {
                at = beside(&stops, at, false).unwrap().position;
                assert_eq!(at, stop.position);
            }
            assert_eq!(beside(&stops, at, false), None);
            at = usize::MAX;
            for stop in stops.iter().rev() {
                at = beside(&stops, at, true).unwrap().position;
                assert_eq!(at, stop.position);
            }
        }
    }

    #[test]
    fn a_marker_where_a_step_ends_has_the_word() {
        let timeline = timeline(&[(0, STEP), (3, MARKER), (4, STEP)]);
        let stops = stops(&timeline, timeline.markers());
        let first = stops.first().unwrap();
        assert_eq!((first.title.as_str(), first.text.as_str(), first.line), ("a marker", "t", 3));
        assert_eq!(stops.len(), 2);
    }
}
