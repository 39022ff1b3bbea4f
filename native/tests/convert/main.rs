//! `pagescope convert`: what it writes, and that a failure leaves nothing behind.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // A test ends by panicking, in its helpers too.

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
