//! What differs between an address space at two moments, or between two of them.

use super::AddressSpace;
use crate::addr::{Addr, PageSize, Range};
use crate::mapping::{Backing, Mapping};
use crate::page::{Page, PageState};

/// The places of [`Diff::moves`]: the states in their order, then "not mapped".
pub const PLACES: usize = PageState::ALL.len() + 1;

/// What is different. Linear in the mappings and runs of pages of both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diff {
    /// What is mapped after but not before: by address, whole pieces.
    pub mapped: Vec<Mapping>,
    /// What was mapped before and is no longer.
    pub unmapped: Vec<Mapping>,
    /// What is the same memory but may do other things, or was told something: before and after.
    pub changed: Vec<(Mapping, Mapping)>,
    /// Runs of pages whose state differs, in memory that is mapped before, after or both; neighbours that went the
    /// same way are one.
    pub pages: Vec<PageDiff>,
    /// How many pages went from one place to another: the states in the order of [`PageState::ALL`], then "not mapped".
    pub moves: [[u64; PLACES]; PLACES],
}

/// Neighbouring pages that went the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageDiff {
    /// Which pages.
    pub range: Range,
    /// What they were; `None` when they were not mapped.
    pub before: Option<PageState>,
    /// What they are; `None` when they are not mapped.
    pub after: Option<PageState>,
}

fn place(state: Option<PageState>) -> usize {
    state.map_or(PageState::ALL.len(), |state| state as usize)
}

impl Diff {
    /// Pages that have become `state`, and pages that were and no longer are.
    pub fn gained_and_lost(&self, state: PageState) -> (u64, u64) {
        let at = state as usize;
        let others = |i: &usize| *i != at;
        let gained = (0..PLACES).filter(others).filter_map(|i| self.moves.get(i)?.get(at)).sum();
        let lost =
            self.moves.get(at).map_or(0, |row| (0..PLACES).filter(others).filter_map(|i| row.get(i)).sum());
        (gained, lost)
    }

    /// Pages that have got a frame, and pages that have lost theirs.
    pub fn resident(&self) -> (u64, u64) {
        let is = |at: usize| PageState::ALL.get(at).is_some_and(|state| state.is_resident());
        let (mut came, mut went) = (0, 0);
        for (from, row) in self.moves.iter().enumerate() {
            for (to, pages) in row.iter().enumerate() {
                came += if is(to) && !is(from) { *pages } else { 0 };
                went += if is(from) && !is(to) { *pages } else { 0 };
            }
        }
        (came, went)
    }

    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.mapped.is_empty() && self.unmapped.is_empty() && self.changed.is_empty() && self.pages.is_empty()
    }

    fn moved(&mut self, range: Range, before: Option<PageState>, after: Option<PageState>, size: PageSize) {
        if let Some(pages) = self.moves.get_mut(place(before)).and_then(|row| row.get_mut(place(after))) {
            *pages += size.pages_in(range);
        }
        if let Some(last) = self.pages.last_mut()
            && (last.before, last.after, last.range.end()) == (before, after, range.start())
            && let Ok(both) = Range::new(last.range.start(), range.end())
        {
            last.range = both;
            return;
        }
        self.pages.push(PageDiff { range, before, after });
    }
}

/// Goes through what comes by address, and says of any address what is there and how far it goes on.
struct Cursor<T, I: Iterator<Item = (Range, T)>> {
    rest: I,
    now: Option<(Range, T)>,
}

impl<T, I: Iterator<Item = (Range, T)>> Cursor<T, I> {
    fn new(mut rest: I) -> Self {
        let now = rest.next();
        Self { rest, now }
    }

    /// What is at `at`, and up to where it is the same. Addresses only go up.
    fn at(&mut self, at: u64) -> (Option<&(Range, T)>, u64) {
        while self.now.as_ref().is_some_and(|(range, _)| range.end().0 <= at) {
            self.now = self.rest.next();
        }
        match &self.now {
            None => (None, u64::MAX),
            Some((range, _)) if range.start().0 > at => (None, range.start().0),
            found @ Some((range, _)) => (found.as_ref(), range.end().0),
        }
    }
}

