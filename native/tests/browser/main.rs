//! The page in a real browser, served by the real tool, on a trace that the real kernel made.
//!
//! Screenshots go to `target/e2e/`. `cargo xtask test` sets PAGESCOPE_CHROME and PAGESCOPE_CHROMEDRIVER; without them the
//! programs of those names on PATH are taken. PAGESCOPE_BROWSER names another browser: `firefox` or `webkit`.

// Tests fail by panicking; clippy knows that of `#[test]` functions only.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod alone;
mod author;
mod browser;
mod deck;
mod driver;
mod hostile;
mod long;
mod panels;
mod picture;
mod talk;
mod time;
mod walk;
mod zoom;

use browser::{Browser, Served};
use picture::{Picture, hex};
use serde_json::{Value, json};
use std::time::Duration;

/// The states of the lesson's page, as the page says them, and the step that ends in them.
const STEPS: [(&str, &str); 6] = [
    ("A process and its pages", "pages of this process"),
    ("Ask for one page", "0x100000000: untouched, observed"),
    ("Write to it", "0x100000000: private, observed"),
    ("Read it back", "0x100000000: private, observed"),
    ("Give back 1,024 bytes", "0x100000000: not mapped"),
    ("It is gone", "0x100000000: not mapped"),
];

const PAPER: [u8; 3] = hex("fbfaf7");
const PRIVATE: [u8; 3] = hex("1372b2");
const PRIVATE_DARK: [u8; 3] = hex("27ace3");
const UNTOUCHED: [u8; 3] = hex("62656b");

/// One browser for all: starting one costs more than the checks.
#[tokio::test]
async fn the_page_shows_what_the_kernel_did() {
    let browser = Browser::start(true).await;
    let served = Served::hello();
    end(browser, async |browser: &Browser| checks(browser, &served).await).await;
}

#[tokio::test]
async fn what_stands_alone_needs_no_network() {
    end(Browser::start(false).await, async |browser: &Browser| {
        alone::one_file_without_a_network(browser).await?;
        deck::a_deck_with_frames(browser).await
    })
    .await;
}

/// The browser is closed before a failure is told.
async fn end(browser: Browser, checks: impl AsyncFnOnce(&Browser) -> Outcome) {
    let outcome = tokio::time::timeout(Duration::from_secs(400), checks(&browser)).await;
    let log = browser.console_errors();
    browser.stop().await;
    outcome.expect("the browser checks take too long").expect("a command of the browser failed");
    assert_eq!(log.unwrap_or_default(), Vec::<String>::new(), "errors on the console");
}

type Outcome = Result<(), fantoccini::error::CmdError>;

async fn checks(b: &Browser, served: &Served) -> Outcome {
    b.size(1280, 720).await?;
    first_opening_plays_by_itself(b, served).await?;
    lessons_are_offered_with_pictures(b).await?;
    zoom::from_all_pages_to_one(b, served).await?;
    steps_to_the_end_and_back(b, served).await?;
    keyboard_and_scrubbing(b).await?;
    shown_text_is_truthful(b).await?;
    a_broken_file_costs_nothing(b).await?;
    markup_in_a_trace_is_text(b).await?;
    talk::from_the_first_step_to_the_last(b, served).await?;
    time::the_whole_trace_in_one_picture(b, served).await?;
    walk::by_four_levels_by_five_and_to_a_huge_page(b, served).await?;
    panels::they_say_what_was_recorded(b, served).await?;
    canvas_2d_shows_the_same(b, served).await?;
    author::a_talk_is_made_and_taken_along(b, served).await?;
    long::opens_by_ranges(b).await?;
    hostile::nothing_hangs_or_runs(b).await?;
    hostile::a_trap_is_told(b, served).await?;
    screenshots(b, served).await
}

async fn first_opening_plays_by_itself(b: &Browser, served: &Served) -> Outcome {
    b.goto(&served.url("", "")).await?;
    // On a machine with nothing else to do it takes less than five seconds.
    b.until("a page comes to life by itself", 20_000, |s| s.cell.contains("private")).await?;
    b.key("k").await?;
    let there = b.state().await?.position;
    tokio::time::sleep(Duration::from_millis(900)).await;
    assert_eq!(b.state().await?.position, there, "k pauses");
    Ok(())
}

