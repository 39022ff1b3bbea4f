//! The process that performs lessons: it does one thing at a time, as it is told over a socket, and keeps its hands off
//! its memory in between.

use super::touch::{self, Hit};
use std::hint::black_box;

/// What the actor is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum Deed {
    /// The system call `args[0]` with the arguments that follow.
    Call,
    /// Reads `args[1]` bytes at `args[0]`.
    Read,
    /// Writes the data to `args[0]`.
    Write,
    /// Opens the file that the data names, with the flags `args[0]`; whoever makes it may read and write it.
    Open,
    /// Writes the data to the file `args[0]`, from byte `args[1]` on.
    Store,
    /// Reads `args[2]` bytes of the file `args[0]`, from byte `args[1]` on.
    Load,
    /// Makes a child, which listens to the second socket.
    Fork,
    /// malloc(3) of `args[0]` bytes.
    Malloc,
    /// free(3) of `args[0]`.
    Free,
    /// Where the heap ends: sbrk(0), which asks nobody.
    HeapEnd,
    /// Calls a function that keeps a page on the stack and calls itself, `args[0]` deep; the data is where those pages
    /// were touched.
    Recurse,
    /// Limits the stack to `args[0]` bytes: setrlimit(2).
    LimitStack,
    /// Ends the process.
    Exit,
}

const DEEDS: [Deed; 13] = [
    Deed::Call,
    Deed::Read,
    Deed::Write,
    Deed::Open,
    Deed::Store,
    Deed::Load,
    Deed::Fork,
    Deed::Malloc,
    Deed::Free,
    Deed::HeapEnd,
    Deed::Recurse,
    Deed::LimitStack,
    Deed::Exit,
];

const HEAD: usize = 64;
/// A request as it goes over the socket.
pub(crate) const REQUEST_BYTES: usize = HEAD + 8 + 256;
/// An answer as it goes over the socket.
pub(crate) const ANSWER_BYTES: usize = 48 + 2048;

/// One thing to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    pub(crate) deed: Deed,
    pub(crate) args: [u64; 7],
    pub(crate) data: &'a [u8],
}

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer<'a> {
    pub(crate) result: Result<u64, i32>,
    /// The signal that it brought.
    pub(crate) hit: Option<Hit>,
    pub(crate) data: &'a [u8],
}

fn word(bytes: &[u8], at: usize) -> u64 {
    let word = bytes.get(at * 8..).and_then(|rest| rest.first_chunk());
    word.map_or(0, |word| u64::from_ne_bytes(*word))
}

fn put(bytes: &mut [u8], at: usize, value: u64) {
    if let Some(word) = bytes.get_mut(at * 8..).and_then(|rest| rest.first_chunk_mut()) {
        *word = value.to_ne_bytes();
    }
}

fn put_data(bytes: &mut [u8], from: usize, data: &[u8]) -> u64 {
    let room = bytes.get_mut(from..).unwrap_or_default();
    let count = data.len().min(room.len());
    for (to, byte) in room.iter_mut().zip(data) {
        *to = *byte;
    }
    super::to_u64(count)
}

fn data(bytes: &[u8], from: usize, count: u64) -> &[u8] {
    let end = usize::try_from(count).map_or(from, |count| from.saturating_add(count)).min(bytes.len());
    bytes.get(from..end).unwrap_or_default()
}

impl<'a> Request<'a> {
    /// As it goes over the socket; what of the data finds no room is left out.
    pub(crate) fn bytes(&self) -> [u8; REQUEST_BYTES] {
        let mut bytes = [0; REQUEST_BYTES];
        put(&mut bytes, 0, self.deed as u64);
        self.args.iter().enumerate().for_each(|(i, arg)| put(&mut bytes, i + 1, *arg));
        let count = put_data(&mut bytes, HEAD + 8, self.data);
        put(&mut bytes, 8, count);
        bytes
    }

    fn read(bytes: &'a [u8; REQUEST_BYTES]) -> Option<Self> {
        let deed = *DEEDS.get(usize::try_from(word(bytes, 0)).ok()?)?;
        let args = std::array::from_fn(|i| word(bytes, i + 1));
        Some(Self { deed, args, data: data(bytes, HEAD + 8, word(bytes, 8)) })
    }
}

impl<'a> Answer<'a> {
    fn bytes(&self) -> [u8; ANSWER_BYTES] {
        let mut bytes = [0; ANSWER_BYTES];
        let hit = self.hit.unwrap_or_default();
        let (value, errno) = match self.result {
            Ok(value) => (value, 0),
            Err(errno) => (0, errno),
        };
        put(&mut bytes, 0, value);
        for (at, number) in [(1, errno), (2, hit.signal), (3, hit.code)] {
            put(&mut bytes, at, u64::from(number.unsigned_abs()));
        }
        put(&mut bytes, 4, hit.addr);
        let count = put_data(&mut bytes, 48, self.data);
        put(&mut bytes, 5, count);
        bytes
    }

    /// From the socket.
    pub(crate) fn read(bytes: &'a [u8; ANSWER_BYTES]) -> Self {
        let number = |at| i32::try_from(word(bytes, at)).unwrap_or(0);
        let result = match number(1) {
            0 => Ok(word(bytes, 0)),
            errno => Err(errno),
        };
        let hit = Hit { signal: number(2), code: number(3), addr: word(bytes, 4) };
        Self { result, hit: (hit.signal != 0).then_some(hit), data: data(bytes, 48, word(bytes, 5)) }
    }
}

