//! `demand-paging`: a large mapping, touched page by page.

use crate::lesson::play::{Call, Play, anonymous, plus};
use crate::lesson::words::at;
use crate::lesson::{Lesson, Perform, everywhere};
use anyhow::Result;
use pagescope_shared::format::grouped;
use pagescope_shared::page::PageState::{Private, Untouched};

pub(in crate::lesson) const LESSON: Lesson = Lesson {
    name: "demand-paging",
    title: "Memory comes when it is touched",
    line: "A large mapping costs nothing; each page gets its frame at the first touch.",
    source_name: "demand-paging.c",
    source: include_str!("../../../lessons/demand-paging.c"),
    needs: everywhere,
    perform: Perform::Apart(perform),
};

const PAGES: u64 = 64;

fn perform(play: &mut Play<'_>) -> Result<()> {
    let page = play.page();
    let size = grouped(page);
    play.step(
        at("sysconf(", "Pages")
            .says(format!(
                "A process sees its memory as pages of {size} bytes. Real memory is cut into frames of the same size. \
                 A page is of use only when a frame stands behind it, and the kernel decides when that is."
            ))
            .note("Page: an address range of the process. Frame: a piece of the machine's memory. Keep the two \
                words apart from here on.")
            .man(&["sysconf(3)"]),
    )?;

    play.step(
        at(" mmap(", "Ask for 64 pages")
            .says(format!(
                "mmap reserves 64 pages, {} bytes. The kernel writes down that these addresses are ours, and does nothing \
                 more: every page is untouched, and no frame has been used.",
                grouped(PAGES * page)
            ))
            .asks("How much of the machine's memory does this take?", &["All 64 frames", "One frame", "No frame"], 2)
            .note("The call takes the same short time for 64 pages as for 64 million.")
            .man(&["mmap(2)"]),
    )?;
    let area = play.mmap(anonymous(play.wish(), PAGES * page))?;
    play.expect_count(area, Untouched, PAGES)?;

    play.step(
        at("area[0] = 'A'", "The first touch")
            .says(
                "Writing one byte stops the processor: there is nothing behind the page. This is a page fault. The \
                 kernel finds a free frame, fills it with zeroes, puts it behind this one page, and the write goes on.",
            )
            .note("The program notices nothing but a delay of about a microsecond.")
            .man(&["mmap(2)"]),
    )?;
    play.write(area.start(), b"A")?;
    play.expect(area.start(), Private)?;
    play.expect_count(area, Untouched, PAGES - 1)?;

    play.step(
        at("area[1] = 'B'", "The second touch")
            .says("The next byte is on the same page. The frame is there: no fault, the kernel is not even asked.")
            .asks("Does the byte beside it fault too?", &["Yes", "No"], 1)
            .note("A fault is paid once a page, not once a byte. That is why walking through memory in order is \
                cheap."),
    )?;
    play.write(plus(area.start(), 1), b"B")?;
    play.expect_count(area, Untouched, PAGES - 1)?;

    play.step(
        at("area[40 * page]", "Far away")
            .says(
                "Page 40 is touched before pages 1 to 39. Only page 40 gets a frame: the order of touching is up to the \
                 program, and holes cost nothing.",
            )
            .asks("How many frames does the mapping have after this?", &["2", "41", "64"], 0)
            .note("Arrays that are mostly empty, hash tables, stacks: all of them live on this."),
    )?;
    play.write(play.nth(area, 40), b"C")?;
    play.expect_count(area, Private, 2)?;

    play.step(
        at("for (int i = 8", "Sixteen in a row")
            .says("The loop writes one byte to each of sixteen pages. Sixteen faults, sixteen frames, one after \
                the other.")
            .note("Watch the frames' numbers in the picture: neighbours in the address space need not be \
                neighbours in memory."),
    )?;
    let sixteen: Vec<_> = (8..24).map(|n| (play.nth(area, n), b'D')).collect();
    play.writes(sixteen)?;
    play.expect_count(area, Private, 18)?;

    play.step(
        at("printf(", "18 of 64")
            .says(format!(
                "The process has asked for {} bytes, and uses {}: 18 frames. Tools call the first number VSZ (virtual \
                 size) and the second RSS (resident set size). Only the second one is memory.",
                grouped(PAGES * page),
                grouped(18 * page)
            ))
            .note("A program whose VSZ is huge is not a program that uses much memory.")
            .man(&["ps(1)", "proc_pid_status(5)"]),
    )?;
    let seen = play.read(area.start(), 2)?;
    play.must(seen == b"AB", || format!("the page should hold AB, but holds {seen:?}"))?;
    play.say("AB")?;

    play.step(
        at("munmap(", "Give it all back")
            .says("munmap takes the addresses back, and the 18 frames with them. The 46 pages that were never \
                touched had nothing to give back.")
            .note("Until munmap, or the end of the process, a touched page stays: nobody takes it away for being \
                unused.")
            .man(&["munmap(2)"]),
    )?;
    play.call(&Call::Munmap(area.start(), PAGES * page))?;
    play.expect_mappings(area, 0)
}
