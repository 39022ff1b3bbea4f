//! The deck of docs/deck, as docs/embedding.md says: in a folder, opened from the disk, with the network off.

use crate::browser::Browser;
use crate::{Outcome, STEPS};
use fantoccini::Locator;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const DECK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/deck");
const GALLERY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../web/gallery");

/// The folder that goes to the stage.
fn folder(reveal: &Path) -> TempDir {
    let folder = TempDir::new().unwrap();
    let copy = |from: &Path, to: PathBuf| {
        std::fs::copy(from, &to).unwrap();
    };
    for name in ["index.html", "pagescope.js"] {
        copy(&Path::new(DECK).join(name), folder.path().join(name));
    }
    std::fs::create_dir(folder.path().join("reveal.js")).unwrap();
    for name in ["reveal.js", "reveal.css", "reset.css"] {
        copy(&reveal.join(name), folder.path().join("reveal.js").join(name));
    }
    for (trace, page) in [("hello.jsonl", "hello.html"), ("cow-fork.pscope", "cow-fork.html")] {
        let (from, to) = (Path::new(GALLERY).join(trace), folder.path().join(page));
        let done =
            Command::new(env!("CARGO_BIN_EXE_pagescope")).arg("convert").arg(from).arg(to).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
    folder
}

/// Where the deck is, and what the frame of `hello` has said last.
async fn until(b: &Browser, what: &str, slide: u64, step: Option<usize>) -> Outcome {
    let title = step.map_or(Value::Null, |step| json!(STEPS[step].0));
    let start = Instant::now();
    loop {
        let now = b
            .script(
                // It may have spoken before anybody listened.
                "const hello = document.querySelector('iframe[title^=hello]');
                 hello.contentWindow?.postMessage({ pagescope: 'state' }, '*');
                 const said = window.said?.moving === false ? window.said.title : null;
                 return [Reveal.getIndices().h, said]",
                json!([]),
            )
            .await?;
        if now[0] == json!(slide) && (step.is_none() || now[1] == title) {
            return Ok(());
        }
        assert!(start.elapsed() < Duration::from_secs(10), "{what}: slide {slide}, {title}, but {now}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

pub(crate) async fn a_deck_with_frames(b: &Browser) -> Outcome {
    let Some(reveal) = std::env::var_os("PAGESCOPE_REVEAL") else {
        eprintln!("SKIPPED: no reveal.js; cargo xtask test brings it");
        return Ok(());
    };
    let folder = folder(Path::new(&reveal));
    b.size(1280, 720).await?;
    b.goto(&format!("file://{}/index.html", folder.path().display())).await?;
    b.script(
        "addEventListener('message', ({ source, data }) => {
             const hello = document.querySelector('iframe[title^=hello]');
             if (source === hello.contentWindow && data.pagescope === 'state') window.said = data;
             if (source === hello.contentWindow && data.pagescope === 'error') window.wrong = data.text;
         })",
        json!([]),
    )
    .await?;
    until(b, "the title", 0, None).await?;
    b.key("n").await?;
    until(b, "the recording", 1, Some(0)).await?;
    // The deck's keys go to the frame until it has shown its last step.
    for step in 1..STEPS.len() {
        b.key(" ").await?;
        until(b, "a step further", 1, Some(step)).await?;
    }
    b.picture("deck").await?;
    b.key(" ").await?;
    until(b, "behind the last step", 2, None).await?;
    b.key("p").await?;
    until(b, "back where it was left", 1, Some(5)).await?;
    b.key("p").await?;
    until(b, "a step back", 1, Some(4)).await?;

    // A click takes the keyboard into the frame: what it has no use for comes back.
    let frame = b.find(Locator::Css("iframe[title^=hello]")).await?;
    frame.clone().enter_frame().await?;
    let canvas = b.find(Locator::Id("picture")).await?;
    canvas.click().await?;
    let shown = b.script("return document.getElementById('app').dataset.embed", json!([])).await?;
    assert_eq!(shown, json!("on"));
    b.find(Locator::Css("body")).await?.send_keys("n").await?;
    b.leave_frame().await?;
    until(b, "a step further from inside", 1, Some(5)).await?;
    b.find(Locator::Css("iframe[title^=hello]")).await?.enter_frame().await?;
    b.find(Locator::Css("body")).await?.send_keys("n").await?;
    b.leave_frame().await?;
    until(b, "the deck goes on", 2, None).await?;

    // By hand: what is understood, and what is not.
    let say = async |message: Value| {
        let script =
            "document.querySelector('iframe[title^=hello]').contentWindow.postMessage(arguments[0], '*')";
        b.script(script, json!([message])).await
    };
    say(json!({ "pagescope": "goto", "step": 3 })).await?;
    until(b, "step 3", 2, Some(2)).await?;
    say(json!({ "pagescope": "goto", "position": 0 })).await?;
    say(json!({ "pagescope": "<img src=x>" })).await?;
    say(json!(["neither"])).await?;
    let start = Instant::now();
    while b.script("return window.wrong ?? null", json!([])).await? == Value::Null {
        assert!(start.elapsed() < Duration::from_secs(5), "it does not say what it did not understand");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}
