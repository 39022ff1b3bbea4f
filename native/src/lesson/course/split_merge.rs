//! `split-merge`: one mapping becomes two, and two become one.

use crate::lesson::play::{Call, Play, READ_ONLY, READ_WRITE, anonymous};
use crate::lesson::words::at;
use crate::lesson::{Lesson, Perform, everywhere};
use anyhow::Result;
use pagescope_shared::page::PageState::{Private, Untouched, ZeroPage};

pub(in crate::lesson) const LESSON: Lesson = Lesson {
    name: "split-merge",
    title: "Mappings split and merge",
    line: "munmap in the middle makes two of one; like neighbours become one again.",
    source_name: "split-merge.c",
    source: include_str!("../../../lessons/split-merge.c"),
    needs: everywhere,
    perform: Perform::Apart(perform),
};

const PAGES: u64 = 5;

fn perform(play: &mut Play<'_>) -> Result<()> {
    let page = play.page();
    play.step(
        at("char *area = mmap(", "One mapping of five pages")
            .says("The kernel keeps a list of mappings: where each begins and ends, and what may be done there. \
                Five pages with the same rights are one entry of that list.")
            .note("The list is /proc/PID/maps. In the kernel an entry is called a VMA, virtual memory area.")
            .man(&["mmap(2)", "proc_pid_maps(5)"]),
    )?;
    let area = play.mmap(anonymous(play.wish(), PAGES * page))?;
    play.expect_mappings(area, 1)?;

    play.step(
        at("for (int i = 0", "Fill them")
            .says("Each page gets a digit, and so a frame. That changes pages, not the list of mappings.")
            .note("Mappings say what is allowed. Pages say what is there."),
    )?;
    let pages = [0, 1, 2, 3, 4].map(|n| play.nth(area, n));
    play.writes(pages.into_iter().zip(*b"01234"))?;
    play.expect_count(area, Private, PAGES)?;

    play.step(
        at("munmap(hole", "A hole in the middle")
            .says(
                "munmap takes page 2 away. What is left does not hang together any more: one mapping has \
                become two, with a hole between them.",
            )
            .asks("How many mappings are there now?", &["One, with a hole in it", "Two", "Four"], 1)
            .note(
                "munmap does not care what a mapping was when it was made. Any whole pages can be taken out.",
            )
            .man(&["munmap(2)"]),
    )?;
    let hole = play.nth(area, 2);
    play.call(&Call::Munmap(hole, page))?;
    play.expect_mappings(area, 2)?;
    play.expect_count(area, Private, 4)?;

    play.step(
        at("void *back = mmap(", "Fill the hole")
            .says("A new page is mapped exactly into the hole, with the same rights. The kernel sees that left, \
                middle and right are alike, and makes one mapping of the three.")
            .asks("How many mappings are there now?", &["One", "Two", "Three"], 0)
            .note("Without merging, a busy heap would soon be thousands of entries. There is a limit: \
                vm.max_map_count, 65,530 by default.")
            .man(&["mmap(2)"]),
    )?;
    let back = play.mmap(anonymous(hole, page))?;
    play.must(back.start() == hole, || format!("the page should be at {hole}, but is at {}", back.start()))?;
    play.expect_mappings(area, 1)?;
    play.expect(hole, Untouched)?;

    play.step(
        at("printf(\"page 2", "But not the old page")
            .says(
                "The mapping looks as before, but page 2 is a new one: it reads as zero. The old frame went \
                with munmap, and the digit with it.",
            )
            .note("Merging is about the list only. It never brings contents back."),
    )?;
    let read = play.read(hole, 1)?;
    play.must(read == [0], || format!("page 2 should read as 0, not {read:?}"))?;
    play.expect(hole, ZeroPage)?;
    play.say("page 2: 0")?;

    play.step(
        at("check(mprotect(area + page, page,\n                 PROT_READ)", "Different rights")
            .says("mprotect makes page 1 read-only. A mapping has the same rights everywhere, so the kernel has \
                to cut: before, page 1, after. Three mappings.")
            .asks("One page of five gets other rights. How many mappings?", &["One", "Two", "Three"], 2)
            .note("No page was touched: the same frames as before, other rights.")
            .man(&["mprotect(2)"]),
    )?;
    play.call(&Call::Mprotect(play.nth(area, 1), page, READ_ONLY))?;
    play.expect_mappings(area, 3)?;
    play.expect(play.nth(area, 1), Private)?;

    play.step(
        at("check(mprotect(area + page, page,\n                 rw)", "The same rights")
            .says("Page 1 may be written again. The three are alike, and merge into one.")
            .note("Guard pages in stacks and heaps are made like this, and each one costs two more mappings.")
            .man(&["mprotect(2)"]),
    )?;
    play.call(&Call::Mprotect(play.nth(area, 1), page, READ_WRITE))?;
    play.expect_mappings(area, 1)?;

    play.step(
        at("check(munmap(area, 5 * page)", "All of it")
            .says("One munmap over all five pages. It would take them just the same if they were three mappings \
                with holes between them: munmap goes by addresses.")
            .note("munmap of a range in which nothing is mapped is no error either.")
            .man(&["munmap(2)"]),
    )?;
    play.call(&Call::Munmap(area.start(), PAGES * page))?;
    play.expect_mappings(area, 0)
}
