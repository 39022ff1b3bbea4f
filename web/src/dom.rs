//! The browser's side: listeners make messages, one frame loop applies them and writes the page.

mod address;
mod ask;
mod author;
mod caption;
mod capture;
mod compose;
mod document;
mod elements;
mod embed;
mod events;
mod fetch;
mod frame_loop;
mod input;
mod list;
mod load;
mod map;
mod opener;
mod overlay;
mod pages;
mod panels;
mod part;
mod picture;
mod player;
mod save;
mod shell;
mod speaker;
mod talk;
mod theme;
mod time;
mod voice;
mod walk;

use elements::Elements;
use wasm_bindgen::JsValue;

/// Starts the page. Called once.
pub fn start() {
    // The page that people get traps without words, and `index.html` says so.
    #[cfg(debug_assertions)]
    std::panic::set_hook(Box::new(|info| {
        web_sys::console::error_1(&JsValue::from_str(&info.to_string()));
    }));
    let begun = Elements::find().and_then(|elements| match speaker::asked_for() {
        Some(id) => speaker::start(&elements, &id),
        None => frame_loop::start(elements),
    });
    if let Err(reason) = begun {
        web_sys::console::error_1(&JsValue::from_str(&format!("pagescope cannot start: {reason}")));
    }
}

fn window() -> Result<web_sys::Window, String> {
    web_sys::window().ok_or_else(|| "there is no window".to_owned())
}
