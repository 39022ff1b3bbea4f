//! `hello`: one page, asked for, written, read and given back.

use super::stage::Stage;
use super::words::at;
use super::{Lesson, Perform, everywhere};
use anyhow::{Result, bail};
use pagescope_shared::addr::{Addr, Range};
use pagescope_shared::format::grouped;
use pagescope_shared::mapping::Mapping;

pub(super) const LESSON: Lesson = Lesson {
    name: "hello",
    title: "What is mmap?",
    line: "One page of memory: asked for, written, read and given back.",
    source_name: "hello.c",
    source: include_str!("../../lessons/hello.c"),
    needs: everywhere,
    perform: Perform::Here(perform),
};

/// With its NUL, as C has it.
const GREETING: &[u8] = b"Hello, world!\0";
/// The page that we would like.
const WISH: u64 = 1 << 20;
/// What is given back: not a whole page.
const GIVEN_BACK: u64 = 1 << 10;

fn perform(stage: &mut Stage<'_>) -> Result<()> {
    let size = stage.page_size().bytes();
    let in_words = grouped(size);

    stage.step(
        at("sysconf(", "A process and its pages")
            .says(format!(
                "Every process has an address space of its own, cut into pages of {in_words} bytes. These are \
                 the stretches of it that this one is using: its program, its libraries, its heap, its stack."
            ))
            .man(&["sysconf(3)", "proc_pid_maps(5)"])
            .note(
                "Everything between the coloured stretches is empty: addresses that mean nothing until \
                 somebody maps them.",
            ),
    )?;
    stage.say(&format!("System page size: {size} bytes"))?;
    stage.snapshot()?;

    let hint = Addr(size.saturating_mul(WISH));
    stage.step(
        at("mmap(", "Ask for one page")
            .says(format!(
                "mmap asks the kernel for one page, at page number 2^20 if it can be had: 1,048,576 × \
                 {in_words} = {hint}. The kernel notes down that these addresses are ours now, but nothing \
                 stands behind them yet."
            ))
            .asks(
                "How much of the machine's memory does the page take?",
                &[&format!("One frame of {in_words} bytes"), "None yet"],
                1,
            )
            .man(&["mmap(2)"])
            .note(
                "The address is only a wish: without MAP_FIXED the kernel may choose another. No frame of \
                 memory has been used for it so far.",
            ),
    )?;
    let (mut mapped, mapping) = stage.mmap_anonymous(hint, size)?;
    let start = mapping.range.start();
    stage.observe(&mapping)?;

    let elsewhere = if start == hint {
        String::new()
    } else {
        format!("The kernel did not give us {hint}, but {start}: a hint is no order. ")
    };
    stage.step(
        at("strcpy(", "Write to it")
            .says(format!(
                "{elsewhere}The first byte that is written finds no memory there: the processor stops with a \
                 page fault. The kernel puts a frame of real memory, filled with zeroes, behind the page, and \
                 the write goes on as if nothing had happened."
            ))
            .man(&["mmap(2)", "getrusage(2)"])
            .note(
                "This is demand paging: memory is used when it is touched, not when it is asked for. The \
                 program never notices.",
            ),
    )?;
    stage.write(&mut mapped, start, GREETING)?;
    stage.observe(&mapping)?;

    stage.step(
        at("Contents of region", "Read it back")
            .says(
                "The same 14 bytes come back: the 13 of the text and the zero that ends it. The page has its \
                 frame already, so there is no fault this time.",
            )
            .asks("Is there a page fault again?", &["Yes", "No"], 1)
            .note("From here on it is ordinary memory, as fast as any other. This is what malloc builds on."),
    )?;
    let bytes = stage.read(&mapped, start, GREETING.len())?;
    let text = bytes.split(|&b| b == 0).next().unwrap_or_default();
    stage.say(&format!("Contents of region: {}", String::from_utf8_lossy(text)))?;

    stage.step(
        at("munmap(", "Give back 1,024 bytes")
            .says(format!(
                "munmap is asked to take back 1,024 bytes. It works in whole pages and rounds the length up, \
                 so all {in_words} bytes go, with the frame and what was written there."
            ))
            .asks(
                &format!("How many of the {in_words} bytes go?"),
                &["1,024", &in_words, "None: it fails with EINVAL"],
                1,
            )
            .man(&["munmap(2)"])
            .note(
                "Nothing warned us. Had anything else lived in the rest of that page, it would be gone now.",
            ),
    )?;
    stage.munmap(mapped, &mapping, GIVEN_BACK)?;

    stage.step(
        at("return 0", "It is gone")
            .says(format!(
                "The kernel's own list, /proc/self/maps, no longer shows {start}. To touch that address now \
                 would end the program with a segmentation fault."
            ))
            .man(&["proc_pid_maps(5)"])
            .note(
                "The frame has gone back to the kernel, which will fill it with zeroes before anybody else \
                 sees it.",
            ),
    )?;
    let mappings = stage.snapshot()?;
    check_gone(&mappings, mapping.range)
}

fn check_gone(mappings: &[Mapping], page: Range) -> Result<()> {
    if let Some(still) = mappings.iter().find(|m| m.range.intersection(page).is_some()) {
        bail!(
            "munmap should have taken {page}, but /proc/self/maps still shows {} {}",
            still.range,
            still.permissions()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests;
