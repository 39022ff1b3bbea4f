//! `file-shared`: a file as memory, written for everybody to see.

use crate::lesson::play::{Call, Play, file, plus};
use crate::lesson::troupe::Who::Parent;
use crate::lesson::words::at;
use crate::lesson::{Lesson, Perform, everywhere};
use anyhow::Result;
use pagescope_shared::names::CallFlags;
use pagescope_shared::page::PageState::{FileClean, FileDirty, Untouched};

pub(in crate::lesson) const LESSON: Lesson = Lesson {
    name: "file-shared",
    title: "A file as memory, for everybody",
    line: "MAP_SHARED: what is written to memory is the file.",
    source_name: "file-shared.c",
    source: include_str!("../../../lessons/file-shared.c"),
    needs: everywhere,
    perform: Perform::Apart(perform),
};

fn perform(play: &mut Play<'_>) -> Result<()> {
    let page = play.page();
    play.step(
        at("int fd = open(", "A letter")
            .says(
                "A file that begins with \"Dear Ann\", stored on the disk. The kernel keeps its page in the \
                page cache.",
            )
            .note(
                "The same letter as in file-private. Only one word of the program is different: MAP_SHARED.",
            )
            .man(&["open(2)", "fsync(2)"]),
    )?;
    let paper = play.new_file()?;
    play.store(&paper, 0, b"Dear Ann")?;
    play.sync_file(&paper)?;

    play.step(
        at(" mmap(", "Map it, shared")
            .says("The page of the file is laid into our address space, as before. MAP_SHARED says: what I write \
                here is meant for the file, and for everybody else who has it.")
            .note("Nothing is there yet. The first touch brings the page cache's frame.")
            .man(&["mmap(2)"]),
    )?;
    let area = play.mmap(file(play.wish(), page, paper.fd, CallFlags::MAP_SHARED))?;
    let start = area.start();
    play.expect(start, Untouched)?;

    play.step(
        at("printf(\"%.8s", "Read it")
            .says("The page cache's own frame is put behind our page, for reading only. It is clean: memory and \
                disk say the same.")
            .note("Reading through a mapping needs no system call and no copy."),
    )?;
    let read = play.read(start, 8)?;
    play.must(read == b"Dear Ann", || format!("the page should show the file, not {read:?}"))?;
    play.expect(start, FileClean)?;
    play.say("Dear Ann")?;

    let cached = play.page_of(Parent, start).and_then(|page| page.frame);
    play.step(
        at("letter[5] = 'E'", "Write to it")
            .says(
                "The write faults, because the kernel wants to know of it: it notes that the page is dirty, \
                and lets the write through. No copy: it is the file's own frame that changes.",
            )
            .asks(
                "Does the page get another frame, as in a private mapping?",
                &["Yes, a copy", "No, it keeps the file's"],
                1,
            )
            .note("Dirty: newer than the disk. The kernel stores dirty pages by itself after some seconds."),
    )?;
    play.write(plus(start, 5), b"E")?;
    play.expect(start, FileDirty)?;
    let now = play.page_of(Parent, start).and_then(|page| page.frame);
    play.must(cached == now, || "the write should not have changed the frame".to_owned())?;

    play.step(
        at("if (pread(", "What the file says")
            .says("Anybody who reads the file now, in whatever way, reads \"Dear Enn\". Nothing was stored yet: \
                read takes it from the same frame.")
            .asks("Nothing has been stored yet. What does read(2) say?", &["Dear Ann", "Dear Enn"], 1)
            .note("The page cache is the file, as far as programs can see. The disk is only where it sleeps.")
            .man(&["pread(2)"]),
    )?;
    let held = play.load(&paper, 0, 8)?;
    play.must(held == b"Dear Enn", || format!("the file should say Dear Enn, not {held:?}"))?;
    play.say("Dear Enn")?;

    play.step(
        at("if (msync(", "Store it")
            .says("msync with MS_SYNC waits until the dirty page is on the disk. Then the page is clean again, \
                and may be read only, so that the next write is noticed.")
            .note("Without msync a crash of the machine may lose the last seconds. A crash of the program loses \
                nothing.")
            .man(&["msync(2)"]),
    )?;
    play.call(&Call::Msync(start, page))?;
    play.expect(start, FileClean)?;

    play.step(
        at("if (munmap(", "Let go of it")
            .says("The mapping goes. The frame stays in the page cache, for the next one who wants the file.")
            .note("munmap does not store anything either, and need not.")
            .man(&["munmap(2)"]),
    )?;
    play.call(&Call::Munmap(start, page))?;
    play.expect_mappings(area, 0)?;

    play.step(
        at("return unlink(", "It is in the file")
            .says("The mapping is gone, and the file says \"Dear Enn\". The program has changed a file without \
                ever calling write.")
            .note("Databases and editors work on files in this way. Do not map past the end of a file: touching \
                a page that is not in it brings SIGBUS."),
    )?;
    let held = play.load(&paper, 0, 8)?;
    play.must(held == b"Dear Enn", || format!("the file should say Dear Enn, not {held:?}"))?;
    play.say("Dear Enn")
}
