//! The page: shows what the model says, and decides nothing about memory.
//!
//! Data flows one way: [`msg::Msg`] -> [`app::App::update`] -> [`view::View`] -> panels, and
//! [`layout`] -> [`scene::Scene`] -> [`render::Renderer`]. All of that is plain Rust that is tested
//! natively; only `dom` and the two renderers need a browser.

pub mod address;
pub mod app;
pub mod commands;
#[cfg(target_arch = "wasm32")]
pub mod dom;
pub use pagescope_shared::format;
pub mod layout;
pub mod load;
pub mod meter;
pub mod msg;
pub mod pages;
pub mod palette;
pub mod player;
pub mod render;
pub mod scene;
pub mod time;
pub mod view;
pub mod walk;
