//! `pagescope convert`: what it writes, and that a failure leaves nothing behind.
// A test ends by panicking, in its helpers too.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod logs;

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/tests/golden").join(name)
}

fn convert(from: &Path, to: &Path, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pagescope"));
    command.arg("convert").arg(from).arg(to).args(more).output().unwrap()
}

fn errors(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Exit code 1 and one line.
fn fails(output: &Output) -> String {
    let said = errors(output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.starts_with("error: ") && said.lines().count() == 1, "{said}");
    said
}

#[test]
fn a_disk_that_is_full_keeps_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let page = dir.path().join("page");
    std::fs::create_dir(&page).unwrap();
    for (name, text) in [
        (
            "index.html",
            "<title></title><script type=\"module\">import init from './a.js'; ({ module_or_path: './a.wasm' })</script><body></body>",
        ),
        ("a.js", "\nexport { __wbg_init as default };"),
        ("a.wasm", ""),
    ] {
        std::fs::write(page.join(name), text).unwrap();
    }
    let page = format!("--page={}", page.display());
    for (name, more) in [("out.pscope", &[][..]), ("out.jsonl", &[]), ("out.html", &[page.as_str()])] {
        let to = dir.path().join(name);
        let done = convert(&golden("v1.jsonl"), &to, more);
        assert!(done.status.success(), "{}", errors(&done));
        std::fs::remove_file(&to).unwrap();
        // Files end after 512 bytes, and whoever writes more is told instead of killed.
        let limited = Command::new("sh")
            .args([
                "-c",
                "trap '' XFSZ; ulimit -f 1; exec \"$@\"",
                "sh",
                env!("CARGO_BIN_EXE_pagescope"),
                "convert",
            ])
            .arg(golden("v1.jsonl"))
            .arg(&to)
            .args(more)
            .output()
            .unwrap();
        let said = fails(&limited);
        assert!(said.contains("cannot write") && said.contains(name), "{said}");
        let left: Vec<_> =
            std::fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
        assert_eq!(left, ["page"], "{name}");
    }
    let nowhere = dir.path().join("no/folder.jsonl");
    assert!(fails(&convert(&golden("v1.jsonl"), &nowhere, &[])).contains("cannot create"));
}

/// The recorder was killed: what it left becomes a trace, and stays.
#[test]
fn half_a_recording_can_be_rescued_beside_itself() {
    let dir = tempfile::tempdir().unwrap();
    let (half, whole) = (dir.path().join("x.pscope.incomplete"), dir.path().join("x.pscope"));
    let bytes = std::fs::read(gallery("cow-fork.pscope")).unwrap();
    let bytes = &bytes[..bytes.len() * 2 / 3];
    std::fs::write(&half, bytes).unwrap();
    let done = convert(&half, &whole, &[]);
    assert!(done.status.success(), "{}", errors(&done));
    assert!(std::fs::metadata(&whole).unwrap().len() > 0);
    let limited = format!(
        "trap '' XFSZ; ulimit -f 1; {} convert - x.pscope < x.pscope.incomplete",
        env!("CARGO_BIN_EXE_pagescope")
    );
    fails(&Command::new("sh").args(["-c", &limited]).current_dir(dir.path()).output().unwrap());
    assert_eq!(std::fs::read(&half).unwrap(), bytes);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
}

/// Another recording was cut off: what is written in its name leaves it alone.
#[test]
fn what_remains_of_another_recording_stays() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["x.pscope", "x.jsonl.gz", "x.svg", "x.json"] {
        let (to, remains) = (dir.path().join(name), dir.path().join(format!("{name}.incomplete")));
        std::fs::write(&remains, "precious").unwrap();
        let done = convert(&golden("v1.jsonl"), &to, &[]);
        assert!(done.status.success() && errors(&done).contains("was there before and stays"), "{done:?}");
        assert_eq!(std::fs::read_to_string(&remains).unwrap(), "precious");
        assert!(std::fs::metadata(to).unwrap().len() > 0);
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 8);
}

#[test]
fn options_are_for_what_they_change() {
    let dir = tempfile::tempdir().unwrap();
    let said = fails(&convert(&golden("v1.jsonl"), &dir.path().join("a.pscope"), &["--page", "dist"]));
    assert!(said.contains("--page") && said.contains(".html"), "{said}");
    if cfg!(not(feature = "page")) {
        let said = fails(&convert(&golden("v1.jsonl"), &dir.path().join("a.html"), &[]));
        assert!(said.contains("cargo xtask build") && said.contains("--page"), "{said}");
    }
}

/// The texts of a picture, in the order in which they stand. Fails where it is no XML or needs anything from elsewhere.
fn texts(svg: &str) -> Vec<String> {
    let document = roxmltree::Document::parse(svg).unwrap();
    for node in document.descendants().filter(roxmltree::Node::is_element) {
        assert!(!["script", "image", "foreignObject"].contains(&node.tag_name().name()), "{node:?}");
        for attribute in node.attributes() {
            let is_local = attribute.name() != "href" || attribute.value().starts_with('#');
            assert!(is_local && !attribute.name().starts_with("on"), "{attribute:?}");
        }
    }
    let texts =
        document.descendants().filter(|node| node.has_tag_name("text") || node.has_tag_name((SVG, "text")));
    texts.filter_map(|node| node.text().map(str::to_owned)).collect()
}

const SVG: &str = "http://www.w3.org/2000/svg";

fn picture(from: &Path, more: &[&str]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("a.svg");
    let done = convert(from, &to, more);
    assert!(done.status.success(), "{}", errors(&done));
    std::fs::read_to_string(to).unwrap()
}

fn gallery(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../web/gallery").join(name)
}

