//! Performs memory calls with any arguments whatever, inside an arena where nobody else keeps anything, and reads
//! back what the kernel made of them. Allocates nothing while it does so. Only for the differential test.

use super::touch::{self, Hit};
use crate::oracle::wire::{self, Op, kind};

/// Where calls may go: far from everything else, on a boundary of huge pages.
pub(crate) const ARENA: u64 = 0x2000_0000_0000;
/// How many bytes from the heap's end on belong to the test.
pub(crate) const HEAP_WINDOW: u64 = 64 << 12;
/// Words of one answer, at most.
const ANSWER_WORDS: usize = 1 << 16;

/// What is in the file descriptors that calls may map.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Files {
    /// A memfd of [`wire::MEMFD_PAGES`], all of them written.
    pub(crate) memfd: i32,
    /// The same, opened for reading only.
    pub(crate) read_only: i32,
    /// A regular file whose last page is not full.
    pub(crate) regular: i32,
}

/// One performing process, and its child while it has one.
pub(crate) struct Performer {
    files: Files,
    heap: u64,
    arena_bytes: u64,
    maps: i32,
    pagemap: i32,
    page: u64,
    child: Option<Child>,
    /// What the kernel put outside the arena, to be unmapped at the end.
    elsewhere: Vec<(u64, u64)>,
    answer: Vec<u64>,
    /// A segment of System V shared memory.
    shm: u64,
    /// For those that share this process's memory.
    stack: Vec<u8>,
}

/// What makes a thread.
const THREAD: i32 = libc::CLONE_VM
    | libc::CLONE_FS
    | libc::CLONE_FILES
    | libc::CLONE_SIGHAND
    | libc::CLONE_THREAD
    | libc::CLONE_SYSVSEM
    | libc::CLONE_CHILD_SETTID
    | libc::CLONE_CHILD_CLEARTID;

#[derive(Clone, Copy)]
struct Child {
    pid: i32,
    to: i32,
    from: i32,
}

#[repr(C)]
#[derive(Default)]
struct ProcmapQuery {
    size: u64,
    query_flags: u64,
    query_addr: u64,
    start: u64,
    end: u64,
    flags: u64,
    page_size: u64,
    offset: u64,
    inode: u64,
    dev_major: u32,
    dev_minor: u32,
    name_size: u32,
    build_id_size: u32,
    name_addr: u64,
    build_id_addr: u64,
}

const PROCMAP_QUERY: u64 = 0xc068_6611;
const COVERING_OR_NEXT: u64 = 0x10;
const PAGEMAP_SCAN: u64 = 0xc060_6610;

impl Performer {
    /// Sets up the handler and looks where the heap ends.
    pub(crate) fn new(files: Files) -> Self {
        touch::survive();
        let mut performer = Self {
            files,
            heap: 0,
            arena_bytes: 0,
            maps: -1,
            pagemap: -1,
            page: crate::sys::page_size().map_or(4096, pagescope_shared::addr::PageSize::bytes),
            child: None,
            elsewhere: Vec::with_capacity(256),
            answer: Vec::with_capacity(ANSWER_WORDS),
            shm: 0,
            stack: vec![0; 1 << 18],
        };
        performer.open_own_files();
        let private = [libc::IPC_PRIVATE as u64, wire::SHM_PAGES * 4096, 0o600, 0, 0, 0];
        performer.shm = call(libc::SYS_shmget, private).unwrap_or(u64::MAX);
        performer.heap = call(libc::SYS_brk, [0; 6]).unwrap_or(0);
        performer
    }

    /// Where the heap ends when nothing is tried.
    pub(crate) fn heap(&self) -> u64 {
        self.heap
    }

    fn open_own_files(&mut self) {
        let open = |path: &std::ffi::CStr| {
            let args = [word(libc::AT_FDCWD), path.as_ptr() as u64, word(libc::O_CLOEXEC), 0, 0, 0];
            call(libc::SYS_openat, args).map_or(-1, |fd| i32::try_from(fd).unwrap_or(-1))
        };
        self.maps = open(c"/proc/self/maps");
        self.pagemap = open(c"/proc/self/pagemap");
    }

    /// Performs one call in the process that it is meant for, and answers with what it returned and with the state of
    /// both processes.
    pub(crate) fn perform(&mut self, op: Op) -> &[u64] {
        self.answer.clear();
        match (op.kind, op.who, self.child) {
            (kind::FORK, ..) => self.fork(),
            (kind::EXIT_CHILD, ..) => self.end_child(),
            (_, 1, Some(child)) => {
                self.ask(child, op, true);
            }
            (_, 2, _) => self.perform_beside(op, libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD),
            (_, 3, _) => self.perform_beside(op, THREAD),
            _ => {
                self.perform_here(op);
            }
        }
        self.look();
        if let Some(child) = self.child {
            self.ask(child, Op { kind: kind::LOOK, ..op }, false);
        }
        &self.answer
    }

