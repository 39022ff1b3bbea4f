//! Writes a panel that is made of blocks: only the blocks that differ.

use super::elements::{append, by_id, make};
use super::part::{Frame, Part};
use crate::app::{App, SidePanel};
use crate::commands;
use crate::panel::{Block, Line};
use web_sys::{Document, Element, HtmlElement};

/// A panel, where its blocks come from, and what it shows.
pub(super) struct BlockPanel {
    document: Document,
    element: HtmlElement,
    side: SidePanel,
    make: fn(&App) -> Vec<Block>,
    revision: Option<u64>,
    shown: Vec<Block>,
}

impl BlockPanel {
    /// In the element with this id, while `side` is shown.
    pub(super) fn new(
        document: &Document,
        id: &str,
        side: SidePanel,
        make: fn(&App) -> Vec<Block>,
    ) -> Result<Self, String> {
        let element = by_id(document, id)?;
        Ok(Self { document: document.clone(), element, side, make, revision: None, shown: Vec::new() })
    }
}

impl Part for BlockPanel {
    fn show(&mut self, frame: &Frame<'_>) {
        if frame.app.side != self.side || self.revision == Some(frame.app.revision) {
            return;
        }
        self.revision = Some(frame.app.revision);
        let blocks = (self.make)(frame.app);
        let children = self.element.children();
        for (i, block) in blocks.iter().enumerate() {
            if self.shown.get(i) == Some(block) {
                continue;
            }
            let Some(new) = write(&self.document, block) else { continue };
            let old = u32::try_from(i).ok().and_then(|i| children.item(i));
            let _ = match old {
                Some(old) => self.element.replace_child(&new, &old).map(|_| ()),
                None => self.element.append_child(&new).map(|_| ()),
            };
        }
        while children.length() > u32::try_from(blocks.len()).unwrap_or(u32::MAX) {
            let Some(last) = self.element.last_element_child() else { break };
            last.remove();
        }
        self.shown = blocks;
    }
}

fn write(document: &Document, block: &Block) -> Option<Element> {
    match block {
        Block::Title(text) => make(document, "h2", "title", text),
        Block::Heading(text) => make(document, "h3", "", text),
        Block::Note(text) => make(document, "p", "note", text),
        Block::Warning(text) => make(document, "p", "warning", text),
        Block::Facts(facts) => {
            let list = make(document, "dl", "facts", "")?;
            for (label, text) in facts {
                append(&list, make(document, "dt", "", label))?;
                let class = if text.contains("0x") { "mono" } else { "" };
                append(&list, make(document, "dd", class, text))?;
            }
            Some(list)
        }
        Block::Table { head, rows, more } => table(document, head, rows, more),
        Block::Hex(lines) => {
            let list = make(document, "ol", "hex", "")?;
            for line in lines {
                let item = make(document, "li", "", "")?;
                append(&item, make(document, "span", "addr", &format!("{:012x}", line.addr.0)))?;
                append(&item, make(document, "span", "", &line.hex()))?;
                append(&item, make(document, "span", "text", &line.text()))?;
                append(&list, Some(item))?;
            }
            Some(list)
        }
        Block::Buttons(ids) => {
            let row = make(document, "div", "buttons", "")?;
            for command in ids.iter().filter_map(|id| commands::by_id(id)) {
                let button = make(document, "button", "", command.name)?;
                button.set_attribute("type", "button").ok()?;
                button.set_attribute("data-command", command.id).ok()?;
                if !command.keys.is_empty() {
                    append(&button, make(document, "kbd", "", &command.keys_text()))?;
                }
                append(&row, Some(button))?;
            }
            Some(row)
        }
    }
}

fn table(document: &Document, head: &[&str], rows: &[Line], more: &str) -> Option<Element> {
    let frame = make(document, "div", "table", "")?;
    let table = make(document, "table", "", "")?;
    if head.iter().any(|title| !title.is_empty()) && !rows.is_empty() {
        let (top, row) = (make(document, "thead", "", "")?, make(document, "tr", "", "")?);
        for title in head {
            append(&row, make(document, "th", number_class(title), title.trim_start_matches('>')))?;
        }
        append(&top, Some(row))?;
        append(&table, Some(top))?;
    }
    let body = make(document, "tbody", "", "")?;
    for line in rows {
        let row = make(document, "tr", "", "")?;
        for (i, (text, title)) in line.cells.iter().zip(head).enumerate() {
            let cell = make(document, "td", number_class(title), "")?;
            match (&line.go, i) {
                (Some(go), 0) => {
                    let button = make(document, "button", "link", text)?;
                    let (name, value) = go.attribute();
                    button.set_attribute("type", "button").ok()?;
                    button.set_attribute(name, &value).ok()?;
                    append(&cell, Some(button))?;
                }
                _ => {
                    if let (Some(fill), 0) = (line.fill, i) {
                        append(&cell, make(document, "i", &format!("fill-{}", fill.name()), ""))?;
                    }
                    append(
                        &cell,
                        make(document, "span", if text.starts_with("0x") { "mono" } else { "" }, text),
                    )?;
                }
            }
            append(&row, Some(cell))?;
        }
        // The whole row can be clicked, the button in it can be reached by key.
        if let Some((name, value)) = line.go.as_ref().map(crate::panel::Go::attribute) {
            row.set_attribute(name, &value).ok()?;
            row.set_class_name("go");
        }
        append(&body, Some(row))?;
    }
    append(&table, Some(body))?;
    append(&frame, Some(table))?;
    if !more.is_empty() {
        append(&frame, make(document, "p", "note", more))?;
    }
    Some(frame)
}

fn number_class(title: &str) -> &'static str {
    if title.starts_with('>') { "number" } else { "" }
}
