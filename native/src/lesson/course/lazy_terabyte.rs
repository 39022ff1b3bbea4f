//! `lazy-terabyte`: a terabyte is reserved, and three pages of it are used.

use crate::lesson::play::{Call, Mmap, Play, anonymous, plus};
use crate::lesson::words::at;
use crate::lesson::{Lesson, Perform};
use anyhow::Result;
use pagescope_shared::addr::Addr;
use pagescope_shared::format::grouped;
use pagescope_shared::names::CallFlags;
use pagescope_shared::page::PageState::{Private, Untouched};

pub(in crate::lesson) const LESSON: Lesson = Lesson {
    name: "lazy-terabyte",
    title: "A terabyte for nothing",
    line: "Addresses are plentiful, frames are not: what overcommit allows, and what it refuses.",
    source_name: "lazy-terabyte.c",
    source: include_str!("../../../lessons/lazy-terabyte.c"),
    needs,
    perform: Perform::Apart(perform),
};

const TIB: u64 = 1 << 40;

/// The kernel refuses a terabyte only where it weighs what is asked for, and there is less.
fn needs() -> Result<(), String> {
    let mode = std::fs::read_to_string("/proc/sys/vm/overcommit_memory").unwrap_or_default();
    if mode.trim() != "0" {
        return Err(format!("vm.overcommit_memory is {}, and the lesson is about 0", mode.trim()));
    }
    let info = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = |name: &str| -> u64 {
        let line = info.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|l| l.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
    };
    if kib("MemTotal:").saturating_add(kib("SwapTotal:")) >= TIB >> 10 {
        return Err("this machine has a terabyte".to_owned());
    }
    Ok(())
}

fn perform(play: &mut Play<'_>) -> Result<()> {
    let page = play.page();
    play.step(
        at("size_t tib", "How large is an address space?")
            .says("A process on x86-64 has 128 TiB of addresses, far more than any machine has memory. Reserving \
                addresses costs next to nothing.")
            .note("47 bits of address for programs. A terabyte is less than a hundredth of it."),
    )?;

    play.step(
        at("char *area = mmap(", "One terabyte, please")
            .says(
                "mmap reserves 1 TiB: 268,435,456 pages, all untouched. MAP_NORESERVE says that we do not \
                expect to use all of it.",
            )
            .asks(
                "This machine has far less than a terabyte. What does mmap say?",
                &["It fails", "It succeeds"],
                1,
            )
            .note("In the kernel this is one entry in a list, as for one page.")
            .man(&["mmap(2)"]),
    )?;
    let flags = CallFlags::MAP_PRIVATE | CallFlags::MAP_ANONYMOUS;
    let lazy = Mmap { flags: flags | CallFlags::MAP_NORESERVE, ..anonymous(play.wish(), TIB) };
    let area = play.mmap(lazy)?;
    play.expect_count(area, Untouched, TIB / page)?;
    let tables = play.status("VmPTE:");

    play.step(
        at("area[0] = 'a'", "Three bytes of it")
            .says("One byte at the beginning, one in the middle, one at the end: three faults, three frames. All \
                the rest stays addresses.")
            .note("The picture folds the emptiness. At full scale the three pages would be invisible."),
    )?;
    let ends = [area.start(), plus(area.start(), TIB / 2), plus(area.start(), TIB - 1)];
    play.writes(ends.into_iter().zip(*b"abc"))?;
    play.expect_count(area, Private, 3)?;

    let now = play.status("VmPTE:");
    play.step(
        at("printf(\"%c%c%c", "What it costs")
            .says(format!(
                "12 KiB for three pages, and the tables that lead to them: they grew from {} to {} KiB, because the three \
                 lie far apart. A page table is a tree, and only branches that are used exist.",
                grouped(tables), grouped(now)
            ))
            .note("VSZ says one terabyte, RSS says a few KiB. Databases, sanitizers and Go programs look like \
                this in top.")
            .man(&["proc_pid_status(5)"]),
    )?;
    play.must(now > tables, || format!("page tables should have grown, but {tables} KiB are {now} KiB now"))?;
    for (addr, byte) in ends.into_iter().zip(*b"abc") {
        let read = play.read(addr, 1)?;
        play.must(read == [byte], || format!("{addr} should hold {byte}, not {read:?}"))?;
    }
    play.say("abc")?;

    play.step(
        at("if (mmap(NULL, tib", "Without the flag")
            .says(
                "The same terabyte without MAP_NORESERVE: ENOMEM. The kernel promises more than it has, but \
                not anything at all: a single request that could never be met is refused.",
            )
            .asks("And a terabyte that we might really use?", &["It fails", "It succeeds"], 0)
            .note(
                "vm.overcommit_memory: 0 weighs each request, as here; 1 refuses nothing; 2 keeps accounts.",
            )
            .man(&["proc_sys_vm(5)"]),
    )?;
    play.refused(&Call::Mmap(anonymous(Addr(0), TIB)), "ENOMEM")?;

    play.step(
        at("if (munmap(", "Give it back")
            .says("munmap takes a terabyte as fast as a page: there are three frames to free.")
            .note("If all programs use what they were promised, somebody is killed: the OOM killer. That is the \
                price of overcommit.")
            .man(&["munmap(2)"]),
    )?;
    play.call(&Call::Munmap(area.start(), TIB))?;
    play.expect_mappings(area, 0)
}
