//! Addresses, ranges and page numbers: newtypes over `u64`, written as hexadecimal strings in a
//! trace because JSON numbers lose precision past 2^53.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::fmt;

/// A virtual address, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Addr(pub u64);

/// A physical frame number, as `/proc/PID/pagemap` gives it (bits 0-54).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Frame(pub u64);

/// Why a piece of text is not an address, a range or a page size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddrError {
    /// Not `0x` and 1 to 16 hexadecimal digits.
    #[error("{0:?} is not a hexadecimal number such as \"0x100000000\"")]
    NotHex(String),
    /// The end is not above the start.
    #[error("the range {0} to {1} is empty or runs backwards")]
    Empty(Addr, Addr),
    /// Not a power of two from 1 KiB to 1 GiB.
    #[error("{0} is no page size: a power of two from 1024 to 1073741824 is")]
    PageSize(u64),
}

fn parse_hex(text: &str) -> Result<u64, AddrError> {
    let digits = text.strip_prefix("0x").unwrap_or_default();
    if digits.is_empty() || digits.len() > 16 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(AddrError::NotHex(text.chars().take(40).collect()));
    }
    u64::from_str_radix(digits, 16).map_err(|_| AddrError::NotHex(text.to_owned()))
}

macro_rules! hex_newtype {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:#x}", self.0)
            }
        }
        impl std::str::FromStr for $name {
            type Err = AddrError;
            fn from_str(text: &str) -> Result<Self, AddrError> {
                parse_hex(text).map(Self)
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = String::deserialize(from)?;
                text.parse().map_err(D::Error::custom)
            }
        }
    };
}
hex_newtype!(Addr);
hex_newtype!(Frame);

/// A half-open range of addresses, never empty: `start <= a < end`. In a trace a pair of hex
/// strings: `["0x1000","0x3000"]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "(Addr, Addr)", into = "(Addr, Addr)")]
pub struct Range {
    start: Addr,
    end: Addr,
}

impl Range {
    /// The first byte of all: what stands where no range is meant.
    pub(crate) const FIRST_BYTE: Self = Self { start: Addr(0), end: Addr(1) };

    /// `start..end`, in bytes. Fails when it would be empty.
    pub fn new(start: Addr, end: Addr) -> Result<Self, AddrError> {
        if start < end { Ok(Self { start, end }) } else { Err(AddrError::Empty(start, end)) }
    }
    /// `len` bytes from `start`. Fails when `len` is 0 or the end passes 2^64.
    pub fn from_len(start: Addr, len: u64) -> Result<Self, AddrError> {
        Self::new(start, Addr(start.0.checked_add(len).unwrap_or(start.0)))
    }
    /// The first address.
    pub fn start(self) -> Addr {
        self.start
    }
    /// The first address after it.
    pub fn end(self) -> Addr {
        self.end
    }
    /// Length in bytes: at least 1.
    pub fn bytes(self) -> u64 {
        self.end.0 - self.start.0
    }
    /// Whether `addr` lies in it.
    pub fn contains(self, addr: Addr) -> bool {
        self.start <= addr && addr < self.end
    }
    /// What both have in common.
    pub fn intersection(self, other: Self) -> Option<Self> {
        Self::new(self.start.max(other.start), self.end.min(other.end)).ok()
    }
}

impl TryFrom<(Addr, Addr)> for Range {
    type Error = AddrError;
    fn try_from((start, end): (Addr, Addr)) -> Result<Self, AddrError> {
        Self::new(start, end)
    }
}

impl From<Range> for (Addr, Addr) {
    fn from(range: Range) -> Self {
        (range.start, range.end)
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.start, self.end)
    }
}

/// The page size of a recording, in bytes: a power of two from 1 KiB to 1 GiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct PageSize(u64);

impl PageSize {
    /// 4,096 bytes: x86-64, and most others.
    pub const FOUR_KIB: Self = Self(4096);

    /// In bytes.
    pub fn bytes(self) -> u64 {
        self.0
    }
    /// The number of the page that holds `addr`.
    pub fn page_of(self, addr: Addr) -> u64 {
        // A shift: division is slow, and every event needs it.
        addr.0 >> self.0.trailing_zeros()
    }
    /// The first address of page number `page`; `None` past 2^64.
    pub fn address_of(self, page: u64) -> Option<Addr> {
        let shift = self.0.trailing_zeros();
        (page <= u64::MAX >> shift).then_some(Addr(page << shift))
    }
    /// The page that holds `addr`; `None` for the last one of all, which has no end.
    pub fn page_range(self, addr: Addr) -> Option<Range> {
        Range::from_len(self.address_of(self.page_of(addr))?, self.0).ok()
    }
    /// Whether `addr` is the first of its page.
    pub fn is_aligned(self, addr: Addr) -> bool {
        addr.0 & (self.0 - 1) == 0
    }
    /// How many pages `range` touches.
    pub fn pages_in(self, range: Range) -> u64 {
        self.page_of(Addr(range.end.0 - 1)) - self.page_of(range.start) + 1
    }
    /// What the kernel makes of a length: rounded up to whole pages (`PAGE_ALIGN`), `None` past 2^64.
    pub fn round_up(self, len: u64) -> Option<u64> {
        len.checked_next_multiple_of(self.0)
    }
}

impl TryFrom<u64> for PageSize {
    type Error = AddrError;
    fn try_from(bytes: u64) -> Result<Self, AddrError> {
        if bytes.is_power_of_two() && (1 << 10..=1 << 30).contains(&bytes) {
            Ok(Self(bytes))
        } else {
            Err(AddrError::PageSize(bytes))
        }
    }
}

impl From<PageSize> for u64 {
    fn from(size: PageSize) -> Self {
        size.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_text() {
        let rows: [(&str, Option<u64>); 8] = [
            ("0x0", Some(0)),
            ("0x100000000", Some(1 << 32)),
            ("0xffffffffffffffff", Some(u64::MAX)),
            ("0x1ffffffffffffffff", None),
            ("100000000", None),
            ("0x", None),
            ("0x+1", None),
            ("", None),
        ];
        for (text, expected) in rows {
            assert_eq!(text.parse::<Addr>().ok().map(|a| a.0), expected, "{text:?}");
        }
    }

    #[test]
    fn lengths_round_to_pages() {
        let size = PageSize::FOUR_KIB;
        for (len, expected) in [
            (0, Some(0)),
            (1, Some(4096)),
            (1024, Some(4096)),
            (4096, Some(4096)),
            (4097, Some(8192)),
            (u64::MAX, None),
        ] {
            assert_eq!(size.round_up(len), expected, "{len}");
        }
    }

    #[test]
    fn ranges_are_never_empty() {
        assert!(Range::from_len(Addr(4096), 0).is_err());
        assert!(Range::from_len(Addr(u64::MAX), 2).is_err());
        assert!(serde_json::from_str::<Range>(r#"["0x2000","0x1000"]"#).is_err());
        let range = Range::from_len(Addr(0x1800), 0x1000);
        assert_eq!(range.map(|r| PageSize::FOUR_KIB.pages_in(r)), Ok(2));
    }
}
