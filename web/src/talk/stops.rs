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
    /// Whether there is a marker: also one that has taken the place of a step's end.
    pub is_marker: bool,
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
    /// How close: about so many pages in a row.
    pub row: Option<u64>,
    /// In which view.
    pub view: Option<String>,
    /// In whose memory, where that is not the event's process.
    pub pid: Option<u32>,
    /// Its place in the talk: see [`Marker::place`]. A step is told with the marker before it in time.
    pub place: u32,
}

impl Stop {
    /// Whether it looks somewhere in particular.
    pub fn has_camera(&self) -> bool {
        self.addr.is_some() || self.row.is_some() || self.view.is_some()
    }
}

/// The stops of a trace, by position.
///
/// `markers` are those to be stopped at, each with the position after its event, in any order, whose memory it is
/// about, and its place in the talk. The first one where a step ends takes its place: its words go first. Others of the
/// same moment are stops of their own. Where a marker says which step it tells, there are no other stops than the markers.
pub fn stops<'a>(
    timeline: &Timeline,
    markers: impl Iterator<Item = (usize, &'a Marker, Option<u32>, u32)>,
) -> Vec<Stop> {
    let markers: Vec<_> = markers.collect();
    let told = markers.iter().any(|(_, marker, ..)| marker.step.is_some());
    let steps = timeline.steps().take(if told { 0 } else { usize::MAX }).enumerate();
    let steps = steps.map(|(i, (at, step))| of_step(step, at, timeline.step_end(i)));
    let markers = markers.into_iter().map(|(at, marker, pid, place)| {
        let stop = of_marker(marker, at, pid, place);
        match marker.step.and_then(|step| usize::try_from(step).ok()?.checked_sub(1)) {
            Some(step) => with_step(stop, timeline, step),
            None => stop,
        }
    });
    let mut all: Vec<Stop> = steps.chain(markers).collect();
    // Of the same position the steps come first.
    all.sort_by_key(|stop| stop.position);
    let mut taken = None;
    all.dedup_by(|later, stop| {
        let free = stop.is_step && taken != Some(stop.position);
        let same = !told && later.position == stop.position && (later.is_step || free);
        if same {
            taken = Some(stop.position).filter(|_| !later.is_step);
            for (old, new) in [
                (&mut stop.title, &mut later.title),
                (&mut stop.text, &mut later.text),
                (&mut stop.note, &mut later.note),
            ] {
                if !new.is_empty() {
                    *old = std::mem::take(new);
                }
            }
            stop.is_marker |= later.is_marker;
            stop.addr = later.addr.or(stop.addr);
            (stop.row, stop.view, stop.pid) = (later.row, later.view.take(), later.pid);
            stop.place = later.place;
        }
        same
    });
    let mut place = 0;
    for stop in &mut all {
        if stop.is_step && !told && stop.place == 0 {
            stop.place = place;
        }
        place = stop.place;
    }
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
        ..Stop::default()
    }
}

fn of_marker(marker: &Marker, position: usize, pid: Option<u32>, place: u32) -> Stop {
    Stop {
        from: position,
        position,
        is_marker: true,
        title: clipped(&marker.title, MAX_TITLE),
        text: clipped(&marker.text, MAX_TEXT),
        note: clipped(&marker.note, MAX_TEXT),
        addr: marker.addr,
        row: marker.row,
        view: marker.view.as_deref().map(|view| clipped(view, 20)),
        pid,
        place,
        ..Stop::default()
    }
}

/// A marker that tells a step: what is not words is the step's.
fn with_step(stop: Stop, timeline: &Timeline, index: usize) -> Stop {
    let Some((at, step)) = timeline.steps().nth(index) else { return stop };
    let of = of_step(step, at, timeline.step_end(index));
    // It may have been moved away from it.
    let (from, is_step) = if of.from <= stop.position { (of.from, true) } else { (stop.from, false) };
    Stop { from, is_step, question: of.question, man: of.man, line: of.line, ..stop }
}

/// Of several stops at one position, `at` if it is one of them.
fn exactly(stops: &[Stop], position: usize, at: usize) -> Option<usize> {
    stops.get(at).is_some_and(|stop| stop.position == position).then_some(at)
}

