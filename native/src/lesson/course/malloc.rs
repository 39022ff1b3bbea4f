//! `malloc`: malloc(3) and free(3) of a real C library.

use crate::lesson::play::{AskedFor, Play, plus};
use crate::lesson::words::at;
use crate::lesson::{Lesson, Perform};
use anyhow::{Result, bail};
use pagescope_shared::format::grouped;
use pagescope_shared::page::PageState::{Private, Untouched};

pub(in crate::lesson) const LESSON: Lesson = Lesson {
    name: "malloc",
    title: "What malloc asks for",
    line: "Small blocks come from the heap without a call, large ones by mmap, and free may give nothing back.",
    source_name: "malloc.c",
    source: include_str!("../../../lessons/malloc.c"),
    needs,
    perform: Perform::Apart(perform),
};

fn needs() -> Result<(), String> {
    if cfg!(target_env = "gnu") {
        return Ok(());
    }
    Err("it is about the malloc of the GNU C library, and this program was built with another one".to_owned())
}

fn perform(play: &mut Play<'_>) -> Result<()> {
    let page = play.page();
    let heap = play.heap()?;
    play.step(
        at("char *end = sbrk(0)", "The heap")
            .says(format!("The heap is a mapping like any other. It has a beginning and an end, and only the end \
                moves: the call is brk. The C library has asked for {} bytes already, to have something to give \
                away.", grouped(heap.bytes())))
            .note("malloc is a shop: it buys in large pieces from the kernel and sells in small ones.")
            .man(&["brk(2)", "malloc(3)"]),
    )?;
    play.watch(heap);

    play.step(
        at("char *small = need(100)", "100 bytes")
            .says(
                "malloc cuts 100 bytes from what it has. The kernel is not asked and the heap does not move.",
            )
            .asks("Which system call does malloc(100) make?", &["mmap", "brk", "None"], 2)
            .note("The great mass of all mallocs are like this one: some nanoseconds, no call.")
            .man(&["malloc(3)"]),
    )?;
    let (small, asked) = play.malloc(100)?;
    play.must(asked == AskedFor::Nothing, || format!("malloc(100) should ask for nothing, not {asked:?}"))?;
    play.write(small, b"Hello\0")?;
    play.say("Hello")?;

    play.step(
        at("while (sbrk(0) == end)", "Until it is full")
            .says(
                "Blocks of 102,400 bytes, until there is no room left. Then malloc moves the end of the heap \
                by brk: more pages at the end of the same mapping, untouched as always.",
            )
            .asks(
                "The heap is full. How does it get more?",
                &["By brk: it gets longer", "By mmap: a second heap"],
                0,
            )
            .note("malloc asks for some more than it needs, so that the next time it need not ask.")
            .man(&["brk(2)"]),
    )?;
    let mut tries = 0;
    loop {
        match play.malloc(100 << 10)?.1 {
            AskedFor::Break { old, new } if new > old => break,
            AskedFor::Nothing if tries < 16 => tries += 1,
            other => bail!("malloc should have moved the heap's end, but {other:?}"),
        }
    }

    play.step(
        at("char *big = need(1 << 20)", "1 MiB")
            .says("A large block is not cut from the heap. From 128 KiB on malloc takes a mapping of its own for \
                each: 1 MiB, and one page more for the 16 bytes in which malloc keeps its books.")
            .asks("Which system call does malloc(1 MiB) make?", &["mmap", "brk", "None"], 0)
            .note("The block begins 16 bytes after the start of a page: that is where the books are.")
            .man(&["mallopt(3)", "mmap(2)"]),
    )?;
    let (big, asked) = play.malloc(1 << 20)?;
    let AskedFor::Mmap(own) = asked else { bail!("malloc of 1 MiB should use mmap, but {asked:?}") };
    play.must(own.bytes() == (1 << 20) + page && big == plus(own.start(), 16), || format!("{big} in {own}"))?;
    play.say(&(big.0 % page).to_string())?;

    let joined = play.mapping_at(big).is_some_and(|mapping| mapping.range != own);
    let joined = if joined {
        " (In the kernel's list the mapping has become one with its like neighbour.)"
    } else {
        ""
    };
    play.step(
        at("big[0] = 'x'", "Still not memory")
            .says(format!(
                "One page is there, because malloc has written its books. The x lands on the same page. The \
                other 256 pages have no frame: malloc has sold us addresses.{joined}"
            ))
            .note("malloc hardly ever says no. The shortage comes later, at the first touch."),
    )?;
    play.write(big, b"x")?;
    play.expect_count(own, Private, 1)?;
    play.expect_count(own, Untouched, 256)?;

    play.step(
        at("free(big)", "free, large")
            .says(
                "The mapping goes back to the kernel at once: munmap. To touch the block now brings a \
                segmentation fault.",
            )
            .note("A lucky case: a mistake is noticed immediately.")
            .man(&["free(3)", "munmap(2)"]),
    )?;
    let asked = play.free(big)?;
    play.must(asked == AskedFor::Munmap(own), || format!("free should unmap {own}, but {asked:?}"))?;

    play.step(
        at("free(small)", "free, small")
            .says(
                "The 100 bytes go back to malloc, not to the kernel: no call, and every page stays. The \
                process is as large as before.",
            )
            .asks("free(small): does the process get smaller?", &["Yes", "No"], 1)
            .note("To touch them now is wrong, too, and nobody notices: no signal, only wrong data one day.")
            .man(&["free(3)"]),
    )?;
    let asked = play.free(small)?;
    play.must(asked == AskedFor::Nothing, || format!("free should ask for nothing, not {asked:?}"))?;

    play.step(
        at("char *again = need(1 << 20)", "1 MiB once more")
            .says("The same request, another answer: brk. When a large block was freed, malloc has raised its \
                threshold: a program that frees and takes blocks of this size shall not pay for mmap each time.")
            .asks("malloc(1 MiB) again: by which call this time?", &["mmap, as before", "brk"], 1)
            .note("So one cannot tell from the size alone. M_MMAP_THRESHOLD in mallopt(3) fixes it.")
            .man(&["mallopt(3)"]),
    )?;
    let (again, asked) = play.malloc(1 << 20)?;
    let AskedFor::Break { old, new } = asked else { bail!("malloc should use brk now, but {asked:?}") };
    play.must(new > old, || format!("the heap should have grown, but ended at {old} and ends at {new}"))?;
    play.write(again, b"y")
}
