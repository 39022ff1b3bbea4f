//! The picture of the whole trace, with its pixels.

use crate::browser::Browser;
use crate::{Outcome, Served};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Waits until a script says yes.
async fn until(b: &Browser, what: &str, script: &str) -> Outcome {
    let begun = Instant::now();
    while b.script(script, json!([])).await? != Value::Bool(true) {
        assert!(begun.elapsed() < Duration::from_secs(5), "{what}: never");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// Pages of the process's own are blue, pages of files green, in the picture of addresses and in that of memory.
const COLOURED: &str = "const c = document.getElementById('time-canvas'), a = +c.dataset.addresses;
    const of = (from, to) => { const d = c.getContext('2d').getImageData(0, from, c.width, to - from).data;
        let blue = 0, green = 0;
        for (let i = 0; i < d.length; i += 4) {
            if (d[i + 2] > d[i] + 30 && d[i + 2] > d[i + 1]) blue++;
            if (d[i + 1] > d[i] + 30 && d[i + 1] > d[i + 2]) green++;
        }
        return blue > 20 && green > 20; };
    return of(0, a) && of(a, c.height)";

/// At three zooms there is a picture, the axis says what part it is of, and it moves the film.
pub(crate) async fn the_whole_trace_in_one_picture(b: &Browser, served: &Served) -> Outcome {
    b.goto(&served.url("", "&play=0")).await?;
    b.until("the first step", 5000, |s| !s.step.is_empty()).await?;
    b.key("3").await?;
    let whole = "return document.getElementById('time-caption').textContent.startsWith('The whole trace')";
    until(b, "the whole trace", whole).await?;
    until(b, "its pixels", COLOURED).await?;
    let flags = "return document.querySelectorAll('#time-axis .flag').length";
    assert_eq!(b.script(flags, json!([])).await?, json!(6), "a flag for each step");
    let press = "const e = document.querySelectorAll('#time-axis .flag')[2];
        e.dispatchEvent(new PointerEvent('pointerdown', { bubbles: true, pointerId: 1 }))";
    b.script(press, json!([])).await?;
    b.until("a flag goes to its step", 2000, |s| s.step == "Write to it").await?;
    let wheel = "const p = document.getElementById('time-plot'), r = p.getBoundingClientRect();
        p.dispatchEvent(new WheelEvent('wheel', { deltaY: -400, cancelable: true,
            clientX: r.x + r.width * 0.95, clientY: r.y + 50 }))";
    let mut captions = vec![b.text("time-caption").await?];
    for zoom in ["closer", "closer still"] {
        b.script(wheel, json!([])).await?;
        let before = captions.last().cloned().unwrap_or_default();
        let other = format!(
            "return document.getElementById('time-caption').textContent !== {}",
            Value::String(before)
        );
        until(b, zoom, &other).await?;
        until(b, zoom, COLOURED).await?;
        captions.push(b.text("time-caption").await?);
    }
    assert!(captions.iter().skip(1).all(|c| c.contains(" to ")), "{captions:?}");
    b.key("0").await?;
    until(b, "all of it again", whole).await?;
    b.picture("time").await?;
    b.key("1").await
}
