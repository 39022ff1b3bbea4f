//! A talk on the real page: clicker keys, the speaker's window, black, questions.

use crate::browser::{Browser, Served};
use crate::{Outcome, STEPS};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Waits until the page says so.
async fn until(b: &Browser, what: &str, script: &str, wanted: Value) -> Outcome {
    let start = Instant::now();
    loop {
        let is = b.script(&format!("return {script}"), json!([])).await?;
        if is == wanted {
            return Ok(());
        }
        assert!(start.elapsed() < Duration::from_secs(6), "{what}: {script} is {is}, not {wanted}");
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
}

async fn says(b: &Browser, id: &str, text: &str) -> Outcome {
    until(b, id, &format!("document.getElementById('{id}')?.textContent"), json!(text)).await
}

async fn hidden(b: &Browser, id: &str, is: bool) -> Outcome {
    until(b, id, &format!("document.getElementById('{id}')?.hidden"), json!(is)).await
}

pub(crate) async fn from_the_first_step_to_the_last(b: &Browser, served: &Served) -> Outcome {
    b.goto(&served.url("", "&talk=1")).await?;
    says(b, "talk-title", STEPS[0].0).await?;
    let sizes = "['talk-title', 'talk-text'].map(id => parseFloat(getComputedStyle(document.getElementById(id)).fontSize))";
    let sizes: Vec<f64> = serde_json::from_value(b.script(&format!("return {sizes}"), json!([])).await?)?;
    assert!(sizes[0] >= 36.0 && sizes[1] >= 24.0, "too small for the last row: {sizes:?}");
    until(b, "no controls", "document.querySelector('.player').offsetHeight", json!(0)).await?;
    // Nothing moves by itself.
    let first = b.state().await?.position;
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert_eq!(b.state().await?.position, first);
    b.key("PageDown").await?;
    says(b, "talk-title", STEPS[1].0).await?;

    // The speaker's window follows, and leads.
    b.key("s").await?;
    let (talk, speaker) = b.other_window().await?;
    b.switch(&speaker).await?;
    says(b, "speaker-title", STEPS[1].0).await?;
    says(b, "speaker-next-title", STEPS[2].0).await?;
    says(b, "speaker-count", "2 / 6").await?;
    b.key("n").await?;
    says(b, "speaker-title", STEPS[2].0).await?;
    b.switch(&talk).await?;
    says(b, "talk-title", STEPS[2].0).await?;
    b.key("PageUp").await?;
    says(b, "talk-title", STEPS[1].0).await?;
    b.switch(&speaker).await?;
    says(b, "speaker-title", STEPS[1].0).await?;
    b.key("b").await?;
    b.switch(&talk).await?;
    hidden(b, "talk-black", false).await?;
    // The next key only makes it light again.
    b.key("n").await?;
    hidden(b, "talk-black", true).await?;
    says(b, "talk-title", STEPS[1].0).await?;

    // A question comes first, then the answer.
    b.key("q").await?;
    b.key("n").await?;
    hidden(b, "ask", false).await?;
    let choices = b.script("return document.querySelectorAll('#ask button').length", json!([])).await?;
    assert!(choices.as_u64().is_some_and(|n| n > 1), "{choices} choices");
    says(b, "talk-title", STEPS[1].0).await?;
    b.key("1").await?;
    says(b, "talk-title", STEPS[2].0).await?;
    let word = "['Right', 'No'].includes(document.querySelector('#ask strong')?.textContent)";
    until(b, "an answer", word, json!(true)).await?;
    b.key("q").await?;

    b.key("End").await?;
    says(b, "talk-title", STEPS[5].0).await?;
    b.key("2").await?;
    b.key("Enter").await?;
    says(b, "talk-title", STEPS[1].0).await?;
    b.key("Escape").await?;
    until(b, "the controls", "document.querySelector('.player').offsetHeight > 0", json!(true)).await?;
    // Back to the talk, as the browser goes back.
    let gone = "location.hash.includes('talk=1')";
    until(b, "no talk in the address", gone, json!(false)).await?;
    b.script("history.back()", json!([])).await?;
    until(b, "the talk again", "document.getElementById('app').dataset.talk", json!("on")).await?;
    // Who leaves says so.
    b.goto("about:blank").await?;
    b.switch(&speaker).await?;
    hidden(b, "speaker-state", false).await?;
    // Who comes back is known, and so is a speaker's window that is loaded again.
    b.switch(&talk).await?;
    b.goto(&served.url("", "&talk=1")).await?;
    b.switch(&speaker).await?;
    hidden(b, "speaker-state", true).await?;
    says(b, "speaker-title", STEPS[0].0).await?;
    b.script("location.reload()", json!([])).await?;
    says(b, "speaker-title", STEPS[0].0).await?;
    b.close_window().await?;
    b.switch(&talk).await
}
