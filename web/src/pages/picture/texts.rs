//! The words in cells: addresses, bytes and frames, where there is room.

use super::super::doc::{Section, Visible};
use super::Draw;
use crate::palette::Fill;
use crate::time::scale::float;
use pagescope_shared::addr::{Addr, Range};
use pagescope_shared::model::AddressSpace;
use pagescope_shared::page::PageState;
use std::rc::Rc;

/// Rows of cells so high have room for two lines of text.
const TWO_LINES: f64 = 38.0;
/// Cells so high and wide have room for three, the middle one large.
const THREE_LINES: f64 = 60.0;
/// Cells so wide have large letters.
const BIG: f64 = 120.0;
/// Narrower ones have room for one sign, ...
const WORD: f64 = 40.0;
/// ... and narrower ones than this for none.
const LETTER: f64 = 24.0;
/// So many bytes of a page stand in its cell.
const BYTES: usize = 9;

impl Draw<'_> {
    /// Short addresses and frames in cells that are large enough.
    pub(super) fn texts(&mut self, section: &Section, seen: &Visible) {
        let doc = Rc::clone(self.pages.doc());
        let level = doc.level;
        if level.pages > 0 || level.cell < LETTER || self.row < 18.0 {
            return;
        }
        let page_size = self.space.page_size();
        let lowest = ((seen.top + 1 - seen.rows) << doc.row_bits).max(section.start);
        let highest = (seen.top << doc.row_bits | ((1 << doc.row_bits) - 1)).min(section.last);
        let Ok(all) = Range::new(Addr(lowest), Addr(highest.saturating_add(1))) else { return };
        let several = self.space.mappings_in(all).nth(1).is_some();
        for (range, page) in self.space.runs(all) {
            let first = page_size.page_of(range.start());
            for number in first..first + page_size.pages_in(range) {
                let Some(addr) = page_size.address_of(number) else { return };
                let column = number & ((1 << level.columns) - 1);
                let x = level.left + float(column) * level.cell;
                let row = seen.top.saturating_sub(addr.0 >> doc.row_bits);
                let y = seen.rows_y - self.offset + float(row) * self.row;
                let full = page.state.is_resident() && !matches!(Fill::from(page.state), Fill::ZeroPage);
                let dark = full && page.state == PageState::Private;
                let big = level.cell >= BIG;
                let class = match (full, dark, big) {
                    (false, _, false) => "page",
                    (false, _, true) => "page big",
                    (_, true, false) => "page dark",
                    (_, true, true) => "page dark big",
                    (_, false, false) => "page full",
                    (_, false, true) => "page full big",
                };
                if level.cell < WORD {
                    // One sign has room.
                    let text = Some(bytes_text(self.space, addr)).filter(|text| text.chars().count() <= 2);
                    let class = match (full, dark) {
                        (false, _) => "page bytes many",
                        (_, true) => "page bytes many dark",
                        (_, false) => "page bytes many full",
                    };
                    if let Some(text) = text.filter(|text| !text.is_empty()) {
                        self.label((x, y, level.cell, self.row), class, text, 0);
                    }
                    continue;
                }
                let mut short = format!("{:05x}", addr.0 & 0xf_ffff);
                if big && several {
                    // Rights are a mapping's: where there are several, each page says its own.
                    let rights = self.space.mapping_at(addr).map(|mapping| mapping.permissions());
                    short.push(' ');
                    short.push_str(&rights.unwrap_or_default());
                }
                // The address above, the frame below; between them the bytes, where there is room.
                let large = self.row >= THREE_LINES && level.cell >= THREE_LINES;
                let part = match self.row {
                    row if large => row * 0.3,
                    row if row >= TWO_LINES => row / 2.0,
                    row => row,
                };
                self.label((x, y, level.cell, part), class, short, 0);
                let frame = page.frame.filter(|_| self.row >= TWO_LINES && level.cell >= 54.0);
                if let Some(frame) = frame {
                    let by = number - first;
                    let text = format!("→ {:x}", frame.0.wrapping_add(by));
                    self.label((x, y + self.row - part, level.cell, part), class, text, 0);
                }
                let text = if large { bytes_text(self.space, addr) } else { String::new() };
                if !text.is_empty() {
                    let class = match (full, dark, big, text.chars().count() > 3) {
                        (false, _, false, false) => "page bytes",
                        (false, _, false, true) => "page bytes many",
                        (false, _, true, false) => "page bytes big",
                        (false, _, true, true) => "page bytes many big",
                        (_, true, false, false) => "page bytes dark",
                        (_, true, false, true) => "page bytes many dark",
                        (_, true, true, false) => "page bytes dark big",
                        (_, true, true, true) => "page bytes many dark big",
                        (_, false, false, false) => "page bytes full",
                        (_, false, false, true) => "page bytes many full",
                        (_, false, true, false) => "page bytes full big",
                        (_, false, true, true) => "page bytes many full big",
                    };
                    self.label((x, y + part * 0.9, level.cell, self.row - part * 1.8), class, text, 0);
                }
            }
        }
    }
}

/// What is known of the first bytes of a page, as characters.
fn bytes_text(space: &AddressSpace, addr: Addr) -> String {
    let mut bytes: Vec<u8> = Vec::new();
    let range = space.page_size().page_range(addr);
    let mut known = range.into_iter().flat_map(|range| space.recorded_bytes(range));
    let Some((from, first)) = known.next() else { return String::new() };
    bytes.extend_from_slice(first);
    // What was recorded at several times and lies side by side is one text.
    for (at, more) in known.take(BYTES) {
        if at.0.checked_sub(from.0) != u64::try_from(bytes.len()).ok() {
            break;
        }
        bytes.extend_from_slice(more);
    }
    let bytes = bytes.as_slice();
    // The zero at the end of a text says nothing; a zero alone does.
    let bytes = if bytes.len() > 1 { bytes.strip_suffix(&[0]).unwrap_or(bytes) } else { bytes };
    if bytes == [0] {
        return "\\0".to_owned();
    }
    let sign = |byte: &u8| match byte {
        0x20..=0x7e => char::from(*byte),
        _ => '·',
    };
    let more = bytes.len() > BYTES;
    let mut text: String = bytes.iter().take(if more { BYTES - 1 } else { BYTES }).map(sign).collect();
    text.extend(more.then_some('…'));
    text
}
