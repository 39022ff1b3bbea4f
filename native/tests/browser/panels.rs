//! What stands beside the picture, and over it: each panel says what the recording says, and leads there.

use crate::browser::Browser;
use crate::long::wait;
use crate::{Outcome, Served};
use fantoccini::Locator;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Waits until an element says all of these.
async fn says(b: &Browser, id: &str, words: &[&str]) -> Outcome {
    let begun = Instant::now();
    loop {
        let text = b.script(&format!("return document.getElementById('{id}').innerText"), json!([])).await?;
        let text = text.as_str().unwrap_or_default().to_owned();
        if words.iter().all(|word| text.contains(word)) {
            return Ok(());
        }
        assert!(begun.elapsed() < Duration::from_secs(5), "#{id} says {text:?}, and not all of {words:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The rows of the list of events that are in sight.
async fn rows(b: &Browser) -> Result<Value, fantoccini::error::CmdError> {
    b.script("return [...document.querySelectorAll('#events-list .kind')].filter(e => e.checkVisibility()).map(e => e.textContent)", json!([]))
        .await
}

pub(crate) async fn they_say_what_was_recorded(b: &Browser, served: &Served) -> Outcome {
    b.goto(&served.url("", "&play=0")).await?;
    b.until("the first step", 5000, |s| !s.step.is_empty()).await?;

    b.key("5").await?;
    says(b, "events-list", &["snapshot", "map", "unmap", "access"]).await?;
    b.find(Locator::Id("events-text")).await?.send_keys("world").await?;
    says(b, "events-found", &["of"]).await?;
    let begun = Instant::now();
    while rows(b).await? != json!(["access", "access"]) {
        assert!(begun.elapsed() < Duration::from_secs(5), "two events speak of it: {}", rows(b).await?);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    b.find(Locator::Css("#events-list [data-moment]")).await?.click().await?;
    b.until("a click goes there", 3000, |s| s.step == "Write to it").await?;
    b.script(
        "const e = document.getElementById('events-text'); e.value = ''; e.dispatchEvent(new Event('input'))",
        json!([]),
    )
    .await?;

    b.find(Locator::Css("#steps [data-step='3']")).await?.click().await?;
    b.until("the next step", 4000, |s| s.step == "Read it back" && s.still).await?;
    b.key("6").await?;
    says(b, "inspect", &["0x100000000-0x100001000", "observed: the kernel was asked", "48 65 6c 6c 6f"])
        .await?;
    b.key("7").await?;
    says(b, "compare", &["What changed between two moments", "mapped", "="]).await?;
    b.key("8").await?;
    says(b, "trace", &["a lesson, performed for real", "page faults", "memory calls"]).await?;

    // Everything has a name and can be found by it.
    let open = |key: &str| {
        format!(
            "dispatchEvent(new KeyboardEvent('keydown', {{ key: '{key}', ctrlKey: {}, bubbles: true, cancelable: true }}))",
            key == "k"
        )
    };
    b.script(&open("k"), json!([])).await?;
    wait(b, "the palette", "return document.getElementById('overlay').open", 3000).await?;
    b.find(Locator::Id("overlay-text")).await?.send_keys("dark").await?;
    says(b, "overlay-list", &["Light or dark"]).await?;
    b.key("Escape").await?;
    wait(b, "the palette closed", "return !document.getElementById('overlay').open", 3000).await?;
    b.script(&open("?"), json!([])).await?;
    says(b, "overlay-help", &["Through the trace", "Next step", "Panels", "In a talk"]).await?;
    b.key("Escape").await
}
