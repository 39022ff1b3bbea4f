//! Where things are: the checkout, its target folder, the cache of tools, programs on PATH.

use anyhow::{Context, Result};
use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The top folder of the checkout.
pub(crate) fn root() -> PathBuf {
    // As cargo runs it: a checkout that was moved or copied with its target folder is not compiled anew.
    let xtask = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let xtask = PathBuf::from(xtask);
    xtask.parent().unwrap_or(&xtask).to_owned()
}

/// The target folder, absolute, so that a command may run anywhere.
pub(crate) fn target() -> Result<PathBuf> {
    match env::var_os("CARGO_TARGET_DIR").filter(|d| !d.is_empty()) {
        Some(dir) => std::path::absolute(dir).context("CARGO_TARGET_DIR"),
        None => Ok(root().join("target")),
    }
}

/// The folder where trunk leaves the page.
pub(crate) fn dist() -> PathBuf {
    root().join("dist")
}

/// The folder for what setup builds: shared by all checkouts, and never a place where the person's own tools live.
pub(crate) fn cache() -> Result<PathBuf> {
    let dir = cache_from(|name| env::var_os(name)).context(
        "no place for the tools: set PAGESCOPE_CACHE to a folder (HOME and XDG_CACHE_HOME are not set either)",
    )?;
    std::path::absolute(dir).context("the cache folder")
}

fn cache_from(var: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let folder = |name| var(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    folder("PAGESCOPE_CACHE")
        .or_else(|| folder("XDG_CACHE_HOME").map(|d| d.join("pagescope")))
        .or_else(|| folder("HOME").map(|d| d.join(".cache/pagescope")))
}

/// The first program on PATH that has one of these names; an earlier name wins over an earlier folder.
pub(crate) fn find_program(names: &[&str]) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    names.iter().find_map(|name| find_in(&path, name))
}

fn find_in(path: &OsStr, name: &str) -> Option<PathBuf> {
    env::split_paths(path).map(|dir| dir.join(name)).find(|file| is_executable(file))
}

fn is_executable(file: &Path) -> bool {
    file.metadata().is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

/// PATH with these folders in front.
pub(crate) fn path_with(first: &[PathBuf]) -> Result<OsString> {
    let rest = env::var_os("PATH").unwrap_or_default();
    let all = first.iter().cloned().chain(env::split_paths(&rest));
    env::join_paths(all).context("a folder's name has a colon in it, PATH cannot hold that")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_cache_folder_is_the_first_that_is_named() {
        let check = |vars: &[(&str, &str)], expect: Option<&str>| {
            let var = |name: &str| {
                let found = vars.iter().find(|(n, _)| *n == name);
                found.map(|(_, v)| OsString::from(v))
            };
            assert_eq!(cache_from(var), expect.map(PathBuf::from), "{vars:?}");
        };
        check(&[("PAGESCOPE_CACHE", "/a"), ("XDG_CACHE_HOME", "/b"), ("HOME", "/c")], Some("/a"));
        check(&[("XDG_CACHE_HOME", "/b"), ("HOME", "/c")], Some("/b/pagescope"));
        check(&[("XDG_CACHE_HOME", ""), ("HOME", "/c")], Some("/c/.cache/pagescope"));
        check(&[], None);
    }

    #[test]
    fn programs_are_files_that_may_be_run() {
        let dir = env::temp_dir().join(format!("pagescope-xtask-paths-{}", std::process::id()));
        let (first, second) = (dir.join("first"), dir.join("second"));
        for d in [&first, &second] {
            fs::create_dir_all(d.join("folder")).unwrap();
            fs::write(d.join("tool"), "").unwrap();
        }
        // The first folder's `tool` is a plain file: it must be passed over.
        fs::set_permissions(second.join("tool"), fs::Permissions::from_mode(0o755)).unwrap();
        let path = env::join_paths([&first, &second]).unwrap();

        assert_eq!(find_in(&path, "tool"), Some(second.join("tool")));
        assert_eq!(find_in(&path, "folder"), None);
        assert_eq!(find_in(&path, "missing"), None);
        fs::remove_dir_all(dir).unwrap();
    }
}
