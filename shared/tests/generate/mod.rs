//! Arbitrary traces: every kind, every optional field there and not there, numbers of all sizes.

use pagescope_shared::addr::{Addr, Frame, PageSize, Range};
use pagescope_shared::event::*;
use pagescope_shared::header::{Capability, Header};
use pagescope_shared::mapping::{Attributes, Backing, Mapping, Object, Protection, Sharing};
use pagescope_shared::names::{CallFlags, VmFlags};
use pagescope_shared::page::{PageFlags, PageState, Run};
use pagescope_shared::trace::Trace;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use std::num::NonZeroU64;
use std::sync::Arc;

const PAGE: u64 = 4096;

/// A number: mostly small, sometimes anything.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 0..300u64, 1 => any::<u64>()]
}

fn addr() -> impl Strategy<Value = Addr> {
    prop_oneof![
        1 => Just(Addr(0)),
        3 => (0..64u64).prop_map(|page| Addr(0x7000_0000_0000 + page * PAGE)),
        1 => any::<u64>().prop_map(Addr)
    ]
}

fn range() -> impl Strategy<Value = Range> {
    let near = (0..200u64, 1..40u64).prop_map(|(page, pages)| (0x7000_0000_0000 + page * PAGE, pages * PAGE));
    let far = (any::<u64>(), 1..1u64 << 40).prop_map(|(at, pages)| {
        let start = (at >> 1) & !(PAGE - 1);
        (start, pages * PAGE)
    });
    prop_oneof![4 => near, 1 => far].prop_map(|(start, len)| Range::from_len(Addr(start), len).unwrap())
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![3 => select(&["", "a", "/lib/libc.so.6", "\n\"\\", "дом 🏠"][..]).prop_map(str::to_owned), 1 => ".{0,40}"]
}

fn protection() -> impl Strategy<Value = Protection> {
    any::<(bool, bool, bool)>().prop_map(|(read, write, execute)| Protection { read, write, execute })
}

