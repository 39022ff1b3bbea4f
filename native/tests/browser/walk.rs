//! One address through the tables, by four levels, by five, and to a huge page; and the regions beside it. Words and pixels.

use crate::browser::{Browser, Served};
use crate::long::wait;
use crate::picture::{Picture, Rect};
use crate::{Outcome, PRIVATE};
use fantoccini::error::CmdError;
use serde_json::{Value, json};

/// Waits until the walk says all of these, and none of those.
async fn says(b: &Browser, what: &str, all: &[&str], none: &[&str]) -> Outcome {
    let script = format!(
        "const t = document.getElementById('walk').textContent;
         return {}.every(w => t.includes(w)) && !{}.some(w => t.includes(w))",
        json!(all),
        json!(none)
    );
    wait(b, what, &script, 5000).await
}

/// Where the elements are that a selector finds.
async fn boxes(b: &Browser, selector: &str) -> Result<Vec<Rect>, CmdError> {
    let script = "return [...document.querySelectorAll(arguments[0])].map(e => e.getBoundingClientRect())
        .map(r => [r.x, r.y, r.width, r.height])";
    let found: Vec<[f64; 4]> = serde_json::from_value(b.script(script, json!([selector])).await?)?;
    Ok(found.into_iter().map(|[x, y, w, h]| Rect { x, y, w, h }).collect())
}

/// The frame at the end and the page in its row are of their colour, and a table of each level leads there.
async fn leads_to_a_private_frame(b: &Browser, tables: usize) -> Outcome {
    assert_eq!(boxes(b, "#walk svg .table:not(.none)").await?.len(), tables, "tables on the way");
    assert_eq!(boxes(b, "#walk svg .taken").await?.len(), tables, "an entry of each");
    let filled = boxes(b, "#walk svg .cell.fill-private").await?;
    assert!(filled.len() >= 3, "the frame, the page, and the frame that it stands on: {}", filled.len());
    let picture = Picture::of(&b.screenshot().await?);
    for Rect { x, y, w, h } in filled.into_iter().take(3) {
        assert_eq!(picture.at(x + w * 0.5, y + h * 0.5), PRIVATE, "at {x} {y}");
    }
    Ok(())
}

pub(crate) async fn by_four_levels_by_five_and_to_a_huge_page(b: &Browser, served: &Served) -> Outcome {
    b.goto(&served.url("", "&play=0&view=walk")).await?;
    b.until("the first step", 5000, |s| !s.step.is_empty()).await?;
    b.script("document.querySelector('[data-step=\"2\"]').click()", json!([])).await?;
    b.until("the write", 3000, |s| s.step == "Write to it" && s.still).await?;
    let page = ["The walk to 0x100000000", "000000100", "4 KiB each", "private, observed"];
    says(b, "four levels", &page, &["P4D", "256 TiB each"]).await?;
    leads_to_a_private_frame(b, 4).await?;
    regions_say_and_lead(b).await?;

    b.script("document.querySelector('.walk-head button').click()", json!([])).await?;
    says(b, "five levels", &[&page[..], &["P4D", "256 TiB each"]].concat(), &[]).await?;
    leads_to_a_private_frame(b, 5).await?;
    b.script("document.querySelector('.walk-head button').click()", json!([])).await?;
    says(b, "four again", &page, &["P4D"]).await?;
    b.picture("walk").await?;

    // A huge page: the entry of the table above it is the last.
    let huge =
        served.url("", "").split('#').next().map(|page| format!("{page}#trace=gallery/huge-pages.pscope"));
    b.goto(&format!("{}&play=0&view=walk", huge.unwrap_or_default())).await?;
    b.until("another lesson", 5000, |s| s.step == "Four megabytes").await?;
    b.script("document.querySelector('[data-step=\"2\"]').click()", json!([])).await?;
    b.until("a byte of it", 3000, |s| s.step == "One byte" && s.still).await?;
    says(b, "two megabytes", &["The walk to 0x100000000", "2 MiB each", "huge"], &["4 KiB each"]).await?;
    leads_to_a_private_frame(b, 3).await?;
    b.picture("walk-huge").await
}

/// The column of regions, at the same moment: what is in a region is in its bar, and a click leads there.
async fn regions_say_and_lead(b: &Browser) -> Outcome {
    let bar = boxes(b, "#map [data-addr='0x100000000'] .bar-of-pages").await?;
    let Some(Rect { x, y, w, h }) = bar.into_iter().next() else { panic!("the lesson's page has no bar") };
    let picture = Picture::of(&b.screenshot().await?);
    for part in [0.2, 0.8] {
        assert_eq!(picture.at(x + w * part, y + h * 0.5), PRIVATE, "all of its one page");
    }
    let holes = b.script("return document.querySelectorAll('#map .hole').length", json!([])).await?;
    assert!(holes.as_u64() > Some(3), "what is not mapped is folded: {holes}");
    b.script("document.querySelector('#map [title*=\"stack\"]').click()", json!([])).await?;
    says(b, "to the stack", &["The walk to 0x7ff", "stack"], &["The walk to 0x100000000"]).await?;
    let marked: Value = b.script("return document.querySelector('#map .selected').title", json!([])).await?;
    assert!(marked.as_str().is_some_and(|title| title.contains("stack")), "{marked}");
    b.script("document.querySelector('#map [data-addr=\"0x100000000\"]').click()", json!([])).await?;
    says(b, "and back", &["The walk to 0x100000000"], &[]).await
}
