//! `cow-fork`: two processes, one set of frames, until somebody writes.

use crate::lesson::play::{Play, anonymous};
use crate::lesson::troupe::Who::{Child, Parent};
use crate::lesson::words::at;
use crate::lesson::{Lesson, Perform, everywhere};
use anyhow::Result;
use pagescope_shared::page::PageState::{CopyPending, Private};

pub(in crate::lesson) const LESSON: Lesson = Lesson {
    name: "cow-fork",
    title: "fork copies nothing, at first",
    line: "Parent and child stand on the same frames until one of them writes.",
    source_name: "cow-fork.c",
    source: include_str!("../../../lessons/cow-fork.c"),
    needs: everywhere,
    perform: Perform::Apart(perform),
};

const PAGES: u64 = 4;

fn perform(play: &mut Play<'_>) -> Result<()> {
    let page = play.page();
    play.step(
        at(" mmap(", "Four pages")
            .says("One process, four private pages. Private means: what I write, nobody else sees.")
            .note("MAP_PRIVATE is the default of all ordinary memory: heap, stack, global variables.")
            .man(&["mmap(2)"]),
    )?;
    let area = play.mmap(anonymous(play.wish(), PAGES * page))?;

    play.step(
        at("for (int i = 0", "A, B, C, D")
            .says("A letter goes into each page. Four faults, four frames, all of them this process's alone.")
            .note("Remember the four frame numbers: they come back in a moment."),
    )?;
    let pages = [0, 1, 2, 3].map(|n| play.nth(area, n));
    play.writes(pages.into_iter().zip(*b"ABCD"))?;
    play.expect_count(area, Private, PAGES)?;

    play.step(
        at("pid_t child = fork()", "fork")
            .says(
                "fork makes a second process with the same memory. But no page is copied: only the page tables are. Both \
                 processes stand on the same four frames, and the kernel takes the right to write from both of them.",
            )
            .asks("The process has four pages. How many does fork copy?", &["None", "One", "Four"], 0)
            .note("Hatched: copy on write is pending. Whoever writes first will pay for the copy.")
            .man(&["fork(2)"]),
    )?;
    play.fork()?;
    for addr in pages {
        play.expect_of(Parent, addr, CopyPending)?;
        play.expect_of(Child, addr, CopyPending)?;
        play.expect_frames((Parent, addr), (Child, addr), true)?;
    }

    play.turn_to(Child);
    play.step(
        at("char first = area[0]", "The child reads")
            .says(
                "The child reads the A. Reading is allowed: no fault, no copy. Two processes can read one \
                frame for ever.",
            )
            .note("The same virtual address in two processes: here it means the same frame."),
    )?;
    let read = play.read(pages[0], 1)?;
    play.must(read == b"A", || format!("the child should read A, not {read:?}"))?;
    play.expect_frames((Parent, pages[0]), (Child, pages[0]), true)?;

    play.step(
        at("area[1 * page] = 'b'", "The child writes")
            .says(
                "Writing is not allowed any more, so it faults. The kernel sees why, takes a new frame, copies all of the \
                 page into it, and gives it to the child. Then the byte is written.",
            )
            .asks("The child writes one byte. How much is copied?", &["1 byte", "1 page", "4 pages"], 1)
            .note("Now the same address leads to two different frames. That is what an address space is.")
            .man(&["fork(2)"]),
    )?;
    play.write(pages[1], b"b")?;
    play.expect(pages[1], Private)?;
    play.expect_frames((Parent, pages[1]), (Child, pages[1]), false)?;

    play.turn_to(Parent);
    play.step(
        at("putchar(area[1 * page])", "The parent still has its B")
            .says("The parent reads B at the very address where the child has just written b. Its own frame has \
                not changed.")
            .note("Private: each sees what he has written, and nobody else's."),
    )?;
    let read = play.read(pages[1], 1)?;
    play.must(read == b"B", || format!("the parent should read B, not {read:?}"))?;

    play.step(
        at("area[1 * page] = 'p'", "Nobody left to share with")
            .says(
                "The parent writes to page 1. It faults, but the child has its own copy already, and nobody \
                shares the old frame: the kernel gives the right to write back, and copies nothing.",
            )
            .asks("Does this write need a copy?", &["Yes", "No"], 1)
            .note("The last one who has a frame keeps it."),
    )?;
    let frame = |play: &Play<'_>, who, addr| play.page_of(who, addr).and_then(|page| page.frame);
    let before = frame(play, Parent, pages[1]);
    play.write(pages[1], b"p")?;
    play.expect(pages[1], Private)?;
    play.must(before == frame(play, Parent, pages[1]), || "the frame should be the one before".to_owned())?;

    play.step(
        at("area[2 * page] = 'q'", "The parent writes first")
            .says(
                "Page 2 is still shared. This time the parent writes, and the parent gets the new frame; the \
                child keeps the old one. It makes no difference who is the parent.",
            )
            .note("Look at the frame numbers: the original is with the child now."),
    )?;
    let original = frame(play, Parent, pages[2]);
    play.write(pages[2], b"q")?;
    play.expect_frames((Parent, pages[2]), (Child, pages[2]), false)?;
    play.must(original == frame(play, Child, pages[2]), || "the child should have the old frame".to_owned())?;

    play.step(
        at("waitpid(", "The child ends")
            .says(
                "With the child its page tables and its two own frames go. Pages 0 and 3 were shared up to \
                now, and never copied; the parent has them for itself again.",
            )
            .note(
                "Most children of fork call exec at once. With copy-on-write that costs them almost nothing.",
            )
            .man(&["waitpid(2)", "execve(2)"]),
    )?;
    play.child_ends()?;
    for addr in pages {
        play.expect(addr, Private)?;
    }

    play.step(
        at("area[3 * page] = 'r'", "Two copies in all")
            .says("The last write needs no copy. Of four pages two were copied: those that somebody wrote while \
                both had them. fork pays for writes, not for size.")
            .note("A process of 10 GB forks in milliseconds, for the page tables alone."),
    )?;
    play.write(pages[3], b"r")?;
    play.expect(pages[3], Private)?;
    play.say("B")
}
