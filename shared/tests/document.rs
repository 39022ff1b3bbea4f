//! `docs/trace-format.md` against the code: every field of every kind with its name, its `?` if a trace may leave it
//! out, and every name of a set.

#![cfg(not(target_arch = "wasm32"))]
// Tests fail by panicking.
#![allow(clippy::unwrap_used, clippy::panic)]

use pagescope_shared::event::{self, Advice, Asked, EventKind, NewPlace};
use pagescope_shared::header::{Header, Lesson, Source, Tool};
use pagescope_shared::jsonl::read;
use pagescope_shared::mapping::Mapping;
use pagescope_shared::names::{CallFlags, VmFlags};
use pagescope_shared::page::{PageState, Run};
use serde::de::{Deserialize, Deserializer, Error as _, Visitor, value::Error};
use serde_json::Value;
use std::cell::Cell;
use std::collections::BTreeMap;

const GOLDEN: &str = include_str!("golden/v1.jsonl");
const DOCUMENT: &str = include_str!("../../docs/trace-format.md");

/// The fields of `T` in a trace: what serde asks for.
fn fields<T: for<'de> Deserialize<'de>>() -> Vec<&'static str> {
    struct Asks<'a>(&'a Cell<&'static [&'static str]>);
    impl<'de> Deserializer<'de> for Asks<'_> {
        type Error = Error;
        fn deserialize_struct<V: Visitor<'de>>(
            self,
            _: &'static str,
            fields: &'static [&'static str],
            _: V,
        ) -> Result<V::Value, Error> {
            self.0.set(fields);
            Err(Error::custom("only asked"))
        }
        fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
            Err(Error::custom("no struct"))
        }
        serde::forward_to_deserialize_any! {
            bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
            unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
        }
    }
    let found = Cell::new(&[][..]);
    let _ = T::deserialize(Asks(&found));
    assert!(!found.get().is_empty(), "no fields");
    found.get().to_vec()
}

/// By kind, and by the field in which an object stands.
fn all_fields() -> BTreeMap<&'static str, Vec<&'static str>> {
    let kinds = [
        ("start", fields::<event::Start>()),
        ("exec", fields::<event::Exec>()),
        ("fork", fields::<event::Fork>()),
        ("thread", fields::<event::Thread>()),
        ("exit", fields::<event::Exit>()),
        ("map", fields::<event::Map>()),
        ("unmap", fields::<event::Unmap>()),
        ("protect", fields::<event::Protect>()),
        ("remap", fields::<event::Remap>()),
        ("break", fields::<event::Break>()),
        ("advise", fields::<event::Advise>()),
        ("lock", fields::<event::Lock>()),
        ("unlock", fields::<event::Unlock>()),
        ("sync", fields::<event::Sync>()),
        ("failed", fields::<event::Failed>()),
        ("fault", fields::<event::Fault>()),
        ("signal", fields::<event::Signal>()),
        ("access", fields::<event::Access>()),
        ("observed", fields::<event::Observed>()),
        ("snapshot", fields::<event::Snapshot>()),
        ("step", fields::<event::Step>()),
        ("marker", fields::<event::Marker>()),
        ("lost", fields::<event::Lost>()),
        ("end", fields::<event::End>()),
    ];
    assert_eq!(kinds.each_ref().map(|k| k.0), *EventKind::NAMES);
    let objects = [
        ("asked", fields::<Asked>()),
        ("to", fields::<NewPlace>()),
        ("mappings", fields::<Mapping>()),
        ("runs", fields::<Run>()),
        ("question", fields::<event::Question>()),
        // What stands in it depends on its type.
        ("backing", vec!["type", "path", "offset", "dev", "inode", "name"]),
    ];
    kinds.into_iter().chain(objects).collect()
}

/// The objects in `value`: the field in which each stands (an event's: its kind), and the way there.
fn objects(place: &str, at: &str, value: &Value, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) => {
            found.push((place.to_owned(), at.to_owned()));
            fields.iter().for_each(|(name, value)| objects(name, &format!("{at}/{name}"), value, found));
        }
        Value::Array(items) => {
            let each = items.iter().enumerate();
            each.for_each(|(i, item)| objects(place, &format!("{at}/{i}"), item, found));
        }
        _ => {}
    }
}

