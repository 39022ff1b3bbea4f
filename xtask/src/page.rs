//! Building the page with trunk, and the native binary that carries it.

use crate::run::{self, cargo, command};
use crate::versions::{TRUNK, WASM_BINDGEN};
use crate::wasm::Way;
use crate::{paths, size, std_source, strip, tools};
use anyhow::{Context, Result};
use std::path::PathBuf;
use std::process::Command;

/// The pinned trunk, with the pinned wasm-bindgen where trunk looks for it.
pub(crate) fn trunk(way: Way) -> Result<Command> {
    let bins = [tools::require(&TRUNK)?, tools::require(&WASM_BINDGEN)?];
    let mut cmd = command(bins[0].join("trunk"));
    cmd.env("PATH", paths::path_with(&bins)?).env("TRUNK_SKIP_VERSION_CHECK", "true");
    way.apply(&mut cmd)?;
    Ok(cmd)
}

/// Which standard library is in the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Library {
    /// Compiled with it, for size.
    FromSource,
    /// As the toolchain has it: the page is larger.
    Ready,
}

/// Builds the page into `dist/`.
pub(crate) fn build(way: Way) -> Result<Library> {
    if way == Way::Debian {
        eprintln!("page: compiling by {}", way.name());
    }
    // Here, where cargo shows what it downloads; trunk then needs no network, and cannot fetch tools of its own.
    // Without a network everything may be there already, so a failure is not the end.
    if let Err(e) = run::run(cargo().args(["fetch", "--locked", "--quiet"])) {
        eprintln!("page: {e:#}; trying with what was downloaded before");
    }
    let mut cmd = trunk(way)?;
    let library = if way == Way::Ordinary && std_source::is_ready() && std_source::fetch()? {
        std_source::apply(&mut cmd)?;
        Library::FromSource
    } else {
        eprintln!("page: without the standard library's source, so it gets larger");
        Library::Ready
    };
    run::run(cmd.args(["build", "--release", "--locked", "--offline"]))
        .context("the page cannot be built")?;
    strip::strip(&paths::dist())?;
    Ok(library)
}

/// Builds the release binary with the page in it; returns its path.
pub(crate) fn build_native() -> Result<PathBuf> {
    let target = paths::target()?;
    let mut cmd = cargo();
    cmd.args(["build", "--release", "--locked"])
        .args(["-p", "pagescope", "--features", "page"])
        .env("CARGO_TARGET_DIR", &target);
    run::run(&mut cmd)?;
    Ok(target.join("release/pagescope"))
}

/// Builds both and says where they are; returns the binary's path.
pub(crate) fn build_all(way: Way) -> Result<PathBuf> {
    build(way)?;
    let binary = build_native()?;
    let wasm = size::measure(&paths::dist())?;
    eprintln!("page    {}  {wasm}", paths::dist().display());
    let bytes = binary.metadata().with_context(|| binary.display().to_string())?.len();
    eprintln!("binary  {}  {} bytes", binary.display(), size::grouped(bytes));
    Ok(binary)
}