#[test]
fn a_moment_is_a_picture_with_text_as_text() {
    let hello = gallery("hello.jsonl");
    let written = picture(&hello, &["--at", "step:3"]);
    let said = texts(&written);
    assert_eq!(said.first().map(String::as_str), Some("Write to it"));
    for expected in ["virtual page 0x100000", "page-table entry: present", "H", "\\0", "private"] {
        assert!(said.iter().any(|text| text == expected), "{expected} in {said:?}");
    }
    assert!(written.contains("#1372b2") && !written.contains("#27ace3"), "the light theme's blue");
    assert!(written.len() < 12_000, "{}", written.len());
    // The end, as no moment was named: the page is gone.
    assert!(texts(&picture(&hello, &[])).concat().contains("It is gone"));
    // Behind everything.
    assert!(texts(&picture(&hello, &["--at", "1s"])).concat().contains("It is gone"));
    let auto = picture(&hello, &["--at", "step:3", "--theme", "auto", "--size", "320x180", "--small"]);
    assert!(auto.contains("prefers-color-scheme:dark") && auto.contains("width=\"320\" height=\"180\""));
    let two = texts(&picture(&gallery("cow-fork.pscope"), &["--at", "step:5", "--small"]));
    assert_eq!(two.concat(), "ABCDAbCD", "parent and child");
    for (bad, why) in [("step:9", "6 steps"), ("step:0", "step:1"), ("yesterday", "neither a time")] {
        let refused = convert(&hello, Path::new("/nowhere/a.svg"), &["--at", bad]);
        assert!(!refused.status.success() && errors(&refused).contains(why), "{}", errors(&refused));
    }
    let said = fails(&convert(&hello, Path::new("/nowhere/a.svg"), &["--pid", "7"]));
    assert!(said.contains("process 7"), "{said}");
}

#[test]
fn a_trace_cannot_break_out_of_its_picture() {
    let dir = tempfile::tempdir().unwrap();
    let evil = "</text></svg><script>alert(1)</script>&amp;<![CDATA[\\u0007";
    let hostile = std::fs::read_to_string(gallery("hello.jsonl")).unwrap();
    let hostile = hostile.replace("Write to it", evil).replace("What is mmap?", evil);
    let from = dir.path().join("x.jsonl");
    std::fs::write(&from, hostile).unwrap();
    let said = texts(&picture(&from, &["--at", "step:3"]));
    assert!(said[0].starts_with("</text></svg><script>"), "{said:?}");
    // Names of megabytes, and a process without memory.
    let huge = include_str!("../../../shared/tests/golden/v1.jsonl")
        .replace("/usr/bin/hello", &"<x>".repeat(1 << 20));
    std::fs::write(&from, huge).unwrap();
    assert!(picture(&from, &[]).len() < 200_000);
}

/// What Perfetto gets: every event has the fields that its phase needs, and the numbers are the trace's.
#[test]
fn chrome_trace_events() {
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("a.json");
    let done = convert(&gallery("cow-fork.pscope"), &to, &[]);
    assert!(done.status.success(), "{}", errors(&done));
    let file: Value = serde_json::from_slice(&std::fs::read(&to).unwrap()).unwrap();
    assert_eq!(file["displayTimeUnit"], "ns");
    let events = file["traceEvents"].as_array().unwrap();
    for event in events {
        assert!(event["name"].is_string() && event["pid"].is_u64() && event["args"].is_object(), "{event}");
        match event["ph"].as_str().unwrap() {
            "M" => assert!(event["args"]["name"].is_string() && event["tid"].is_u64(), "{event}"),
            "C" => {
                assert!(event["ts"].is_f64());
                assert!(event["args"].as_object().unwrap().values().all(Value::is_u64), "{event}");
            }
            "i" => {
                assert!(event["ts"].is_f64() && event["tid"].is_u64() && event["s"].is_string(), "{event}");
            }
            other => panic!("{other}"),
        }
    }
    let of = |phase: &str, name: &str| -> Vec<&Value> {
        events.iter().filter(|event| event["ph"] == phase && event["name"] == name).collect()
    };
    assert_eq!(of("M", "process_name").len(), 2, "parent and child");
    assert!(of("M", "thread_name").iter().all(|event| event["args"]["name"] == "main"));
    // A step has that name, too.
    let fork = of("i", "fork").into_iter().find(|event| event["cat"] == "process").unwrap();
    let child = &fork["args"]["child"];
    assert!(of("M", "process_name").iter().any(|event| event["pid"] == *child));
    let maps = of("i", "mmap");
    assert_eq!(maps[0]["args"]["range"][0], "0x100000000");
    // In the trace 12.345 µs are 12,345 ns.
    let nanoseconds = maps[0]["args"]["t"].as_u64().unwrap();
    assert_eq!(
        maps[0]["ts"].to_string().parse::<f64>().unwrap(),
        format!("{}.{:03}", nanoseconds / 1000, nanoseconds % 1000).parse::<f64>().unwrap()
    );
    let steps: Vec<_> = events.iter().filter(|event| event["cat"] == "step").collect();
    assert!(steps.len() == 10 && steps.iter().all(|step| step["s"] == "g"));
    assert!(!of("i", "page fault").is_empty());
    // The four pages of the lesson, all of them private before the fork.
    let resident = of("C", "resident");
    assert!(resident.iter().any(|event| event["args"]["copy-on-write pending"].as_u64() >= Some(3 * 4096)));
    let most = |name: &str| of("C", name).iter().filter_map(|event| event["args"]["bytes"].as_u64()).max();
    assert!(most("mapped (VSZ)") > Some(1 << 20));
}
