//! `shared-memory`: two processes write to each other through one frame.

use crate::lesson::play::{Mmap, Play, anonymous, plus};
use crate::lesson::troupe::Who::{Child, Parent};
use crate::lesson::words::at;
use crate::lesson::{Lesson, Perform, everywhere};
use anyhow::Result;
use pagescope_shared::names::CallFlags;
use pagescope_shared::page::PageState::{CopyPending, Private};

pub(in crate::lesson) const LESSON: Lesson = Lesson {
    name: "shared-memory",
    title: "Two processes, one frame",
    line: "MAP_SHARED memory is the same memory on both sides of a fork.",
    source_name: "shared-memory.c",
    source: include_str!("../../../lessons/shared-memory.c"),
    needs: everywhere,
    perform: Perform::Apart(perform),
};

fn perform(play: &mut Play<'_>) -> Result<()> {
    let page = play.page();
    play.step(
        at("char *ours = map(", "Ours and mine")
            .says("Two pages without a file: the first one shared, the second one private. In one process there \
                is no difference that one could see.")
            .note("ours is MAP_SHARED, mine is MAP_PRIVATE. Everything else is the same.")
            .man(&["mmap(2)"]),
    )?;
    let shared = CallFlags::MAP_SHARED | CallFlags::MAP_ANONYMOUS;
    let ours = play.mmap(Mmap { flags: shared, ..anonymous(play.wish(), page) })?.start();
    let mine = play.mmap(anonymous(plus(play.wish(), 2 * page), page))?.start();

    play.step(
        at("strcpy(ours, \"empty\")", "Written once each")
            .says("Each of them gets a frame, and the word \"empty\".")
            .note(
                "Shared memory without a file belongs to a nameless file in memory. /proc/PID/maps calls it \
                /dev/zero (deleted).",
            ),
    )?;
    play.write(ours, b"empty\0")?;
    play.write(mine, b"empty\0")?;

    play.step(
        at("pid_t child = fork()", "fork")
            .says(
                "A second process begins with the same two mappings. Private memory waits for its copy, on \
                both sides. Shared memory does not: it will never be copied.",
            )
            .asks(
                "Which of the two pages will the parent and the child always share?",
                &["ours", "mine", "both"],
                0,
            )
            .note(
                "The child's page table has nothing for the shared page yet: it will find the frame at its \
                first touch.",
            )
            .man(&["fork(2)"]),
    )?;
    play.fork()?;
    play.expect_of(Parent, mine, CopyPending)?;

    play.turn_to(Child);
    play.step(
        at("strcpy(ours, \"hello, mother\")", "The child writes to ours")
            .says("The child's first touch faults, and finds the parent's frame. The words go straight into it.")
            .note("No copy and no system call: a write to memory, nothing else."),
    )?;
    play.write(ours, b"hello, mother\0")?;
    play.expect_frames((Parent, ours), (Child, ours), true)?;

    play.step(
        at("strcpy(mine, \"for nobody\")", "The child writes to mine")
            .says(
                "The private page is copied before it is written. These words are in the child's own frame, \
                and nobody else will ever see them.",
            )
            .note("Now ours is one frame for two processes, and mine is two."),
    )?;
    play.write(mine, b"for nobody\0")?;
    play.expect_frames((Parent, mine), (Child, mine), false)?;

    play.turn_to(Parent);
    play.step(
        at("printf(\"%s\\n\", ours)", "What the parent reads")
            .says("In ours the parent finds \"hello, mother\". In mine there still is \"empty\".")
            .asks("The parent reads both pages. What does it find?", &["empty, empty", "hello, mother and empty", "hello, mother and for nobody"], 1)
            .note("It is memory, not a message: nothing says when the words are there. Real programs need a lock \
                or a semaphore for that.")
            .man(&["sem_overview(7)"]),
    )?;
    let (first, second) = (play.read(ours, 14)?, play.read(mine, 6)?);
    play.must(first == b"hello, mother\0", || format!("ours should hold the child's words, not {first:?}"))?;
    play.must(second == b"empty\0", || format!("mine should hold empty, not {second:?}"))?;
    play.say("hello, mother")?;
    play.say("empty")?;

    play.step(
        at("strcpy(ours, \"hello, child\")", "And back")
            .says("The parent answers into the same frame, and the child can read it there.")
            .note("Browsers and databases pass data between processes in this way, at the speed of memory."),
    )?;
    play.write(ours, b"hello, child\0")?;
    play.turn_to(Child);
    let read = play.read(ours, 13)?;
    play.must(read == b"hello, child\0", || format!("the child should read the answer, not {read:?}"))?;

    play.turn_to(Parent);
    play.step(
        at("waitpid(", "The child ends")
            .says("Its private copy goes with it. The shared frame stays, since the parent still has it.")
            .note("Shared memory lives as long as somebody maps it. With a name (shm_open) it lives until it is \
                unlinked.")
            .man(&["waitpid(2)", "shm_overview(7)"]),
    )?;
    play.child_ends()?;
    play.expect(mine, Private)?;
    let read = play.read(ours, 13)?;
    play.must(read == b"hello, child\0", || format!("the frame should be as it was, not {read:?}"))?;
    play.say("hello, child")
}