/// Where a field stands: how often it is there, how often it is not, and whether the reader can do without.
#[derive(Default)]
struct Seen {
    there: usize,
    missing: usize,
    optional: bool,
}

fn seen() -> BTreeMap<(&'static str, &'static str), Seen> {
    let header = GOLDEN.lines().next().unwrap();
    let mut all: BTreeMap<_, Seen> = BTreeMap::new();
    for line in GOLDEN.lines().skip(1) {
        let event: Value = serde_json::from_str(line).unwrap();
        let mut found = Vec::new();
        objects(event["kind"].as_str().unwrap(), "", &event, &mut found);
        for (place, at) in found {
            let Some((&place, fields)) =
                all_fields().get_key_value(place.as_str()).map(|(p, f)| (p, f.clone()))
            else {
                continue;
            };
            for field in fields {
                let seen = all.entry((place, field)).or_default();
                let mut without = event.clone();
                let object = without.pointer_mut(&at).and_then(Value::as_object_mut).unwrap();
                if object.remove(field).is_none() {
                    seen.missing += 1;
                    continue;
                }
                seen.there += 1;
                let trace = read(format!("{header}\n{without}\n").as_bytes()).unwrap();
                seen.optional |= trace.problems.is_empty();
            }
        }
    }
    all
}

#[test]
fn the_golden_trace_has_every_field_and_every_optional_one_both_ways() {
    for ((place, field), seen) in seen() {
        // The attributes of a mapping stand in snapshots too, and what a backing has depends on its type.
        if (place, field) == ("map", "flags") {
            continue;
        }
        assert!(seen.there > 0, "{place} never has {field}");
        if place != "backing" {
            assert_eq!(seen.missing > 0, seen.optional, "{place}: {field}");
        }
    }
}

/// Rows of a table as cells: those after the line that begins with `from`, which begin with `row` themselves.
fn rows(from: &str, row: &str) -> Vec<Vec<&'static str>> {
    let at = DOCUMENT.find(&format!("\n{from}")).unwrap_or_else(|| panic!("no {from:?} in the document"));
    let lines = DOCUMENT[at + 1..].lines().skip(1).skip_while(|l| !l.starts_with(row));
    lines
        .take_while(|l| l.starts_with(row))
        .map(|l| l.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect()
}

/// The fields in a cell, each with whether it is optional.
fn named(cell: &str) -> Vec<(String, bool)> {
    let names = cell.split(',').filter_map(|name| name.trim().strip_prefix('`'));
    names.filter_map(|n| Some((n.split('`').next()?.to_owned(), n.contains("`?`")))).collect()
}

#[test]
fn the_document_has_every_field() {
    let seen = seen();
    let code = |place: &'static str| -> Vec<(String, bool)> {
        let optional = |f: &&str| seen.get(&(place, *f)).is_some_and(|s| s.optional);
        all_fields()[place].iter().map(|f| ((*f).to_owned(), optional(f))).collect()
    };
    let sorted = |mut fields: Vec<(String, bool)>| {
        fields.sort();
        fields
    };
    let mapping: Vec<_> = rows("## Mappings", "| `").iter().flat_map(|r| named(r[0])).collect();
    for &kind in EventKind::NAMES {
        let mut fields: Vec<_> =
            rows(&format!("| `{kind}` |"), "| | ").iter().flat_map(|r| named(r[1])).collect();
        let mut expected = code(kind);
        if kind == "map" {
            fields.extend(mapping.iter().filter(|f| f.0 != "range").cloned());
            // The golden trace has no map event with flags: the replay's tests want one map event only.
            expected.iter_mut().for_each(|f| f.1 |= f.0 == "flags");
        }
        assert_eq!(sorted(fields), sorted(expected), "{kind}");
    }
    assert_eq!(sorted(mapping), sorted(code("mappings")));
    let run = rows("A run is an object:", "| `").iter().flat_map(|r| named(r[0])).collect();
    assert_eq!(sorted(run), sorted(code("runs")));
    let question = rows("A question is an object:", "| `").iter().flat_map(|r| named(r[0])).collect();
    assert_eq!(sorted(question), sorted(code("question")));
    let mut header = rows("## Header", "| `").iter().flat_map(|r| named(r[0])).collect::<Vec<_>>();
    header.iter_mut().for_each(|f| f.1 = false);
    let expected = fields::<Header>().iter().map(|f| ((*f).to_owned(), false)).collect();
    assert_eq!(sorted(header), sorted(expected));
}