/// Whether it is the same memory, seen at the same place: then what differs is what it may do.
fn same_memory(a: &Mapping, b: &Mapping) -> bool {
    let object = |m: &Mapping| m.attributes.offset.wrapping_sub(m.range.start().0);
    let backing = match (&a.attributes.backing, &b.attributes.backing) {
        (Backing::File(x), Backing::File(y)) | (Backing::Shm(x), Backing::Shm(y)) => {
            x == y && object(a) == object(b)
        }
        (x, y) => x == y,
    };
    backing && a.attributes.sharing == b.attributes.sharing
}

/// The part of a mapping in a range.
fn part(mapping: &Mapping, range: Range) -> Mapping {
    let mut attributes = mapping.attributes.clone();
    if attributes.backing.object().is_some() {
        attributes.offset =
            attributes.offset.wrapping_add(range.start().0.saturating_sub(mapping.range.start().0));
    }
    Mapping { range, attributes }
}

/// Appends a piece, or lets the last one go on when it is the same mapping's.
fn push(to: &mut Vec<Mapping>, mapping: &Mapping, range: Range) {
    if let Some(last) = to.last_mut()
        && last.range.end() == range.start()
        && mapping.range.contains(last.range.start())
        && let Ok(both) = Range::new(last.range.start(), range.end())
    {
        last.range = both;
        return;
    }
    to.push(part(mapping, range));
}

