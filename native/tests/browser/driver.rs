//! Which browser is driven, and how it is started.

use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

/// Nobody listens there.
const NOBODY: &str = "127.0.0.1:1";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Chromium,
    Firefox,
    /// What `WebKitWebDriver` starts: the MiniBrowser of `WebKitGTK`.
    Webkit,
}

fn program(variable: &str, name: &str) -> PathBuf {
    std::env::var_os(variable).map_or_else(|| name.into(), Into::into)
}

impl Kind {
    /// The one that PAGESCOPE_BROWSER names.
    pub(crate) fn chosen() -> Self {
        match std::env::var("PAGESCOPE_BROWSER").as_deref() {
            Err(_) | Ok("chromium") => Kind::Chromium,
            Ok("firefox") => Kind::Firefox,
            Ok("webkit") => Kind::Webkit,
            Ok(other) => panic!("PAGESCOPE_BROWSER={other}: chromium, firefox or webkit"),
        }
    }

    /// Starts what speaks WebDriver at this port; what it and its browser print goes into a file of the profile.
    pub(crate) fn driver(self, port: u16, profile: &Path) -> Child {
        let (mut command, port) = match self {
            Kind::Chromium => {
                (Command::new(program("PAGESCOPE_CHROMEDRIVER", "chromedriver")), format!("--port={port}"))
            }
            Kind::Firefox => (Command::new("geckodriver"), format!("--port={port}")),
            Kind::Webkit => {
                // Where it puts what it downloads.
                let mut command = Command::new("WebKitWebDriver");
                command.env("HOME", downloads(profile));
                (command, format!("--port={port}"))
            }
        };
        std::fs::create_dir_all(downloads(profile)).unwrap();
        let log = File::create(log(profile)).unwrap();
        command.arg(port).stdout(log.try_clone().unwrap()).stderr(log);
        command.spawn().expect("the driver starts: docs/development.md says where it comes from")
    }

    /// What a session is asked for; without a network, even this machine's own is out of reach.
    pub(crate) fn capabilities(self, profile: &Path, network: bool) -> Value {
        let downloads = downloads(profile);
        match self {
            Kind::Chromium => {
                let mut args = vec![format!("--user-data-dir={}", profile.display())];
                let flags = "--headless --no-sandbox --enable-unsafe-swiftshader --disable-quic --no-first-run \
                     --disable-background-networking --disable-component-update --disable-sync --hide-scrollbars \
                     --disable-dev-shm-usage --force-device-scale-factor=1";
                args.extend(flags.split_whitespace().map(str::to_owned));
                if !network {
                    args.extend([
                        format!("--proxy-server={NOBODY}"),
                        "--proxy-bypass-list=<-loopback>".into(),
                    ]);
                }
                let preferences = json!({
                    "download.default_directory": downloads,
                    "profile.default_content_setting_values.automatic_downloads": 1,
                });
                let mut options = json!({ "args": args, "prefs": preferences });
                if let Some(chrome) = std::env::var_os("PAGESCOPE_CHROME") {
                    options["binary"] = json!(chrome.to_string_lossy());
                }
                json!({ "goog:chromeOptions": options, "goog:loggingPrefs": { "browser": "ALL" } })
            }
            Kind::Firefox => {
                let mut preferences = json!({
                    "browser.download.folderList": 2,
                    "browser.download.dir": downloads,
                    "webgl.force-enabled": true,
                    "layout.css.prefers-color-scheme.content-override": 1,
                });
                if !network {
                    preferences["network.proxy.allow_hijacking_localhost"] = json!(true);
                }
                let options = json!({ "args": ["-headless"], "prefs": preferences });
                with_proxy(json!({ "moz:firefoxOptions": options }), network)
            }
            Kind::Webkit => with_proxy(json!({}), network),
        }
    }

    /// Errors on the console until now: by chromedriver's own log command, which the WebDriver standard lacks; of Firefox what
    /// was not caught, as it prints that; `None` where the browser tells nobody.
    pub(crate) fn console_errors(self, profile: &Path, port: u16, session: &str) -> Option<Vec<String>> {
        let of_a_page = |line: &&str| {
            ["http:", "file:", "blob:"].iter().any(|of| line.starts_with(&format!("JavaScript error: {of}")))
        };
        match self {
            Kind::Chromium => Some(chromium_log(port, session)),
            Kind::Firefox => {
                let printed = std::fs::read_to_string(log(profile)).unwrap_or_default();
                // It ends the scripts of a page that it leaves wherever they are; what is called then says so.
                let left = |line: &&str| line.ends_with("closure invoked recursively or after being dropped");
                Some(
                    printed
                        .lines()
                        .filter(|line| of_a_page(line) && !left(line))
                        .map(str::to_owned)
                        .collect(),
                )
            }
            Kind::Webkit => None,
        }
    }
}

pub(crate) fn downloads(profile: &Path) -> PathBuf {
    profile.join("downloads")
}

fn log(profile: &Path) -> PathBuf {
    profile.join("printed")
}

fn with_proxy(mut capabilities: Value, network: bool) -> Value {
    if !network {
        capabilities["proxy"] = json!({ "proxyType": "manual", "httpProxy": NOBODY, "sslProxy": NOBODY });
    }
    capabilities
}

fn chromium_log(port: u16, session: &str) -> Vec<String> {
    let body = r#"{"type":"browser"}"#;
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(
        stream,
        "POST /session/{session}/se/log HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    // The connection stays open after the answer: its length says where it ends.
    stream.set_read_timeout(Some(std::time::Duration::from_secs(10))).unwrap();
    let mut answer = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        answer.read_line(&mut line).unwrap();
        match line.trim_end().to_ascii_lowercase().split_once(':') {
            Some(("content-length", n)) => length = n.trim().parse().unwrap(),
            Some(_) => {}
            None if line.trim_end().is_empty() => break,
            None => {}
        }
    }
    let mut json = vec![0; length];
    answer.read_exact(&mut json).unwrap();
    let log: Value = serde_json::from_slice(&json).expect("a log");
    let entries = log["value"].as_array().cloned().unwrap_or_default();
    let errors = entries.into_iter().filter(|e| e["level"] == "SEVERE");
    errors.map(|e| e["message"].to_string()).collect()
}