/// The stop whose words are shown at a position, `at` being the last one that was gone to.
pub fn told(stops: &[Stop], position: usize, at: usize) -> Option<usize> {
    exactly(stops, position, at).or_else(|| {
        let first = stops.partition_point(|stop| stop.position < position);
        let found = stops.get(first..)?.iter().position(|stop| stop.from <= position)?;
        Some(first + found)
    })
}

/// The stop that a position belongs to: the one whose words are shown, or the last one that was passed.
pub fn reached(stops: &[Stop], position: usize, at: usize) -> Option<usize> {
    let passed = || stops.partition_point(|stop| stop.position <= position).checked_sub(1);
    told(stops, position, at).or_else(passed)
}

/// The stops in the order of the talk, by their numbers, where that is not their order in time.
fn told_out_of_time(stops: &[Stop]) -> Option<Vec<usize>> {
    if stops.is_sorted_by_key(|stop| stop.place) {
        return None;
    }
    let place = |at: usize| stops.get(at).map(|stop| stop.place);
    let mut order = Vec::with_capacity(stops.len());
    for at in 0..stops.len() {
        order.insert(order.partition_point(|other| place(*other) <= place(at)), at);
    }
    Some(order)
}

/// Which one of the talk a stop is, from 0.
pub fn number(stops: &[Stop], at: usize) -> usize {
    told_out_of_time(stops).and_then(|order| order.iter().position(|i| *i == at)).unwrap_or(at)
}

/// The stop that comes at this place of the talk, from 0; the last one behind its end.
pub fn at_place(stops: &[Stop], place: usize) -> usize {
    let place = place.min(stops.len().saturating_sub(1));
    told_out_of_time(stops).and_then(|order| order.get(place).copied()).unwrap_or(place)
}

/// The next stop after a position, or the one before it; `at` is the last one that was gone to.
pub fn beside(stops: &[Stop], position: usize, at: usize, back: bool) -> Option<usize> {
    let beside = if let Some(order) = told_out_of_time(stops) {
        let Some(at) = reached(stops, position, at) else {
            return order.first().filter(|_| !back).copied();
        };
        let here = stops.get(at)?;
        // On the way to it, or from it, it is the one beside.
        if (here.position > position && !back) || (here.position < position && back) {
            return Some(at);
        }
        let place = order.iter().position(|i| *i == at)?;
        *order.get(if back { place.checked_sub(1)? } else { place + 1 })?
    } else {
        let first = stops.partition_point(|stop| stop.position < position);
        let here = exactly(stops, position, at).or_else(|| exactly(stops, position, first));
        if back { here.unwrap_or(first).checked_sub(1)? } else { here.map_or(first, |here| here + 1) }
    };
    (beside < stops.len()).then_some(beside)
}

