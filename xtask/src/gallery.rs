//! The lessons that ship with the page: performed anew, and listed in `index.json` in the order of the course.

use crate::run::{self, capture, cargo, command};
use crate::{paths, size};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// The page opens with this one, and tests read it: it stays text.
const FIRST: &str = "hello";

/// The step of each lesson that is pictured: the one that says most.
const PICTURES: [(&str, u32); 19] = [
    ("hello", 3),
    ("demand-paging", 6),
    ("zero-page", 4),
    ("file-private", 4),
    ("file-shared", 4),
    ("page-cache", 6),
    ("cow-fork", 5),
    ("shared-memory", 5),
    ("protect", 4),
    ("split-merge", 3),
    ("fixed", 4),
    ("remap", 5),
    ("dontneed", 4),
    ("lazy-terabyte", 3),
    ("malloc", 5),
    ("stack", 3),
    ("huge-pages", 5),
    ("errors", 1),
    ("use-after-munmap", 8),
];

/// Records the lessons that are wanted into `web/gallery/`, and makes all pictures and the list. One that this machine
/// cannot perform stays as it was recorded before.
pub(crate) fn record(pagescope: Option<PathBuf>, wanted: &dyn Fn(&str) -> bool) -> Result<()> {
    let pagescope = match pagescope {
        Some(pagescope) => pagescope,
        None => {
            let target = paths::target()?;
            let mut build = cargo();
            build.args(["build", "--release", "--locked", "-p", "pagescope"]);
            run::run(build.env("CARGO_TARGET_DIR", &target))?;
            target.join("release/pagescope")
        }
    };
    // A trace names the files that were mapped: from here, it holds no path of this machine.
    let neutral = std::env::temp_dir().join("pagescope-gallery");
    let binary = neutral.join("pagescope");
    fs::create_dir_all(&neutral)
        .and_then(|()| fs::copy(&pagescope, &binary))
        .with_context(|| neutral.display().to_string())?;
    let gallery = paths::root().join("web/gallery");

    let listed = capture(command(&binary).args(["lesson", "list", "--json"]));
    let lessons: Vec<Value> = serde_json::from_str(&listed.context("the lessons cannot be listed")?)?;
    let mut index = Vec::new();
    for lesson in &lessons {
        let text = |field: &str| lesson.get(field).and_then(Value::as_str).unwrap_or_default();
        let name = text("name");
        let file = match text("why") {
            _ if !wanted(name) => {
                kept(&gallery, name).with_context(|| format!("{name} was never recorded"))?
            }
            "" => perform(&binary, name, &neutral, &gallery)?,
            why => {
                let kept = kept(&gallery, name);
                let kept = kept.with_context(|| format!("{name} cannot be performed here: {why}"))?;
                eprintln!("{name}: {kept} stays as it is: {why}");
                kept
            }
        };
        let (picture, alt) = picture(&binary, name, &gallery, &file)?;
        let (title, line) = (text("title"), text("line"));
        index.push(json!({ "name": name, "title": title, "line": line, "file": file, "picture": picture, "alt": alt }));
    }
    let path = gallery.join("index.json");
    let lines: Vec<String> = index.iter().map(Value::to_string).collect();
    fs::write(&path, format!("{{\"lessons\":[\n{}\n]}}\n", lines.join(",\n")))
        .with_context(|| path.display().to_string())
}

/// Performs one lesson and brings its recording, in the smaller form, to the gallery; returns the file's name.
fn perform(binary: &Path, name: &str, neutral: &Path, gallery: &Path) -> Result<String> {
    let forms = [format!("{name}.jsonl"), format!("{name}.pscope")];
    // The command line stands in the trace too: recorded there, under names without a folder.
    let pagescope = || {
        let mut cmd = command("./pagescope");
        // `cargo run` set the first one, and the recorded program would look for its libraries there.
        cmd.current_dir(neutral).env_remove("LD_LIBRARY_PATH").env_remove("TMPDIR");
        cmd
    };
    capture(pagescope().args(["lesson", "run", name, "-o", &forms[0]]))
        .with_context(|| format!("{} failed: pagescope lesson run {name}", binary.display()))?;
    run::run(pagescope().args(["convert", &forms[0], &forms[1]]))?;
    let bytes = |form: &String| fs::metadata(neutral.join(form)).map_or(u64::MAX, |file| file.len());
    let smaller = if name == FIRST || bytes(&forms[0]) <= bytes(&forms[1]) { 0 } else { 1 };
    let file = &forms[smaller];
    fs::copy(neutral.join(file), gallery.join(file)).with_context(|| format!("cannot bring {file}"))?;
    let other = gallery.join(&forms[1 - smaller]);
    if other.exists() {
        fs::remove_file(&other).with_context(|| other.display().to_string())?;
    }
    eprintln!("{name}: {file}, {} bytes", size::grouped(bytes(file)));
    Ok(file.clone())
}

/// Pictures one moment of a recording: its file's name, and what it shows.
fn picture(binary: &Path, name: &str, gallery: &Path, file: &str) -> Result<(String, String)> {
    let step = PICTURES.iter().find(|(known, _)| *known == name);
    let (_, step) =
        step.with_context(|| format!("PICTURES does not say which step of {name} is pictured"))?;
    let (picture, recording) = (format!("{name}.svg"), gallery.join(file));
    let mut convert = command(binary);
    convert
        .arg("convert")
        .arg(&recording)
        .arg(gallery.join(&picture))
        .args(["--at", &format!("step:{step}")]);
    run::run(convert.args(["--small", "--theme", "auto", "--size", "320x180"]))?;
    let steps = capture(command(binary).arg("dump").arg(&recording).args(["--json", "--kind", "step"]));
    let steps = steps.with_context(|| format!("the steps of {name} cannot be read"))?;
    let index = usize::try_from(*step)?;
    // Behind the header.
    let step: Value = serde_json::from_str(steps.lines().nth(index).context("there are fewer steps")?)?;
    let title = step.get("title").and_then(Value::as_str).unwrap_or_default();
    Ok((picture, format!("The pages after step {index}, {title}")))
}

/// The recording that is there already.
fn kept(gallery: &Path, name: &str) -> Option<String> {
    let forms = [format!("{name}.jsonl"), format!("{name}.pscope")];
    forms.into_iter().find(|form| gallery.join(form).exists())
}
