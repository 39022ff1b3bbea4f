//! `use-after-munmap`: use after munmap, noticed and unnoticed.

use crate::lesson::play::{Call, Play, anonymous};
use crate::lesson::troupe::Who::Parent;
use crate::lesson::words::at;
use crate::lesson::{Lesson, Perform, everywhere};
use anyhow::Result;
use pagescope_shared::event::FaultAccess;

pub(in crate::lesson) const LESSON: Lesson = Lesson {
    name: "use-after-munmap",
    title: "A pointer that outlives its memory",
    line: "First a segmentation fault; then, when somebody else has the address, silent damage.",
    source_name: "use-after-munmap.c",
    source: include_str!("../../../lessons/use-after-munmap.c"),
    needs: everywhere,
    perform: Perform::Apart(perform),
};

fn perform(play: &mut Play<'_>) -> Result<()> {
    let page = play.page();
    play.step(
        at("char *old = map()", "A page and a pointer")
            .says("A page, and a pointer to it. A pointer is only a number: the address of the page.")
            .note("The pointer will stay the same through all of this. What stands behind the address will not.")
            .man(&["mmap(2)"]),
    )?;
    let area = play.mmap(anonymous(play.wish(), page))?;
    let old = area.start();

    play.step(
        at("strcpy(old, \"my letter\")", "My letter")
            .says("Something that belongs to this pointer.")
            .note("One fault, one frame."),
    )?;
    play.write(old, b"my letter\0")?;
    let first = play.page_of(Parent, old).and_then(|page| page.frame);

    play.step(
        at("munmap(old", "The page goes")
            .says(
                "munmap takes the page, and the frame with the letter. The pointer is not asked: it still \
                holds the same number.",
            )
            .note("A dangling pointer. Setting it to NULL would have been wise.")
            .man(&["munmap(2)"]),
    )?;
    play.call(&Call::Munmap(old, page))?;
    play.expect_mappings(area, 0)?;

    play.step(
        at("if (sigsetjmp(back, 1) == 0)", "Use after munmap")
            .says(format!(
                "Reading through the pointer touches {old}, where nothing is mapped. The kernel has \
                nothing to put there, and sends SIGSEGV: no mapping, SEGV_MAPERR."
            ))
            .asks(
                "The pointer still has its address. What does reading it give?",
                &["my letter", "0", "A segmentation fault"],
                2,
            )
            .note("This is the good case: the mistake is noticed, at once, at the place where it is made.")
            .man(&["signal(7)", "sigaction(2)"]),
    )?;
    play.must_hit(old, FaultAccess::Read, "SEGV_MAPERR")?;
    play.say("Segmentation fault")?;

    play.step(
        at("char *other = map()", "Somebody moves in")
            .says(
                "Another part of the program maps a page, and the kernel gives it the free address: the very \
                same one.",
            )
            .note("In a large program, with threads, this may be microseconds later.")
            .man(&["mmap(2)"]),
    )?;
    let other = play.mmap(anonymous(play.wish(), page))?;
    play.must(other == area, || format!("the new page should be at {old}, but is at {}", other.start()))?;

    play.step(
        at("strcpy(other, \"your diary\")", "Your diary")
            .says("It writes there what belongs to it, into a new frame.")
            .note("Everything is in order, from its point of view."),
    )?;
    play.write(old, b"your diary\0")?;
    let second = play.page_of(Parent, old).and_then(|page| page.frame);
    play.must(first.is_none() || second.is_some(), || "the new page should have a frame".to_owned())?;

    play.step(
        at("printf(\"%s\\n\", old)", "Read through the old pointer")
            .says(
                "No signal this time: a page is there, and it may be read. The old pointer shows somebody \
                else's diary.",
            )
            .asks(
                "The same read as before. What does it give now?",
                &["A segmentation fault", "my letter", "your diary"],
                2,
            )
            .note("This is how secrets leak: the Heartbleed sort of mistake."),
    )?;
    let read = play.read(old, 11)?;
    play.must(read == b"your diary\0", || format!("the page should hold the diary, not {read:?}"))?;
    play.say("your diary")?;

    play.step(
        at("strcpy(old, \"my letter\");\n  printf", "And write through it")
            .says(
                "The old pointer writes its letter again, and the diary is overwritten. Nobody is told. The \
                other part of the program will wonder some day.",
            )
            .note(
                "Tools find this by never giving the address out again: AddressSanitizer, guard pages, \
                electric fences.",
            ),
    )?;
    play.write(old, b"my letter\0")?;
    let read = play.read(old, 10)?;
    play.must(read == b"my letter\0", || format!("the page should hold the letter, not {read:?}"))?;
    play.say("my letter")
}
