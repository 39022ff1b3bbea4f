//! `pagescope open`, by the built binary and plain sockets.
#![allow(clippy::unwrap_used, clippy::panic)] // A test ends by panicking, in its helpers too.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

const TRACE: &str = concat!(
    r#"{"format":"pagescope-trace","version":1,"page_size":4096,"arch":"x86_64","clock":"CLOCK_MONOTONIC","#,
    r#""tool":{"name":"test","version":"0","method":"hand"}}"#,
    "\n",
    r#"{"seq":0,"t":0,"pid":1,"tid":1,"kind":"end","count":0}"#,
    "\n",
);

/// A running server, ended when it is dropped.
struct Server {
    process: Child,
    port: u16,
    token: String,
    fragment: String,
}

impl Server {
    fn start(dir: &Path, name: &str) -> Self {
        fs::create_dir_all(dir.join("page/sub")).unwrap();
        fs::write(dir.join("page/index.html"), "<p>the page").unwrap();
        fs::write(dir.join("page/sub/x.wasm"), "wasm").unwrap();
        fs::write(dir.join("secret"), "secret").unwrap();
        std::os::unix::fs::symlink("../secret", dir.join("page/link")).unwrap();
        fs::write(dir.join(name), TRACE).unwrap();
        let mut process = open(dir, &[name, "--page", "page", "--no-browser"]).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let rest = line.strip_prefix("Open http://127.0.0.1:").unwrap_or_else(|| panic!("{line:?}"));
        let (port, rest) = rest.split_once('/').unwrap();
        let (token, fragment) = rest.trim_end().split_once('/').unwrap();
        let (port, token, fragment) = (port.parse().unwrap(), token.to_owned(), fragment.to_owned());
        Self { process, port, token, fragment }
    }

    /// The whole answer to a request that is sent as it stands.
    fn raw(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8(answer).unwrap()
    }

    fn ask(&self, method: &str, path: &str, host: &str) -> String {
        self.raw(&format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"))
    }

    fn get(&self, path: &str) -> String {
        self.ask("GET", &format!("/{}/{path}", self.token), &format!("127.0.0.1:{}", self.port))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn open(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pagescope"));
    command.arg("open").args(args).current_dir(dir).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or(answer)
}

#[test]
fn page_and_trace_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), "a b.jsonl");
    // The page decodes the parameter once, and what is left is the address that it fetches.
    assert_eq!(server.fragment, "#trace=trace/a%2520b.jsonl");

    let page = server.get("");
    assert_eq!(status(&page), "200");
    assert!(page.ends_with("<p>the page"), "{page}");
    let headers = page.to_lowercase();
    for header in [
        "content-type: text/html; charset=utf-8",
        "x-content-type-options: nosniff",
        "referrer-policy: no-referrer",
        "content-security-policy: default-src 'self'; script-src 'self' 'wasm-unsafe-eval'",
        "cache-control: no-store",
    ] {
        assert!(headers.contains(header), "{header} is missing from {page}");
    }
    assert!(!headers.contains("access-control"), "no CORS");
    assert!(server.get("sub/x.wasm").contains("content-type: application/wasm"));
    let trace = server.get("trace/a%20b.jsonl");
    assert!(trace.ends_with(TRACE) && trace.contains("cache-control: no-store"), "{trace}");

    for path in [
        "trace/other.jsonl",
        "trace/",
        "missing",
        "sub",
        "link",
        "../secret",
        "%2e%2e/secret",
        "..%2fsecret",
        "sub/../../secret",
        "/etc/passwd",
        "%00",
        "trace/%2e%2e%2fsecret",
    ] {
        let answer = server.get(path);
        assert_eq!(status(&answer), "404", "{path}: {answer}");
    }
}

#[test]
fn parts_of_the_trace() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), "x.jsonl");
    let (path, host) = (format!("/{}/trace/x.jsonl", server.token), format!("127.0.0.1:{}", server.port));
    let ask = |method: &str, more: &str| {
        server.raw(&format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{more}\r\n"))
    };
    let len = TRACE.len();
    let whole = ask("GET", "");
    let tag = whole.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap().to_owned();
    assert!(whole.contains("accept-ranges: bytes") && whole.contains(&format!("content-length: {len}")));
    let rows = [
        ("bytes=0-9", "206", format!("content-range: bytes 0-9/{len}"), &TRACE[..10]),
        ("bytes=-5", "206", format!("content-range: bytes {}-{}/{len}", len - 5, len - 1), &TRACE[len - 5..]),
        ("bytes=20-99999", "206", format!("content-range: bytes 20-{}/{len}", len - 1), &TRACE[20..]),
        ("bytes=99999-", "416", format!("content-range: bytes */{len}"), ""),
        ("bytes=0-1,3-4", "200", format!("content-length: {len}"), TRACE),
    ];
    for (range, expected, header, body) in rows {
        let answer = ask("GET", &format!("Range: {range}\r\n"));
        assert_eq!(status(&answer), expected, "{range}: {answer}");
        assert!(answer.contains(&header), "{header}: {answer}");
        assert_eq!(answer.split_once("\r\n\r\n").unwrap().1, body, "{range}");
    }
    let head = ask("HEAD", "");
    assert!(head.contains(&format!("content-length: {len}")) && head.ends_with("\r\n\r\n"), "{head}");
    for (tag, expected) in [(&*tag, "206"), ("\"another\"", "200")] {
        let answer = ask("GET", &format!("Range: bytes=0-9\r\nIf-Range: {tag}\r\n"));
        assert_eq!(status(&answer), expected, "{tag}: {answer}");
    }
}

