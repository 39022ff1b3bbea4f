//! `stack`: a mapping that grows downwards by being touched, up to a limit.

use crate::lesson::play::Play;
use crate::lesson::words::at;
use crate::lesson::{Lesson, Perform, everywhere};
use anyhow::{Result, bail};
use pagescope_shared::addr::Addr;
use pagescope_shared::event::FaultAccess;
use pagescope_shared::format::grouped;
use pagescope_shared::page::PageState::Private;

pub(in crate::lesson) const LESSON: Lesson = Lesson {
    name: "stack",
    title: "The stack grows by itself",
    line: "Deep calls make the stack's mapping longer, down to a limit.",
    source_name: "stack.c",
    source: include_str!("../../../lessons/stack.c"),
    needs: everywhere,
    perform: Perform::Apart(perform),
};

const LIMIT: u64 = 1 << 19;

fn perform(play: &mut Play<'_>) -> Result<()> {
    let page = play.page();
    let stack = play.stack()?;
    play.step(
        at("int main(void)", "The stack is a mapping")
            .says(format!(
                "Local variables and return addresses live on the stack. It is a mapping of {} bytes, \
                near the top of the address space, and it fills from its end downwards.",
                grouped(stack.bytes())
            ))
            .note("The arrow of growth points down: a call takes the next lower addresses.")
            .man(&["proc_pid_maps(5)"]),
    )?;
    play.watch(stack);

    play.step(
        at("printf(\"%d\\n\", deep(8))", "Eight calls deep")
            .says("A function that keeps 4,096 bytes calls itself, eight deep. About nine more pages of the \
                stack are used. Those that nobody had touched get their frames, by page faults like everywhere.")
            .note("Nothing special so far: the stack is private memory, and comes when it is touched."),
    )?;
    let touched = play.recurse(8)?;
    play.must(touched.len() == 8, || format!("8 calls, and {} places", touched.len()))?;
    for addr in &touched {
        play.expect(*addr, Private)?;
    }
    play.say("8")?;

    play.step(
        at("printf(\"%d\\n\", deep(60))", "60 calls deep")
            .says("Now the calls go below the beginning of the mapping, where nothing is mapped. Anywhere else \
                this would be a segmentation fault. For the stack the kernel moves the beginning of the mapping \
                down to the page that was touched, and goes on.")
            .asks("The stack's mapping is too small for this. Who makes it larger?", &["The program, by mmap", "The C library, by brk", "The kernel, by itself"], 2)
            .note("It is the one mapping that grows without a call. In smaps it has the flag gd: grows down.")
            .man(&["mmap(2)"]),
    )?;
    let touched = play.recurse(60)?;
    let grown = play.stack()?;
    play.must(grown.start() < stack.start(), || format!("{stack} should have grown, but is {grown}"))?;
    for addr in &touched {
        play.expect(*addr, Private)?;
    }
    play.say("60")?;

    let kept = play.count(grown, Private);
    play.step(
        at("puts(\"back in main\")", "It never shrinks")
            .says(format!(
                "All calls have returned, and nothing of their frames is needed. The mapping stays as \
                it is, {} bytes, and so do the {} pages in memory.",
                grouped(grown.bytes()),
                grouped(kept)
            ))
            .asks("All the calls have returned. Does the stack shrink?", &["Yes", "No"], 1)
            .note("One deep recursion, once, and the pages stay until the process ends."),
    )?;
    play.say("back in main")?;

    play.step(
        at("setrlimit(RLIMIT_STACK", "A limit")
            .says(
                "The stack may grow up to a limit: ulimit -s, 8 MiB as a rule. The program sets its own to \
                512 KiB.",
            )
            .note("Without a limit an endless recursion would eat all memory before anybody noticed.")
            .man(&["setrlimit(2)"]),
    )?;
    play.limit_stack(LIMIT)?;

    let below = Addr(grown.end().0.saturating_sub(LIMIT + page));
    play.step(
        at("printf(\"%d\\n\", deep(1 << 20))", "Too deep")
            .says(format!("A million calls. The stack grows as far as it may; the first touch below the limit, \
                at {below}, is an ordinary touch of nothing: SIGSEGV. This is a stack overflow."))
            .asks("The recursion does not end. What does it get?", &["A larger stack", "SIGSEGV", "ENOMEM"], 1)
            .note("The handler needs a stack of its own (sigaltstack): there is no room left on this one. To the \
                program: no mapping there, SEGV_MAPERR.")
            .man(&["sigaltstack(2)", "signal(7)"]),
    )?;
    // As deep as it goes but for a few pages, and then the call that is one too many.
    let (first, last) = (touched.first().copied(), touched.last().copied());
    let (Some(first), Some(last)) = (first, last) else { bail!("the calls have touched nothing") };
    let each = (first.0 - last.0) / (60 - 1);
    let room = LIMIT.saturating_sub(grown.end().0 - first.0);
    play.recurse((room / each.max(page)).saturating_sub(4))?;
    play.must_hit(below, FaultAccess::Write, "SEGV_MAPERR")?;
    play.say("too deep")?;

    let gap = play.stack()?;
    play.step(
        at("return 0", "And what is below?")
            .says(format!("The mapping begins at {} now. The kernel keeps at least a megabyte free below it (the \
                guard gap), so that a stack that grows does not quietly run into its neighbour.", gap.start()))
            .note("Threads have no growing stack: theirs is an mmap of fixed size, with a guard page at its end.")
            .man(&["pthread_attr_setguardsize(3)"]),
    )
}
