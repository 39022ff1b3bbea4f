//! Chromium and its driver: only the tests need them.

use crate::paths;
use anyhow::{Context, Result};
use serde_json::json;
use std::fs;
use std::path::PathBuf;

/// What apt brings. The fonts: without any, text has no width.
pub(crate) const PACKAGES: [&str; 4] =
    ["chromium", "chromium-driver", "fonts-dejavu-core", "fonts-liberation"];

/// Keeps the browser from the network and from asking things; WebGL2 without a graphics card.
pub(crate) const FLAGS: [&str; 6] = [
    "enable-unsafe-swiftshader",
    "disable-quic",
    "no-first-run",
    "disable-background-networking",
    "disable-component-update",
    "disable-sync",
];

/// A browser that can be driven.
pub(crate) struct Browser {
    /// The browser.
    pub chrome: PathBuf,
    /// The program that speaks WebDriver to it.
    pub driver: PathBuf,
}

/// The browser on PATH, if its driver is there as well.
pub(crate) fn locate() -> Option<Browser> {
    Some(Browser {
        chrome: paths::find_program(&["chromium", "google-chrome", "chromium-browser"])?,
        driver: paths::find_program(&["chromedriver"])?,
    })
}

/// As [`locate`], for commands that cannot go on without.
pub(crate) fn require() -> Result<Browser> {
    locate().context("no chromium with chromedriver on PATH; run: cargo xtask setup")
}

impl Browser {
    /// Writes what wasm-bindgen's test runner reads; it adds the flags for headless and for root itself.
    pub(crate) fn write_capabilities(&self) -> Result<PathBuf> {
        let file = paths::target()?.join("xtask/webdriver.json");
        let options = json!({ "goog:chromeOptions": { "binary": self.chrome, "args": FLAGS } });
        fs::create_dir_all(paths::target()?.join("xtask"))?;
        fs::write(&file, options.to_string()).with_context(|| file.display().to_string())?;
        Ok(file)
    }
}