/// What differs from `before` to `after`.
pub fn diff(before: &AddressSpace, after: &AddressSpace) -> Diff {
    let mut diff = Diff::default();
    let Some(all) = super::range(0, u64::MAX) else { return diff };
    let mappings = |space: &AddressSpace| space.mappings().map(|m| (m.range, m)).collect::<Vec<_>>();
    let (mut a, mut b) =
        (Cursor::new(mappings(before).into_iter()), Cursor::new(mappings(after).into_iter()));
    let mut at = 0;
    while at < u64::MAX {
        let ((was, was_end), (is, is_end)) = (a.at(at), b.at(at));
        let end = was_end.min(is_end);
        if let Some(range) = super::range(at, end) {
            match (was, is) {
                (Some((_, was)), Some((_, is))) if !same_memory(was, is) => {
                    push(&mut diff.unmapped, was, range);
                    push(&mut diff.mapped, is, range);
                }
                (Some((_, was)), Some((_, is))) => {
                    let told = |m: &Mapping| (m.attributes.protection, m.attributes.flags.clone());
                    if told(was) != told(is) {
                        diff.changed.push((part(was, range), part(is, range)));
                    }
                }
                (Some((_, was)), None) => push(&mut diff.unmapped, was, range),
                (None, Some((_, is))) => push(&mut diff.mapped, is, range),
                (None, None) => {}
            }
        }
        at = end;
    }
    let (mut a, mut b) = (Cursor::new(before.runs(all)), Cursor::new(after.runs(all)));
    let size = after.page_size();
    let mut at = 0;
    while at < u64::MAX {
        let ((was, was_end), (is, is_end)) = (a.at(at), b.at(at));
        let end = was_end.min(is_end);
        let state = |run: Option<&(Range, Page)>| run.map(|(_, page)| page.state);
        let (was, is) = (state(was), state(is));
        if was != is
            && let Ok(range) = Range::new(Addr(at), Addr(end))
        {
            diff.moved(range, was, is, size);
        }
        at = end;
    }
    diff
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::EventKind;

    const PAGE: u64 = 4096;

    fn space(events: &[&str]) -> AddressSpace {
        let mut space = AddressSpace::new(PageSize::FOUR_KIB);
        for event in events {
            let mut words = event.split(' ');
            let (what, from, pages) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
            let from = from.parse::<u64>().unwrap() * PAGE;
            let len = pages.parse::<u64>().unwrap() * PAGE;
            let asked = format!(
                r#""asked":{{"addr":"{from:#x}","len":{len}}},"range":["{from:#x}","{:#x}"]"#,
                from + len
            );
            let more = words.next().unwrap_or("rw-");
            let line = match what {
                "map" => format!(
                    r#""kind":"map",{asked},"protection":"{more}","sharing":"private","backing":{{"type":"anonymous"}}"#
                ),
                "unmap" => format!(r#""kind":"unmap",{asked}"#),
                "protect" => format!(r#""kind":"protect",{asked},"protection":"{more}""#),
                "write" => format!(r#""kind":"access","access":"write","addr":"{from:#x}","bytes":"2a""#),
                other => panic!("{other}"),
            };
            space.apply(&kind(&line));
        }
        space
    }

    /// An event from its line, by way of a whole trace.
    fn kind(fields: &str) -> EventKind {
        let golden = include_str!("../../tests/golden/v1.jsonl");
        let text = format!(
            "{}\n{{\"seq\":1,\"t\":1,\"pid\":1,\"tid\":1,{fields}}}\n",
            golden.lines().next().unwrap()
        );
        let mut trace = crate::jsonl::read(text.as_bytes()).unwrap();
        assert_eq!(trace.problems, []);
        trace.events.remove(0).kind
    }

    fn pages(mappings: &[Mapping]) -> Vec<(u64, u64)> {
        mappings.iter().map(|m| (m.range.start().0 / PAGE, m.range.bytes() / PAGE)).collect()
    }

    #[test]
    fn what_differs() {
        let base = ["map 16 8", "write 16 1", "write 17 1"];
        // What happens then; mapped, unmapped, changed: first page and pages; frames that came and went.
        type Pages<'a> = &'a [(u64, u64)];
        type Row<'a> = (&'a [&'a str], Pages<'a>, Pages<'a>, Pages<'a>, (u64, u64));
        let rows: [Row<'_>; 6] = [
            (&[], &[], &[], &[], (0, 0)),
            (&["map 32 4", "write 33 1"], &[(32, 4)], &[], &[], (1, 0)),
            (&["unmap 16 1"], &[], &[(16, 1)], &[], (0, 1)),
            (&["unmap 18 2"], &[], &[(18, 2)], &[], (0, 0)),
            (&["protect 17 2 r--"], &[], &[], &[(17, 2)], (0, 0)),
            (&["unmap 16 8", "map 16 8"], &[], &[], &[], (0, 2)),
        ];
        let before = space(&base);
        for (then, mapped, unmapped, changed, resident) in rows {
            let events = [base.as_slice(), then].concat();
            let diff = diff(&before, &space(&events));
            assert_eq!((&*pages(&diff.mapped), &*pages(&diff.unmapped)), (mapped, unmapped), "{then:?}");
            let after: Vec<Mapping> = diff.changed.iter().map(|(_, after)| after.clone()).collect();
            assert_eq!(pages(&after), changed, "{then:?}");
            assert_eq!(diff.resident(), resident, "{then:?}");
            assert_eq!(diff.is_empty(), then.is_empty(), "{then:?}");
        }
    }

    #[test]
    fn pages_are_counted_by_where_they_went() {
        let diff = diff(
            &space(&["map 16 4", "write 16 1"]),
            &space(&["map 16 4", "write 16 1", "write 17 1", "write 18 1"]),
        );
        assert_eq!(diff.gained_and_lost(PageState::Private), (2, 0));
        assert_eq!(diff.gained_and_lost(PageState::Untouched), (0, 2));
        let range = Range::from_len(Addr(17 * PAGE), 2 * PAGE).unwrap();
        let run = PageDiff { range, before: Some(PageState::Untouched), after: Some(PageState::Private) };
        assert_eq!(diff.pages, [run], "neighbours are one");
    }

    /// Forwards and backwards say the same of random films.
    #[test]
    fn it_is_the_same_from_both_ends() {
        let mut seed = 7u64;
        let mut next = |n: u64| {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (seed >> 33) % n
        };
        for _ in 0..30 {
            let events: Vec<String> = (0..30)
                .map(|_| {
                    let (from, len) = (16 + next(20), 1 + next(6));
                    let what = ["map", "unmap", "write", "protect"][usize::try_from(next(4)).unwrap()];
                    let more = if what == "protect" { " r--" } else { "" };
                    format!("{what} {from} {len}{more}")
                })
                .collect();
            let events: Vec<&str> = events.iter().map(String::as_str).collect();
            let (a, b) = (space(&events[..15]), space(&events));
            let (there, back) = (diff(&a, &b), diff(&b, &a));
            assert_eq!(pages(&there.mapped), pages(&back.unmapped));
            assert_eq!(there.resident(), (back.resident().1, back.resident().0));
            let mapped = |ms: &[Mapping]| ms.iter().map(|m| m.range.bytes()).sum::<u64>();
            let grown = mapped(&there.mapped).wrapping_sub(mapped(&there.unmapped));
            assert_eq!(b.totals().mapped.wrapping_sub(a.totals().mapped), grown);
            for state in PageState::ALL {
                let (gained, lost) = there.gained_and_lost(state);
                let at = state as usize;
                assert_eq!(a.totals().pages[at] + gained - lost, b.totals().pages[at], "{state:?}");
            }
        }
    }
}
