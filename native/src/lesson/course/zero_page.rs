//! `zero-page`: memory that is read before it is written.

use crate::lesson::play::{Call, Play, anonymous};
use crate::lesson::troupe::Who::Parent;
use crate::lesson::words::at;
use crate::lesson::{Lesson, Perform, everywhere};
use anyhow::Result;
use pagescope_shared::page::PageState::{Private, Untouched, ZeroPage};

pub(in crate::lesson) const LESSON: Lesson = Lesson {
    name: "zero-page",
    title: "Reading what nobody wrote",
    line: "Pages that are read before they are written share one frame full of zeroes.",
    source_name: "zero-page.c",
    source: include_str!("../../../lessons/zero-page.c"),
    needs: everywhere,
    perform: Perform::Apart(perform),
};

const PAGES: u64 = 8;

fn perform(play: &mut Play<'_>) -> Result<()> {
    let page = play.page();
    play.step(
        at(" mmap(", "Eight fresh pages")
            .says(
                "Eight pages, none of them touched. The standard promises that they read as zero. No zeroes \
                have been written anywhere yet.",
            )
            .note("If you have just seen demand-paging: the same beginning, but now we read first.")
            .man(&["mmap(2)"]),
    )?;
    let area = play.mmap(anonymous(play.wish(), PAGES * page))?;
    play.expect_count(area, Untouched, PAGES)?;

    play.step(
        at("int sum = area[0]", "Read the first one")
            .says(
                "Reading faults too, since nothing is there. But a page of zeroes need not be made: the kernel has one \
                 already, the zero page, and puts that one behind ours. It may be read, and not written.",
            )
            .asks("What does the kernel put behind a page that is only read?", &["A new frame, cleared", "Nothing at all", "A frame that exists already"], 2)
            .note("There is one such frame in the whole machine. All processes read their zeroes there."),
    )?;
    let first = play.read(area.start(), 1)?;
    play.must(first == [0], || format!("a fresh page should read as 0, not {first:?}"))?;
    play.expect(area.start(), ZeroPage)?;

    play.step(
        at("for (int i = 1", "Read the other seven")
            .says("Seven more faults, and all eight pages stand on the very same frame. Reading a fresh gigabyte \
                would take no more memory than this.")
            .asks("How many frames stand behind the eight pages now?", &["0", "1", "8"], 1)
            .note("The number of the frame in the picture is the same for all of them."),
    )?;
    let others: Vec<_> = (1..PAGES).map(|n| play.nth(area, n)).collect();
    play.reads(others)?;
    play.expect_count(area, ZeroPage, PAGES)?;
    play.expect_frames((Parent, area.start()), (Parent, play.nth(area, 7)), true)?;

    play.step(
        at("area[3 * page] = 'X'", "Write to one of them")
            .says(
                "The zero page belongs to everybody, so it must not change. The write faults once more, and now page 3 gets \
                 a frame of its own. The other seven stay as they are.",
            )
            .note("Reading first and writing later costs two faults for the page instead of one.")
            .man(&["mmap(2)"]),
    )?;
    play.write(play.nth(area, 3), b"X")?;
    play.expect(play.nth(area, 3), Private)?;
    play.expect_count(area, ZeroPage, PAGES - 1)?;
    play.expect_frames((Parent, play.nth(area, 3)), (Parent, area.start()), false)?;

    play.step(
        at("sum += area[4 * page]", "The neighbour is still zero")
            .says("Page 4 still reads as zero, without a fault: it is still the zero page. Nothing that we wrote \
                has reached it.")
            .note("It is the smallest case of copy-on-write: share as long as nobody writes. cow-fork shows the \
                large one."),
    )?;
    let fourth = play.read(play.nth(area, 4), 1)?;
    play.must(fourth == [0], || format!("page 4 should read as 0, not {fourth:?}"))?;
    play.say("0")?;

    play.step(
        at("munmap(", "Give it back")
            .says(
                "One frame goes back to the kernel: that of page 3. The zero page was never ours, and stays.",
            )
            .note("This is why RSS does not count the zero page.")
            .man(&["munmap(2)"]),
    )?;
    play.call(&Call::Munmap(area.start(), PAGES * page))?;
    play.expect_mappings(area, 0)
}
