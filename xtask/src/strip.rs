//! What wasm-bindgen writes into the wasm and no browser needs: names of functions, and of the tools that made it.

use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::Path;

/// Takes them out of all wasm files of a folder.
pub(crate) fn strip(dist: &Path) -> Result<()> {
    for file in fs::read_dir(dist).with_context(|| dist.display().to_string())? {
        let path = file?.path();
        if path.extension().is_some_and(|e| e == "wasm") {
            let what = || path.display().to_string();
            let wasm = stripped(&fs::read(&path).with_context(what)?).with_context(what)?;
            fs::write(&path, wasm).with_context(what)?;
        }
    }
    Ok(())
}

/// The module without its custom sections `name` and `producers`: <https://webassembly.github.io/spec/core/binary/modules.html>.
fn stripped(wasm: &[u8]) -> Result<Vec<u8>> {
    const HEADER: usize = 8;
    ensure!(wasm.len() >= HEADER && wasm.starts_with(b"\0asm"), "no wasm");
    let (header, mut rest) = wasm.split_at(HEADER);
    let mut out = header.to_vec();
    while let Some((id, after)) = rest.split_first() {
        let (len, body) = number(after)?;
        ensure!(len <= body.len(), "a section is cut off");
        let (body, next) = body.split_at(len);
        let dropped = *id == 0 && {
            let (len, name) = number(body)?;
            [Some(&b"name"[..]), Some(b"producers")].contains(&name.get(..len))
        };
        if !dropped {
            out.extend(&rest[..rest.len() - next.len()]);
        }
        rest = next;
    }
    Ok(out)
}

/// An unsigned LEB128 of at most 32 bits, and what follows.
fn number(bytes: &[u8]) -> Result<(usize, &[u8])> {
    let mut number = 0;
    for (i, byte) in bytes.iter().enumerate().take(5) {
        number |= usize::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            return Ok((number, &bytes[i + 1..]));
        }
    }
    anyhow::bail!("a number is cut off")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_and_the_rest_stays() {
        let module = |sections: &[&[u8]]| [&b"\0asm\x01\0\0\0"[..], &sections.concat()].concat();
        let (types, name) = (&b"\x01\x04\x01\x60\0\0"[..], &b"\0\x08\x04name123"[..]);
        let (long, other) = ([&b"\0\x8a\x01\x09producers"[..], &[7; 128]].concat(), &b"\0\x03\x02hi"[..]);
        let whole = module(&[types, name, &long, other]);
        assert_eq!(stripped(&whole).unwrap(), module(&[types, other]));
        assert!(stripped(&whole[..whole.len() - 1]).is_err());
        assert!(stripped(b"text").is_err());
    }
}
