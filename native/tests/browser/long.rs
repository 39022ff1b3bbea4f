//! A long trace: shown from its two ends, read in parts, moved in and searched meanwhile.

use crate::Outcome;
use crate::browser::{Browser, Served};
use pagescope_shared::event::{EventKind, Marker};
use pagescope_shared::pscope::{Encoder, Options};
use pagescope_shared::workloads::{header, server};
use serde_json::json;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const EVENTS: u64 = 480_000;
/// Where the one event is that is searched for.
const NEEDLE: u64 = 222_222;

fn served() -> Served {
    let folder = TempDir::new().unwrap();
    let trace = folder.path().join("long.pscope");
    // Not compressed: it must be large enough to be read in parts.
    let options = Options { compression: 0, ..Options::default() };
    let mut encoder = Encoder::new(&header(), options).unwrap();
    server(EVENTS, |mut event| {
        if event.seq == NEEDLE {
            let title = "haystack needle".to_owned();
            event.kind = EventKind::Marker(Box::new(Marker { title, ..Marker::default() }));
        }
        encoder.push(&event).unwrap();
    });
    let bytes = encoder.finish();
    assert!(bytes.len() > 4 << 20, "too short to be read in parts: {}", bytes.len());
    std::fs::write(&trace, bytes).unwrap();
    Served::file(folder, &trace)
}

pub(crate) async fn opens_by_ranges(b: &Browser) -> Outcome {
    let served = served();
    b.goto(&served.url("", "&t=150ms&side=events")).await?;
    // The moment that the address names.
    b.until("a long trace", 20_000, |s| s.end == EVENTS && s.position > 100_000).await?;
    let script =
        "return performance.getEntriesByType('resource').filter(r => r.name.includes('long.pscope')).length";
    let requests = b.script(script, json!([])).await?;
    assert!(requests.as_u64().is_some_and(|n| n >= 3), "in parts, not as a whole: {requests} requests");
    let to = EVENTS - 1000;
    let scrub = "const s = document.getElementById('scrub'); s.value = arguments[0];
        s.dispatchEvent(new Event('input', { bubbles: true }))";
    b.script(scrub, json!([to])).await?;
    b.until("scrubbed to what has not come yet", 10_000, |s| s.position == to).await?;
    let search = "const t = document.getElementById('events-text'); t.value = arguments[0];
        t.dispatchEvent(new Event('input', { bubbles: true }))";
    b.script(search, json!(["haystack needle"])).await?;
    let found = "return document.getElementById('events-list').textContent.includes('haystack needle')";
    wait(b, "the one event that is searched for", found, 30_000).await?;
    let whole = "return performance.getEntriesByName('trace-whole').length > 0";
    wait(b, "all of it gone through", whole, 30_000).await?;
    b.script("history.back()", json!([])).await.map(drop)
}

/// Waits until a script says so.
pub(crate) async fn wait(b: &Browser, what: &str, script: &str, ms: u64) -> Outcome {
    let start = Instant::now();
    while b.script(script, json!([])).await? != json!(true) {
        assert!(start.elapsed() < Duration::from_millis(ms), "{what}: not within {ms} ms");
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
    Ok(())
}
