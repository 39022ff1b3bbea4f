//! One address through the page tables, and the frames behind the pages around it.
//!
//! A trace records pages, not page tables: which entries are in use is worked out from the pages that are present, and the
//! picture says so.

mod frames;
pub mod layout;
mod tables;

pub use frames::{Cell, FrameBox, Frames, Join, Strip};
pub use tables::{Entry, Level, Slots};

use crate::app::App;
use crate::format::{clipped, file_name};
use crate::view::{shown_process, subject};
use pagescope_shared::addr::{Addr, Range};
use pagescope_shared::mapping::Mapping;
use pagescope_shared::page::Page;

/// What a person does with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Msg {
    /// To this address.
    To(Addr),
    /// Tables of five levels, or of four again.
    FiveLevels(bool),
}

/// What the walk remembers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The byte that was asked for; else the first one of what is selected, or what the event is about.
    pub addr: Option<Addr>,
    /// Whether addresses have 57 bits.
    pub five_levels: bool,
}

impl State {
    /// Changes the state by one message; returns what is selected then.
    pub fn update(&mut self, msg: Msg, app_size: Option<pagescope_shared::addr::PageSize>) -> Option<Range> {
        match msg {
            Msg::To(addr) => {
                self.addr = Some(addr);
                app_size.and_then(|size| size.page_range(addr))
            }
            Msg::FiveLevels(on) => {
                self.five_levels = on;
                None
            }
        }
    }
}

/// Everything that the walk shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WalkView {
    /// What it is.
    pub heading: String,
    /// The mapping, or that there is none.
    pub detail: String,
    /// The address.
    pub addr: Addr,
    /// Whether addresses have 57 bits.
    pub five_levels: bool,
    /// Bits above the first level's, which repeat its highest one.
    pub sign: (u32, u64),
    /// From the top.
    pub levels: Vec<Level>,
    /// The last bits of the address: how many, and their value.
    pub offset: (u32, u64),
    /// The page, if the address is mapped.
    pub page: Option<Page>,
    /// The pages around it and the frames behind them.
    pub frames: Frames,
    /// What is worked out and not recorded.
    pub caveat: &'static str,
}

/// The address that the walk is about.
pub fn address(app: &App) -> Option<Addr> {
    let timeline = app.timeline.as_ref()?;
    let selected = app.selection.map(Range::start);
    // Where one was asked for inside of what is selected, that one.
    let asked = app.walk.addr.filter(|addr| app.selection.is_none_or(|s| s.contains(*addr)));
    let about = || subject(timeline).map(|s| s.addr);
    let any = || {
        let (pid, _) = shown_process(app, timeline)?;
        timeline.world().space(pid)?.mappings().next().map(|m| m.range.start())
    };
    asked.filter(|_| app.selection.is_some()).or(selected).or_else(about).or_else(any)
}

/// The view of a state; `None` before there is a trace.
pub fn view(app: &App) -> Option<WalkView> {
    let timeline = app.timeline.as_ref()?;
    let (pid, process) = shown_process(app, timeline)?;
    let addr = address(app)?;
    let world = timeline.world();
    let space = world.space(pid)?;
    let mapping = space.mapping_at(addr);
    let page = space.page_at(addr);
    let walk = tables::walk(space, addr, app.walk.five_levels);
    let name =
        process.exe.as_deref().map_or_else(String::new, |exe| format!("{} · ", clipped(file_name(exe), 40)));
    let detail = match &mapping {
        Some(mapping) => format!("{name}process {pid} · {}", mapping_words(mapping)),
        None => format!("{name}process {pid} · not mapped: touching it would be a segmentation fault"),
    };
    Some(WalkView {
        heading: format!("The walk to {addr}"),
        detail,
        addr,
        five_levels: app.walk.five_levels,
        sign: walk.sign,
        levels: walk.levels,
        offset: walk.offset,
        page,
        frames: frames::frames(world, pid, addr),
        caveat: "Tables are worked out: a trace records pages, not page tables. At least these entries are in use.",
    })
}

fn mapping_words(mapping: &Mapping) -> String {
    let backing = match mapping.attributes.backing.object() {
        Some(object) => clipped(file_name(&object.path), 40),
        None => clipped(&mapping.attributes.backing.to_string(), 40),
    };
    format!("{backing} {}", mapping.permissions())
}

#[cfg(test)]
mod tests;