/// Does what it is told over descriptor 0 until nobody is there any more, and ends the process.
pub(crate) fn act() -> ! {
    touch::survive();
    let mut channel = 0;
    let mut request = [0; REQUEST_BYTES];
    while receive(channel, &mut request) {
        let Some(asked) = Request::read(&request) else { break };
        if asked.deed == Deed::Fork {
            // SAFETY: this process has one thread; the child goes on in this loop and leaves by `_exit`.
            match unsafe { libc::fork() } {
                0 => channel = 1,
                pid => {
                    let result = if pid < 0 { Err(errno()) } else { Ok(u64::from(pid.unsigned_abs())) };
                    send(channel, &Answer { result, hit: None, data: &[] }.bytes());
                }
            }
            continue;
        }
        let mut data = [0; 2048];
        let (result, hit, filled) = perform(&asked, &mut data);
        let data = data.get(..filled).unwrap_or_default();
        send(channel, &Answer { result, hit, data }.bytes());
        if asked.deed == Deed::Exit {
            break;
        }
    }
    // SAFETY: ends this process at once.
    unsafe { libc::_exit(0) }
}

/// Returns how many bytes of `data` it has filled, too.
fn perform(asked: &Request<'_>, data: &mut [u8; 2048]) -> (Result<u64, i32>, Option<Hit>, usize) {
    let [a, b, c, d, e, f, g] = asked.args;
    let size = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
    let result = match asked.deed {
        // SAFETY: lessons make calls about memory that they have mapped themselves: no Rust object lives there.
        Deed::Call => checked(unsafe { libc::syscall(a.cast_signed(), b, c, d, e, f, g) }),
        Deed::Read => {
            let mut filled = 0;
            for (addr, to) in (a..a.saturating_add(b)).zip(data.iter_mut()) {
                // SAFETY: lessons touch memory that they have mapped themselves.
                match unsafe { touch::read(addr) } {
                    Ok(byte) => *to = byte,
                    Err(hit) => return (Ok(0), Some(hit), filled),
                }
                filled += 1;
            }
            return (Ok(super::to_u64(filled)), None, filled);
        }
        Deed::Write => {
            for (addr, byte) in (a..).zip(asked.data) {
                // SAFETY: as above.
                if let Err(hit) = unsafe { touch::write(addr, *byte) } {
                    return (Ok(0), Some(hit), 0);
                }
            }
            Ok(super::to_u64(asked.data.len()))
        }
        Deed::Open => {
            let path = asked.data.as_ptr();
            let at = libc::AT_FDCWD;
            // SAFETY: the data ends with a zero, which the asker puts there, and there is one after it in any case.
            checked(unsafe { libc::syscall(libc::SYS_openat, at, path, a, 0o600) })
        }
        Deed::Store => {
            let (from, count) = (asked.data.as_ptr(), asked.data.len());
            // SAFETY: the data is live and as long as said.
            checked(unsafe { libc::syscall(libc::SYS_pwrite64, a, from, count, b) })
        }
        Deed::Load => {
            let count = size(c).min(data.len());
            // SAFETY: as above.
            let read = checked(unsafe { libc::syscall(libc::SYS_pread64, a, data.as_mut_ptr(), count, b) });
            return (read, None, read.map_or(0, size));
        }
        // SAFETY: it takes a number; what comes back is the lesson's.
        Deed::Malloc => Ok(super::to_u64(unsafe { libc::malloc(size(a)) }.expose_provenance())),
        Deed::Free => {
            // SAFETY: lessons give back what they got from `Malloc`, once.
            unsafe { libc::free(std::ptr::with_exposed_provenance_mut(size(a))) };
            Ok(0)
        }
        // SAFETY: asks only.
        Deed::HeapEnd => Ok(super::to_u64(unsafe { libc::sbrk(0) }.addr())),
        Deed::Recurse => {
            let depth = size(a).min(data.len() / 8);
            deeper(depth, data);
            return (Ok(a), None, depth * 8);
        }
        Deed::LimitStack => {
            let limit = libc::rlimit { rlim_cur: a, rlim_max: a };
            // SAFETY: the limit is live.
            checked(unsafe { libc::setrlimit(libc::RLIMIT_STACK, &raw const limit) }.into())
        }
        Deed::Fork | Deed::Exit => Ok(0),
    };
    (result, None, 0)
}

/// Touches one byte of a page of its own, notes where, and goes deeper.
#[inline(never)]
fn deeper(depth: usize, log: &mut [u8]) {
    let Some(depth) = depth.checked_sub(1) else { return };
    let mut page = std::mem::MaybeUninit::<[u8; 4096]>::uninit();
    let first = page.as_mut_ptr().cast::<u8>();
    // SAFETY: the array's first byte.
    unsafe { first.write_volatile(1) };
    put(log, depth, super::to_u64(first.addr()));
    deeper(depth, log);
    black_box(&mut page);
}

fn checked(value: i64) -> Result<u64, i32> {
    if value == -1 { Err(errno()) } else { Ok(value.cast_unsigned()) }
}

fn errno() -> i32 {
    // SAFETY: the thread's own.
    unsafe { *libc::__errno_location() }
}

/// Fills `bytes`; `false` when nobody is there any more.
fn receive(from: i32, bytes: &mut [u8]) -> bool {
    let mut at = 0;
    while let Some(rest) = bytes.get_mut(at..).filter(|rest| !rest.is_empty()) {
        // SAFETY: the buffer is live and as long as said.
        match unsafe { libc::read(from, rest.as_mut_ptr().cast(), rest.len()) } {
            count if count > 0 => at += count.unsigned_abs(),
            _ if errno() == libc::EINTR => {}
            _ => return false,
        }
    }
    true
}

fn send(to: i32, bytes: &[u8]) {
    let mut at = 0;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        // SAFETY: as above.
        match unsafe { libc::write(to, rest.as_ptr().cast(), rest.len()) } {
            count if count > 0 => at += count.unsigned_abs(),
            _ => return,
        }
    }
}
