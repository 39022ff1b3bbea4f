//! The seccomp filter: which calls stop the program. All others run at full speed.

use super::calls;
use crate::sys::Instruction;
use crate::sys::trace::AUDIT_ARCH;

/// Offsets in `struct seccomp_data`.
const NUMBER: u32 = 0;
const ARCH: u32 = 4;

const LOAD: u16 = 0x20;
const JUMP_IF_EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;
const ALLOW: u32 = 0x7fff_0000;
const TRACE: u32 = 0x7ff0_0000;

/// Calls of another architecture (32-bit programs) pass unseen rather than being read as what they are not.
pub(super) fn program() -> Vec<Instruction> {
    let plain = |code, k| Instruction { code, jt: 0, jf: 0, k };
    let numbers: Vec<u32> = calls::numbers().filter_map(|number| u32::try_from(number).ok()).collect();
    let rest = u8::try_from(numbers.len()).unwrap_or(u8::MAX);
    let mut all = vec![
        plain(LOAD, ARCH),
        Instruction { code: JUMP_IF_EQUAL, jt: 0, jf: rest + 1, k: AUDIT_ARCH },
        plain(LOAD, NUMBER),
    ];
    for (number, left) in numbers.iter().zip((0..rest).rev()) {
        // Over those that are left and the one that allows.
        all.push(Instruction { code: JUMP_IF_EQUAL, jt: left + 1, jf: 0, k: *number });
    }
    all.push(plain(RETURN, ALLOW));
    all.push(plain(RETURN, TRACE));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the filter says, as the kernel would run it.
    fn run(arch: u32, number: u32) -> u32 {
        let (all, mut at, mut loaded) = (program(), 0, 0);
        loop {
            let Instruction { code, jt, jf, k } = all[at];
            at += 1;
            match code {
                LOAD => loaded = if k == ARCH { arch } else { number },
                JUMP_IF_EQUAL => at += usize::from(if loaded == k { jt } else { jf }),
                _ => return k,
            }
        }
    }

    #[test]
    fn memory_calls_stop_and_nothing_else() {
        for number in 0..600 {
            let ours = calls::numbers().any(|known| known == i64::from(number));
            assert_eq!(run(AUDIT_ARCH, number), if ours { TRACE } else { ALLOW }, "call {number}");
            assert_eq!(run(0x4000_0003, number), ALLOW, "32-bit call {number}");
        }
    }
}
