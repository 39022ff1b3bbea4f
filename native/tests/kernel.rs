//! The model beside the running kernel: random sequences of real calls, compared after every one. See docs/model.md.

use std::process::Command;

/// How many sequences; `cargo xtask fuzz-kernel` performs as many as one likes.
const SEQUENCES: &str = "2000";

#[test]
fn the_model_equals_the_kernel() {
    let seed = std::env::var("PAGESCOPE_SEED").unwrap_or_else(|_| "20261123".to_owned());
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("mismatch.jsonl");
    let output = Command::new(env!("CARGO_BIN_EXE_pagescope"))
        .args(["oracle", "fuzz", "--sequences", SEQUENCES, "--seed", &seed, "--out"])
        .arg(&out)
        .output()
        .unwrap();
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let trace = std::fs::read_to_string(&out).unwrap_or_default();
    assert!(output.status.success(), "{text}{errors}\n{trace}");
    // Nobody is fooled by a run that compared nothing.
    let calls: u64 = text.split(' ').nth(2).and_then(|n| n.parse().ok()).unwrap_or(0);
    assert!(calls > 20_000, "{text}");
    println!("{text}");
}
