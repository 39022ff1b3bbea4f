//! reveal.js from npm, for the test of the deck in docs/ alone.

use crate::run::{self, command};
use crate::{apt, paths};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

pub(crate) const VERSION: &str = "6.0.2";
/// As npm's registry has it: what comes must be this, to the byte.
const SHA512: &str = "258220e43f5aa31a1a2de6fce0ef8ebc0c2c2967486af56010349cc6d6045c5093eade9342b84db5282881c8dd0a974bb168258499f7cf21377d43b0887e4a12";
const LIMIT: Duration = Duration::from_secs(120);

/// The folder with `reveal.js` and its style sheets, if it is there.
pub(crate) fn locate() -> Option<PathBuf> {
    let dist = home().ok()?.join("package/dist");
    dist.join("reveal.js").exists().then_some(dist)
}

/// Fetches it into the cache.
pub(crate) fn install(label: &str) -> Result<()> {
    if paths::find_program(&["curl"]).is_none() {
        apt::install(label, &["curl", "ca-certificates"])?;
    }
    let home = home()?;
    let new = home.with_extension("new");
    if new.exists() {
        fs::remove_dir_all(&new)?;
    }
    fs::create_dir_all(&new).with_context(|| new.display().to_string())?;
    let archive = new.join("reveal.tgz");
    let url = format!("https://registry.npmjs.org/reveal.js/-/reveal.js-{VERSION}.tgz");
    let log = paths::cache()?.join("logs/reveal.log");
    let mut fetch = command("curl");
    fetch.args(["-fsSL", "--retry", "2", "-o"]).arg(&archive).arg(url);
    run::run_logged(label, &mut fetch, &log, Some(LIMIT))?;
    let sum = run::capture(command("sha512sum").arg(&archive)).unwrap_or_default();
    if sum.split_whitespace().next() != Some(SHA512) {
        bail!("what npm's registry sent is not reveal.js {VERSION} as it is known: {sum}");
    }
    let mut unpack = command("tar");
    unpack.arg("-xzf").arg(&archive).arg("-C").arg(&new).arg("package/dist");
    run::run_logged(label, &mut unpack, &log, Some(LIMIT))?;
    if home.exists() {
        fs::remove_dir_all(&home)?;
    }
    fs::rename(&new, &home).with_context(|| home.display().to_string())
}

fn home() -> Result<PathBuf> {
    Ok(paths::cache()?.join(format!("reveal-{VERSION}")))
}
