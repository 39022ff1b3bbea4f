//! As much of WebDriver as a bench needs: a headless Chromium that goes to addresses and runs scripts.

use crate::browser;
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A browser, closed when it is dropped.
pub(crate) struct Driver {
    process: Child,
    port: u16,
    session: String,
    profile: PathBuf,
}

impl Driver {
    /// Starts one; `before` runs in every page before its own scripts.
    pub(crate) fn start(before: &str) -> Result<Self> {
        let browser = browser::require()?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let process = Command::new(&browser.driver)
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", browser.driver.display()))?;
        let profile = std::env::temp_dir().join(format!("pagescope-bench-{}", std::process::id()));
        let mut driver = Self { process, port, session: String::new(), profile };
        let mut args: Vec<String> = browser::FLAGS.iter().map(|flag| format!("--{flag}")).collect();
        args.extend(["--headless", "--no-sandbox", "--window-size=1920,1080"].map(str::to_owned));
        args.push(format!("--user-data-dir={}", driver.profile.display()));
        let options = json!({ "binary": browser.chrome, "args": args });
        let wish = json!({ "capabilities": { "alwaysMatch": { "goog:chromeOptions": options } } });
        let begun = Instant::now();
        let answer = loop {
            match driver.post("/session", &wish) {
                Err(why) if begun.elapsed() > Duration::from_secs(20) => return Err(why),
                Err(_) => thread::sleep(Duration::from_millis(100)),
                Ok(answer) => break answer,
            }
        };
        driver.session = answer["sessionId"].as_str().context("the browser gives no session")?.to_owned();
        let source =
            json!({ "cmd": "Page.addScriptToEvaluateOnNewDocument", "params": { "source": before } });
        driver.command("/goog/cdp/execute", &source)?;
        driver.command("/timeouts", &json!({ "script": 120_000 }))?;
        Ok(driver)
    }

    /// Goes to an address, as a new document.
    pub(crate) fn goto(&self, url: &str) -> Result<()> {
        self.command("/url", &json!({ "url": "about:blank" }))?;
        self.command("/url", &json!({ "url": url })).map(drop)
    }

    /// The body of an async function, and what it returns.
    pub(crate) fn run(&self, script: &str, arguments: &Value) -> Result<Value> {
        let script = format!("return (async (...args) => {{ {script} }})(...arguments)");
        self.command("/execute/sync", &json!({ "script": script, "args": arguments }))
    }

    fn command(&self, path: &str, body: &Value) -> Result<Value> {
        self.post(&format!("/session/{}{path}", self.session), body)
    }

    fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let body = body.to_string();
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(150)))?;
        write!(
            stream,
            "POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.port,
            body.len()
        )?;
        let mut answer = BufReader::new(stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            answer.read_line(&mut line)?;
            if line.trim_end().is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse()?;
            }
        }
        let mut bytes = vec![0; length];
        answer.read_exact(&mut bytes)?;
        let mut answer: Value = serde_json::from_slice(&bytes)?;
        if let Some(why) = answer["value"]["message"].as_str().filter(|_| !answer["value"]["error"].is_null())
        {
            bail!("the browser: {why}");
        }
        Ok(answer["value"].take())
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if !self.session.is_empty() {
            // The driver ends its browser with it.
            let path = format!(
                "DELETE /session/{} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
                self.session
            );
            if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) {
                let _ = stream.write_all(path.as_bytes());
                let _ = stream.read(&mut [0; 64]);
            }
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.profile);
    }
}
