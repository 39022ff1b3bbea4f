//! What pagescope is about, with no I/O: addresses, mappings, page states, events, the trace
//! format and the model that replays it.
//!
//! Data flows one way: bytes of a trace -> [`trace::read`] or a [`store::Store`] -> [`event::Event`]s ->
//! [`model::AddressSpace::apply`] -> a [`model::Change`] that a view can show.
//!
//! Invariants: addresses are 64 bits wide on every target ([`addr::Addr`]), nothing here reads a
//! file or a clock, and no input makes it panic.

pub mod addr;
mod crc;
pub mod event;
pub mod format;
pub mod gz;
pub mod header;
pub mod interval;
pub mod jsonl;
pub mod mapping;
pub mod model;
pub mod names;
pub mod page;
pub mod pscope;
pub mod small;
pub mod store;
pub mod timeline;
pub mod trace;
pub mod varint;
#[cfg(feature = "workloads")]
pub mod workloads;
pub mod world;
