//! A talk that somebody makes of a trace, and what of it can be taken along.

use super::Outcome;
use super::browser::{Browser, Served};
use super::driver::Kind;
use super::long::wait;
use super::picture::Picture;
use pagescope_shared::event::{Event, EventKind};
use pagescope_shared::trace::read;
use serde_json::json;

pub(crate) async fn a_talk_is_made_and_taken_along(b: &Browser, served: &Served) -> Outcome {
    let begin = served.url("", "&play=0&side=talk");
    b.goto(&begin).await?;
    b.until("the first step", 5000, |s| s.step == super::STEPS[0].0).await?;
    // Two markers, written where they stand; letters are none of the page's keys.
    add(b, 8, "Written: mmap, k, c").await?;
    add(b, 12, "Gone").await?;
    assert_eq!(b.state().await?.position, 12, "nothing was played");
    listed(b, "Written: mmap, k, c|Gone").await?;
    // Keys undo the words, where they are written.
    b.script(
        "document.activeElement.dispatchEvent(new KeyboardEvent('keydown',
            { key: 'z', ctrlKey: true, bubbles: true, cancelable: true }))",
        json!([]),
    )
    .await?;
    listed(b, "Written: mmap, k, c|Marker").await?;
    b.click("author-redo").await?;
    listed(b, "Written: mmap, k, c|Gone").await?;
    press(b, "marker-earlier").await?;
    listed(b, "Gone|Written: mmap, k, c").await?;
    // It goes by the order of the list.
    b.click("home").await?;
    b.until("the start", 2000, |s| s.step == super::STEPS[0].0).await?;
    b.picture("author-light-1280").await?;

    // The address has all of it, at once when somebody asks for a link.
    press(b, "link").await?;
    let said = "return document.getElementById('said').textContent";
    while b.script(said, json!([])).await?.as_str().is_none_or(|said| !said.contains("ink")) {}
    let hash = b.script("return location.hash", json!([])).await?;
    let marks = hash.as_str().and_then(|hash| hash.split("marks=").nth(1)).expect("marks in the address");
    let marks = marks.split('&').next().unwrap_or_default().to_owned();
    b.goto(&format!("{begin}&marks={marks}")).await?;
    listed(b, "Gone|Written: mmap, k, c").await?;
    b.goto(&format!("{begin}&marks=*{marks}")).await?;
    b.until("a readable error", 3000, |s| s.error.contains("the talk in this address cannot be read"))
        .await?;
    b.goto(&format!("{begin}&marks={marks}")).await?;
    listed(b, "Gone|Written: mmap, k, c").await?;

    // The copy is the same trace, but for the markers.
    press(b, "save-copy").await?;
    let copy = read(&b.downloaded("hello #1-talk.jsonl").await).expect("a trace");
    let original = read(&std::fs::read(&served.trace).unwrap()).expect("a trace");
    assert_eq!((&copy.problems, &copy.header), (&vec![], &original.header));
    assert_eq!(without_markers(&copy.events), without_markers(&original.events));
    let markers = copy.events.iter().zip(1u64..).filter_map(|(event, behind)| match &event.kind {
        EventKind::Marker(marker) => Some((behind, marker.title.as_str(), marker.order)),
        _ => None,
    });
    let expected = [(9, "Written: mmap, k, c", Some(2)), (14, "Gone", Some(1))];
    assert_eq!(markers.collect::<Vec<_>>(), expected);

    picture_and_video(b).await
}

async fn picture_and_video(b: &Browser) -> Outcome {
    press(b, "picture").await?;
    let position = b.state().await?.position;
    let bytes = b.downloaded(&format!("hello #1-{position}.png")).await;
    let stage = b.script("return document.getElementById('stage').clientWidth", json!([])).await?;
    let picture = Picture::of(&bytes);
    let width = u64::from(u32::from_be_bytes(bytes[16..20].try_into().unwrap()));
    assert!(width.abs_diff(stage.as_u64().unwrap() * 2) <= 2, "{width} pixels for {stage}");
    assert_eq!(picture.at(3.0, 3.0), super::PAPER);
    // The page that is spoken of, in its place, twice as large.
    let script = "const s = document.getElementById('stage').getBoundingClientRect(); return [s.x, s.y]";
    let place = b.script(script, json!([])).await?;
    if let Some(cell) = b.cell().await? {
        let (x, y) = (cell.x - place[0].as_f64().unwrap(), cell.y - place[1].as_f64().unwrap());
        let across = picture.share_unlike(super::PAPER, x * 2.0, (x + cell.w) * 2.0, (y + 0.5) * 2.0);
        assert!(across > 0.3, "its outline: {across}");
    }
    // From shortly before the end a video ends by itself.
    scrub(b, 13).await?;
    press(b, "video").await?;
    if b.kind == Kind::Webkit {
        // What it records depends on the codecs of the machine: on many it is nothing, and then that is said.
        let said = "return /video|13.(mp4|webm) saved/.test(document.getElementById('said').textContent)";
        wait(b, "a video, or why there is none", said, 20_000).await?;
    } else {
        let video = b.downloaded("hello #1-13.webm").await;
        assert_eq!(&video[..4], b"\x1aE\xdf\xa3", "it is no WebM");
        assert!(video.len() > 3000, "{} bytes", video.len());
        assert!(video.windows(3).any(|bytes| bytes == b"\x44\x89\x88"), "it does not say how long it is");
    }
    let hidden = b.script("return document.getElementById('recording').hidden", json!([])).await?;
    assert_eq!(hidden, json!(true), "the sign is gone");
    Ok(())
}

async fn scrub(b: &Browser, position: u64) -> Outcome {
    b.script(
        "const s = document.getElementById('scrub'); s.value = arguments[0]; s.dispatchEvent(new Event('input'))",
        json!([position]),
    )
    .await?;
    b.until("scrubbed", 3000, |s| s.position == position).await
}

async fn press(b: &Browser, command: &str) -> Outcome {
    let script = "document.querySelector(`.author [data-command=${arguments[0]}]`).click()";
    b.script(script, json!([command])).await.map(|_| ())
}

/// A marker behind so many events; its title has the focus.
async fn add(b: &Browser, position: u64, title: &str) -> Outcome {
    scrub(b, position).await?;
    press(b, "add-marker").await?;
    listed_with(b, "a new one", |list| list.ends_with("Marker")).await?;
    wait(b, "its title has the focus", "return document.activeElement.value === 'Marker'", 3000).await?;
    b.type_text(title).await?;
    listed_with(b, title, |list| list.ends_with(title)).await
}

async fn listed(b: &Browser, titles: &str) -> Outcome {
    listed_with(b, titles, |list| list == titles).await
}

async fn listed_with(b: &Browser, what: &str, is: impl Fn(&str) -> bool) -> Outcome {
    let script =
        "return [...document.querySelectorAll('#author-list .called')].map(t => t.textContent).join('|')";
    let mut last = String::new();
    for _ in 0..75 {
        last = b.script(script, json!([])).await?.as_str().unwrap_or_default().to_owned();
        if is(&last) {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(40)).await;
    }
    panic!("{what}: the list is {last:?}");
}

/// And without what goes by their number.
fn without_markers(events: &[Event]) -> Vec<Event> {
    let others = events.iter().filter(|event| !matches!(event.kind, EventKind::Marker(_)));
    let mut others: Vec<Event> = others.cloned().collect();
    for event in &mut others {
        event.seq = 0;
        if let EventKind::End(end) = &mut event.kind {
            end.count = 0;
        }
    }
    others
}
