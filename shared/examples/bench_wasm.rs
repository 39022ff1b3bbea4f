//! The workloads of `benches/model` for a WebAssembly runtime: `cargo xtask bench` builds it and drives it in Node.
#![cfg(target_arch = "wasm32")]

#[path = "../benches/model/baseline.rs"]
mod baseline;

use baseline::Baseline;
use pagescope_shared::addr::PageSize;
use pagescope_shared::model::Change;
use pagescope_shared::workloads::Workload;
use pagescope_shared::world::World;
use wasm_bindgen::prelude::wasm_bindgen;

/// What the workloads are called.
#[wasm_bindgen]
pub fn names() -> Vec<String> {
    Workload::all().into_iter().map(|workload| workload.name.to_owned()).collect()
}

/// A workload on a model, at its beginning.
#[wasm_bindgen]
pub struct Bench {
    workload: Workload,
    model: Model,
}

// There is one of it.
#[allow(clippy::large_enum_variant)]
enum Model {
    Pagescope(World, Change),
    Rangemap(Baseline),
}

impl Model {
    fn apply(&mut self, event: &pagescope_shared::event::Event) {
        match self {
            Self::Pagescope(world, change) => world.apply(event, change),
            Self::Rangemap(baseline) => baseline.apply(event),
        }
    }
}

#[wasm_bindgen]
impl Bench {
    /// `model` is `pagescope` or `rangemap`; nothing for a name that is not one of [`names`].
    pub fn begin(name: &str, model: &str) -> Option<Self> {
        let workload = Workload::named(name)?;
        let mut model = match model {
            "pagescope" => Model::Pagescope(World::new(PageSize::FOUR_KIB), Change::default()),
            "rangemap" => Model::Rangemap(Baseline::default()),
            _ => return None,
        };
        workload.begin(|event| model.apply(event));
        Some(Self { workload, model })
    }

    /// How many events a pass has.
    pub fn events(&self) -> usize {
        self.workload.events.len()
    }

    /// One pass over the events.
    pub fn pass(&mut self) {
        let Self { workload, model } = self;
        workload.events.iter().for_each(|event| model.apply(event));
    }
}
