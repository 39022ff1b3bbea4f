//! `protect`: a page that may not be written, and who hears of it.

use crate::lesson::play::{Call, Play, READ_ONLY, READ_WRITE, anonymous, plus};
use crate::lesson::words::at;
use crate::lesson::{Lesson, Perform, everywhere};
use anyhow::Result;
use pagescope_shared::event::FaultAccess;
use pagescope_shared::page::PageState::Private;

pub(in crate::lesson) const LESSON: Lesson = Lesson {
    name: "protect",
    title: "What may be done with a page",
    line: "mprotect takes a right away; who writes all the same gets SIGSEGV, with the address.",
    source_name: "protect.c",
    source: include_str!("../../../lessons/protect.c"),
    needs: everywhere,
    perform: Perform::Apart(perform),
};

fn perform(play: &mut Play<'_>) -> Result<()> {
    let page = play.page();
    play.step(
        at("sigaction(SIGSEGV", "Somebody to ask")
            .says("Before anything happens, the program says who is to be called when it touches memory in a way \
                that is not allowed. Without that, the signal SIGSEGV would end it.")
            .note("This is the segmentation fault of every beginner. Here it is caught, to look at it.")
            .man(&["sigaction(2)", "signal(7)"]),
    )?;

    play.step(
        at("area = mmap(", "Three pages")
            .says("Three pages to be read and written: r and w in the picture. The rights belong to the mapping.")
            .note("There is a third one, x: to be executed as code.")
            .man(&["mmap(2)"]),
    )?;
    let area = play.mmap(anonymous(play.wish(), 3 * page))?;
    let pages = [0, 1, 2].map(|n| play.nth(area, n));

    play.step(
        at("for (int i = 0", "Fill them")
            .says("Each page gets a letter and a frame.")
            .note("All three are ordinary private pages now."),
    )?;
    play.writes(pages.into_iter().zip(*b"abc"))?;

    play.step(
        at("if (mprotect(area + page, page,\n               PROT_READ)", "Take a right away")
            .says(
                "mprotect makes the middle page read-only. The one mapping becomes three, since rights are a \
                mapping's. The frame and its letter stay as they are.",
            )
            .asks("What happens to the letter on the page?", &["It is lost", "It stays"], 1)
            .note("The processor checks the rights at every access, in the page table, at no cost.")
            .man(&["mprotect(2)"]),
    )?;
    play.call(&Call::Mprotect(pages[1], page, READ_ONLY))?;
    play.expect_mappings(area, 3)?;
    play.expect(pages[1], Private)?;

    play.step(
        at("printf(\"%c\\n\", area[page])", "Reading is allowed")
            .says("The b can be read as before: no fault, no signal.")
            .note("Constants of a program lie in pages like this."),
    )?;
    let read = play.read(pages[1], 1)?;
    play.must(read == b"b", || format!("the page should hold b, not {read:?}"))?;
    play.say("b")?;

    let target = plus(pages[1], 1);
    play.step(
        at("area[page + 1] = 'X'", "Writing is not")
            .says(format!("The write is stopped. The kernel looks at the mapping: no w. So it sends SIGSEGV, \
                with the address that was touched, {target}, and the reason: there is a mapping, but it does not \
                allow this."))
            .asks("The page is there, in memory. What does a write do?", &["It is ignored", "It makes a copy", "It brings a signal"], 2)
            .note("SEGV_ACCERR: not allowed. SEGV_MAPERR would be: nothing is mapped there.")
            .man(&["sigaction(2)"]),
    )?;
    play.must_hit(target, FaultAccess::Write, "SEGV_ACCERR")?;

    play.step(
        at("if (mprotect(area + page, page, RW)", "The handler lets it through")
            .says("The handler gives the right back. Three like mappings become one.")
            .note("Garbage collectors and databases do exactly this to learn which pages are written.")
            .man(&["mprotect(2)"]),
    )?;
    play.call(&Call::Mprotect(pages[1], page, READ_WRITE))?;
    play.expect_mappings(area, 1)?;

    play.step(
        at("printf(\"%c at byte", "Tried again")
            .says(
                "When the handler returns, the processor tries the same write once more, and now it is done. \
                The program goes on as if nothing had been.",
            )
            .note(
                "If the handler had returned without mprotect, the write would have failed again, for ever.",
            ),
    )?;
    play.write(target, b"X")?;
    let read = play.read(target, 1)?;
    play.must(read == b"X", || format!("the page should hold X, not {read:?}"))?;
    play.say(&format!("X at byte {}", page + 1))
}
