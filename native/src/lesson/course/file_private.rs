//! `file-private`: a file as memory, written without changing it.

use crate::lesson::play::{Call, Play, file, plus};
use crate::lesson::troupe::Who::Parent;
use crate::lesson::words::at;
use crate::lesson::{Lesson, Perform, everywhere};
use anyhow::Result;
use pagescope_shared::names::CallFlags;
use pagescope_shared::page::PageState::{FileClean, Private, Untouched};

pub(in crate::lesson) const LESSON: Lesson = Lesson {
    name: "file-private",
    title: "A file as memory, kept to oneself",
    line: "MAP_PRIVATE: reading shows the file, writing makes a copy that the file never sees.",
    source_name: "file-private.c",
    source: include_str!("../../../lessons/file-private.c"),
    needs: everywhere,
    perform: Perform::Apart(perform),
};

fn perform(play: &mut Play<'_>) -> Result<()> {
    let page = play.page();
    play.step(
        at("int fd = open(", "A letter of two pages")
            .says("A file with \"Dear Ann\" on its first page and \"Yours, Bo\" on its second. The kernel keeps \
                the pages of files that are in use in frames of its own: the page cache.")
            .note("write and read copy bytes between a program and the page cache. Now we do without the copying.")
            .man(&["open(2)", "pwrite(2)"]),
    )?;
    let paper = play.new_file()?;
    play.store(&paper, 0, b"Dear Ann")?;
    play.store(&paper, page, b"Yours, Bo")?;
    play.sync_file(&paper)?;

    play.step(
        at(" mmap(", "Map it, private")
            .says(
                "mmap lays the two pages of the file into our address space. Nothing is read: both pages are \
                untouched.",
            )
            .note(
                "MAP_PRIVATE means that our writes are ours. Programs and libraries are mapped in this way \
                when they start.",
            )
            .man(&["mmap(2)"]),
    )?;
    let area = play.mmap(file(play.wish(), 2 * page, paper.fd, CallFlags::MAP_PRIVATE))?;
    play.expect_count(area, Untouched, 2)?;
    let (first, second) = (play.nth(area, 0), play.nth(area, 1));

    play.step(
        at("printf(\"%.8s", "Read it")
            .says(
                "The read faults, and the kernel puts the frame of the page cache itself behind the page. No \
                byte is copied.",
            )
            .asks(
                "Whose frame stands behind the page now?",
                &["One of our own, with a copy", "The page cache's own frame"],
                1,
            )
            .note("If the file were not in the cache, this fault would wait for the disk: a major fault.")
            .man(&["mmap(2)"]),
    )?;
    let read = play.read(first, 8)?;
    play.must(read == b"Dear Ann", || format!("the page should show the file, not {read:?}"))?;
    play.expect(first, FileClean)?;
    play.say("Dear Ann")?;

    // The kernel is free to do so, or not.
    let along = play.page_of(Parent, second).is_some_and(|page| page.state == FileClean);
    let along =
        if along { " (The second page came along when the first was read: fault-around.)" } else { "" };
    play.step(
        at("letter[5] = 'E'", "Write to it")
            .says(format!(
                "The frame belongs to the file, so a private mapping must not change it. The write faults, the \
                kernel copies the page into a new frame, and from now on that one is behind our page.{along}"
            ))
            .note("Copy-on-write again: the same thing as after fork, with the page cache as the other owner."),
    )?;
    let cached = play.page_of(Parent, first).and_then(|page| page.frame);
    play.write(plus(first, 5), b"E")?;
    play.expect(first, Private)?;
    let own = play.page_of(Parent, first).and_then(|page| page.frame);
    play.must(own.is_none() || own != cached, || "the copy should have a frame of its own".to_owned())?;

    play.step(
        at("pread(", "What the file says")
            .says("Read the file in the ordinary way: it still says \"Dear Ann\". Our memory says \"Dear Enn\". \
                The two have parted, and nothing will bring them together again.")
            .asks("We wrote through the mapping. What does the file say?", &["Dear Ann", "Dear Enn"], 0)
            .note("A debugger sets breakpoints in a program in this way, and the file on disk stays whole.")
            .man(&["pread(2)"]),
    )?;
    let held = play.load(&paper, 0, 8)?;
    play.must(held == b"Dear Ann", || format!("the file should hold Dear Ann, not {held:?}"))?;
    let ours = play.read(first, 8)?;
    play.must(ours == b"Dear Enn", || format!("the page should hold Dear Enn, not {ours:?}"))?;
    play.say("Dear Ann, Dear Enn")?;

    play.step(
        at("pwrite(fd, \"Cy", "Somebody changes the file")
            .says(
                "Somebody signs the letter with another name, by writing to the file. Our second page shows \
                it: it still is the page cache's frame. Only a page that we have written is cut off from the \
                file.",
            )
            .asks("The file's second page changes. Do we see it?", &["Yes", "No"], 0)
            .note(
                "POSIX leaves this open; Linux shows it. Never rely on a private mapping as a snapshot of a \
                file.",
            )
            .man(&["mmap(2)"]),
    )?;
    play.store(&paper, page + 7, b"Cy")?;
    let seen = play.read(second, 9)?;
    play.must(seen == b"Yours, Cy", || format!("the second page should show the change, not {seen:?}"))?;
    play.expect(second, FileClean)?;
    play.say("Yours, Cy")?;

    play.step(
        at("munmap(", "Let go of it")
            .says("The mapping goes, and our \"Dear Enn\" with it: it was never stored anywhere. The file's own \
                pages stay in the page cache.")
            .note("To store what one writes, map with MAP_SHARED: that is the lesson file-shared.")
            .man(&["munmap(2)"]),
    )?;
    play.call(&Call::Munmap(area.start(), 2 * page))?;
    play.expect_mappings(area, 0)
}