    /// Lets somebody do it who has the same memory: a child as vfork makes it, or a thread.
    fn perform_beside(&mut self, op: Op, flags: i32) {
        extern "C" fn run(task: *mut libc::c_void) -> i32 {
            let task = task.cast::<(*mut Performer, Op)>();
            // SAFETY: the task is on the stack of the one who waits for this to end, and touches nothing meanwhile.
            unsafe { (*(*task).0).perform_here((*task).1) };
            0
        }
        let mut task = (std::ptr::from_mut(self), op);
        let mut running = 1i32;
        let top = self.stack.as_mut_ptr_range().end;
        // SAFETY: the stack is the other one's alone until it has ended, which the kernel says by clearing `running`
        // (a thread) or by the end of the child.
        unsafe {
            let top = top.byte_sub(top.addr() % 16);
            let tid = &raw mut running;
            let null = std::ptr::null_mut::<libc::c_void>();
            let pid = libc::clone(run, top.cast(), flags, (&raw mut task).cast(), null, null, tid);
            if flags & libc::CLONE_THREAD == 0 {
                let mut status = 0;
                libc::waitpid(pid, &raw mut status, 0);
            } else {
                while std::ptr::read_volatile(tid) != 0 {
                    libc::sched_yield();
                }
            }
        }
    }

    /// Lets the child do it, and takes over the words that it answers: the result, or the state.
    fn ask(&mut self, child: Child, op: Op, result: bool) {
        write_words(child.to, &op.words());
        let mut length = [0u64];
        read_words(child.from, &mut length);
        let words = usize::try_from(length[0]).unwrap_or(0);
        let at = self.answer.len();
        self.answer.resize(at + words, 0);
        read_words(child.from, &mut self.answer[at..]);
        if result {
            self.answer.truncate(at + wire::RESULT_WORDS);
        }
    }

    fn perform_here(&mut self, op: Op) {
        let mut hit = Hit::default();
        let mut touched_with = |result: Result<(), Hit>| {
            hit = result.err().unwrap_or_default();
            Ok(u64::from(result.is_err()))
        };
        let [a, b, c, d, e, f] = op.args;
        // A number below the arena is meant from the heap's end on.
        let touched = if a < ARENA { self.heap + a } else { a };
        let fd = |index: u64| match index {
            1 => word(self.files.memfd),
            2 => word(self.files.read_only),
            3 => word(self.files.regular),
            _ => u64::MAX,
        };
        let result = match op.kind {
            kind::MMAP => call(libc::SYS_mmap, [a, b, c, d, fd(e), f]),
            kind::MUNMAP => call(libc::SYS_munmap, [a, b, 0, 0, 0, 0]),
            kind::MPROTECT => call(libc::SYS_mprotect, [a, b, c, 0, 0, 0]),
            kind::MREMAP => call(libc::SYS_mremap, [a, b, c, d, e, 0]),
            kind::BRK => call(libc::SYS_brk, [self.heap.wrapping_add(a), 0, 0, 0, 0, 0]),
            kind::MADVISE => call(libc::SYS_madvise, [a, b, c, 0, 0, 0]),
            kind::MLOCK => call(libc::SYS_mlock2, [a, b, c, 0, 0, 0]),
            kind::MUNLOCK => call(libc::SYS_munlock, [a, b, 0, 0, 0, 0]),
            kind::MLOCKALL => call(libc::SYS_mlockall, [a, 0, 0, 0, 0, 0]),
            kind::MUNLOCKALL => call(libc::SYS_munlockall, [0; 6]),
            kind::SHMAT => call(libc::SYS_shmat, [self.shm, a, b, 0, 0, 0]),
            kind::SHMDT => call(libc::SYS_shmdt, [a, 0, 0, 0, 0, 0]),
            kind::MSYNC => call(libc::SYS_msync, [a, b, c, 0, 0, 0]),
            // SAFETY: a load or a store of one byte inside the arena or the heap's window, where no Rust object is;
            // where nothing may be touched, the handler lets it return 1.
            kind::READ => touched_with(unsafe { touch::read(touched) }.map(drop)),
            // SAFETY: as above.
            kind::WRITE => touched_with(unsafe { touch::write(touched, 42) }),
            _ => Ok(0),
        };
        if let (kind::MMAP | kind::MREMAP, Ok(at)) = (op.kind, result)
            && !(ARENA..ARENA + self.arena_bytes).contains(&at)
            && self.elsewhere.len() < self.elsewhere.capacity()
        {
            self.elsewhere.push((at, if op.kind == kind::MMAP { b } else { c }));
        }
        let (value, errno) = match result {
            Ok(value) => (value, 0),
            Err(errno) => (u64::MAX, u64::from(errno.unsigned_abs())),
        };
        self.answer.extend([value, errno, hit.signal.unsigned_abs().into(), hit.code.unsigned_abs().into()]);
    }

