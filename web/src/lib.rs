//! The page: shows what the model says, and decides nothing about memory.
//!
//! Data flows one way: [`msg::Msg`] -> [`app::App::update`] -> [`view::View`] -> panels, and
//! [`layout`] -> [`scene::Scene`] -> [`render::Renderer`]. All of that is plain Rust that is tested
//! natively; only `dom` and two of the renderers need a browser.

pub mod about;
pub mod address;
pub mod app;
pub mod ask;
pub mod author;
pub mod capture;
pub mod commands;
pub mod compare;
#[cfg(target_arch = "wasm32")]
pub mod dom;
pub mod embed;
pub mod events;
pub use pagescope_shared::format;
pub mod inspect;
pub mod layout;
pub mod list;
pub mod load;
pub mod meter;
pub mod msg;
pub mod number;
pub mod overlay;
pub mod pages;
pub mod palette;
pub mod panel;
pub mod player;
pub mod render;
pub mod scene;
#[cfg(not(target_arch = "wasm32"))]
pub mod still;
pub mod talk;
pub mod tally;
pub mod time;
pub mod view;
pub mod walk;