/// Where a manual page is to be read: `mmap(2)` and the like; nothing that is written otherwise becomes an address.
pub fn man_page(name: &str) -> Option<String> {
    let (page, section) = name.strip_suffix(')')?.split_once('(')?;
    let number = section.chars().next().filter(|c| ('1'..='9').contains(c))?;
    let plain = |text: &str, more: &str| {
        text.bytes().all(|b| b.is_ascii_alphanumeric() || more.contains(char::from(b)))
    };
    let well = plain(page, "_.+-")
        && page.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && plain(section, "");
    well.then(|| format!("https://man7.org/linux/man-pages/man{number}/{page}.{section}.html"))
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
            let stops = stops(
                &timeline,
                timeline
                    .markers()
                    .iter()
                    .map(|of| (of.position, of.marker.as_ref(), None, of.marker.place())),
            );
            let shape: Vec<_> = stops.iter().map(|s| (s.from, s.position, s.is_step)).collect();
            assert_eq!(shape, expected, "{words:?}");
            let letters = |of: fn(&[Stop], usize, usize) -> Option<usize>| -> String {
                (0..13).map(|at| of(&stops, at, 99).map_or("-".to_owned(), |i| i.to_string())).collect()
            };
            assert_eq!(
                (letters(told).as_str(), letters(reached).as_str()),
                (told_at, reached_at),
                "{words:?}"
            );
            // Forwards and back each stop is met once.
            let all: Vec<usize> = (0..stops.len()).collect();
            assert_eq!(walk(&stops, 0, false), all);
            assert_eq!(walk(&stops, usize::MAX, true), all.into_iter().rev().collect::<Vec<_>>());
        }
    }

    /// The stops that are met from a position on.
    fn walk(stops: &[Stop], mut position: usize, back: bool) -> Vec<usize> {
        let mut at = usize::MAX;
        let next = || {
            at = beside(stops, position, at, back)?;
            position = stops[at].position;
            Some(at)
        };
        std::iter::from_fn(next).take(99).collect()
    }

    #[test]
    fn markers_of_one_moment_are_stops_of_their_own() {
        let timeline = timeline(&[(0, STEP), (5, STEP)]);
        let named = |title: &str| Marker { title: title.to_owned(), ..Marker::default() };
        let (wide, close, other) = (named("wide"), named("close"), named("other"));
        // Where they stand and their places in the talk; the stops, and their way.
        type Row<'a> = (&'a [(usize, &'a Marker, u32)], &'a str, &'a [usize]);
        let rows: [Row<'_>; 3] = [
            (&[(3, &wide, 0), (3, &close, 0)], "wide close a step a step", &[0, 1, 2, 3]),
            // The first one where a step ends is told with it.
            (&[(5, &wide, 0), (5, &close, 0), (5, &other, 0)], "wide close other a step", &[0, 1, 2, 3]),
            // Told in another order than in time.
            (&[(3, &other, 3), (5, &wide, 2), (5, &close, 1)], "other wide close a step", &[2, 3, 1, 0]),
        ];
        for (markers, titles, way) in rows {
            let markers = markers.iter().map(|(at, marker, place)| (*at, *marker, None, *place));
            let stops = stops(&timeline, markers);
            let all: Vec<_> = stops.iter().map(|stop| stop.title.as_str()).collect();
            assert_eq!(all.join(" "), titles);
            assert_eq!(walk(&stops, 0, false), way, "{titles}");
            let places: Vec<usize> = way.iter().map(|at| number(&stops, *at)).collect();
            assert_eq!(places, [0, 1, 2, 3]);
            let (last, back) = (way[3], way.iter().rev().skip(1).copied().collect::<Vec<_>>());
            assert_eq!(beside(&stops, stops[last].position, last, true), Some(back[0]), "{titles}");
        }
    }

    #[test]
    fn a_talk_may_go_back_in_time() {
        let marker = |order| format!(r#""kind":"marker","title":"m","order":{order}"#);
        let (third, first, second) = (marker(3), marker(1), marker(2));
        let timeline = timeline(&[(2, &third), (4, &first), (6, STEP), (8, &second)]);
        let stops = stops(
            &timeline,
            timeline.markers().iter().map(|of| (of.position, of.marker.as_ref(), None, of.marker.place())),
        );
        let along = |from: usize, back| -> Vec<usize> {
            walk(&stops, from, back).into_iter().map(|at| stops[at].position).collect()
        };
        // The step, which ends with the trace, is told with the marker before it in time.
        assert_eq!(along(0, false), [5, 9, 12, 3]);
        assert_eq!(along(3, true), [12, 9, 5]);
        assert_eq!((0..4).map(|at| number(&stops, at)).collect::<Vec<_>>(), [3, 0, 1, 2]);
        assert_eq!([0, 1, 3, 9].map(|place| at_place(&stops, place)), [1, 2, 0, 0]);
    }

    #[test]
    fn only_well_formed_names_lead_to_manual_pages() {
        let page = |name| format!("https://man7.org/linux/man-pages/{name}.html");
        assert_eq!(man_page("mmap(2)"), Some(page("man2/mmap.2")));
        assert_eq!(man_page("proc_pid_maps(5)"), Some(page("man5/proc_pid_maps.5")));
        assert_eq!(man_page("getrlimit(3p)"), Some(page("man3/getrlimit.3p")));
        for bad in [
            "",
            "mmap",
            "(2)",
            "mmap()",
            "mmap(0)",
            "a/../b(2)",
            "..(2)",
            "x(2/../)",
            "x?(2)",
            "x y(2)",
            "x(2) ",
        ] {
            assert_eq!(man_page(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_marker_where_a_step_ends_has_the_word() {
        let timeline = timeline(&[(0, STEP), (3, MARKER), (4, STEP)]);
        let stops = stops(
            &timeline,
            timeline.markers().iter().map(|of| (of.position, of.marker.as_ref(), None, of.marker.place())),
        );
        let first = stops.first().unwrap();
        assert_eq!((first.title.as_str(), first.text.as_str(), first.line), ("a marker", "t", 3));
        assert_eq!(stops.len(), 2);
    }
}
