//! The fallback: Debian's `rustc-web`, which comes without a wasm standard library but with its source.
//!
//! Setup builds that library once, into a sysroot in the cache. Proc macros and build scripts are
//! compiled for this machine, and are not concerned.

use crate::run::{self, command};
use crate::{apt, paths, wasm};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What apt brings: the compiler beside rustup's, the library's source, the linker.
const PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "lld-22"];
const RUSTC: &str = "/usr/bin/rustc";
const CARGO: &str = "/usr/bin/cargo";
const LINKER: &str = "/usr/lib/llvm-22/bin/wasm-ld";
/// Written last into a sysroot: which compiler it belongs to.
const STAMP: &str = "made-by";
/// How long it takes, as said to the person waiting.
pub(crate) const TYPICAL: &str = "typically 2 minutes";

/// Whether compiler, linker and a sysroot of this very compiler are there.
pub(crate) fn is_ready() -> bool {
    let Ok(sysroot) = sysroot() else { return false };
    let stamp = fs::read_to_string(sysroot.join(STAMP)).ok();
    Path::new(LINKER).exists() && stamp.is_some() && stamp == compiler()
}

/// Installs the packages and builds the sysroot.
pub(crate) fn install(label: &str) -> Result<()> {
    eprintln!("{label}: the fallback's packages, {}", PACKAGES.join(" "));
    apt::install(label, &PACKAGES)?;
    eprintln!("{label}: building the standard library for wasm, typically a minute");
    let rlibs = build_std(label).context("the standard library for wasm cannot be built")?;
    make_sysroot(&rlibs)?;
    // Only their copies are needed.
    let _ = fs::remove_dir_all(scratch()?);
    Ok(())
}

/// Prepares a command that compiles for wasm.
pub(crate) fn apply(cmd: &mut Command) -> Result<()> {
    // With `--target`, these flags reach the target's crates alone. Encoded, so that a space in the
    // cache's path does no harm; and they win over a RUSTFLAGS of the person's, meant for another compiler.
    let flags = format!("--sysroot={}", sysroot()?.display());
    cmd.env("RUSTC", RUSTC)
        .env("CARGO_ENCODED_RUSTFLAGS", flags)
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", LINKER)
        // `cargo run` put the other compiler's libraries there.
        .env_remove("LD_LIBRARY_PATH");
    Ok(())
}

fn sysroot() -> Result<PathBuf> {
    Ok(paths::cache()?.join("wasm-sysroot"))
}

fn scratch() -> Result<PathBuf> {
    Ok(paths::cache()?.join("build/wasm-std"))
}

/// What the compiler says it is, in full.
fn compiler() -> Option<String> {
    run::capture(command(RUSTC).arg("-vV").env_remove("LD_LIBRARY_PATH"))
}

/// Compiles an empty crate with the standard library from source; returns the libraries' folder.
fn build_std(label: &str) -> Result<PathBuf> {
    let scratch = scratch()?;
    // From nothing: stale libraries beside new ones break every later build.
    if scratch.exists() {
        fs::remove_dir_all(&scratch).with_context(|| scratch.display().to_string())?;
    }
    fs::create_dir_all(scratch.join("src")).with_context(|| scratch.display().to_string())?;
    let manifest = "[package]\nname = \"empty\"\nedition = \"2021\"\n[workspace]\n";
    fs::write(scratch.join("Cargo.toml"), manifest)?;
    fs::write(scratch.join("src/lib.rs"), "")?;

    let target_dir = scratch.join("target");
    let mut cmd = command(CARGO);
    cmd.current_dir(&scratch)
        .args(["build", "--release", "--target", wasm::TARGET])
        // `test` is what `cargo test` links.
        .arg("-Zbuild-std=std,panic_abort,test")
        .env("RUSTC", RUSTC)
        // -Z is for nightly compilers; Debian's is built from the same source.
        .env("RUSTC_BOOTSTRAP", "1")
        // The page's build optimizes across crates, and without bitcode that fails at the very end.
        .env("CARGO_ENCODED_RUSTFLAGS", "-Cembed-bitcode=yes")
        .env("CARGO_TARGET_DIR", &target_dir)
        .env_remove("LD_LIBRARY_PATH");
    let log = paths::cache()?.join("logs/wasm-std.log");
    run::run_logged(label, &mut cmd, &log, None)?;
    Ok(wasm::deps(&target_dir, "release"))
}

/// Copies the libraries into a new sysroot, and puts it in place when it is whole.
fn make_sysroot(rlibs: &Path) -> Result<()> {
    let sysroot = sysroot()?;
    let new = sysroot.with_extension("new");
    if new.exists() {
        fs::remove_dir_all(&new)?;
    }
    let lib = new.join("lib/rustlib").join(wasm::TARGET).join("lib");
    fs::create_dir_all(&lib).with_context(|| lib.display().to_string())?;
    let mut copied = 0;
    for file in fs::read_dir(rlibs).with_context(|| rlibs.display().to_string())? {
        let file = file?;
        let name = file.file_name();
        let text = name.to_string_lossy();
        if text.ends_with(".rlib") && !text.starts_with("libempty-") {
            fs::copy(file.path(), lib.join(&name))?;
            copied += 1;
        }
    }
    if copied == 0 {
        bail!("no libraries in {}", rlibs.display());
    }
    let compiler = compiler().with_context(|| format!("{RUSTC} does not run"))?;
    fs::write(new.join(STAMP), compiler)?;
    if sysroot.exists() {
        fs::remove_dir_all(&sysroot)?;
    }
    fs::rename(&new, &sysroot).with_context(|| sysroot.display().to_string())
}
