//! Traces that mean harm: none of them hangs the page, breaks it or runs in it.

use crate::Outcome;
use crate::browser::{Browser, Served};
use crate::long::wait;
use pagescope_shared::gz::gzip;
use serde_json::json;
use std::fmt::Write;
use tempfile::TempDir;

const MARKUP: &str = "<img src=x onerror=document.title='owned'><script>document.title='owned'</script>";

fn with_header(lines: &str) -> String {
    let golden = include_str!("../../../shared/tests/golden/v1.jsonl");
    format!("{}\n{lines}", golden.lines().next().unwrap())
}

fn line(text: &mut String, seq: usize, pid: usize, rest: &str) {
    writeln!(text, "{{\"seq\":{seq},\"t\":{},\"pid\":{pid},\"tid\":{pid},{rest}}}", seq * 1000).unwrap();
}

/// Names of megabytes, with markup in them.
fn huge_strings() -> String {
    let (mut text, name) = (String::new(), MARKUP.repeat(20_000));
    line(
        &mut text,
        0,
        1,
        &format!(r#""kind":"start","exe":"{name}","argv":["{name}"],"page_size":4096,"arch":"x86_64""#),
    );
    let map = r#""kind":"map","asked":{"addr":"0x10000","len":4096},"range":["0x10000","0x11000"],"protection":"rw-","sharing":"private""#;
    line(&mut text, 1, 1, &format!(r#"{map},"backing":{{"type":"file","path":"{name}","offset":"0x0"}}"#));
    line(&mut text, 2, 1, &format!(r#""kind":"marker","title":"{name}","text":"{name}""#));
    with_header(&text)
}

/// A hundred thousand processes, each made by the one before.
fn many_processes() -> String {
    let mut text = String::new();
    for i in 0..100_000 {
        let child = i + 2;
        line(&mut text, i, i + 1, &format!(r#""kind":"fork","child":{child},"memory":"copied""#));
    }
    with_header(&text)
}

/// Mappings over one another, of what was never mapped, at the ends of what an address can be.
fn nonsense() -> String {
    let (mut text, mut random) = (String::new(), 1u64);
    for i in 0..20_000 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let (start, pages) = ((random >> (8 + i % 20)) & !0xfff, 1 + (random & 0xff));
        let end = start.saturating_add(pages << (12 + i % 24)) & !0xfff;
        let asked = format!(
            r#""asked":{{"addr":"{start:#x}","len":{}}},"range":["{start:#x}","{end:#x}"]"#,
            end - start
        );
        let kind = match i % 3 {
            0 => format!(r#""kind":"unmap",{asked}"#),
            1 => format!(r#""kind":"protect",{asked},"protection":"r--""#),
            _ => format!(
                r#""kind":"map",{asked},"protection":"rw-","sharing":"private","backing":{{"type":"anonymous"}}"#
            ),
        };
        line(&mut text, i, 1 + i % 3, &kind);
    }
    with_header(&text)
}

pub(crate) async fn nothing_hangs_or_runs(b: &Browser) -> Outcome {
    let torn = huge_strings();
    let traces = [
        ("strings.jsonl", huge_strings()),
        ("processes.jsonl", many_processes()),
        ("nonsense.jsonl", nonsense()),
        ("torn.jsonl", torn[..torn.len() - 1000].to_owned()),
    ];
    for (name, text) in traces {
        let folder = TempDir::new().unwrap();
        let trace = folder.path().join(name);
        std::fs::write(&trace, text).unwrap();
        let served = Served::file(folder, &trace);
        b.goto(&served.url("", "&play=0")).await?;
        wait(b, name, "return performance.getEntriesByName('trace-whole').length > 0", 30_000).await?;
        for view in ["3", "2", "1", "5", "6", "8", "4"] {
            b.key(view).await?;
        }
        b.key("End").await?;
        b.until(name, 10_000, |s| s.position == s.end && s.end > 0).await?;
        b.key("Home").await?;
        b.until(name, 10_000, |s| s.position <= 10).await?;
        let ran = b
            .script("return [...document.images].filter(i => !i.src.includes('/gallery/')).length + (document.title === 'owned' ? 1 : 0)", json!([]))
            .await?;
        assert_eq!(ran, json!(0), "{name}: markup ran");
    }
    // What grows beyond its limit is refused in one sentence, and what was shown stays.
    let bomb = gzip(&vec![b' '; 64 << 20]);
    let drop = "const d = new DataTransfer(); d.items.add(new File([new Uint8Array(arguments[0])], 'bomb.jsonl.gz'));
        document.dispatchEvent(new DragEvent('drop', { dataTransfer: d, bubbles: true, cancelable: true }))";
    b.script(drop, json!([bomb])).await?;
    b.until("the bomb is refused", 10_000, |s| s.error.contains("bomb.jsonl.gz")).await?;
    b.click("dismiss").await
}

/// The program's memory is overwritten, so that it traps at the next thing that happens.
pub(crate) async fn a_trap_is_told(b: &Browser, served: &Served) -> Outcome {
    b.goto(&served.url("", "&play=0")).await?;
    b.until("a page", 5000, |s| !s.step.is_empty()).await?;
    assert_eq!(b.console_errors().unwrap_or_default(), Vec::<String>::new());
    let ruin = "return wasmBindings.default().then(wasm => { new Uint8Array(wasm.memory.buffer).fill(255) })";
    b.script(ruin, json!([])).await?;
    b.key("ArrowRight").await?;
    b.until("the trap, in words", 5000, |s| s.error.contains("broke down")).await?;
    b.click("dismiss").await?;
    b.until("loaded again", 5000, |s| !s.step.is_empty() && s.error.is_empty()).await?;
    if let Some(log) = b.console_errors() {
        // What comes of it may be called otherwise.
        assert!(log.iter().any(|line| line.contains("RuntimeError")), "{log:?}");
    }
    Ok(())
}
