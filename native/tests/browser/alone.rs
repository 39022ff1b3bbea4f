//! One file, opened from the disk, with the network off.

use crate::browser::Browser;
use crate::{Outcome, STEPS, drop_file, pixels_say_so};
use serde_json::json;
use std::process::Command;
use tempfile::TempDir;

/// As the name of a trace, and as a lesson's title: neither gets out of its place.
const NAME: &str = "\"><img src=x onerror=document.title='owned'> & 'more'";
const TITLE: &str = "</title></script><script>document.title='owned'</script>";

fn converted(folder: &TempDir) -> String {
    let recorded = include_str!("../../../web/gallery/hello.jsonl");
    let hostile = recorded.replacen("\"title\":\"What is mmap?\"", &format!("\"title\":\"{TITLE}\""), 1);
    assert_ne!(hostile, recorded);
    let (from, to) = (folder.path().join(format!("{NAME}.jsonl")), folder.path().join("the talk.html"));
    std::fs::write(&from, hostile).unwrap();
    let tool = env!("CARGO_BIN_EXE_pagescope");
    let done = Command::new(tool).arg("convert").arg(&from).arg(&to).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    format!("file://{}", to.display().to_string().replace(' ', "%20"))
}

pub(crate) async fn one_file_without_a_network(b: &Browser) -> Outcome {
    let folder = TempDir::new().unwrap();
    b.size(1280, 720).await?;
    let url = converted(&folder);
    b.goto(&format!("{url}#play=0")).await?;
    b.until("the first step", 10_000, |s| s.step == STEPS[0].0 && s.title == TITLE).await?;
    for (index, (title, cell)) in STEPS.iter().enumerate().take(5) {
        b.until(title, 4000, |s| s.step == *title && s.cell.contains(cell) && s.still).await?;
        pixels_say_so(b, index).await?;
        b.click("next").await?;
    }
    b.until("the last step", 4000, |s| s.step == STEPS[5].0).await?;

    // The recordings are not there, so none is offered.
    b.click("open").await?;
    let offered = b.text("opener-list").await?;
    assert_eq!(
        offered.lines().filter(|line| !line.is_empty()).collect::<Vec<_>>(),
        [&format!("{NAME}.pscope"), "The trace that stands in this page"]
    );
    b.click("opener-close").await?;
    drop_file(b, "golden.jsonl", include_str!("../../../shared/tests/golden/v1.jsonl")).await?;
    b.until("another trace", 3000, |s| s.title == "What is mmap?").await?;
    b.script("document.querySelector('#opener-list button').click()", json!([])).await?;
    b.until("the one of this page again", 3000, |s| s.title == TITLE).await?;

    let fetched =
        b.script("return performance.getEntriesByType('resource').map(e => e.name)", json!([])).await?;
    let fetched: Vec<String> = serde_json::from_value(fetched)?;
    let fetched: Vec<_> =
        fetched.iter().filter(|name| !name.starts_with("blob:") && !name.starts_with("data:")).collect();
    assert!(fetched.is_empty(), "{fetched:?}");
    let ran = b
        .script("return document.images.length + (document.title.startsWith('owned') ? 1 : 0)", json!([]))
        .await?;
    assert_eq!(ran, json!(0), "markup ran");
    b.goto(&format!("{url}#t=10s&view=time")).await?;
    b.until("a link into it", 5000, |s| s.step == STEPS[5].0).await
}
