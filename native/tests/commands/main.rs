//! The commands that read traces, on golden and on damaged ones.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // A test ends by panicking, in its helpers too.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/tests/golden").join(name)
}

fn pagescope(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pagescope")).args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn done(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    text(&output.stdout)
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn both_forms_of_a_trace_are_the_same_to_every_command() {
    let (lines, blocks) = (golden("v1.jsonl"), golden("v1.pscope"));
    for command in ["dump", "check"] {
        let of = |file: &Path| text(&pagescope(&[command, path(file)]).stdout).replace(path(file), "FILE");
        assert_eq!(of(&lines), of(&blocks), "{command}");
    }
    let info = |file: &Path| -> Value {
        let mut found: Value =
            serde_json::from_str(&done(&pagescope(&["info", "--json", path(file)]))).unwrap();
        found.as_object_mut().unwrap().remove("bytes");
        found
    };
    assert_eq!(info(&lines), info(&blocks));
    assert_eq!(info(&lines)["kinds"]["map"], 1);
}

#[test]
fn converting_there_and_back_changes_not_a_byte() {
    let dir = tempfile::tempdir().unwrap();
    let original = std::fs::read_to_string(golden("v1.jsonl")).unwrap();
    let first = done(&pagescope(&["convert", path(&golden("v1.jsonl")), "-"]));
    assert_eq!(first, original);
    let mut from = golden("v1.jsonl");
    for name in ["a.pscope", "b.jsonl.gz", "c.pscope", "d.jsonl"] {
        let to = dir.path().join(name);
        done(&pagescope(&["convert", path(&from), path(&to)]));
        from = to;
    }
    assert_eq!(std::fs::read_to_string(&from).unwrap(), original);
    // Never over what it reads, and never into a form that nobody named.
    for to in [path(&from), "x.unknown"] {
        let refused = pagescope(&["convert", path(&from), to]);
        assert_eq!(refused.status.code(), Some(1));
        assert!(text(&refused.stderr).starts_with("error: "), "{refused:?}");
    }
    assert_eq!(std::fs::read_to_string(&from).unwrap(), original);
}

#[test]
fn damage_is_found_and_its_place_told() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("bad");
    let check = |bytes: &[u8]| {
        std::fs::write(&file, bytes).unwrap();
        let found = pagescope(&["check", path(&file)]);
        (found.status.code(), text(&found.stdout) + &text(&found.stderr))
    };
    let lines = std::fs::read(golden("v1.jsonl")).unwrap();
    let (code, said) = check(&lines[..lines.len() - 20]);
    assert_eq!(code, Some(1));
    assert!(said.contains("the file ends in the middle of it") && said.contains("line "), "{said}");
    let blocks = std::fs::read(golden("v1.pscope")).unwrap();
    let mut flipped = blocks.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0x10;
    let (code, said) = check(&flipped);
    assert_eq!(code, Some(1));
    assert!(said.contains("error: byte "), "{said}");
    let (code, said) = check(&blocks[..blocks.len() * 2 / 3]);
    assert_eq!(code, Some(1));
    assert!(said.contains("not finished"), "{said}");
    for nothing in [&b""[..], b"hello", b"{}"] {
        let (code, said) = check(nothing);
        assert_eq!(code, Some(1));
        assert!(said.starts_with("error: ") && said.lines().count() == 1, "{said}");
    }
    let header = lines.split_inclusive(|&b| b == b'\n').next().unwrap();
    let odd = [
        (r#"{"seq":1,"t":5,"pid":1,"tid":1,"kind":"fault","addr":"0x1000"}"#, "no mapping is known there"),
        (
            r#"{"seq":1,"t":5,"pid":1,"tid":1,"kind":"thread","thread":2}
{"seq":2,"t":4,"pid":1,"tid":1,"kind":"thread","thread":3}"#,
            "time goes back",
        ),
        (r#"{"seq":1,"t":5,"pid":0,"tid":0,"kind":"end","count":7}"#, "7"),
    ];
    for (event, expected) in odd {
        let (code, said) = check(&[header, event.as_bytes(), b"\n"].concat());
        assert_eq!(code, Some(1));
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn texts_of_a_trace_cannot_command_the_terminal() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("bad.jsonl");
    let lines = std::fs::read_to_string(golden("v1.jsonl")).unwrap();
    let mut header: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    let evil = "\u{1b}]0;owned\u{7}\u{1b}[2J";
    header["command"] = serde_json::json!([evil]);
    header["tool"]["method"] = evil.into();
    let start = serde_json::json!({"seq": 0, "t": 0, "pid": 1, "tid": 1, "kind": "start", "exe": evil, "argv": [evil]});
    let other = serde_json::json!({"seq": 1, "t": 0, "pid": 1, "tid": 1, "kind": evil});
    let lost =
        serde_json::json!({"seq": 2, "t": 0, "pid": 1, "tid": 1, "kind": "lost", "count": 1, "reason": evil});
    std::fs::write(&file, format!("{header}\n{start}\n{other}\n{lost}\n")).unwrap();
    for command in ["info", "dump", "check"] {
        let said = pagescope(&[command, path(&file)]);
        let all = text(&said.stdout) + &text(&said.stderr);
        assert!(!all.contains(['\u{1b}', '\u{7}']) && all.contains("owned"), "{command}: {all}");
    }
}

#[test]
fn a_dump_tells_what_was_asked_for_only() {
    let file = golden("v1.jsonl");
    let all = done(&pagescope(&["dump", path(&file)]));
    let maps = done(&pagescope(&["dump", path(&file), "--kind", "map"]));
    assert_eq!(maps.lines().count(), 1);
    assert!(maps.contains("mmap(") && all.contains(maps.trim_end()));
    let json = done(&pagescope(&["dump", path(&file), "--json"]));
    assert_eq!(json, std::fs::read_to_string(&file).unwrap());
    let none = done(&pagescope(&["dump", path(&file), "--from", "1h"]));
    assert_eq!(none, "");
    let nobody = done(&pagescope(&["dump", path(&file), "--pid", "4000000000"]));
    assert_eq!(nobody, "");
}

#[test]
fn manual_pages_for_all_commands() {
    let dir = tempfile::tempdir().unwrap();
    done(&pagescope(&["man", path(dir.path())]));
    let page = std::fs::read_to_string(dir.path().join("pagescope-record.1")).unwrap();
    assert!(page.contains("observe"));
}
