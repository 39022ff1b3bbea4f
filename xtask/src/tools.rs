//! trunk and wasm-bindgen: found, or compiled into the cache.

use crate::paths;
use crate::run::{self, command};
use crate::versions::{QUICK_COMPILE, Tool, parse_version};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};

/// The folder that holds the tool's programs, all of them of the pinned version:
/// the cache's, else the person's own.
pub(crate) fn locate(tool: &Tool) -> Option<PathBuf> {
    let ours = home(tool).ok().map(|h| h.join("bin"));
    let theirs = paths::find_program(&tool.programs[..1]);
    let theirs = theirs.as_deref().and_then(Path::parent).map(Path::to_owned);
    [ours, theirs].into_iter().flatten().find(|bin| is_whole(tool, bin))
}

/// As [`locate`], for commands that cannot go on without.
pub(crate) fn require(tool: &Tool) -> Result<PathBuf> {
    locate(tool)
        .with_context(|| format!("{} {} is missing; run: cargo xtask setup", tool.krate, tool.version))
}

/// Compiles the tool into the cache.
pub(crate) fn install(label: &str, tool: &Tool) -> Result<()> {
    let home = home(tool)?;
    let cache = paths::cache()?;
    let name = format!("{}-{}", tool.programs[0], tool.version);
    // Kept until it succeeds, so that an interrupted compilation goes on where it was.
    let scratch = cache.join("build").join(&name);
    fs::create_dir_all(&scratch).with_context(|| format!("cannot write to the cache {}", cache.display()))?;

    let mut cmd = command("cargo");
    // In the cache, so that no checkout's `.cargo/config.toml` has a say.
    cmd.current_dir(&cache)
        .args(["install", tool.krate, "--version", tool.version])
        .args(["--no-default-features", "--force", "--root"])
        .arg(&home)
        .env("CARGO_TARGET_DIR", &scratch)
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", tool.opt_level)
        .envs(QUICK_COMPILE);
    if tool.locked {
        cmd.arg("--locked");
    }
    let log = cache.join("logs").join(format!("{name}.log"));
    run::run_logged(label, &mut cmd, &log, None)
        .with_context(|| format!("{} cannot be compiled", tool.krate))?;
    if !is_whole(tool, &home.join("bin")) {
        bail!(
            "{} was compiled, but its programs do not run as version {}; see {}",
            tool.krate,
            tool.version,
            log.display()
        );
    }
    // A few hundred megabytes that nothing needs any more; if they stay, nothing breaks.
    let _ = fs::remove_dir_all(scratch);
    Ok(())
}

/// The tool's own folder in the cache.
fn home(tool: &Tool) -> Result<PathBuf> {
    let name = format!("{}-{}", tool.programs[0], tool.version);
    Ok(paths::cache()?.join(name))
}

/// Whether every program runs and says the pinned version: half an installation does not.
fn is_whole(tool: &Tool, bin: &Path) -> bool {
    tool.programs.iter().all(|program| {
        let printed = run::capture(command(bin.join(program)).arg("--version"));
        printed.as_deref().and_then(parse_version) == Some(tool.version)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn half_an_installation_is_noticed() {
        const TOOL: Tool = Tool {
            krate: "two",
            version: "1.2.3",
            programs: &["one", "other"],
            locked: false,
            opt_level: "0",
            typical: "",
        };
        let bin = std::env::temp_dir().join(format!("pagescope-xtask-tools-{}", std::process::id()));
        let script = |name: &str, text: &str| {
            let file = bin.join(name);
            fs::write(&file, text).unwrap();
            fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
        };
        fs::create_dir_all(&bin).unwrap();

        script("one", "#!/bin/sh\necho one 1.2.3\n");
        assert!(!is_whole(&TOOL, &bin), "`other` is missing");
        script("other", "\u{7f}ELF cut short");
        assert!(!is_whole(&TOOL, &bin), "`other` does not run");
        script("other", "#!/bin/sh\necho other 1.2.4\n");
        assert!(!is_whole(&TOOL, &bin), "`other` is of another version");
        script("other", "#!/bin/sh\necho 'other 1.2.3 (abc)'\n");
        assert!(is_whole(&TOOL, &bin));
        fs::remove_dir_all(bin).unwrap();
    }
}
