//! `huge-pages`: transparent huge pages by madvise(2).

use crate::lesson::play::{Call, Play, anonymous, plus};
use crate::lesson::words::at;
use crate::lesson::{Lesson, Perform};
use anyhow::{Result, bail};
use pagescope_shared::addr::Range;
use pagescope_shared::event::Advice;
use pagescope_shared::page::PageState::{Private, Untouched};

pub(in crate::lesson) const LESSON: Lesson = Lesson {
    name: "huge-pages",
    title: "512 pages at once",
    line: "A huge page: one fault, one entry, 2 MiB.",
    source_name: "huge-pages.c",
    source: include_str!("../../../lessons/huge-pages.c"),
    needs,
    perform: Perform::Apart(perform),
};

const HUGE: u64 = 512;

fn needs() -> Result<(), String> {
    let read = |name: &str| {
        let path = format!("/sys/kernel/mm/transparent_hugepage/{name}");
        std::fs::read_to_string(&path).map_err(|_| "this kernel has no transparent huge pages".to_owned())
    };
    if read("enabled")?.contains("[never]") {
        return Err("transparent huge pages are switched off (/sys/kernel/mm/transparent_hugepage/enabled)"
            .to_owned());
    }
    match read("hpage_pmd_size")?.trim() {
        "2097152" => Ok(()),
        other => Err(format!("its huge pages are of {other} bytes, and the lesson is about 2 MiB")),
    }
}

fn perform(play: &mut Play<'_>) -> Result<()> {
    let page = play.page();
    let huge = HUGE * page;
    play.step(
        at(" mmap(", "Four megabytes")
            .says("1,024 pages that nobody has touched, beginning at a multiple of 2 MiB. Page by page they \
                would take 1,024 faults and 1,024 entries in the page table.")
            .note("The processor remembers translations in the TLB, and that has room for some hundred entries.")
            .man(&["mmap(2)"]),
    )?;
    let area = play.mmap(anonymous(play.wish(), 2 * huge))?;
    let [first, second] = [0, 1].map(|n| plus(area.start(), n * huge));

    play.step(
        at("if (madvise(area, 2 * huge", "Huge pages are welcome")
            .says(
                "madvise tells the kernel that we would like large pieces here. Nothing happens yet: it is a \
                word about later.",
            )
            .note("On many systems this is needed: /sys/kernel/mm/transparent_hugepage/enabled says madvise.")
            .man(&["madvise(2)"]),
    )?;
    play.call(&Call::Madvise(area.start(), 2 * huge, Advice::HugePage))?;
    play.expect_count(area, Untouched, 2 * HUGE)?;

    play.step(
        at("area[0] = 'a'", "One byte")
            .says("One byte is written: one fault. The kernel finds 2 MiB of memory in one piece, clears it, and \
                puts all of it behind 512 pages, with a single entry in the page table.")
            .asks("One byte is written. How many pages come?", &["1", "16", "512"], 2)
            .note("Fast for who uses all of it. Whoever writes one byte here and there pays with memory."),
    )?;
    play.write(first, b"a")?;
    let block = |at| Range::from_len(at, huge);
    if !play.is_huge(first) {
        bail!("the kernel had no huge page to give: memory is in small pieces just now, try again later");
    }
    play.expect_count(block(first)?, Private, HUGE)?;
    play.expect_count(block(second)?, Untouched, HUGE)?;

    play.step(
        at("area[300 * page] = 'b'", "300 pages further")
            .says("Page 300 is there already. No fault.")
            .asks("Does this write fault?", &["Yes", "No"], 1)
            .note("512 faults have become one."),
    )?;
    play.write(plus(first, 300 * page), b"b")?;

    play.step(
        at("area[huge + 5] = 'c'", "The second block")
            .says("The next 2 MiB are a block of their own: one more fault, one more huge page.")
            .note(
                "Its frames follow one another without a gap: that is what makes it one page for the \
                processor.",
            ),
    )?;
    play.write(plus(second, 5), b"c")?;
    play.must(play.is_huge(second), || "the kernel had no second huge page to give".to_owned())?;

    play.step(
        at("if (munmap(area + 100 * page, page)", "A hole in it")
            .says("One small page is unmapped in the middle of the first block. One entry for 2 MiB cannot have \
                a hole, so the kernel splits it: 511 ordinary pages with ordinary entries. The frames stay where \
                they are.")
            .asks("What becomes of the rest of the huge page?", &["It goes, too", "It becomes 511 small pages"], 1)
            .note("The second block is still huge.")
            .man(&["munmap(2)"]),
    )?;
    play.call(&Call::Munmap(plus(first, 100 * page), page))?;
    play.must(!play.is_huge(first) && play.is_huge(second), || "only the first should be split".to_owned())?;
    play.expect_count(block(first)?, Private, HUGE - 1)?;

    play.step(
        at("if (munmap(area, 2 * huge)", "Give it all back")
            .says("munmap of everything, hole or not: 511 small pages and one huge one.")
            .note("Nothing in this program knows about huge pages but one line. That is what transparent means.")
            .man(&["munmap(2)"]),
    )?;
    play.call(&Call::Munmap(area.start(), 2 * huge))?;
    play.expect_mappings(area, 0)
}