#[test]
fn the_document_has_every_name() {
    let mut names: Vec<String> = Vec::new();
    names.extend(CallFlags::of(u64::MAX).names().map(str::to_owned));
    names.extend(VmFlags::of(u64::MAX).names().map(str::to_owned));
    names.extend(Advice::KNOWN.iter().map(ToString::to_string));
    let word = |state: &PageState| serde_json::to_value(state).unwrap().as_str().unwrap().to_owned();
    names.extend(PageState::ALL.iter().map(word));
    names.extend(all_fields().values().flatten().map(ToString::to_string));
    let objects = [fields::<Tool>(), fields::<Lesson>(), fields::<Source>()];
    names.extend(objects.iter().flatten().map(ToString::to_string));
    for name in names {
        assert!(DOCUMENT.contains(&format!("`{name}`")), "{name} is not in docs/trace-format.md");
    }
    // And none that nothing knows.
    let known: Vec<String> = CallFlags::of(u64::MAX).names().map(str::to_owned).collect();
    for word in DOCUMENT
        .split('`')
        .filter(|w| ["MAP_", "MREMAP_", "MS_", "MCL_", "MLOCK_"].iter().any(|p| w.starts_with(p)))
    {
        assert!(known.iter().any(|k| k == word), "{word} is no flag");
    }
    for word in DOCUMENT.split('`').filter(|w| w.starts_with("MADV_")) {
        assert!(Advice::KNOWN.iter().any(|a| a.name() == word), "{word} is no advice");
    }
}

/// Whoever changes the format's code looks at the document, and at the version.
#[test]
fn the_document_was_looked_at_when_the_code_changed() {
    let code = [
        include_str!("../src/addr.rs"),
        include_str!("../src/header.rs"),
        include_str!("../src/event.rs"),
        include_str!("../src/event/call.rs"),
        include_str!("../src/event/memory.rs"),
        include_str!("../src/event/process.rs"),
        include_str!("../src/event/word.rs"),
        include_str!("../src/mapping.rs"),
        include_str!("../src/names.rs"),
        include_str!("../src/page.rs"),
        include_str!("../src/varint.rs"),
        include_str!("../src/jsonl.rs"),
        include_str!("../src/jsonl/read.rs"),
        include_str!("../src/jsonl/write.rs"),
        include_str!("../src/jsonl/hex_bytes.rs"),
        include_str!("../src/pscope.rs"),
        include_str!("../src/pscope/block.rs"),
        include_str!("../src/pscope/density.rs"),
        include_str!("../src/pscope/encode.rs"),
        include_str!("../src/pscope/footer.rs"),
        include_str!("../src/pscope/frame.rs"),
        include_str!("../src/pscope/numbers.rs"),
    ];
    let mut sum = flate2::Crc::new();
    for file in code {
        // Neither tests, nor comments, nor how it is laid out.
        let file = file.split("#[cfg(test)]").next().unwrap();
        let lines = file.lines().filter(|line| !line.trim_start().starts_with("//"));
        let text: String = lines.flat_map(str::chars).filter(|c| !c.is_whitespace() && *c != ',').collect();
        sum.update(text.as_bytes());
    }
    let number = format!("{:08x}", sum.sum());
    assert!(
        DOCUMENT.contains(&format!("forgets the other: {number}.")),
        "the format's code has changed: look whether docs/trace-format.md still says what it does, whether an old \
         trace is still read (or the version must be another), and then write the number {number} there"
    );
}
