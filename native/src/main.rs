//! pagescope.
fn main() {}