/// A file larger than what may be in memory goes out as it is.
#[test]
fn large_files_go_out_in_pieces() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), "x.jsonl");
    let line = [&[b' '; 99][..], b"\n"].concat();
    let mut text = TRACE.as_bytes().to_vec();
    (0..400_000).for_each(|_| text.extend(&line));
    fs::write(dir.path().join("x.jsonl"), &text).unwrap();
    let memory = || {
        let status = fs::read_to_string(format!("/proc/{}/status", server.process.id())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        peak.trim().trim_end_matches(" kB").parse::<usize>().unwrap()
    };
    let before = memory();
    let answer = server.get("trace/x.jsonl");
    assert_eq!(answer.split_once("\r\n\r\n").unwrap().1.len(), text.len());
    assert!(memory() < before + 16_000, "{before} kB before, {} kB after {} bytes", memory(), text.len());
}

#[test]
fn strangers_are_turned_away() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), "x.jsonl");
    let (path, port) = (format!("/{}/", server.token), server.port);
    let here = format!("127.0.0.1:{port}");
    let wrong = format!("/{}/", "0".repeat(32));
    for (method, path, host, expected) in [
        ("GET", &path, &*here, "200"),
        ("HEAD", &path, &*here, "200"),
        ("GET", &path, &*format!("localhost:{port}"), "200"),
        ("GET", &path, "127.0.0.1", "403"),
        ("GET", &path, &*format!("evil.example:{port}"), "403"),
        ("GET", &path, &*format!("127.0.0.1:{port}, evil.example"), "403"),
        ("GET", &path, &*format!("{here}\r\nHost: {here}"), "403"),
        ("POST", &path, &*here, "405"),
        ("OPTIONS", &path, &*here, "405"),
        ("GET", &wrong, &*here, "404"),
        ("GET", &format!("{wrong}trace/x.jsonl"), &*here, "404"),
        ("GET", &"/".to_owned(), &*here, "404"),
        ("GET", &"/favicon.ico".to_owned(), &*here, "404"),
    ] {
        let answer = server.ask(method, path, host);
        // hyper itself may refuse what is no HTTP.
        assert_eq!(status(&answer), expected, "{method} {path} as {host:?}: {answer}");
    }
    assert_eq!(status(&server.raw(&format!("GET {path} HTTP/1.0\r\n\r\n"))), "403", "no host at all");
    let taken = open(dir.path(), &["x.jsonl", "--page", "page", "--no-browser", "--port", &port.to_string()]);
    assert_fails(taken, &format!("port {port}"));
}

fn assert_fails(mut command: Command, with: &str) {
    let output = command.output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.starts_with("error: ") && errors.lines().count() == 1, "{errors}");
    assert!(errors.contains(with), "{errors}");
}

#[test]
fn signals_end_it_well() {
    for signal in [rustix::process::Signal::TERM, rustix::process::Signal::INT] {
        let dir = tempfile::tempdir().unwrap();
        let mut server = Server::start(dir.path(), "x.jsonl");
        // A browser's connection, kept open.
        let mut idle = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
        idle.write_all(format!("GET / HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n\r\n", server.port).as_bytes())
            .unwrap();
        idle.read_exact(&mut [0; 12]).unwrap();
        rustix::process::kill_process(rustix::process::Pid::from_child(&server.process), signal).unwrap();
        assert_eq!(server.process.wait().unwrap().code(), Some(0), "{signal:?}");
    }
}

#[test]
fn what_is_no_trace_is_not_served() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("x.jsonl"), "{}\n").unwrap();
    assert_fails(
        open(dir.path(), &["x.jsonl", "--no-browser"]),
        "x.jsonl cannot be shown: line 1 is not the header",
    );
    assert_fails(open(dir.path(), &["none.jsonl", "--no-browser"]), "cannot read none.jsonl");
    fs::write(dir.path().join("x.jsonl"), TRACE).unwrap();
    assert_fails(open(dir.path(), &["x.jsonl", "--no-browser", "--page", "none"]), "none");
    if !cfg!(feature = "page") {
        assert_fails(open(dir.path(), &["x.jsonl", "--no-browser"]), "cargo xtask build");
    }
}

#[test]
fn a_trace_with_problems_is_served_with_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Server::start(dir.path(), "x.jsonl");
    server.process.kill().unwrap();
    fs::write(dir.path().join("x.jsonl"), format!("{TRACE}no event\n{{\"seq\":")).unwrap();
    let mut process = open(dir.path(), &["x.jsonl", "--page", "page", "--no-browser"]).spawn().unwrap();
    let mut warning = String::new();
    BufReader::new(process.stderr.as_mut().unwrap()).read_line(&mut warning).unwrap();
    server.process = process;
    assert!(
        warning.starts_with("warning: x.jsonl is damaged; everything else in it is shown. line 3: "),
        "{warning}"
    );

    // A second signal that the server is up: its address.
    let mut line = String::new();
    BufReader::new(server.process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("Open "), "{line}");
}

#[test]
fn a_port_of_ones_own() {
    let dir = tempfile::tempdir().unwrap();
    drop(Server::start(dir.path(), "x.jsonl"));
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let args = ["x.jsonl", "--page", "page", "--no-browser", "--port", &port];
    let mut process = open(dir.path(), &args).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let _ = process.kill();
    let _ = process.wait();
    assert!(line.starts_with(&format!("Open http://127.0.0.1:{port}/")), "{line:?}");
}
