//! `dontneed`: frames go, the mapping stays.

use crate::lesson::play::{Call, Play, anonymous};
use crate::lesson::words::at;
use crate::lesson::{Lesson, Perform, everywhere};
use anyhow::Result;
use pagescope_shared::event::Advice;
use pagescope_shared::page::PageState::{Private, Untouched, ZeroPage};

pub(in crate::lesson) const LESSON: Lesson = Lesson {
    name: "dontneed",
    title: "Giving pages back, keeping addresses",
    line: "MADV_DONTNEED drops frames at once; MADV_FREE lets the kernel drop them when it likes.",
    source_name: "dontneed.c",
    source: include_str!("../../../lessons/dontneed.c"),
    needs: everywhere,
    perform: Perform::Apart(perform),
};

fn perform(play: &mut Play<'_>) -> Result<()> {
    let page = play.page();
    play.step(
        at(" mmap(", "Eight pages")
            .says("Eight private pages. They will all be written, and then the program will not need them for a \
                while.")
            .note("The question of this lesson: how to give memory back without losing the addresses.")
            .man(&["mmap(2)"]),
    )?;
    let area = play.mmap(anonymous(play.wish(), 8 * page))?;
    let pages = [0, 1, 2, 3, 4, 5, 6, 7].map(|n| play.nth(area, n));

    play.step(
        at("for (int i = 0", "All in use")
            .says("A letter goes into each page: eight frames.")
            .note("From here on it is about these eight frames."),
    )?;
    play.writes(pages.into_iter().zip(*b"abcdefgh"))?;
    play.expect_count(area, Private, 8)?;

    play.step(
        at("if (madvise(area, 4 * page", "MADV_DONTNEED")
            .says("The first four pages are not needed any more. The kernel takes their four frames at once. The \
                mapping stays as it is: still eight pages, four of them untouched.")
            .asks("What becomes of the mapping?", &["It loses four pages", "It stays as it is"], 1)
            .note("munmap would take the addresses, too, and anybody could get them.")
            .man(&["madvise(2)"]),
    )?;
    play.call(&Call::Madvise(area.start(), 4 * page, Advice::DontNeed))?;
    play.expect_mappings(area, 1)?;
    play.expect_count(area, Untouched, 4)?;

    play.step(
        at("printf(\"%d\\n\", area[0])", "What is there now")
            .says("Reading page 0 is allowed, and gives zero: the page begins anew. The a is gone for good.")
            .asks("Page 0 had an a. What is read there now?", &["a", "0", "Nothing: a signal comes"], 1)
            .note(
                "On some other systems MADV_DONTNEED is only a hint. On Linux it is an order, and destroys.",
            ),
    )?;
    let read = play.read(pages[0], 1)?;
    play.must(read == [0], || format!("page 0 should read as 0, not {read:?}"))?;
    play.expect(pages[0], ZeroPage)?;
    play.say("0")?;

    play.step(
        at("area[page] = 'B'", "Used again")
            .says("A write to page 1 brings a new frame, as a first touch always does.")
            .note(
                "Memory allocators give back and take again in this way, at the price of one fault a page.",
            ),
    )?;
    play.write(pages[1], b"B")?;
    play.expect(pages[1], Private)?;

    play.step(
        at("if (madvise(area + 4 * page", "MADV_FREE")
            .says("The other four pages are given up in a lazier way: the kernel may take them when memory runs \
                short, and until then they stay. Nothing changes that one could see now.")
            .note("It costs nearly nothing while memory is plentiful. RSS does not go down, which surprises \
                people.")
            .man(&["madvise(2)"]),
    )?;
    play.call(&Call::Madvise(pages[4], 4 * page, Advice::Free))?;
    play.expect_mappings(area, 1)?;

    play.step(
        at("area[4 * page] = 'E'", "Changed my mind")
            .says(
                "Whoever writes to such a page keeps it: page 4 is in use again, without a fault if it is \
                still there. Pages 5 to 7 may become zero at any moment.",
            )
            .note("So after MADV_FREE one must write before one reads."),
    )?;
    play.write(pages[4], b"E")?;
    play.expect(pages[4], Private)?;

    play.step(
        at("if (munmap(", "The end of it")
            .says("munmap gives everything back: the frames that are left, and the addresses.")
            .note("Three levels of letting go: when you like, now, and for good.")
            .man(&["munmap(2)"]),
    )?;
    play.call(&Call::Munmap(area.start(), 8 * page))?;
    play.expect_mappings(area, 0)
}
