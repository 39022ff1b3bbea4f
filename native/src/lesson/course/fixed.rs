//! `fixed`: MAP_FIXED clobbers, MAP_FIXED_NOREPLACE refuses.

use crate::lesson::play::{Call, Mmap, Play, READ_ONLY, anonymous};
use crate::lesson::words::at;
use crate::lesson::{Lesson, Perform, everywhere};
use anyhow::Result;
use pagescope_shared::names::CallFlags;
use pagescope_shared::page::PageState::{Private, Untouched};

pub(in crate::lesson) const LESSON: Lesson = Lesson {
    name: "fixed",
    title: "Insisting on an address",
    line: "MAP_FIXED takes what it wants, silently; MAP_FIXED_NOREPLACE asks first.",
    source_name: "fixed.c",
    source: include_str!("../../../lessons/fixed.c"),
    needs: everywhere,
    perform: Perform::Apart(perform),
};

fn perform(play: &mut Play<'_>) -> Result<()> {
    let page = play.page();
    play.step(
        at("char *area = map(", "Four pages of ours")
            .says("Four pages, at the place that we wished for: nothing was there.")
            .note("The first argument of mmap is a wish. The kernel fulfils it if the place is free.")
            .man(&["mmap(2)"]),
    )?;
    let area = play.mmap(anonymous(play.wish(), 4 * page))?;
    let pages = [0, 1, 2, 3].map(|n| play.nth(area, n));

    play.step(
        at("for (int i = 0", "Something worth keeping")
            .says("Each page gets a letter: a, b, c, d.")
            .note("Four frames, four letters. Two of them will not survive."),
    )?;
    play.writes(pages.into_iter().zip(*b"abcd"))?;

    play.step(
        at("char *other = map(", "A wish for a taken place")
            .says(
                "Another mapping is wished for at the address of our first page. Something is there, so the \
                kernel chooses another place. A wish never hurts anybody.",
            )
            .asks(
                "We ask for an address that is taken. What does mmap do?",
                &["It fails", "It takes another address", "It replaces what is there"],
                1,
            )
            .note("That is why the result of mmap must be used, and not the address that was asked for.")
            .man(&["mmap(2)"]),
    )?;
    let other = play.mmap(Mmap { protection: READ_ONLY, ..anonymous(pages[0], page) })?;
    play.must(other.intersection(area).is_none(), || format!("{other} should lie elsewhere"))?;

    play.step(
        at("char *over = map(", "MAP_FIXED insists")
            .says("With MAP_FIXED the address is an order. Pages 1 and 2 are unmapped without a word, and two \
                new, untouched pages take their place. The call succeeds.")
            .asks("We insist on two pages that are in use. What does mmap do?", &["It fails", "It takes another address", "It replaces what is there"], 2)
            .note("Had the heap or the C library been there, they would have holes now. MAP_FIXED is for places \
                that one has reserved before.")
            .man(&["mmap(2)"]),
    )?;
    let flags = CallFlags::MAP_PRIVATE | CallFlags::MAP_ANONYMOUS;
    let fixed = Mmap { flags: flags | CallFlags::MAP_FIXED, ..anonymous(pages[1], 2 * page) };
    let over = play.mmap(fixed)?;
    play.must(over.start() == pages[1], || format!("{over} should begin at {}", pages[1]))?;
    play.expect_count(over, Untouched, 2)?;

    play.step(
        at("printf(\"%d %c\\n\"", "b is gone")
            .says("Page 1 reads as zero: the b is gone, and the c with it. Page 3 still has its d.")
            .note("No error, no signal, no way back. This is among the worst bugs to look for."),
    )?;
    let (first, last) = (play.read(pages[1], 1)?, play.read(pages[3], 1)?);
    play.must(first == [0] && last == b"d", || format!("expected 0 and d, not {first:?} and {last:?}"))?;
    play.say("0 d")?;

    play.step(
        at("void *polite = map(", "MAP_FIXED_NOREPLACE asks")
            .says("This flag wants the address or nothing. Page 0 is in use, so the call fails with EEXIST, and \
                nothing has changed.")
            .note("Since Linux 4.17. Use this one instead of MAP_FIXED wherever the place should be free.")
            .man(&["mmap(2)"]),
    )?;
    let polite = Mmap { flags: flags | CallFlags::MAP_FIXED_NOREPLACE, ..anonymous(pages[0], page) };
    play.refused(&Call::Mmap(polite), "EEXIST")?;

    play.step(
        at("printf(\"%c\\n\", area[0])", "a is still there")
            .says("The a is where it was.")
            .note("Three ways to name an address: a wish, an order, and an order that does no harm."),
    )?;
    let read = play.read(pages[0], 1)?;
    play.must(read == b"a", || format!("page 0 should hold a, not {read:?}"))?;
    play.expect(pages[0], Private)?;
    play.say("a")
}
