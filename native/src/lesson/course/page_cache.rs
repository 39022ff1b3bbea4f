//! `page-cache`: two shared mappings of one file, a private one, and the frame behind them.

use crate::lesson::play::{Call, Play, file, plus};
use crate::lesson::troupe::Who::Parent;
use crate::lesson::words::at;
use crate::lesson::{Lesson, Perform, everywhere};
use anyhow::Result;
use pagescope_shared::names::CallFlags;
use pagescope_shared::page::PageState::Private;

pub(in crate::lesson) const LESSON: Lesson = Lesson {
    name: "page-cache",
    title: "One file, three mappings, one frame",
    line: "All who map a file stand on the page cache's frames.",
    source_name: "page-cache.c",
    source: include_str!("../../../lessons/page-cache.c"),
    needs: everywhere,
    perform: Perform::Apart(perform),
};

fn perform(play: &mut Play<'_>) -> Result<()> {
    let page = play.page();
    play.step(
        at("int fd = open(", "A file of three letters")
            .says("A file that says \"one\". Its page lies in the page cache, in one frame of memory.")
            .note("The page cache: frames with what is in files. It takes all memory that nobody else needs.")
            .man(&["open(2)"]),
    )?;
    let paper = play.new_file()?;
    play.store(&paper, 0, b"one")?;
    play.sync_file(&paper)?;
    let wish = |play: &Play<'_>, n| plus(play.wish(), n * page);

    play.step(
        at("char *a = map(", "Map it, twice")
            .says("The same page of the same file is mapped at two addresses, both shared. To the process these \
                are two places.")
            .note("Two mappings in one process here. Two processes would do just the same.")
            .man(&["mmap(2)"]),
    )?;
    let a = play.mmap(file(wish(play, 0), page, paper.fd, CallFlags::MAP_SHARED))?;
    let b = play.mmap(file(wish(play, 2), page, paper.fd, CallFlags::MAP_SHARED))?;

    play.step(
        at("printf(\"%.3s %.3s\\n\", a, b)", "Read both")
            .says("Both say \"one\". Two pages of the address space, two faults, and behind both of them the one \
                frame of the page cache.")
            .asks("How many frames hold the file's page now?", &["One", "Two", "Three, with the cache's"], 0)
            .note("Compare the frame numbers in the picture."),
    )?;
    play.read(a.start(), 3)?;
    play.read(b.start(), 3)?;
    play.expect_frames((Parent, a.start()), (Parent, b.start()), true)?;
    play.say("one one")?;

    play.step(
        at("a[0] = 'O'", "Write here, read there")
            .says(
                "An O is written at the first address, and read at the second. Nothing was passed on: it is \
                the same byte of the same frame.",
            )
            .note("This is how programs share data by way of a file."),
    )?;
    play.write(a.start(), b"O")?;
    let read = play.read(b.start(), 3)?;
    play.must(read == b"One", || format!("the second mapping should say One, not {read:?}"))?;
    play.say("One")?;

    play.step(
        at("char *c = map(", "A private one beside them")
            .says("A third mapping of the page, private this time. As long as it is only read, it stands on the \
                same frame as the others.")
            .note("Every program on this machine has the C library mapped in this way, and its code is in memory \
                once.")
            .man(&["mmap(2)"]),
    )?;
    let c = play.mmap(file(wish(play, 4), page, paper.fd, CallFlags::MAP_PRIVATE))?;
    let read = play.read(c.start(), 3)?;
    play.must(read == b"One", || format!("the third mapping should say One, not {read:?}"))?;
    play.expect_frames((Parent, a.start()), (Parent, c.start()), true)?;
    play.say("One")?;

    play.step(
        at("c[1] = 'N'", "Write to the private one")
            .says(
                "Now it gets a copy in a frame of its own, and says \"ONe\". The two shared ones do not see \
                that.",
            )
            .asks("What do the shared mappings say now?", &["One", "ONe"], 0)
            .note("Shared: one frame for all. Private: one frame for all, until I write."),
    )?;
    play.write(plus(c.start(), 1), b"N")?;
    play.expect(c.start(), Private)?;
    play.expect_frames((Parent, a.start()), (Parent, c.start()), false)?;
    play.expect_frames((Parent, a.start()), (Parent, b.start()), true)?;
    let read = play.read(a.start(), 3)?;
    play.must(read == b"One", || format!("the first mapping should say One, not {read:?}"))?;
    let read = play.read(c.start(), 3)?;
    play.must(read == b"ONe", || format!("the third mapping should say ONe, not {read:?}"))?;
    play.say("One ONe")?;

    let cached = play.page_of(Parent, a.start()).and_then(|page| page.frame);
    play.step(
        at("munmap(a, page)", "All of them go")
            .says("The three mappings are taken away. The private copy is lost with its frame. The file's frame \
                stays in the page cache, though nobody maps it.")
            .note("Memory full of page cache is not memory in need: the kernel takes it back at once when \
                somebody asks.")
            .man(&["munmap(2)"]),
    )?;
    for gone in [a, b, c] {
        play.call(&Call::Munmap(gone.start(), page))?;
    }

    play.step(
        at("a = map(fd, 0", "And it is still there")
            .says("Mapped once more, the file says \"One\", from the very same frame as before. The disk was not \
                asked.")
            .asks("The file is mapped again. Must the disk be read?", &["Yes", "No"], 1)
            .note("This is why the second start of a program is so much faster than the first."),
    )?;
    let again = play.mmap(file(wish(play, 0), page, paper.fd, CallFlags::MAP_SHARED))?;
    let read = play.read(again.start(), 3)?;
    play.must(read == b"One", || format!("the file should say One, not {read:?}"))?;
    let now = play.page_of(Parent, again.start()).and_then(|page| page.frame);
    play.must(cached == now, || "it should be the page cache's frame of before".to_owned())?;
    play.say("One")
}
