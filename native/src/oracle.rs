//! The differential test: random sequences of real calls, and the model beside the kernel after every one. Not in
//! the product: feature `oracle`.

mod compare;
mod events;
mod freedoms;
mod performer;
mod plan;
mod state;
#[cfg(test)]
mod tests;
pub(crate) mod wire;

use crate::sys;
use anyhow::{Context as _, Result, anyhow, bail};
use compare::{Moment, compare};
use events::{BORROWER, Context, PIDS, detached, event};
use freedoms::{Call, Freedoms, History};
use pagescope_shared::addr::{Addr, PageSize, Range};
use pagescope_shared::event::{Event, EventKind, Exit, Extra, Fork, ForkMemory, Snapshot};
use pagescope_shared::header::{FORMAT, Header, Tool, VERSION};
use pagescope_shared::jsonl::{event_line, header_line};
use pagescope_shared::mapping::{Attributes, Backing, Mapping, Protection, Sharing};
use pagescope_shared::model::Change;
use pagescope_shared::names::VmFlags;
use pagescope_shared::world::World;
use performer::Performing;
pub(crate) use performer::perform;
use plan::{Plan, plans};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use state::Answer;
use std::cell::RefCell;
use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::time::Instant;
use wire::Op;

/// What the long run is asked for.
#[derive(Debug, clap::Args)]
pub(crate) struct Fuzz {
    /// How many sequences
    #[arg(long, default_value_t = 2000)]
    sequences: u32,
    /// The same seed makes the same sequences
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Calls a sequence, at most
    #[arg(long, default_value_t = 60)]
    max_calls: usize,
    /// Only sequences with room for huge pages; of others there are more otherwise
    #[arg(long)]
    huge: bool,
    /// Where the shortest sequence that differs is written
    #[arg(long, default_value = "mismatch.jsonl")]
    out: std::path::PathBuf,
}

/// The run and its books.
struct Run {
    performing: Performing,
    freedoms: Freedoms,
    sequences: u64,
    calls: u64,
    /// What differed first: it may not come again.
    first: Option<Difference>,
}

/// A sequence that differs: why, and the events up to there.
#[derive(Clone)]
struct Difference {
    text: String,
    events: Vec<Event>,
}

/// Performs and compares; an error says what differs.
pub(crate) fn fuzz(fuzz: &Fuzz) -> Result<()> {
    let started = Instant::now();
    let run = RefCell::new(Run {
        performing: Performing::start()?,
        freedoms: Freedoms::new(),
        sequences: 0,
        calls: 0,
        first: None,
    });
    let config = Config {
        cases: fuzz.sequences,
        failure_persistence: None,
        max_shrink_iters: 20_000,
        ..Config::default()
    };
    let mut seed = [0u8; 32];
    seed[..8].copy_from_slice(&fuzz.seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let terminal = std::io::stderr().is_terminal();
    let result = runner.run(&plans(fuzz.max_calls, fuzz.huge), |plan| {
        let mut run = run.borrow_mut();
        if terminal && run.sequences.is_multiple_of(500) {
            eprint!(
                "\r{} sequences, {} calls, {:.0} s ",
                run.sequences,
                run.calls,
                started.elapsed().as_secs_f32()
            );
        }
        match run.sequence(&plan) {
            Ok(None) => Ok(()),
            Ok(Some(difference)) => {
                run.first.get_or_insert_with(|| difference.clone());
                Err(TestCaseError::fail(difference.text))
            }
            Err(error) => Err(TestCaseError::fail(format!("{error:#}"))),
        }
    });
    let mut run = run.borrow_mut();
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "{} sequences, {} calls compared in {seconds:.1} s; seed {}",
        run.sequences, run.calls, fuzz.seed
    );
    for (why, count) in &run.freedoms {
        println!("  freedom taken {count} times: {why}");
    }
    match result {
        Ok(()) => Ok(()),
        Err(TestError::Abort(why)) => bail!("the test itself failed: {why}"),
        Err(TestError::Fail(why, plan)) => {
            let again = run.sequence(&plan).unwrap_or(None);
            let once =
                if again.is_some() { "" } else { "it differed once, and not when it was tried again: " };
            let Some(difference) = again.or_else(|| run.first.take()) else { bail!("{why}") };
            write_trace(&fuzz.out, &difference.events)?;
            bail!("{once}{}\nthe sequence as a trace: {}", difference.text, fuzz.out.display())
        }
    }
}

