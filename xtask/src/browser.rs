//! Chromium and its driver: only the tests need them. And others, when they are asked for.

use crate::paths;
use anyhow::{Context, Result};
use clap::ValueEnum;
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

/// Another browser that the page can be tested in. Setup brings none of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Other {
    /// Firefox, by geckodriver
    Firefox,
    /// WebKitGTK, by WebKitWebDriver
    Webkit,
}

impl Other {
    /// As the tests call it.
    pub(crate) fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// What must be on PATH; the packages are Debian's.
    pub(crate) fn require(self) -> Result<()> {
        let needs = match self {
            Other::Firefox => {
                &[("firefox", "apt-get install firefox-esr"), ("geckodriver", "cargo install geckodriver")][..]
            }
            Other::Webkit => &[("WebKitWebDriver", "apt-get install webkit2gtk-driver")],
        };
        for (program, brings) in needs.iter().chain(&[("xvfb-run", "apt-get install xvfb")]) {
            paths::find_program(&[*program])
                .with_context(|| format!("no {program} on PATH; this brings it: {brings}"))?;
        }
        Ok(())
    }
}

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
