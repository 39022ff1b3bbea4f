//! The page's size, and the most it may be.

use crate::page::Library;
use anyhow::{Context, Result, bail};
use flate2::{Compression, write::GzEncoder};
use std::fmt;
use std::fs;
use std::io::Write;
use std::path::Path;

/// The most that the wasm should take on the wire, in bytes, compressed as by `gzip -9`.
pub(crate) const DESIGN: u64 = 250_000;
/// What the gate lets pass: the page has outgrown the design, and this keeps it from growing further until it is brought down.
const BUDGET: u64 = 480_000;

/// The gate for a page with this library in it: the toolchain's own makes it a tenth larger.
fn budget(library: Library) -> u64 {
    match library {
        Library::FromSource => BUDGET,
        Library::Ready => BUDGET + BUDGET / 10,
    }
}

/// The sizes of the page's wasm, in bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Size {
    /// As it lies in `dist/`.
    pub raw: u64,
    /// As by `gzip -9`.
    pub gzip: u64,
}

/// Measures all wasm files of a folder.
pub(crate) fn measure(dist: &Path) -> Result<Size> {
    let mut size = Size { raw: 0, gzip: 0 };
    let files = fs::read_dir(dist)
        .with_context(|| format!("no page in {}; run: cargo xtask build", dist.display()))?;
    for file in files {
        let path = file?.path();
        if path.extension().is_some_and(|e| e == "wasm") {
            let bytes = fs::read(&path).with_context(|| path.display().to_string())?;
            let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(&bytes)?;
            size.raw += u64::try_from(bytes.len())?;
            size.gzip += u64::try_from(encoder.finish()?.len())?;
        }
    }
    if size.raw == 0 {
        bail!("no wasm in {}; run: cargo xtask build", dist.display());
    }
    Ok(size)
}

/// Measures, says the numbers, and refuses a page over the budget.
pub(crate) fn gate(dist: &Path, library: Library) -> Result<()> {
    let (size, most) = (measure(dist)?, budget(library));
    let more = if most > BUDGET { ", a tenth more for want of the standard library's source" } else { "" };
    eprintln!("{size}; at most {} gzipped{more}", grouped(most));
    if size.gzip > most {
        bail!(
            "the wasm is {} bytes over its budget: find what grew (new dependencies first), \
             or raise BUDGET in xtask/src/size.rs and say why in the commit",
            grouped(size.gzip - most)
        );
    }
    Ok(())
}

/// A number with its thousands apart.
pub(crate) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (raw, gzip) = (grouped(self.raw), grouped(self.gzip));
        write!(f, "wasm {raw} bytes, {gzip} gzipped")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        let check = |n, expect: &str| assert_eq!(grouped(n), expect);
        check(0, "0");
        check(999, "999");
        check(1_000, "1,000");
        check(153_600, "153,600");
        check(12_345_678, "12,345,678");
    }

    #[test]
    fn only_wasm_counts_and_too_much_is_refused() {
        let dir = std::env::temp_dir().join(format!("pagescope-xtask-size-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("page.js"), [7; 500]).unwrap();
        assert!(measure(&dir).is_err(), "a page without wasm is no page");

        fs::write(dir.join("page_bg.wasm"), [0; 1000]).unwrap();
        let small = measure(&dir).unwrap();
        assert_eq!(small.raw, 1000);
        assert!(small.gzip < 100, "{small}");
        gate(&dir, Library::FromSource).unwrap();

        // Noise, which does not compress.
        let mut x = 1_u32;
        let noise: Vec<u8> = (0..BUDGET + 1000)
            .map(|_| {
                x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                x.to_be_bytes()[0]
            })
            .collect();
        fs::write(dir.join("page_bg.wasm"), noise).unwrap();
        assert!(gate(&dir, Library::FromSource).is_err());
        gate(&dir, Library::Ready).unwrap();
        fs::remove_dir_all(dir).unwrap();
    }
}