    /// The state of this process: mappings, regions of pages, pagemap entries.
    fn look(&mut self) {
        let start = self.answer.len();
        self.answer.extend([0, 0]);
        for (low, high) in [(ARENA, ARENA + self.arena_bytes), (self.heap, self.heap + HEAP_WINDOW)] {
            self.look_at_mappings(low, high);
        }
        self.answer[start] = ((self.answer.len() - start - 2) / wire::VMA_WORDS) as u64;
        let regions = self.answer.len();
        for (low, high) in [(ARENA, ARENA + self.arena_bytes), (self.heap, self.heap + HEAP_WINDOW)] {
            self.look_at_pages(low, high);
        }
        self.answer[start + 1] = ((self.answer.len() - regions) / wire::REGION_WORDS) as u64;
        // One pagemap word a page of the arena.
        let pages = usize::try_from(self.arena_bytes / self.page).unwrap_or(0);
        let at = self.answer.len();
        self.answer.resize(at + pages, 0);
        let buffer = self.answer[at..].as_mut_ptr();
        let offset = ARENA / self.page * 8;
        let args = [word(self.pagemap), buffer as u64, (pages * 8) as u64, offset, 0, 0];
        let _ = call(libc::SYS_pread64, args);
    }

    fn look_at_mappings(&mut self, low: u64, high: u64) {
        let mut at = low;
        while at < high {
            let mut query = ProcmapQuery {
                size: size_of::<ProcmapQuery>() as u64,
                query_flags: COVERING_OR_NEXT,
                query_addr: at,
                ..ProcmapQuery::default()
            };
            let args = [word(self.maps), PROCMAP_QUERY, &raw mut query as u64, 0, 0, 0];
            if call(libc::SYS_ioctl, args).is_err() || query.start >= high {
                return;
            }
            let dev = u64::from(query.dev_major) << 32 | u64::from(query.dev_minor);
            let (start, end) = (query.start.max(low), query.end.min(high));
            // What is cut off in front moves the offset.
            let offset = if (dev, query.inode) == (0, 0) { 0 } else { query.offset + (start - query.start) };
            self.answer.extend([start, end, query.flags & 15, offset, dev, query.inode]);
            at = query.end;
        }
    }

    fn look_at_pages(&mut self, low: u64, high: u64) {
        let mut regions = [[0u64; 3]; 512];
        let mut at = low;
        while at < high {
            // struct pm_scan_arg
            let mut arg = [0u64; 12];
            arg[0] = 96;
            arg[2] = at;
            arg[3] = high;
            arg[5] = regions.as_mut_ptr() as u64;
            arg[6] = regions.len() as u64;
            arg[10] = wire::PRESENT | wire::SWAPPED;
            arg[11] = wire::FILE | wire::PRESENT | wire::SWAPPED | wire::ZERO | wire::HUGE | wire::GUARD;
            let args = [word(self.pagemap), PAGEMAP_SCAN, &raw mut arg as u64, 0, 0, 0];
            let Ok(count) = call(libc::SYS_ioctl, args) else { return };
            for region in regions.iter().take(usize::try_from(count).unwrap_or(0)) {
                self.answer.extend(region);
            }
            if arg[4] <= at {
                return;
            }
            at = arg[4];
        }
    }

    fn fork(&mut self) {
        let (mut to, mut from) = ([0i32; 2], [0i32; 2]);
        if self.child.is_some() {
            self.answer.extend([u64::MAX, 11, 0, 0]);
            return;
        }
        // SAFETY: both arrays have room for two descriptors. The child is a copy with one thread, which goes on in
        // `serve` without allocating and leaves by `_exit`.
        let pid = unsafe {
            libc::pipe(to.as_mut_ptr());
            libc::pipe(from.as_mut_ptr());
            libc::fork()
        };
        if pid == 0 {
            close(self.maps);
            close(self.pagemap);
            self.open_own_files();
            close(to[1]);
            close(from[0]);
            self.serve(to[0], from[1]);
        }
        close(to[0]);
        close(from[1]);
        self.child = Some(Child { pid, to: to[1], from: from[0] });
        self.answer.extend([u64::from(pid.unsigned_abs()), 0, 0, 0]);
    }

