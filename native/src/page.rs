//! The files of the page: inside this program (feature `page`), or in a folder.

use anyhow::{Context, Result, ensure};
use std::borrow::Cow;
use std::path::{Component, Path, PathBuf};

/// Where the page's files are.
#[derive(Debug)]
pub(crate) enum Page {
    /// In the program.
    #[cfg(feature = "page")]
    Embedded,
    /// In a folder, by its canonical path.
    Folder(PathBuf),
}

/// One file of the page.
pub(crate) struct Found {
    pub(crate) bytes: Cow<'static, [u8]>,
    pub(crate) media_type: &'static str,
}

#[cfg(feature = "page")]
#[derive(rust_embed::RustEmbed)]
#[folder = "../dist"]
struct Files;

impl Page {
    /// The page in `folder`, or else the one inside this program.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn find(folder: Option<&Path>) -> Result<Self> {
        let Some(folder) = folder else { return Self::embedded() };
        let shown = folder.display();
        let found =
            folder.canonicalize().with_context(|| format!("cannot find the page's folder {shown}"))?;
        ensure!(found.join("index.html").is_file(), "there is no index.html in {shown}: not a built page");
        Ok(Self::Folder(found))
    }

    #[cfg(feature = "page")]
    fn embedded() -> Result<Self> {
        Files::get("index.html").context("this pagescope was built with an empty page folder")?;
        Ok(Self::Embedded)
    }

    #[cfg(not(feature = "page"))]
    fn embedded() -> Result<Self> {
        anyhow::bail!(
            "this pagescope was built without the page: build it with `cargo xtask build`, or name a built page's \
             folder with --page"
        )
    }

    /// The file at `path`, relative to the page.
    pub(crate) fn file(&self, path: &str) -> Option<Found> {
        let bytes = match self {
            #[cfg(feature = "page")]
            Self::Embedded => Files::get(path)?.data,
            Self::Folder(folder) => Cow::Owned(read_inside(folder, path)?),
        };
        Some(Found { bytes, media_type: media_type(path) })
    }
}

/// Reads a file only where it really lies in `folder`: neither `..` nor a symbolic link leads out.
fn read_inside(folder: &Path, path: &str) -> Option<Vec<u8>> {
    let path = Path::new(path);
    let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
    let found = plain.then(|| folder.join(path).canonicalize().ok())??;
    (found.starts_with(folder) && found.is_file()).then(|| std::fs::read(found).ok())?
}

/// Browsers refuse wasm and module scripts under any other type than theirs.
fn media_type(path: &str) -> &'static str {
    let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension);
    match extension.to_ascii_lowercase().as_str() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "wasm" => "application/wasm",
        "json" | "map" => "application/json",
        "jsonl" => "application/x-ndjson",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" | "md" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_outside_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        let page = dir.path().join("page");
        std::fs::create_dir_all(page.join("sub")).unwrap();
        for (path, text) in [("page/index.html", "<p>"), ("page/sub/x.js", "1"), ("secret", "s")] {
            std::fs::write(dir.path().join(path), text).unwrap();
        }
        std::os::unix::fs::symlink(dir.path().join("secret"), page.join("link")).unwrap();
        let page = Page::find(Some(&page)).unwrap();
        assert!(page.file("index.html").is_some() && page.file("sub/x.js").is_some());
        let absolute = dir.path().join("secret").display().to_string();
        for path in ["", ".", "sub", "../secret", "sub/../../secret", "link", "missing", "a\0b", &absolute] {
            assert!(page.file(path).is_none(), "{path:?}");
        }
    }

    #[test]
    fn a_folder_without_a_page() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Page::find(Some(dir.path())).is_err());
        assert!(Page::find(Some(&dir.path().join("missing"))).is_err());
    }
}
