//! `pagescope record` on real programs: what it says must be what the kernel did, whichever way it looks.
#![allow(clippy::unwrap_used, clippy::panic)] // A test ends by panicking, in its helpers too.

mod adverse;
mod attach;
mod kept;
mod programs;
mod recorded;