    /// The child's whole life: calls in, answers out.
    fn serve(&mut self, from: i32, to: i32) -> ! {
        self.child = None;
        let mut words = [0u64; wire::OP_WORDS];
        while read_words(from, &mut words) {
            let op = Op::from_words(words);
            self.answer.clear();
            if op.kind == kind::LOOK {
                self.look();
            } else {
                self.perform_here(op);
            }
            let answer = std::mem::take(&mut self.answer);
            write_words(to, &[answer.len() as u64]);
            write_words(to, &answer);
            self.answer = answer;
        }
        // SAFETY: ends this process at once.
        unsafe { libc::_exit(0) }
    }

    fn end_child(&mut self) {
        if let Some(child) = self.child.take() {
            close(child.to);
            let mut status = 0;
            // SAFETY: waits for the child that `fork` made.
            unsafe { libc::waitpid(child.pid, &raw mut status, 0) };
            close(child.from);
        }
        self.answer.extend([0; wire::RESULT_WORDS]);
    }

    /// Takes everything away that the last sequence left, and gives the next one an arena of so many bytes.
    pub(crate) fn reset(&mut self, arena_bytes: u64) {
        self.answer.clear();
        self.end_child();
        let _ = call(libc::SYS_munlockall, [0; 6]);
        for (at, len) in std::mem::take(&mut self.elsewhere) {
            let _ = call(libc::SYS_munmap, [at, len, 0, 0, 0, 0]);
        }
        self.elsewhere.reserve(256);
        let _ = call(libc::SYS_munmap, [ARENA, 16 << 20, 0, 0, 0, 0]);
        let _ = call(libc::SYS_brk, [self.heap, 0, 0, 0, 0, 0]);
        self.arena_bytes = arena_bytes;
    }

    /// Segments outlive their processes.
    pub(crate) fn remove_shm(&self) {
        let _ = call(libc::SYS_shmctl, [self.shm, libc::IPC_RMID as u64, 0, 0, 0, 0]);
    }

    /// The memfd is as it was at the start: without holes (`MADV_REMOVE`) and huge pages (`MADV_COLLAPSE`).
    pub(crate) fn refill(&self) {
        for bytes in [0, wire::MEMFD_PAGES * 4096] {
            let _ = call(libc::SYS_ftruncate, [word(self.files.memfd), bytes, 0, 0, 0, 0]);
        }
        let page = [7u8; 4096];
        for number in 0..wire::MEMFD_PAGES {
            let args = [word(self.files.memfd), page.as_ptr() as u64, 4096, number * 4096, 0, 0];
            let _ = call(libc::SYS_pwrite64, args);
        }
    }
}

/// A file in memory.
pub(crate) fn memfd(name: &std::ffi::CStr) -> std::io::Result<std::os::fd::OwnedFd> {
    use std::os::fd::FromRawFd as _;
    // SAFETY: a C string and no flags; what comes back is a descriptor that nobody else owns.
    unsafe {
        let fd = libc::memfd_create(name.as_ptr(), 0);
        if fd < 0 { Err(std::io::Error::last_os_error()) } else { Ok(std::os::fd::OwnedFd::from_raw_fd(fd)) }
    }
}

fn close(fd: i32) {
    // SAFETY: closes a descriptor of this performer's own; nobody else has it.
    unsafe { libc::close(fd) };
}

fn call(number: i64, [a, b, c, d, e, f]: [u64; 6]) -> Result<u64, i32> {
    // SAFETY: the performer makes memory calls on the arena and the heap's window only (the generator sees to it), and
    // other calls on buffers of its own; no Rust object lives where they change anything.
    let result = unsafe { libc::syscall(number, a, b, c, d, e, f) };
    // SAFETY: the thread's own errno.
    if result == -1 { Err(unsafe { *libc::__errno_location() }) } else { Ok(result.cast_unsigned()) }
}

fn write_words(to: i32, words: &[u64]) {
    let mut at = 0;
    while at < words.len() * 8 {
        let args = [word(to), words.as_ptr() as u64 + at as u64, (words.len() * 8 - at) as u64, 0, 0, 0];
        match call(libc::SYS_write, args) {
            Ok(count) if count > 0 => at += usize::try_from(count).unwrap_or(0),
            _ => return,
        }
    }
}

/// Fills `words`; `false` at the end of the pipe.
fn read_words(from: i32, words: &mut [u64]) -> bool {
    let mut at = 0;
    while at < words.len() * 8 {
        let args =
            [word(from), words.as_mut_ptr() as u64 + at as u64, (words.len() * 8 - at) as u64, 0, 0, 0];
        match call(libc::SYS_read, args) {
            Ok(count) if count > 0 => at += usize::try_from(count).unwrap_or(0),
            _ => return false,
        }
    }
    true
}

/// A descriptor or a flag as a system call takes it: sign-extended, as the C library would.
fn word(value: i32) -> u64 {
    i64::from(value).cast_unsigned()
}
