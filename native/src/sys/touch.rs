//! Loads and stores of one byte anywhere: where nothing may be touched the signal is noted, and the touch returns.

use std::arch::global_asm;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

#[cfg(target_arch = "x86_64")]
global_asm!(
    ".globl pagescope_touch_read",
    "pagescope_touch_read:",
    "movzx eax, byte ptr [rdi]",
    "ret",
    ".globl pagescope_touch_write",
    "pagescope_touch_write:",
    "mov byte ptr [rdi], sil",
    "xor eax, eax",
    "ret",
    ".globl pagescope_touch_failed",
    "pagescope_touch_failed:",
    "mov eax, 256",
    "ret",
);
#[cfg(target_arch = "aarch64")]
global_asm!(
    ".globl pagescope_touch_read",
    "pagescope_touch_read:",
    "ldrb w0, [x0]",
    "ret",
    ".globl pagescope_touch_write",
    "pagescope_touch_write:",
    "strb w1, [x0]",
    "mov w0, #0",
    "ret",
    ".globl pagescope_touch_failed",
    "pagescope_touch_failed:",
    "mov w0, #256",
    "ret",
);

unsafe extern "C" {
    fn pagescope_touch_read(addr: u64) -> u32;
    fn pagescope_touch_write(addr: u64, byte: u32) -> u32;
    fn pagescope_touch_failed() -> u32;
}

/// The signal that a touch brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hit {
    pub(crate) signal: i32,
    /// `si_code`
    pub(crate) code: i32,
    pub(crate) addr: u64,
}

static SIGNAL: AtomicI32 = AtomicI32::new(0);
static CODE: AtomicI32 = AtomicI32::new(0);
static ADDR: AtomicU64 = AtomicU64::new(0);

/// Notes the signal and lets the touch return as failed.
extern "C" fn on_signal(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    SIGNAL.store(signal, Ordering::Relaxed);
    // SAFETY: the kernel passes a live siginfo_t and ucontext_t to a handler set with SA_SIGINFO. The touch functions
    // use no stack and save nothing, so that "failed" can return in their place; a signal from anywhere else would
    // come again at once, and the default action ends the process.
    unsafe {
        CODE.store((*info).si_code, Ordering::Relaxed);
        ADDR.store(super::to_u64((*info).si_addr().addr()), Ordering::Relaxed);
        let context = context.cast::<libc::ucontext_t>();
        let failed = pagescope_touch_failed as *const () as usize;
        #[cfg(target_arch = "x86_64")]
        let ip = &raw mut (&mut (*context).uc_mcontext.gregs)[libc::REG_RIP as usize];
        #[cfg(target_arch = "aarch64")]
        let ip = &raw mut (*context).uc_mcontext.pc;
        // The one is signed, the other is not.
        let ip = ip.cast::<u64>();
        let low =
            (pagescope_touch_read as *const () as usize).min(pagescope_touch_write as *const () as usize);
        let at = usize::try_from(*ip).unwrap_or(0);
        if (low..low + 64).contains(&at) {
            *ip = super::to_u64(failed);
        } else {
            libc::signal(signal, libc::SIG_DFL);
        }
    }
}

/// From now on SIGSEGV and SIGBUS end a touch instead of the process.
pub(super) fn survive() {
    // SAFETY: a zeroed sigaction is a valid one, and the handler keeps to what handlers may do.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_signal as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO;
        libc::sigaction(libc::SIGSEGV, &raw const action, std::ptr::null_mut());
        libc::sigaction(libc::SIGBUS, &raw const action, std::ptr::null_mut());
    }
}

fn hit() -> Hit {
    Hit {
        signal: SIGNAL.load(Ordering::Relaxed),
        code: CODE.load(Ordering::Relaxed),
        addr: ADDR.load(Ordering::Relaxed),
    }
}

/// Loads one byte.
///
/// # Safety
/// [`survive`] was called, and what lies at `addr` may be read at any time: no Rust object that is being written is there.
pub(super) unsafe fn read(addr: u64) -> Result<u8, Hit> {
    // SAFETY: the caller's word; where nothing may be read, the handler lets it return 256.
    u8::try_from(unsafe { pagescope_touch_read(addr) }).map_err(|_| hit())
}

/// Stores one byte.
///
/// # Safety
/// [`survive`] was called, and no Rust object lies at `addr`.
pub(super) unsafe fn write(addr: u64, byte: u8) -> Result<(), Hit> {
    // SAFETY: the caller's word; where nothing may be written, the handler lets it return 256.
    match unsafe { pagescope_touch_write(addr, byte.into()) } {
        0 => Ok(()),
        _ => Err(hit()),
    }
}
