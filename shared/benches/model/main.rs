//! The model's speed on made-up recordings, beside the plainest model there could be: `cargo xtask bench model`.
//! As wasm it is `examples/bench_wasm.rs`.

#[cfg(not(target_arch = "wasm32"))]
mod baseline;
#[cfg(not(target_arch = "wasm32"))]
mod encoded;
#[cfg(not(target_arch = "wasm32"))]
mod natively;

fn main() {
    #[cfg(not(target_arch = "wasm32"))]
    natively::measure();
}
