//! Sets of named bits: in memory one number, in a trace a list of names. Names that this version does not know are
//! kept beside them.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Defines a set of named bits with unknown names kept; bit `i` has the `i`th name.
macro_rules! named_bits {
    ($(#[$doc:meta])* $set:ident: $($(#[$each:meta])* $constant:ident = $name:literal),+ $(,)?) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
        pub struct $set {
            bits: u64,
            unknown: Option<Box<crate::names::Unknown>>,
        }

        impl $set {
            const NAMES: &'static [&'static str] = &[$($name),+];
            named_bits!(@constants 0u32; $($(#[$each])* $constant,)+);

            /// Nothing set.
            pub const NONE: Self = Self { bits: 0, unknown: None };

            /// Those bits, each one of the constants or several of them together.
            pub fn of(bits: u64) -> Self {
                Self { bits: bits & ((1 << Self::NAMES.len()) - 1), unknown: None }
            }
            /// The known bits.
            pub fn bits(&self) -> u64 {
                self.bits
            }
            /// Whether one of `bits` is set.
            pub fn has(&self, bits: u64) -> bool {
                self.bits & bits != 0
            }
            /// With `bits` set.
            #[must_use]
            pub fn with(mut self, bits: u64) -> Self {
                self.bits |= Self::of(bits).bits;
                self
            }
            /// With `bits` cleared.
            #[must_use]
            pub fn without(mut self, bits: u64) -> Self {
                self.bits &= !bits;
                self
            }
            /// Whether nothing is set and nothing unknown kept.
            pub fn is_empty(&self) -> bool {
                self.bits == 0 && self.unknown.is_none()
            }
            /// The names that this version does not know.
            pub fn unknown(&self) -> &[String] {
                self.unknown.as_ref().map_or(&[], |unknown| &unknown.0)
            }
            /// All names, the known ones first.
            pub fn names(&self) -> impl Iterator<Item = &str> {
                let known = Self::NAMES.iter().enumerate().filter(|(i, _)| self.bits >> i & 1 == 1);
                known.map(|(_, name)| *name).chain(self.unknown().iter().map(String::as_str))
            }
        }

        impl<S: AsRef<str>> FromIterator<S> for $set {
            fn from_iter<I: IntoIterator<Item = S>>(names: I) -> Self {
                let (bits, unknown) = crate::names::split(Self::NAMES, names);
                Self { bits, unknown }
            }
        }

        impl Serialize for $set {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_seq(self.names())
            }
        }

        impl<'de> Deserialize<'de> for $set {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                Ok(Vec::<String>::deserialize(from)?.into_iter().collect())
            }
        }
    };
    (@constants $at:expr; $(#[$each:meta])* $constant:ident, $($rest:tt)*) => {
        $(#[$each])*
        pub const $constant: u64 = 1 << $at;
        named_bits!(@constants $at + 1u32; $($rest)*);
    };
    (@constants $at:expr;) => {};
}

/// Names that this version does not know. They are rare: a set without them is two words.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Unknown(Box<[String]>);

/// The bits of the known names, and the unknown names.
fn split<S: AsRef<str>>(known: &[&str], names: impl IntoIterator<Item = S>) -> (u64, Option<Box<Unknown>>) {
    let (mut bits, mut unknown) = (0, Vec::new());
    for name in names {
        match known.iter().position(|k| *k == name.as_ref()) {
            Some(at) => bits |= 1 << at,
            None => unknown.push(name.as_ref().to_owned()),
        }
    }
    (bits, (!unknown.is_empty()).then(|| Box::new(Unknown(unknown.into_boxed_slice()))))
}

named_bits! {
    /// Flags as a caller passed them to mmap(2), mremap(2), mprotect(2), msync(2), mlock2(2) or mlockall(2).
    CallFlags:
    /// mmap
    MAP_SHARED = "MAP_SHARED",
    /// mmap
    MAP_PRIVATE = "MAP_PRIVATE",
    /// mmap
    MAP_SHARED_VALIDATE = "MAP_SHARED_VALIDATE",
    /// mmap
    MAP_FIXED = "MAP_FIXED",
    /// mmap
    MAP_ANONYMOUS = "MAP_ANONYMOUS",
    /// mmap
    MAP_GROWSDOWN = "MAP_GROWSDOWN",
    /// mmap
    MAP_DENYWRITE = "MAP_DENYWRITE",
    /// mmap
    MAP_EXECUTABLE = "MAP_EXECUTABLE",
    /// mmap
    MAP_LOCKED = "MAP_LOCKED",
    /// mmap
    MAP_NORESERVE = "MAP_NORESERVE",
    /// mmap
    MAP_POPULATE = "MAP_POPULATE",
    /// mmap
    MAP_NONBLOCK = "MAP_NONBLOCK",
    /// mmap
    MAP_STACK = "MAP_STACK",
    /// mmap
    MAP_HUGETLB = "MAP_HUGETLB",
    /// mmap
    MAP_SYNC = "MAP_SYNC",
    /// mmap
    MAP_FIXED_NOREPLACE = "MAP_FIXED_NOREPLACE",
    /// mmap
    MAP_UNINITIALIZED = "MAP_UNINITIALIZED",
    /// mmap
    MAP_DROPPABLE = "MAP_DROPPABLE",
    /// mmap
    MAP_32BIT = "MAP_32BIT",
    /// mremap
    MREMAP_MAYMOVE = "MREMAP_MAYMOVE",
    /// mremap
    MREMAP_FIXED = "MREMAP_FIXED",
    /// mremap
    MREMAP_DONTUNMAP = "MREMAP_DONTUNMAP",
    /// msync
    MS_ASYNC = "MS_ASYNC",
    /// msync
    MS_INVALIDATE = "MS_INVALIDATE",
    /// msync
    MS_SYNC = "MS_SYNC",
    /// mlock2
    MLOCK_ONFAULT = "MLOCK_ONFAULT",
    /// mlockall
    MCL_CURRENT = "MCL_CURRENT",
    /// mlockall
    MCL_FUTURE = "MCL_FUTURE",
    /// mlockall
    MCL_ONFAULT = "MCL_ONFAULT",
    /// mprotect
    PROT_GROWSDOWN = "PROT_GROWSDOWN",
    /// mprotect
    PROT_GROWSUP = "PROT_GROWSUP",
}

named_bits! {
    /// What a mapping has been told beyond its protection: the kernel's `VmFlags` of `/proc/PID/smaps`. Two
    /// neighbours merge only when they agree in all of them.
    VmFlags:
    /// mlock(2): `lo`
    LOCKED = "locked",
    /// mlock2(2) with `MLOCK_ONFAULT`: `lf`
    LOCK_ON_FAULT = "lock-on-fault",
    /// `MADV_DONTFORK`: `dc`
    DONT_FORK = "dont-fork",
    /// `MADV_WIPEONFORK`: `wf`
    WIPE_ON_FORK = "wipe-on-fork",
    /// `MAP_GROWSDOWN`, stacks: `gd`
    GROWS_DOWN = "grows-down",
    /// `MADV_HUGEPAGE`: `hg`
    HUGE_PAGE = "huge-page",
    /// `MADV_NOHUGEPAGE`: `nh`
    NO_HUGE_PAGE = "no-huge-page",
    /// `MADV_DONTDUMP`: `dd`
    DONT_DUMP = "dont-dump",
    /// `MADV_SEQUENTIAL`: `sr`
    SEQUENTIAL = "sequential",
    /// `MADV_RANDOM`: `rr`
    RANDOM = "random",
    /// `MADV_MERGEABLE`: `mg`
    MERGEABLE = "mergeable",
    /// `MAP_NORESERVE`: `nr`
    NO_RESERVE = "no-reserve",
    /// Counted against the commit limit: `ac`
    ACCOUNTED = "accounted",
    /// hugetlbfs: `ht`
    HUGETLB = "hugetlb",
    /// `MAP_DROPPABLE`: the kernel may drop the pages: `dp`
    DROPPABLE = "droppable",
    /// A device's memory or the kernel's own pages: `io`, `pf` or `mm`
    SPECIAL = "special",
    /// A shared file that was opened for reading only: no `mw`
    NEVER_WRITABLE = "never-writable",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_names_are_kept() {
        let flags: CallFlags = ["MAP_FIXED", "MAP_NEW", "MAP_PRIVATE"].into_iter().collect();
        assert!(flags.has(CallFlags::MAP_FIXED) && flags.has(CallFlags::MAP_PRIVATE));
        assert!(!flags.has(CallFlags::MAP_SHARED));
        let text = serde_json::to_string(&flags).unwrap();
        assert_eq!(text, r#"["MAP_PRIVATE","MAP_FIXED","MAP_NEW"]"#);
        assert_eq!(serde_json::from_str::<CallFlags>(&text).unwrap(), flags);
        assert!(serde_json::from_str::<VmFlags>("[]").unwrap().is_empty());
    }
}
