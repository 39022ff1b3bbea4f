//! The programs that the test drives: the tool, and a browser.

use crate::driver::{self, Kind};
use crate::picture::Rect;
use fantoccini::elements::Element;
use fantoccini::error::CmdError;
use fantoccini::key::Key;
use fantoccini::wd::WindowHandle;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use std::cell::Cell;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The tool, serving `hello` as it was just performed.
pub(crate) struct Served {
    child: Child,
    address: String,
    pub(crate) trace: PathBuf,
    _folder: TempDir,
}

impl Served {
    pub(crate) fn hello() -> Self {
        let folder = TempDir::new().unwrap();
        let tool = env!("CARGO_BIN_EXE_pagescope");
        // A name that an address has to encode.
        let trace = folder.path().join("hello #1.jsonl");
        let done = Command::new(tool).args(["lesson", "run", "hello", "-o"]).arg(&trace).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        Self::file(folder, &trace)
    }

    /// The tool, serving a trace of this folder.
    pub(crate) fn file(folder: TempDir, trace: &Path) -> Self {
        let tool = env!("CARGO_BIN_EXE_pagescope");
        let mut child = Command::new(tool)
            .args(["open", "--no-browser"])
            .arg(trace)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address =
            line.split_whitespace().find(|w| w.starts_with("http://")).unwrap_or_default().to_owned();
        assert!(address.contains("#trace="), "the first line says where: {line}");
        Self { child, address, trace: trace.to_owned(), _folder: folder }
    }

    /// The address, with a query before the fragment and more in the fragment.
    pub(crate) fn url(&self, query: &str, more: &str) -> String {
        let (page, fragment) = self.address.split_once('#').unwrap();
        format!("{page}{query}#{fragment}{more}")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the page says of itself.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) title: String,
    pub(crate) step: String,
    pub(crate) cell: String,
    pub(crate) error: String,
    pub(crate) renderer: String,
    pub(crate) position: u64,
    pub(crate) end: u64,
    /// Nothing has changed for half a second.
    pub(crate) still: bool,
}

pub(crate) struct Browser {
    pub(crate) kind: Kind,
    driver: Child,
    port: u16,
    session: String,
    client: Client,
    profile: TempDir,
    /// How many errors on the console were told.
    told: Cell<usize>,
}

