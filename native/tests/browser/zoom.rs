//! The picture of pages from all of them down to one: pixels and words at three zooms.

use crate::browser::{Browser, Served};
use crate::picture::Picture;
use crate::{Outcome, PAPER, PRIVATE, STEPS};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Something happens at a place of the screen.
async fn at(b: &Browser, event: &str, (x, y): (f64, f64)) -> Outcome {
    let script = "const [name, x, y] = arguments, p = document.getElementById('picture');
        const of = { bubbles: true, cancelable: true, clientX: x, clientY: y, pointerId: 1, button: 0 };
        p.dispatchEvent(name === 'wheel' ? new WheelEvent(name, { ...of, deltaY: -100 }) : new PointerEvent(name, of))";
    b.script(script, json!([event, x, y])).await.map(|_: Value| ())
}

/// Whether a pixel is of a colour, but for what a screen makes of it.
fn near(is: [u8; 3], expected: [u8; 3]) -> bool {
    is.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= 16)
}

/// The lowest cell of the first column: the lesson's page. And how large cells are.
async fn lowest(b: &Browser) -> Result<((f64, f64), f64), fantoccini::error::CmdError> {
    let script = "const c = document.getElementById('canvas'), r = c.getBoundingClientRect();
        return [r.right, r.top, r.bottom].concat((c.dataset.level || '').split(' ').map(Number))";
    let numbers: Vec<f64> = serde_json::from_value(b.script(script, json!([])).await?)?;
    let [right, top, bottom, columns, _, width, height] = numbers[..] else {
        panic!("no cells: {numbers:?}")
    };
    // The bar at the right edge is 14 pixels wide.
    let x = right - 14.0 - columns.exp2() * width + width / 2.0;
    let picture = Picture::of(&b.screenshot().await?);
    let mut y = bottom - 1.0;
    while y > top && near(picture.at(x, y), PAPER) {
        y -= 1.0;
    }
    // Behind the line that marks what is spoken of.
    y -= height / 2.0 + 1.0;
    assert!(y > top, "nothing in the first column");
    Ok(((x, y), width))
}

async fn until(b: &Browser, what: &str, script: &str) -> Outcome {
    for _ in 0..100 {
        if b.script(&format!("return Boolean({script})"), json!([])).await? == json!(true) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let seen = b.script("return document.querySelector('main').innerText", json!([])).await?;
    panic!("{what}: not within five seconds, but {seen}");
}

const SAYS: &str = "document.getElementById('canvas').getAttribute('aria-label')";

pub(crate) async fn from_all_pages_to_one(b: &Browser, served: &Served) -> Outcome {
    b.goto(&served.url("", "&play=0")).await?;
    b.until("the first step", 5000, |s| s.step == STEPS[0].0).await?;
    b.script("document.querySelector('[data-step=\"2\"]').click()", json!([])).await?;
    b.until("the write", 3000, |s| s.step == STEPS[2].0 && s.still).await?;
    b.key("o").await?;
    b.until("all pages", 3000, |s| s.cell.contains("pages of this process") && s.still).await?;
    let (page, small) = lowest(b).await?;
    at(b, "pointermove", page).await?;
    let caption = "document.getElementById('caption').textContent";
    until(
        b,
        "the page is named",
        &format!("{caption}.startsWith('0x100000000') && {caption}.includes('private')"),
    )
    .await?;
    b.picture("zoom-all").await?;
    // Row by row closer, the pointer does not move.
    for _ in 0..3 {
        at(b, "wheel", page).await?;
        tokio::time::sleep(Duration::from_millis(400)).await;
    }
    b.until("closer, and at rest", 5000, |s| s.still).await?;
    let begun = Instant::now();
    // On a busy machine the picture comes later than the words.
    let (closer, large) = loop {
        let ((x, y), large) = lowest(b).await?;
        let picture = Picture::of(&b.screenshot().await?);
        // It may be cut off by the lower edge, so that its middle is not where it would be: what is looked for is its colour.
        let mut ys =
            std::iter::successors(Some(y + large / 2.0), |y| Some(y - 1.0)).take_while(|at| *at > y - large);
        if let Some(y) = ys.find(|at| (0..4).all(|by| near(picture.at(x, at - f64::from(by)), PRIVATE))) {
            break ((x, y - 2.0), large);
        }
        assert!(begun.elapsed() < Duration::from_secs(5), "its cell says so: {:?}", picture.at(x, y));
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert!(large >= small * 1.5, "{small} {large}");
    assert!((closer.1 - page.1).abs() <= large * 1.5, "it stays under the pointer: {page:?} {closer:?}");
    let labels = b.text("labels").await?;
    assert!(labels.contains("100000000"), "rows have their addresses: {labels}");
    at(b, "pointerdown", closer).await?;
    at(b, "pointerup", closer).await?;
    until(b, "what is selected is selected everywhere", "document.querySelector('.region.selected')").await?;
    b.picture("zoom-cells").await?;
    for _ in 0..6 {
        at(b, "wheel", page).await?;
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    until(b, "one page taken apart", &format!("{SAYS}.includes('0x100000000: private, observed')")).await?;
    assert!(b.cell().await?.is_some());
    b.key("-").await?;
    until(b, "back among the others", &format!("!{SAYS}.startsWith('Page')")).await?;
    // Holes as large as they are: 128 TiB, and every speck.
    b.key("h").await?;
    until(b, "full scale", "document.getElementById('labels').textContent.includes('All 128 TiB')").await?;
    b.picture("zoom-full").await?;
    b.key("h").await?;
    // The first one lets go of what is selected.
    b.key("Escape").await?;
    b.key("Escape").await?;
    b.until("it follows again", 3000, |s| s.cell.contains("0x100000000: private, observed")).await?;
    lost_and_found(b).await
}

/// The graphics card forgets everything.
async fn lost_and_found(b: &Browser) -> Outcome {
    let script = "const gl = document.getElementById('canvas').getContext('webgl2');
        window.lose = gl.getExtension('WEBGL_lose_context'); window.lose.loseContext();
        setTimeout(() => window.lose.restoreContext(), 100)";
    b.script(script, json!([])).await?;
    tokio::time::sleep(Duration::from_millis(900)).await;
    let cell = b.cell().await?.expect("a cell");
    let picture = Picture::of(&b.screenshot().await?);
    let is = picture.at(cell.x + 4.0, cell.y + cell.h * 0.6);
    assert!(near(is, PRIVATE), "drawn again: {is:?}");
    Ok(())
}
