//! `remap`: a mapping grows, and when there is no room, it moves.

use crate::lesson::play::{Call, Mmap, NONE, Play, anonymous, plus};
use crate::lesson::troupe::Who::Parent;
use crate::lesson::words::at;
use crate::lesson::{Lesson, Perform, everywhere};
use anyhow::Result;
use pagescope_shared::addr::{Addr, Range};
use pagescope_shared::page::PageState::{Private, Untouched};

pub(in crate::lesson) const LESSON: Lesson = Lesson {
    name: "remap",
    title: "Growing and moving",
    line: "mremap grows a mapping in place or moves it; frames move without being copied.",
    source_name: "remap.c",
    source: include_str!("../../../lessons/remap.c"),
    needs: everywhere,
    perform: Perform::Apart(perform),
};

fn perform(play: &mut Play<'_>) -> Result<()> {
    let page = play.page();
    play.step(
        at("char *area = mmap(", "Two pages")
            .says("Two pages, with nothing mapped behind them.")
            .note("Think of a list that will need more room later.")
            .man(&["mmap(2)"]),
    )?;
    let area = play.mmap(anonymous(play.wish(), 2 * page))?;
    let start = area.start();

    play.step(
        at("area[0] = 'a'", "a and b")
            .says("Each page gets a letter and a frame.")
            .note("Remember the two frame numbers."),
    )?;
    play.writes([(start, b'a'), (play.nth(area, 1), b'b')])?;

    play.step(
        at("if (mremap(area, 2 * page", "Grow in place")
            .says(
                "mremap makes four pages of the two. The addresses behind were free, so the mapping simply \
                gets longer. The two new pages are untouched.",
            )
            .note("No new mapping: the old one with another end.")
            .man(&["mremap(2)"]),
    )?;
    play.call(&Call::Mremap(start, 2 * page, 4 * page, false))?;
    let four = Range::from_len(start, 4 * page)?;
    play.expect_mappings(four, 1)?;
    play.expect_count(four, Untouched, 2)?;

    play.step(
        at("char *wall = mmap(", "A wall")
            .says("Now something is mapped right behind: one page that nobody may touch (PROT_NONE).")
            .note("In real programs the wall is whatever happens to be there.")
            .man(&["mmap(2)"]),
    )?;
    let wall = plus(start, 4 * page);
    let at_wall = play.mmap(Mmap { protection: NONE, ..anonymous(wall, page) })?;
    play.must(at_wall.start() == wall, || format!("the wall should stand at {wall}"))?;

    play.step(
        at("if (mremap(area, 4 * page,\n             8 * page, 0)", "No room")
            .says(
                "Eight pages would run into the wall. Without leave to move, mremap fails with ENOMEM, and \
                nothing changes.",
            )
            .asks("Can the mapping grow to eight pages where it is?", &["Yes, over the wall", "No"], 1)
            .note("mremap never takes a neighbour's pages.")
            .man(&["mremap(2)"]),
    )?;
    play.refused(&Call::Mremap(start, 4 * page, 8 * page, false), "ENOMEM")?;
    let before = [0, 1].map(|n| play.page_of(Parent, plus(start, n * page)).and_then(|p| p.frame));

    play.step(
        at("char *moved = mremap(", "Move")
            .says(
                "With MREMAP_MAYMOVE the kernel looks for eight free pages elsewhere, and moves the mapping \
                there. It moves the entries of the page table, not the contents: the same two frames stand \
                behind the new addresses.",
            )
            .asks(
                "How many bytes of contents does the kernel copy to move two pages?",
                &["None", "2 bytes", "8,192 bytes"],
                0,
            )
            .note("realloc of a large block does this: a gigabyte moves without a byte being copied.")
            .man(&["mremap(2)", "realloc(3)"]),
    )?;
    let moved = Addr(play.call(&Call::Mremap(start, 4 * page, 8 * page, true))?);
    let after = [0, 1].map(|n| play.page_of(Parent, plus(moved, n * page)).and_then(|p| p.frame));
    play.must(moved != start, || "the mapping should have moved".to_owned())?;
    play.must(before == after, || "the frames should be the same".to_owned())?;
    play.expect_mappings(four, 0)?;

    play.step(
        at("printf(\"%c%c\\n\", moved[0]", "a and b are there")
            .says("At the new address: a, b. At the old one nothing is mapped any more, so every pointer into it \
                is wrong now.")
            .note("As with realloc: use the result, forget the argument."),
    )?;
    let (a, b) = (play.read(moved, 1)?, play.read(plus(moved, page), 1)?);
    play.must(a == b"a" && b == b"b", || format!("expected a and b, not {a:?} and {b:?}"))?;
    play.say("ab")?;

    play.step(
        at("if (mremap(moved, 8 * page", "Shrink")
            .says("mremap to one page gives the other seven back, and the frame with the b.")
            .note("Shrinking never moves anything.")
            .man(&["mremap(2)"]),
    )?;
    play.call(&Call::Mremap(moved, 8 * page, page, false))?;
    play.expect(moved, Private)?;
    play.expect_mappings(Range::from_len(plus(moved, page), 7 * page)?, 0)
}