impl Browser {
    pub(crate) async fn start(network: bool) -> Self {
        let kind = Kind::chosen();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let profile = TempDir::new().unwrap();
        let driver = kind.driver(port, profile.path());
        let capabilities = kind.capabilities(profile.path(), network);
        let Value::Object(capabilities) = capabilities else { unreachable!() };
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(capabilities);
        let start = Instant::now();
        let client = loop {
            match builder.connect(&format!("http://127.0.0.1:{port}")).await {
                Ok(client) => break client,
                Err(e) => assert!(start.elapsed() < Duration::from_secs(30), "no session: {e}"),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        let session = client.session_id().await.unwrap().expect("a session");
        Self { kind, driver, port, session, client, profile, told: Cell::default() }
    }

    pub(crate) async fn stop(mut self) {
        let _ = self.client.clone().close().await;
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }

    /// A new document even when only the fragment differs.
    pub(crate) async fn goto(&self, url: &str) -> Result<(), CmdError> {
        self.client.goto("about:blank").await?;
        self.client.goto(url).await
    }

    pub(crate) async fn size(&self, width: u32, height: u32) -> Result<(), CmdError> {
        // The window has a frame of its own: what counts is the page inside it.
        self.client.set_window_size(width, height).await?;
        let inner = self.script("return [innerWidth, innerHeight]", json!([])).await?;
        let missing =
            |i: usize, wish: u32| wish.saturating_sub(u32::try_from(inner[i].as_u64().unwrap()).unwrap());
        self.client.set_window_size(width + missing(0, width), height + missing(1, height)).await
    }

    pub(crate) async fn script(&self, script: &str, args: Value) -> Result<Value, CmdError> {
        self.client.execute(script, args.as_array().cloned().unwrap_or_default()).await
    }

    pub(crate) async fn click(&self, id: &str) -> Result<(), CmdError> {
        self.client.find(Locator::Id(id)).await?.click().await
    }

    pub(crate) async fn text(&self, id: &str) -> Result<String, CmdError> {
        // The drivers' own command for it differs in lines and in what is cut off.
        let text = self.script("return document.getElementById(arguments[0]).innerText", json!([id])).await?;
        Ok(text.as_str().unwrap_or_default().to_owned())
    }

    pub(crate) async fn find(&self, what: Locator<'_>) -> Result<Element, CmdError> {
        self.client.find(what).await
    }

    /// Back to the page that the frame is in.
    pub(crate) async fn leave_frame(&self) -> Result<(), CmdError> {
        self.client.clone().enter_parent_frame().await
    }

    /// This window and the other one, which opens in a moment.
    pub(crate) async fn other_window(&self) -> Result<(WindowHandle, WindowHandle), CmdError> {
        let this = self.client.window().await?;
        for _ in 0..100 {
            if let Some(other) = self.client.windows().await?.into_iter().find(|window| *window != this) {
                return Ok((this, other));
            }
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        panic!("no other window opens");
    }

    pub(crate) async fn switch(&self, window: &WindowHandle) -> Result<(), CmdError> {
        self.client.switch_to_window(window.clone()).await
    }

    pub(crate) async fn close_window(&self) -> Result<(), CmdError> {
        self.client.close_window().await
    }

    /// Presses a key on the page, with no control focused.
    pub(crate) async fn key(&self, key: &str) -> Result<(), CmdError> {
        self.script("document.activeElement.blur()", json!([])).await?;
        let body: Element = self.client.find(Locator::Css("body")).await?;
        let text = match key {
            "Home" => char::from(Key::Home).to_string(),
            "End" => char::from(Key::End).to_string(),
            "Escape" => char::from(Key::Escape).to_string(),
            "Enter" => char::from(Key::Enter).to_string(),
            "PageDown" => char::from(Key::PageDown).to_string(),
            "PageUp" => char::from(Key::PageUp).to_string(),
            other => other.to_owned(),
        };
        body.send_keys(&text).await
    }

    pub(crate) async fn state(&self) -> Result<State, CmdError> {
        let script = "const $ = id => document.getElementById(id), c = $('canvas');
            const now = c.getAttribute('aria-label') + $('labels').textContent + $('position').textContent;
            if (window.lastSeen?.now !== now) window.lastSeen = { now, since: performance.now() };
            return { title: $('title').textContent, step: $('step-title').textContent,
                cell: c.getAttribute('aria-label') ?? '', error: $('error').hidden ? '' : $('error-text').textContent,
                renderer: c.dataset.renderer ?? '', position: +$('scrub').value, end: +$('scrub').max,
                still: performance.now() - window.lastSeen.since > 500 }";
        let v = self.script(script, json!([])).await?;
        let text = |name: &str| v[name].as_str().unwrap_or_default().to_owned();
        let number = |name: &str| v[name].as_u64().unwrap_or_default();
        Ok(State {
            title: text("title"),
            step: text("step"),
            cell: text("cell"),
            error: text("error"),
            renderer: text("renderer"),
            position: number("position"),
            end: number("end"),
            still: v["still"] == json!(true),
        })
    }

    /// Waits until the page says so; tells what it said last when it never does.
    pub(crate) async fn until(
        &self,
        what: &str,
        ms: u64,
        is: impl Fn(&State) -> bool,
    ) -> Result<(), CmdError> {
        let start = Instant::now();
        loop {
            let state = self.state().await?;
            if is(&state) {
                return Ok(());
            }
            assert!(start.elapsed() < Duration::from_millis(ms), "{what}: not within {ms} ms, but {state:?}");
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
    }

    /// A file that the page has given to the person.
    pub(crate) async fn downloaded(&self, name: &str) -> Vec<u8> {
        let (folder, start) = (driver::downloads(self.profile.path()), Instant::now());
        loop {
            // It has its name when it is whole; until then there may be an empty file.
            if let Some(bytes) = std::fs::read(folder.join(name)).ok().filter(|bytes| !bytes.is_empty()) {
                return bytes;
            }
            let there = || {
                std::fs::read_dir(&folder).map(|all| all.flatten().map(|f| f.file_name()).collect::<Vec<_>>())
            };
            assert!(start.elapsed() < Duration::from_secs(20), "no {name}, but {:?}", there());
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
    }

    /// Types into what has the focus, in place of what is there.
    pub(crate) async fn type_text(&self, text: &str) -> Result<(), CmdError> {
        // chromedriver lets go of what a script has selected, geckodriver does not let go of a key.
        let all = if self.kind == Kind::Chromium {
            format!("{}a{}", char::from(Key::Control), char::from(Key::Null))
        } else {
            self.script("document.activeElement.select()", json!([])).await?;
            String::new()
        };
        self.client.active_element().await?.send_keys(&format!("{all}{text}")).await
    }

    /// The page's cell on the screen.
    pub(crate) async fn cell(&self) -> Result<Option<Rect>, CmdError> {
        let script = "const c = document.getElementById('canvas'), r = c.getBoundingClientRect();
            return (c.dataset.cell || '').split(' ').filter(Boolean).map(Number).concat([r.x, r.y])";
        let numbers: Vec<f64> = serde_json::from_value(self.script(script, json!([])).await?)?;
        let [x, y, w, h, left, top] = numbers[..] else { return Ok(None) };
        Ok(Some(Rect { x: x + left, y: y + top, w, h }))
    }

    pub(crate) async fn screenshot(&self) -> Result<Vec<u8>, CmdError> {
        self.client.screenshot().await
    }

    /// Keeps a screenshot in `target/e2e/`.
    pub(crate) async fn picture(&self, name: &str) -> Result<(), CmdError> {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("../e2e");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{name}.png")), self.screenshot().await?).unwrap();
        Ok(())
    }

    /// Errors on the console that were not told yet; `None` where that is not known.
    pub(crate) fn console_errors(&self) -> Option<Vec<String>> {
        let all = self.kind.console_errors(self.profile.path(), self.port, &self.session)?;
        // A log is read once, a file from its beginning.
        let told = if self.kind == Kind::Chromium { 0 } else { self.told.get() };
        self.told.set(all.len());
        Some(all.into_iter().skip(told).collect())
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // A test that failed has not closed it, and without its driver the browser would stay for ever.
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) {
            let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
            let (session, port) = (&self.session, self.port);
            let _ = write!(
                stream,
                "DELETE /session/{session} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n"
            );
            let _ = BufReader::new(stream).read_line(&mut String::new());
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
