//! Small letters, for looking up text without regard to capitals.
//!
//! The standard library's tables for all scripts are twenty-five kilobytes, a twentieth of the page; these rules cover Latin,
//! Greek and Cyrillic as they are written today. Everything else is compared as it stands.

/// The small letter of a capital one, and any other as it is.
pub fn letter(c: char) -> char {
    let n = u32::from(c);
    let small = match n {
        0x41..=0x5a | 0xc0..=0xd6 | 0xd8..=0xde | 0x391..=0x3a1 | 0x3a3..=0x3ab | 0x410..=0x42f => n + 32,
        // Pairs of neighbours, the capital first.
        0x100..=0x12f | 0x132..=0x137 | 0x14a..=0x177 | 0x460..=0x481 | 0x48a..=0x4bf => n | 1,
        0x1e00..=0x1e95 | 0x1ea0..=0x1eff => n | 1,
        0x139..=0x148 | 0x179..=0x17e => n + (n & 1),
        0x178 => 0xff,
        0x386 => 0x3ac,
        0x388..=0x38a => n + 37,
        0x38c => 0x3cc,
        0x38e | 0x38f => n + 63,
        0x400..=0x40f => n + 80,
        _ => n,
    };
    char::from_u32(small).unwrap_or(c)
}

/// A text in small letters.
pub fn letters(text: &str) -> String {
    text.chars().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_the_standard_library_in_latin_greek_and_cyrillic() {
        for range in [0..0x130, 0x132..0x180, 0x386..0x3cf, 0x400..0x4c0, 0x1e00..0x1e96, 0x1ea0..0x1f00] {
            for c in range.filter_map(char::from_u32) {
                assert_eq!(letter(c).to_string(), c.to_lowercase().to_string(), "{c} {:x}", u32::from(c));
            }
        }
        assert_eq!(letters("/Tmp/ÄÖÜ ΑΒΓ ЖЁ → 中"), "/tmp/äöü αβγ жё → 中");
    }
}