impl Run {
    fn sequence(&mut self, plan: &Plan) -> Result<Option<Difference>> {
        self.sequences += 1;
        let answers = self.performing.sequence(plan)?;
        let mut context = Context { heap: self.performing.heap, breaks: [self.performing.heap; 2] };
        let mut film = Film::new();
        film.happens(PIDS[0], heap_below(context.heap)?);
        let mut log = String::new();
        let heap = context.heap;
        let windows = [(sys::ARENA, sys::ARENA + plan.arena_bytes), (heap, heap + sys::HEAP_WINDOW)];
        for (op, answer) in plan.ops.iter().zip(&answers) {
            self.calls += 1;
            log.push_str(&format!("  {}\n", state::strace(*op, Some(answer))));
            film.history.begins(*op);
            let call = Call::of(*op, answer, &context);
            film.performs(*op, answer, call.who, &mut context);
            // The one that acted first: what it turned out to have copied, the other one has to itself.
            for who in [call.who, 1 - call.who] {
                let pid = PIDS[who];
                let moment = Moment { answer, call: &call, history: &film.history, windows };
                if film.drift.is_none() {
                    match compare(who, film.world.space(pid), moment, &mut self.freedoms) {
                        Ok(observed) => observed.into_iter().for_each(|kind| film.happens(pid, kind)),
                        Err(text) => return Ok(Some(film.differs(&log, &text))),
                    }
                }
                if let Some(drift) = film.drift.take() {
                    return Ok(Some(film.differs(&log, &drift)));
                }
            }
        }
        Ok(None)
    }
}

/// The model, and the events that it followed.
struct Film {
    world: World,
    change: Change,
    events: Vec<Event>,
    history: History,
    /// The first event that the model could not follow.
    drift: Option<String>,
}

impl Film {
    fn new() -> Self {
        Self {
            world: World::new(PageSize::FOUR_KIB),
            change: Change::default(),
            events: Vec::new(),
            history: History::default(),
            drift: None,
        }
    }

    /// Follows one call, of a process or of one that has borrowed its memory.
    fn performs(&mut self, op: Op, answer: &Answer, who: usize, context: &mut Context) {
        let lent = match op.who {
            2 => Some(ForkMemory::Shared),
            _ => None,
        };
        if let Some(memory) = lent {
            self.happens(PIDS[0], EventKind::Fork(Fork { child: BORROWER, memory }));
        }
        let space = self.world.space(PIDS[who]);
        let taken = space.map_or_else(Vec::new, |space| detached(op, answer, space));
        taken.into_iter().for_each(|kind| self.happens(PIDS[who], kind));
        if let Some((pid, kind)) = event(op, answer, context) {
            let lends = lent.is_some() && !matches!(kind, EventKind::Fork(_)) && pid == PIDS[0];
            self.happens(if lends { BORROWER } else { pid }, kind);
        }
        if lent.is_some() {
            self.happens(BORROWER, EventKind::Exit(Box::new(Exit { code: Some(0), signal: None })));
        }
    }

    fn happens(&mut self, pid: u32, kind: EventKind) {
        let seq = u64::try_from(self.events.len()).unwrap_or(u64::MAX);
        let event = Event { seq, time_ns: seq, pid, tid: pid, kind, extra: Extra::NONE };
        self.world.apply(&event, &mut self.change);
        self.history.follow(pid, &event.kind, &self.change);
        if let Some(drift) = self.change.drift.first() {
            self.drift.get_or_insert_with(|| format!("drift: {drift}; event {event:?}"));
        }
        self.events.push(event);
    }
    fn differs(&mut self, log: &str, text: &str) -> Difference {
        let text = format!("after these calls model and kernel differ:\n{log}{text}");
        Difference { text, events: std::mem::take(&mut self.events) }
    }
}

/// The heap that is there already: what `brk` adds becomes one with it.
fn heap_below(heap: u64) -> Result<EventKind> {
    let range = Range::new(Addr(heap.saturating_sub(4096)), Addr(heap))?;
    let protection = Protection { read: true, write: true, execute: false };
    let plain = Attributes::anonymous(protection, Sharing::Private);
    let attributes = Attributes { backing: Backing::Heap, flags: VmFlags::of(VmFlags::ACCOUNTED), ..plain };
    let mappings = vec![Mapping { range, attributes }];
    Ok(EventKind::Snapshot(Box::new(Snapshot { mappings, observed: Vec::new() })))
}

fn write_trace(path: &Path, events: &[Event]) -> Result<()> {
    let header = Header {
        format: FORMAT.to_owned(),
        version: VERSION,
        page_size: PageSize::FOUR_KIB,
        arch: std::env::consts::ARCH.to_owned(),
        clock: "none".to_owned(),
        tool: Tool {
            name: "pagescope".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            method: "oracle".into(),
        },
        command: Vec::new(),
        capabilities: Vec::new(),
        lesson: None,
        extra: serde_json::Map::new(),
    };
    let mut file =
        std::fs::File::create(path).with_context(|| format!("cannot create {}", path.display()))?;
    file.write_all(header_line(&header)?.as_bytes())?;
    for event in events {
        file.write_all(event_line(event)?.as_bytes())?;
    }
    Ok(())
}

fn torn() -> anyhow::Error {
    anyhow!("the performing process went away")
}
