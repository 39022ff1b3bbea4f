//! The built page as one document: what its `index.html` fetches stands inside.

use crate::page::Page;
use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use pagescope_shared::format::escaped;
use std::io::Write;

/// Starts the page from what stands in the document.
const BOOT: &str = include_str!("boot.js");

/// The page, with a gap for a trace.
pub(super) struct Document {
    pub(super) before: String,
    pub(super) after: String,
}

impl Document {
    /// Puts `page` together, with `title` in the browser's tab.
    ///
    /// # Errors
    /// When a file of it is missing, or is not as trunk and wasm-bindgen make it.
    pub(super) fn new(page: &Page, title: &str) -> Result<Self> {
        let text = |name: &str| {
            let found = page.file(name.trim_start_matches("./"));
            let found = found.with_context(|| format!("the page has no file {name:?}"))?;
            String::from_utf8(found.bytes.into_owned()).with_context(|| format!("{name} is no text"))
        };
        let index = text("index.html")?;
        let mut names = None;
        // Trunk's own script would import and fetch.
        let index = replaced(&index, "<script type=\"module\">", "</script>", |script| {
            let name = |begin| between(script, begin, "'").map(str::to_owned);
            names = name(" from '").zip(name("module_or_path: '"));
            Ok(String::new())
        })?;
        let (bindings, wasm) = names.context("the page does not say where its wasm is")?;
        let index = replaced(&index, "<link ", ">", |link| match attribute(link, "rel") {
            Some("stylesheet") => {
                let name = attribute(link, "href").context("a style sheet has no address")?;
                Ok(format!("<style>\n{}</style>", text(name)?.replace("</", "<\\/")))
            }
            // They stand here already.
            Some("preload" | "modulepreload") => Ok(String::new()),
            _ => Ok(link.to_owned()),
        })?;
        let title = escaped(title);
        let index = replaced(&index, "<title>", "</title>", |_| Ok(format!("<title>{title}</title>")))?;
        let (head, end) = index.rsplit_once("</body>").context("the page has no body")?;

        let bindings = text(&bindings)?;
        let (bindings, exports) =
            bindings.rsplit_once("\nexport {").context("the page's script exports nothing")?;
        ensure!(
            exports.contains("__wbg_init as default"),
            "the page's script exports nothing that starts it"
        );
        ensure!(!bindings.contains("\nimport "), "the page's script imports others");
        let wasm = page.file(wasm.trim_start_matches("./")).context("the page has no wasm")?;
        let mut packed = GzEncoder::new(Vec::new(), Compression::best());
        packed.write_all(&wasm.bytes)?;
        let wasm = STANDARD.encode(packed.finish()?);
        // Nothing in a string of ours may end the element that it stands in.
        let script =
            format!("{bindings}\n{BOOT}").replace("</script", "<\\/script").replace("<!--", "<\\!--");
        Ok(Self {
            before: format!(
                "{head}<script type=\"application/octet-stream\" id=\"embedded-wasm\">{wasm}</script>\n"
            ),
            after: format!("<script type=\"module\">\n{script}</script>\n</body>{end}"),
        })
    }
}

/// The text with each piece from `begin` to `end` replaced.
fn replaced(
    text: &str,
    begin: &str,
    end: &str,
    mut by: impl FnMut(&str) -> Result<String>,
) -> Result<String> {
    let (mut done, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(start) = rest.find(begin) {
        let (before, piece) = rest.split_at(start);
        let len =
            piece.find(end).with_context(|| format!("the page has a {begin:?} without {end:?}"))? + end.len();
        let (piece, after) = piece.split_at(len);
        done.push_str(before);
        done.push_str(&by(piece)?);
        rest = after;
    }
    done.push_str(rest);
    Ok(done)
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    between(tag, &format!(" {name}=\""), "\"")
}

fn between<'a>(text: &'a str, begin: &str, end: &str) -> Option<&'a str> {
    Some(text.split_once(begin)?.1.split_once(end)?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(files: &[(&str, &str)]) -> (tempfile::TempDir, Page) {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        let page = Page::find(Some(dir.path())).unwrap();
        (dir, page)
    }

    const INDEX: &str = "<html><head><title>pagescope</title><link rel=\"icon\" href=\"data:,\">\
         <link rel=\"stylesheet\" href=\"./a.css\" integrity=\"x\"/><script type=\"module\">\
         import init, * as bindings from './p.js';\nconst wasm = await init({ module_or_path: './p.wasm' });\n</script>\
         <link rel=\"modulepreload\" href=\"./p.js\"></head><body>Hi</body></html>";
    const BINDINGS: &str = "const a = '</script><!--';\nexport { initSync, __wbg_init as default };\n";

    #[test]
    fn nothing_is_left_to_fetch_and_nothing_gets_out() {
        let (_dir, page) = page(&[
            ("index.html", INDEX),
            ("a.css", "a{content:'</style>'}"),
            ("p.js", BINDINGS),
            ("p.wasm", "w"),
        ]);
        let document = Document::new(&page, "</title><script>alert(1)//").unwrap();
        let all = format!("{}{}", document.before, document.after);
        for gone in ["href=\"./", "src=", "import init", "\nexport", "<script>", "'</s", "<!--"] {
            assert!(!all.contains(gone), "{gone} in {all}");
        }
        assert_eq!(all.matches("</script>").count(), 2);
        assert!(all.contains("<title>&lt;/title&gt;&lt;script&gt;alert(1)//</title>"), "{all}");
    }

    #[test]
    fn a_page_that_was_built_otherwise_is_refused() {
        let files = [("index.html", INDEX), ("a.css", ""), ("p.js", BINDINGS), ("p.wasm", "w")];
        for (without, why) in [("a.css", "a.css"), ("p.wasm", "no wasm"), ("p.js", "p.js")] {
            let files: Vec<_> = files.iter().copied().filter(|(name, _)| *name != without).collect();
            let (_dir, page) = page(&files);
            let error = Document::new(&page, "").err().map(|e| format!("{e:#}")).unwrap_or_default();
            assert!(error.contains(why), "{error}");
        }
        let (_dir, page) = page(&[("index.html", "<body></body>")]);
        assert!(Document::new(&page, "").is_err());
    }
}
