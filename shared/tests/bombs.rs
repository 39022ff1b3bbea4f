//! What no file may make a reader do: decompression bombs, and what looks like one.

// Memory is counted by an allocator of this machine.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic)]

use flate2::{Compress, Compression, FlushCompress};
use pagescope_shared::event::{End, Event, EventKind, Extra};
use pagescope_shared::gz;
use pagescope_shared::header::Header;
use pagescope_shared::pscope::{Encoder, FRAME_BYTES, Options};
use pagescope_shared::store::Store;
use pagescope_shared::trace::{Reason, read};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const TEXT: &str = include_str!("golden/v1.jsonl");
/// Its blocks have 6 events at most.
const GOLDEN: &[u8] = include_bytes!("golden/v1.pscope");

fn header() -> Header {
    read(TEXT.as_bytes()).unwrap().header
}

fn encoded(header: &Header, events: &[Event], options: Options) -> Vec<u8> {
    let mut encoder = Encoder::new(header, options).unwrap();
    events.iter().for_each(|event| encoder.push(event).unwrap());
    let mut bytes = encoder.take();
    bytes.extend(encoder.finish());
    bytes
}

/// Where the first block begins.
fn head_len() -> usize {
    let stored = u32::from_le_bytes(*GOLDEN[12 + 8..].first_chunk().unwrap());
    12 + FRAME_BYTES + usize::try_from(stored).unwrap()
}

fn ends(count: u64) -> Vec<Event> {
    let end = |seq| {
        let kind = EventKind::End(End { count: 0 });
        Event { seq, time_ns: 0, pid: 1, tid: 1, kind, extra: Extra::NONE }
    };
    (0..count).map(end).collect()
}

fn deflated(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len() / 100 + 1000);
    Compress::new(Compression::new(9), false).compress_vec(raw, &mut out, FlushCompress::Finish).unwrap();
    out
}

/// A block's frame with a sound checksum, whatever it holds.
fn block(raw_len: usize, count: u32, payload: &[u8]) -> Vec<u8> {
    let small = |n: usize| u32::try_from(n).unwrap().to_le_bytes();
    let mut header = b"\xb5PSFB\x01\0\0".to_vec();
    header.extend([small(payload.len()), small(raw_len), count.to_le_bytes()].concat());
    header.extend([0u8; 24]);
    let mut crc = flate2::Crc::new();
    crc.update(&header);
    crc.update(payload);
    header.extend(crc.sum().to_le_bytes());
    [&header, payload].concat()
}

/// How much more memory than before was held at most while `work` ran.
fn peak(work: impl FnOnce()) -> usize {
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    work();
    MEMORY.peak_usage() - before
}

/// One test, for memory is counted for the whole program.
#[test]
fn bombs_are_refused() {
    let start = &GOLDEN[..head_len()];
    let zeroes = vec![0u8; 64 << 20];
    let packed = deflated(&zeroes);
    let len = zeroes.len();
    drop(zeroes);

    // A block that grows a thousandfold.
    let bomb = [start, &block(len, 5, &packed)].concat();
    let held = peak(|| {
        let trace = read(&bomb).unwrap();
        assert!(trace.events.is_empty());
        assert!(
            trace.problems[0].to_string().contains("sizes that do not fit together"),
            "{:?}",
            trace.problems
        );
    });
    assert!(held < 4 << 20, "{held} bytes");

    // The same, saying that it is small.
    let bomb = [start, &block(1 << 20, 5, &packed)].concat();
    let held = peak(|| {
        let trace = read(&bomb).unwrap();
        assert!(trace.problems[0].to_string().contains("does not decompress"), "{:?}", trace.problems);
    });
    assert!(held < 4 << 20, "{held} bytes");

    // More events than there is room for, and more than a block may have.
    for (count, why) in [(5, "fewer events"), (7, "limits of the file")] {
        let trace = read(&[start, &block(13, count, &deflated(&[0; 13]))].concat()).unwrap();
        assert!(trace.problems[0].to_string().contains(why), "{:?}", trace.problems);
        assert!(trace.events.is_empty());
    }

    // Very many events that take next to nothing, whole and one block after the other.
    let many = encoded(&header(), &ends(1_000_000), Options { compression: 9, ..Options::default() });
    let limit = 512 * many.len();
    let held = peak(|| {
        let trace = read(&many).unwrap();
        assert!(
            trace.events.len() < 1_000_000 && trace.events.len() * size_of::<Event>() <= limit.max(64 << 20)
        );
        assert!(trace.problems.iter().any(|p| matches!(p.reason, Reason::Grows { .. })));
    });
    assert!(held < 2 * limit.max(64 << 20), "{held} bytes for {}", many.len());
    let held = peak(|| {
        let store = Store::open(many.clone()).unwrap();
        let counted: usize = (0..store.block_count()).map(|b| store.block(b).unwrap().len()).sum();
        assert_eq!(counted, 1_000_000);
    });
    assert!(held < (72 << 20) + 2 * many.len(), "{held} bytes for {}", many.len());

    // Text that grows two-hundredfold and more.
    let mut text = TEXT.lines().next().unwrap().to_owned().into_bytes();
    text.push(b'\n');
    text.resize(64 << 20, b' ');
    let packed = gz::gzip(&text);
    drop(text);
    let held = peak(|| {
        let store = Store::open(packed.clone()).unwrap();
        assert!(store.problems().iter().any(|p| matches!(p.reason, Reason::Grows { .. })));
    });
    assert!(held < 2 * (200 * packed.len() + (1 << 20)) + (1 << 20), "{held} bytes for {}", packed.len());
}
