//! One moment as a picture: what the page would show of it.

use super::Source;
use crate::output::Output;
use crate::recorder::duration;
use anyhow::{Context, Result, anyhow, bail, ensure};
use pagescope_shared::addr::Addr;
use pagescope_shared::event::EventKind;
use pagescope_shared::format::count;
use pagescope_web::app::App;
use pagescope_web::msg::Msg;
use pagescope_web::render::svg::Theme;
use pagescope_web::still::{Look, Wish, still};
use pagescope_web::view::shown_process;
use std::path::Path;
use std::str::FromStr;

/// So many events between two looks at how far it is.
const SLICE: usize = 100_000;

/// Of which moment, and how.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Options for .svg")]
pub(crate) struct Still {
    /// The moment: a time of the recording (1.5s, 250ms), `step:N` of a lesson, or `end` [default: end]
    #[arg(long, value_name = "MOMENT")]
    at: Option<Moment>,
    /// The memory of this process
    #[arg(long, value_name = "PID")]
    pid: Option<u32>,
    /// The pages around this address, such as 0x7f12
    #[arg(long, value_name = "ADDRESS", conflicts_with = "all")]
    addr: Option<Addr>,
    /// All pages of the process; so it is without an address, but for lessons
    #[arg(long)]
    all: bool,
    /// Colours; `auto`: as whoever looks at it likes it [default: light]
    #[arg(long, value_name = "THEME")]
    theme: Option<Colours>,
    /// Width and height in pixels; it can be scaled [default: 1280x720]
    #[arg(long, value_name = "WxH")]
    size: Option<Size>,
    /// The pages alone, without title and legend
    #[arg(long)]
    small: bool,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Colours {
    Light,
    Dark,
    Auto,
}

#[derive(Clone, Copy, Debug)]
enum Moment {
    Time(u64),
    /// From 1.
    Step(usize),
    End,
}

impl FromStr for Moment {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        if text == "end" {
            return Ok(Self::End);
        }
        if let Some(number) = text.strip_prefix("step") {
            let number = number.trim_start_matches([':', ' ']).parse().ok().filter(|number| *number > 0);
            return number.map(Self::Step).context("a step is named by its number, from step:1 on");
        }
        let time = duration(text).context("neither a time such as 1.5s, nor step:N, nor end")?;
        Ok(Self::Time(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)))
    }
}

#[derive(Clone, Copy, Debug)]
struct Size(u32, u32);

impl FromStr for Size {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (width, height) = text.split_once('x').context("a size is given as 1280x720")?;
        let (width, height) = (width.parse()?, height.parse()?);
        ensure!(
            (16..=16_384).contains(&width) && (16..=16_384).contains(&height),
            "a size from 16x16 to 16384x16384"
        );
        Ok(Self(width, height))
    }
}

impl Still {
    /// Whether anything was asked for.
    pub(super) fn are_given(&self) -> bool {
        let Self { at, pid, addr, all, theme, size, small } = self;
        at.is_some() || pid.is_some() || addr.is_some() || theme.is_some() || size.is_some() || *all || *small
    }
}

/// Writes the picture.
///
/// # Errors
/// When there is no such moment or process, or the file cannot be written.
pub(super) fn write(source: Source<'_>, to: &Path, options: &Still) -> Result<()> {
    let events = source.store.len();
    let mut app = App::default();
    app.update(Msg::ReducedMotion(true));
    app.show_trace(source.store, &source.name, false);
    let is_lesson = app.timeline.as_ref().is_some_and(|timeline| timeline.header().lesson.is_some());
    let progress = super::bar(events, "events")?;
    while let Some(timeline) = &app.timeline
        && timeline.can_explore()
    {
        progress.set_position(u64::try_from(timeline.explored()).unwrap_or(u64::MAX));
        app.update(Msg::Work(SLICE));
    }
    progress.finish_and_clear();
    app.update(Msg::Process(options.pid));
    go_to(&mut app, options.at.unwrap_or(Moment::End))?;
    if options.at.is_none() {
        while_it_lived(&mut app, options.pid);
    }
    if let Some(pid) = options.pid {
        let is_there = app.timeline.as_ref().is_some_and(|timeline| timeline.world().process(pid).is_some());
        ensure!(
            is_there,
            "process {pid} is not there at that moment; `pagescope info` tells which there are"
        );
    }
    let Size(width, height) = options.size.unwrap_or(Size(1280, 720));
    let theme = match options.theme {
        None | Some(Colours::Light) => Theme::Light,
        Some(Colours::Dark) => Theme::Dark,
        Some(Colours::Auto) => Theme::Auto,
    };
    let look = match options.addr {
        Some(addr) => {
            ensure!(is_mapped(&app, addr), "nothing is mapped at {addr} at that moment");
            Look::At(addr)
        }
        None if options.all || !is_lesson => Look::All,
        None => Look::There,
    };
    let wish = Wish { size: (width, height), look, theme, small: options.small };
    let picture = still(&mut app, &wish).map_err(|why| anyhow!(why))?;
    let mut output = Output::create_from(to, Some(source.input))?;
    output.put(picture.as_bytes())?;
    output.finish()
}

fn go_to(app: &mut App, moment: Moment) -> Result<()> {
    match moment {
        Moment::End => app.update(Msg::Seek(usize::MAX)),
        Moment::Step(number) => {
            let steps = app.talk.stops.len();
            if number > steps {
                let steps = count(u64::try_from(steps)?, "step", "steps");
                bail!("there is no step {number}: this trace has {steps}");
            }
            app.update(Msg::GoToStep(number - 1));
        }
        Moment::Time(time_ns) => {
            let timeline = app.timeline.as_ref().context("there is no trace")?;
            let position = timeline.store().position_after(time_ns).context("that moment cannot be read")?;
            app.update(Msg::Seek(position));
        }
    }
    // What is far is reached in slices.
    while app.goal.is_some() && app.has_work() {
        app.update(Msg::Work(SLICE));
    }
    Ok(())
}

/// Whoever has ended has no memory any more: then what it had at last is shown.
fn while_it_lived(app: &mut App, pid: Option<u32>) {
    let Some(timeline) = &app.timeline else { return };
    let has_memory = |pid| timeline.world().space(pid).is_some_and(|space| space.mappings().next().is_some());
    if shown_process(app, timeline).is_some_and(|(shown, _)| has_memory(shown)) {
        return;
    }
    let exits = |event: &EventKind| matches!(event, EventKind::Exit(_));
    let last = timeline
        .before(usize::MAX)
        .find(|(_, event)| exits(&event.kind) && pid.is_none_or(|pid| pid == event.pid));
    if let Some((position, event)) = last {
        app.update(Msg::Process(Some(event.pid)));
        app.update(Msg::Seek(position));
        while app.goal.is_some() && app.has_work() {
            app.update(Msg::Work(SLICE));
        }
    }
}

fn is_mapped(app: &App, addr: Addr) -> bool {
    let Some(timeline) = &app.timeline else { return false };
    let space = shown_process(app, timeline).and_then(|(pid, _)| timeline.world().space(pid));
    space.is_some_and(|space| space.mapping_at(addr).is_some())
}