/// Pictures that are out of sight may come later.
async fn lessons_are_offered_with_pictures(b: &Browser) -> Outcome {
    b.click("open").await?;
    let shown = "return [...document.querySelectorAll('#opener-list img')].filter(i => i.naturalWidth > 0 && i.alt).length";
    let mut pictures = 0;
    for _ in 0..100 {
        pictures = b.script(shown, json!([])).await?.as_u64().unwrap_or(0);
        if pictures >= 6 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(pictures >= 6, "{pictures} pictures");
    b.picture("lessons-light-1280").await?;
    b.script("document.querySelector('[data-recording*=cow-fork]').click()", json!([])).await?;
    b.until("the lesson that was chosen", 5000, |s| s.title == "fork copies nothing, at first").await
}

async fn steps_to_the_end_and_back(b: &Browser, served: &Served) -> Outcome {
    b.goto(&served.url("", "&play=0")).await?;
    b.until("the first step", 5000, |s| s.step == STEPS[0].0).await?;
    assert_eq!(b.state().await?.renderer, "webgl2");
    for (index, (title, cell)) in STEPS.iter().enumerate() {
        b.until(title, 4000, |s| s.step == *title && s.cell.contains(cell) && s.still).await?;
        pixels_say_so(b, index).await?;
        if index + 1 < STEPS.len() {
            b.click("next").await?;
        }
    }
    for (title, cell) in STEPS.iter().rev().skip(1) {
        b.click("previous").await?;
        b.until(title, 4000, |s| s.step == *title && s.cell.contains(cell) && s.still).await?;
    }
    Ok(())
}

/// What the model says must stand in the pixels of the page's cell.
async fn pixels_say_so(b: &Browser, step: usize) -> Outcome {
    let (cell, picture) = (b.cell().await?, Picture::of(&b.screenshot().await?));
    let Some(cell) = cell else {
        assert_eq!(step, 0, "only the overview has no page of its own");
        return Ok(());
    };
    // Between the outline and the dots of the bytes.
    let inside = picture.at(cell.x + 4.0, cell.y + cell.h * 0.6);
    // The lower one: the upper part is tinted where the munmap asked for less than it took.
    let outline = picture.share_unlike(PAPER, cell.x + 20.0, cell.right() - 20.0, cell.y + cell.h - 1.5);
    match step {
        1 => {
            assert_eq!(inside, PAPER, "an untouched page is hollow");
            assert!(outline > 0.95, "its outline is whole: {outline}");
            assert_near(picture.at(cell.x + cell.w / 2.0, cell.y + 1.0), UNTOUCHED);
        }
        2 | 3 => {
            assert_near(inside, PRIVATE);
            let first_bytes = picture.share_unlike(PRIVATE, cell.x + 7.0, cell.x + 40.0, cell.y + 8.0);
            assert!(first_bytes > 0.4, "the written bytes are marked: {first_bytes}");
        }
        _ => {
            assert_eq!(inside, PAPER, "nothing is left of an unmapped page");
            assert!((0.2..0.8).contains(&outline), "its outline is broken: {outline}");
        }
    }
    Ok(())
}

fn assert_near(is: [u8; 3], expected: [u8; 3]) {
    let off = is.iter().zip(expected).map(|(a, b)| a.abs_diff(b)).max().unwrap();
    assert!(off <= 12, "{is:?} is not {expected:?}");
}

async fn keyboard_and_scrubbing(b: &Browser) -> Outcome {
    b.key("End").await?;
    b.until("End", 2000, |s| s.position == s.end).await?;
    b.key("Home").await?;
    b.until("Home", 2000, |s| s.step == STEPS[0].0).await?;
    b.key(".").await?;
    b.key(".").await?;
    b.until("two single events", 2000, |s| s.cell.contains("untouched, inferred")).await?;
    b.key(",").await?;
    b.until("one event back", 2000, |s| !s.cell.contains("untouched")).await?;
    b.script(
        "const s = document.getElementById('scrub'); s.value = 8; s.dispatchEvent(new Event('input'))",
        json!([]),
    )
    .await?;
    b.until("scrubbed to the write", 2000, |s| s.position == 8 && s.cell.contains("private, inferred"))
        .await?;
    b.key("o").await?;
    b.until("all pages", 2000, |s| s.cell.contains("pages of this process")).await?;
    b.key("Escape").await
}

/// What was asked and what was done stand side by side.
async fn shown_text_is_truthful(b: &Browser) -> Outcome {
    b.script("document.querySelector('[data-step=\"2\"]').click()", json!([])).await?;
    b.until("the write", 5000, |s| s.step == STEPS[2].0 && s.still).await?;
    let labels = b.text("labels").await?;
    assert!(labels.replace('\n', "").contains("Hello,␣world!\\0") || labels.contains('H'), "{labels}");
    assert!(labels.contains("page-table entry: present"), "{labels}");
    b.script("document.querySelector('[data-step=\"4\"]').click()", json!([])).await?;
    b.until("the munmap", 5000, |s| s.step == STEPS[4].0 && s.still).await?;
    let words = format!("{}\n{}", b.text("labels").await?, b.text("event").await?);
    for expected in ["asked 1,024 bytes", "unmapped 4,096 bytes", "munmap(0x100000000, 1,024)"] {
        assert!(words.contains(expected), "{expected:?} is not in {words}");
    }
    let line = b.text("source").await?;
    let lit = b.script("return document.querySelector('#source .current').textContent", json!([])).await?;
    assert!(lit.as_str().is_some_and(|l| l.contains("munmap")), "{lit} of {line}");
    Ok(())
}

async fn drop_file(b: &Browser, name: &str, text: &str) -> Outcome {
    b.script(
        "const d = new DataTransfer(); d.items.add(new File([arguments[1]], arguments[0]));
         document.dispatchEvent(new DragEvent('drop', { dataTransfer: d, bubbles: true, cancelable: true }))",
        json!([name, text]),
    )
    .await
    .map(|_: Value| ())
}

async fn a_broken_file_costs_nothing(b: &Browser) -> Outcome {
    let before = b.state().await?;
    drop_file(b, "broken.jsonl", "this is no trace\n").await?;
    b.until("a readable error", 2000, |s| s.error.contains("broken.jsonl") && s.error.contains("line 1"))
        .await?;
    let after = b.state().await?;
    assert_eq!((after.position, &after.step), (before.position, &before.step), "what was shown stays");
    b.picture("error-light-1280").await?;
    b.click("dismiss").await?;
    b.until("the error goes", 2000, |s| s.error.is_empty()).await?;
    b.key("Home").await?;
    b.until("the page lives on", 2000, |s| s.step == STEPS[0].0).await
}

async fn markup_in_a_trace_is_text(b: &Browser) -> Outcome {
    let golden = include_str!("../../../shared/tests/golden/v1.jsonl");
    let evil = "<img src=x onerror=document.title='owned'>";
    let hostile = golden
        .replace("What is mmap?", evil)
        .replace("It has pages.", evil)
        .replace("\"/usr/bin/hello\"", &format!("\"{evil}\""));
    assert_ne!(hostile, golden);
    drop_file(b, "hostile.jsonl", &hostile).await?;
    b.until("the hostile title, as text", 3000, |s| s.title.contains("<img")).await?;
    let others = "return [...document.images].filter(i => !i.src.includes('/gallery/')).length";
    assert_eq!(b.script(others, json!([])).await?, json!(0), "markup ran");
    Ok(())
}

async fn canvas_2d_shows_the_same(b: &Browser, served: &Served) -> Outcome {
    b.goto(&served.url("?renderer=2d", "&play=0")).await?;
    b.until("the first step", 5000, |s| s.step == STEPS[0].0 && s.renderer == "canvas2d").await?;
    b.script("document.querySelector('[data-step=\"2\"]').click()", json!([])).await?;
    b.until("the write", 5000, |s| s.step == STEPS[2].0 && s.still).await?;
    pixels_say_so(b, 2).await
}

/// For the eye, and for the README.
async fn screenshots(b: &Browser, served: &Served) -> Outcome {
    for (width, height) in [(1280, 720), (1920, 1080)] {
        b.size(width, height).await?;
        b.goto(&served.url("", "&play=0")).await?;
        b.until("the first step", 5000, |s| s.step == STEPS[0].0).await?;
        for theme in ["light", "dark"] {
            for step in [0, 1, 2, 4] {
                b.script(&format!("document.querySelector('[data-step=\"{step}\"]').click()"), json!([]))
                    .await?;
                b.until("a step", 3000, |s| s.step == STEPS[step].0 && s.still).await?;
                b.picture(&format!("step-{}-{theme}-{width}", step + 1)).await?;
            }
            if theme == "dark" {
                b.script("document.querySelector('[data-step=\"2\"]').click()", json!([])).await?;
                b.until("the write", 5000, |s| s.step == STEPS[2].0 && s.still).await?;
                let cell = b.cell().await?.expect("a cell");
                assert_near(
                    Picture::of(&b.screenshot().await?).at(cell.x + 4.0, cell.y + cell.h * 0.6),
                    PRIVATE_DARK,
                );
            }
            b.click("theme").await?;
        }
    }
    Ok(())
}