fn call_flags() -> impl Strategy<Value = CallFlags> {
    prop_oneof![
        3 => any::<u64>().prop_map(CallFlags::of),
        1 => Just(serde_json::from_str(r#"["MAP_PRIVATE","MAP_FROM_THE_FUTURE"]"#).unwrap())
    ]
}

fn vm_flags() -> impl Strategy<Value = VmFlags> {
    prop_oneof![
        4 => Just(VmFlags::NONE),
        2 => any::<u64>().prop_map(VmFlags::of),
        1 => Just(serde_json::from_str(r#"["locked","from-the-future"]"#).unwrap())
    ]
}

fn asked() -> impl Strategy<Value = Asked> {
    (addr(), number(), call_flags()).prop_map(|(addr, len, flags)| Asked { addr, len, flags })
}

fn backing() -> impl Strategy<Value = Backing> {
    let object =
        || (text(), text(), number()).prop_map(|(path, dev, inode)| Arc::new(Object { path, dev, inode }));
    prop_oneof![
        Just(Backing::Anonymous),
        object().prop_map(Backing::File),
        object().prop_map(Backing::Shm),
        Just(Backing::Heap),
        Just(Backing::Stack),
        text().prop_map(|name| Backing::Kernel(Arc::new(name))),
    ]
}

fn attributes() -> BoxedStrategy<Attributes> {
    let sharing = select(&[Sharing::Private, Sharing::Shared][..]);
    (protection(), sharing, backing(), number(), vm_flags())
        .prop_map(|(protection, sharing, backing, offset, flags)| {
            // Only an object has an offset.
            let offset = if backing.object().is_some() { offset } else { 0 };
            Attributes { protection, sharing, backing, offset, flags }
        })
        .boxed()
}

fn run() -> impl Strategy<Value = Run> {
    let state = select(&PageState::ALL[..]);
    (1..4u64, state, 0..16u8, option::of(number())).prop_map(|(pages, state, flags, frame)| Run {
        pages: NonZeroU64::new(pages).unwrap(),
        state,
        flags: PageFlags::from_bits(flags),
        frame: frame.map(Frame),
    })
}

fn observed() -> BoxedStrategy<Observed> {
    (range(), select(&["pagemap", "pagemap-scan"][..]), vec(run(), 0..6))
        .prop_map(|(range, source, runs)| {
            let mut observed = Observed { range, source: source.to_owned(), runs };
            while !observed.fits(PageSize::FOUR_KIB) {
                observed.runs.pop();
            }
            observed
        })
        .boxed()
}

fn snapshot() -> BoxedStrategy<Snapshot> {
    (vec((0..9u64, 1..9u64, attributes()), 0..5), vec(observed(), 0..2))
        .prop_map(|(pieces, observed)| {
            let mut at = 0x40_0000;
            let mut mappings = Vec::new();
            for (gap, pages, attributes) in pieces {
                let range = Range::from_len(Addr(at + gap * PAGE), pages * PAGE).unwrap();
                at = range.end().0;
                mappings.push(Mapping { range, attributes });
            }
            Snapshot { mappings, observed }
        })
        .boxed()
}

fn advice() -> impl Strategy<Value = Advice> {
    prop_oneof![
        4 => select(Advice::KNOWN).prop_map(|advice| advice.clone()),
        1 => Just(Advice::from("MADV_FROM_THE_FUTURE".to_owned()))
    ]
}

fn fault_access() -> impl Strategy<Value = FaultAccess> {
    select(&[FaultAccess::Read, FaultAccess::Write, FaultAccess::Execute][..])
}

fn fault() -> impl Strategy<Value = Fault> {
    let severity = select(&[Severity::Minor, Severity::Major][..]);
    let ip = select(&[0x5555_5555_5000, 0x5555_5555_5004, 0x7fff_f7fe_0000, u64::MAX][..]).prop_map(Addr);
    let led_to = select(&PageState::ALL[..]);
    (addr(), option::of(fault_access()), option::of(severity), option::of(ip), option::of(led_to))
        .prop_map(|(addr, access, severity, ip, led_to)| Fault { addr, access, severity, ip, led_to })
}

fn call_kind() -> BoxedStrategy<EventKind> {
    let place = || (addr(), number()).prop_map(|(addr, len)| NewPlace { addr, len });
    prop_oneof![
        4 => (asked(), range(), attributes())
            .prop_map(|(asked, range, attributes)| EventKind::Map(Map { asked, range, attributes })),
        3 => (asked(), range()).prop_map(|(asked, range)| EventKind::Unmap(Unmap { asked, range })),
        1 => (asked(), range(), protection())
            .prop_map(|(asked, range, protection)| EventKind::Protect(Protect { asked, range, protection })),
        1 => (asked(), place(), option::of(range()), range())
            .prop_map(|(asked, to, old, new)| EventKind::Remap(Box::new(Remap { asked, to, old, new }))),
        1 => (addr(), addr(), addr()).prop_map(|(asked, old, new)| EventKind::Break(Break { asked, old, new })),
        1 => (asked(), range(), advice())
            .prop_map(|(asked, range, advice)| EventKind::Advise(Advise { asked, range, advice })),
        1 => (asked(), option::of(range())).prop_map(|(asked, range)| EventKind::Lock(Lock { asked, range })),
        1 => (asked(), option::of(range())).prop_map(|(asked, range)| EventKind::Unlock(Unlock { asked, range })),
        1 => (asked(), range()).prop_map(|(asked, range)| EventKind::Sync(Sync { asked, range })),
        1 => (text(), asked(), option::of(protection()), option::of(advice()), option::of(place()), text(), text())
            .prop_map(|(call, asked, protection, advice, to, errno, message)| {
                EventKind::Failed(Box::new(Failed { call, asked, protection, advice, to, errno, message }))
            }),
    ]
    .boxed()
}

fn other_kind() -> BoxedStrategy<EventKind> {
    let memory = select(&[ForkMemory::Copied, ForkMemory::Shared][..]);
    let access = select(&[AccessType::Read, AccessType::Write][..]);
    prop_oneof![
        (text(), vec(text(), 0..3)).prop_map(|(exe, argv)| EventKind::Start(Box::new(Start { exe, argv }))),
        (text(), vec(text(), 0..3)).prop_map(|(exe, argv)| EventKind::Exec(Box::new(Exec { exe, argv }))),
        (any::<u32>(), memory).prop_map(|(child, memory)| EventKind::Fork(Fork { child, memory })),
        (0..9u32).prop_map(|thread| EventKind::Thread(Thread { thread })),
        (option::of(any::<i32>()), option::of(text()))
            .prop_map(|(code, signal)| EventKind::Exit(Box::new(Exit { code, signal }))),
        (text(), addr(), option::of(fault_access()), text()).prop_map(|(signal, addr, access, code)| {
            EventKind::Signal(Box::new(Signal { signal, addr, access, code }))
        }),
        (access, addr(), vec(any::<u8>(), 1..9)).prop_map(|(access, addr, bytes)| {
            EventKind::Access(Box::new(Access { access, addr, bytes }))
        }),
        observed().prop_map(|o| EventKind::Observed(Box::new(o))),
        snapshot().prop_map(|s| EventKind::Snapshot(Box::new(s))),
        step().prop_map(|step| EventKind::Step(Box::new(step))),
        marker().prop_map(|marker| EventKind::Marker(Box::new(marker))),
        (number(), text()).prop_map(|(count, reason)| EventKind::Lost(Box::new(Lost { count, reason }))),
        number().prop_map(|count| EventKind::End(End { count })),
        Just(EventKind::Other(Box::new("earthquake".to_owned()))),
    ]
    .boxed()
}

fn step() -> impl Strategy<Value = Step> {
    let texts = || vec(text(), 0..3);
    let question = (text(), texts(), option::of(any::<u32>())).prop_map(|(text, choices, answer)| Question {
        text,
        choices,
        answer,
    });
    let words = (text(), text(), any::<u32>(), text());
    (words, option::of(question), texts()).prop_map(|((title, text, line, note), question, man)| Step {
        title,
        text,
        line,
        note,
        question,
        man,
    })
}

fn event() -> impl Strategy<Value = (u64, u64, u32, u32, EventKind, Extra)> {
    let kind = prop_oneof![4 => fault().prop_map(EventKind::Fault), 4 => call_kind(), 2 => other_kind()];
    let id = || prop_oneof![5 => 1..4u32, 1 => any::<u32>()];
    let more = serde_json::json!({"weather": {"wind": [1, 2.5, null]}});
    let extra = prop_oneof![
        9 => Just(Extra::NONE),
        1 => Just(Extra::from(more.as_object().unwrap().clone()))
    ];
    // Gaps in the sequence, and time that does not always go forward.
    let step = prop_oneof![9 => Just(1u64), 1 => 1..1u64 << 40];
    (step, number(), id(), id(), kind, extra)
}

/// A trace of up to `most` events.
pub(crate) fn trace(header: Header, most: usize) -> impl Strategy<Value = Trace> {
    vec(event(), 0..most).prop_map(move |events| {
        let mut seq = 0u64;
        let events = events.into_iter().map(|(step, time_ns, pid, tid, kind, extra)| {
            seq += step;
            Event { seq, time_ns, pid, tid, kind, extra }
        });
        let mut header = header.clone();
        header.capabilities = vec![Capability::Calls, Capability::Other("smell".to_owned())];
        Trace { header, events: events.collect(), problems: Vec::new() }
    })
}

fn marker() -> impl Strategy<Value = Marker> {
    let camera = (option::of(addr()), option::of(number()), option::of(text()), option::of(any::<u32>()));
    let words = (text(), text(), text(), option::of(any::<u32>()));
    (words, camera).prop_map(|((title, text, note, step), (addr, row, view, order))| Marker {
        title,
        text,
        note,
        addr,
        row,
        view,
        order,
        step,
    })
}
