//! `errors`: MAP_FAILED and errno, each on purpose.

use crate::lesson::play::{Call, Mmap, Play, READ_ONLY, anonymous, file, plus};
use crate::lesson::words::at;
use crate::lesson::{Lesson, Perform, everywhere};
use anyhow::Result;
use pagescope_shared::addr::Addr;
use pagescope_shared::names::CallFlags;

pub(in crate::lesson) const LESSON: Lesson = Lesson {
    name: "errors",
    title: "The kernel says no",
    line: "Calls that fail on purpose: EINVAL, ENOMEM, EBADF, EACCES, and what they mean.",
    source_name: "errors.c",
    source: include_str!("../../../lessons/errors.c"),
    needs: everywhere,
    perform: Perform::Apart(perform),
};

fn perform(play: &mut Play<'_>) -> Result<()> {
    let page = play.page();
    play.step(
        at("char *area = mmap(", "One that succeeds")
            .says(
                "A call that fails returns MAP_FAILED (or -1), and errno says why. This one succeeds: two \
                pages to experiment with.",
            )
            .note("MAP_FAILED is not NULL. Comparing with NULL is the most common mistake with mmap.")
            .man(&["mmap(2)", "errno(3)"]),
    )?;
    let area = play.mmap(anonymous(play.wish(), 2 * page))?;
    play.say("done")?;
    let no = |play: &mut Play<'_>, call: Call, errno: &str, message: &str| {
        play.refused(&call, errno)?;
        play.say(message)
    };

    play.step(
        at("no(mmap(NULL, 0", "Nothing, please")
            .says(
                "A mapping of 0 bytes: EINVAL, an argument that makes no sense. There is no such thing as an \
                empty mapping.",
            )
            .asks("mmap of 0 bytes?", &["It succeeds and maps nothing", "It fails"], 1)
            .note("A file of length 0 gives this to programs that map whole files.")
            .man(&["mmap(2)"]),
    )?;
    no(play, Call::Mmap(anonymous(Addr(0), 0)), "EINVAL", "Invalid argument")?;

    play.step(
        at("no(munmap(area + 100", "Half a page")
            .says(
                "munmap at an address that is not the beginning of a page: EINVAL again. Lengths are rounded \
                up to whole pages, addresses are not.",
            )
            .asks("munmap rounds lengths up. Does it round addresses, too?", &["Yes", "No"], 1)
            .note("Both pages are still there.")
            .man(&["munmap(2)"]),
    )?;
    no(play, Call::Munmap(plus(area.start(), 100), page), "EINVAL", "Invalid argument")?;
    play.expect_mappings(area, 1)?;

    play.step(
        at("no(mmap(NULL, (size_t)1 << 47", "128 TiB")
            .says("More than the address space has: ENOMEM. Not memory has run out here, but addresses.")
            .note(
                "ENOMEM has many reasons: no addresses, too many mappings, a limit (ulimit -v), overcommit. \
                Rarely that memory is full.",
            )
            .man(&["mmap(2)", "getrlimit(2)"]),
    )?;
    no(play, Call::Mmap(anonymous(Addr(0), 1 << 47)), "ENOMEM", "Cannot allocate memory")?;

    play.step(
        at("no(mprotect(area, 3 * page", "One page too many")
            .says(
                "mprotect over three pages, of which only two are mapped: ENOMEM. But look: it went from \
                mapping to mapping, and stopped at the hole. The first two pages are read-only now.",
            )
            .asks("The call failed. Has anything changed?", &["No, a call that fails does nothing", "Yes"], 1)
            .note("A call that fails may have done half of its work. The manual page says so, in one line.")
            .man(&["mprotect(2)"]),
    )?;
    no(play, Call::Mprotect(area.start(), 3 * page, READ_ONLY), "ENOMEM", "Cannot allocate memory")?;
    let rights = play.mapping_at(area.start()).map(|mapping| mapping.attributes.protection);
    play.must(rights == Some(READ_ONLY), || format!("the two pages should be read-only, not {rights:?}"))?;

    play.step(
        at("no(mmap(NULL, page, RW, MAP_PRIVATE", "A file that is none")
            .says(
                "A mapping of a file needs the file: descriptor -1 is none. EBADF. What was forgotten is \
                MAP_ANONYMOUS.",
            )
            .note("The opposite mistake, MAP_ANONYMOUS with a file, is not noticed: the file is ignored.")
            .man(&["mmap(2)"]),
    )?;
    let no_file = Mmap { flags: CallFlags::MAP_PRIVATE, ..anonymous(Addr(0), page) };
    no(play, Call::Mmap(no_file), "EBADF", "Bad file descriptor")?;

    play.step(
        at("no(mmap(NULL, page, RW, MAP_SHARED", "More than one may")
            .says(
                "The file was opened for reading. To map it shared and writable would be writing to it by a \
                back door: EACCES.",
            )
            .asks(
                "The file was opened for reading only. Which mapping would be allowed to write?",
                &["A private one", "A shared one", "None"],
                0,
            )
            .note("A private mapping with the right to write would be fine: its writes never reach the file.")
            .man(&["mmap(2)", "open(2)"]),
    )?;
    let paper = play.new_file()?;
    let fd = play.open_to_read(&paper)?;
    no(play, Call::Mmap(file(Addr(0), page, fd, CallFlags::MAP_SHARED)), "EACCES", "Permission denied")?;

    play.step(
        at("no(munmap(area, 2 * page))", "And one that succeeds")
            .says("munmap of both pages. Their rights do not matter to it.")
            .note(
                "Always look at what a call returns: of eight calls six have failed, and the program would \
                have gone on with a wrong pointer each time.",
            )
            .man(&["munmap(2)"]),
    )?;
    play.call(&Call::Munmap(area.start(), 2 * page))?;
    play.expect_mappings(area, 0)?;
    play.say("done")
}
