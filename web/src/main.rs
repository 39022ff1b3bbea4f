//! The page's entry point. Build it with trunk: `cargo xtask build`.

fn main() {
    #[cfg(target_arch = "wasm32")]
    pagescope_web::dom::start();
    #[cfg(not(target_arch = "wasm32"))]
    eprintln!("the page runs in a browser: build it with `cargo xtask build`");
}
