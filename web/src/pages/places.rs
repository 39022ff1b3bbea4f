//! What stands where in the picture: from a place to addresses, and from an address to its place.

use super::Pages;
use super::doc::Place;
use super::level::whole;
use pagescope_shared::addr::{Addr, Range};
use pagescope_shared::model::AddressSpace;

impl Pages {
    /// Addresses in sight: the first and the last.
    pub fn in_sight(&self) -> Option<(u64, u64)> {
        if let Some(addr) = self.one_page() {
            return Some((addr.0, addr.0));
        }
        let row = self.scale().row;
        let mut sight: Option<(u64, u64)> = None;
        for seen in self.doc.visible(self.offset(), self.room.height, row).filter(|seen| seen.rows > 0) {
            let section = self.doc.sections.get(seen.section)?;
            let bits = self.doc.row_bits;
            let low = ((seen.top + 1 - seen.rows) << bits).max(section.start);
            let high = ((seen.top << bits) | ((1 << bits) - 1)).min(section.last);
            sight = Some(sight.map_or((low, high), |(_, highest)| (low, highest)));
        }
        sight
    }

    /// The mapped address at a height of the picture, about.
    pub(super) fn address_at(&self, y: f64) -> Option<Addr> {
        let row = self.scale().row;
        match self.doc.at(self.offset() + y, row)? {
            Place::Gap(index) | Place::Head(index) => self.doc.sections.get(index).map(|s| Addr(s.last)),
            Place::Row(index, row) => {
                let s = self.doc.sections.get(index)?;
                Some(Addr((row << self.doc.row_bits).clamp(s.start, s.last)))
            }
        }
    }

    /// The address in the middle of the picture.
    pub fn in_the_middle(&self) -> Option<Addr> {
        self.address_at(self.room.height / 2.0)
    }

    /// The cell that shows an address: its addresses.
    pub fn cell_of(&self, addr: Addr) -> Option<Range> {
        let bits = self.doc.row_bits.checked_sub(self.doc.level.columns)?;
        Range::from_len(Addr(addr.0 >> bits << bits), 1 << bits).ok()
    }

    /// The cell at a place of the picture: its addresses.
    pub fn cell_at(&self, x: f64, y: f64) -> Option<Range> {
        let (scale, level) = (self.scale(), self.doc.level);
        let Place::Row(index, row) = self.doc.at(self.offset() + y, scale.row)? else { return None };
        let within = (0.0..self.doc.height(scale.row)).contains(&(self.offset() + y));
        if x < level.left || !within {
            return None;
        }
        let column: u64 = whole((x - level.left) / level.cell);
        let bits = self.doc.row_bits - level.columns;
        let section = self.doc.sections.get(index).filter(|_| column >> level.columns == 0)?;
        let start = (row << self.doc.row_bits) + (column << bits);
        let last = start | ((1 << bits) - 1);
        let (start, last) = (start.max(section.start), last.min(section.last));
        Range::new(Addr(start), Addr(last.saturating_add(1))).ok()
    }

    /// The middle of the cell that shows an address, in pixels of the picture; `None` when no row is of it.
    pub fn place_of(&self, addr: Addr) -> Option<(f64, f64)> {
        self.doc.section_of(addr)?;
        let (row, level) = (self.scale().row, self.doc.level);
        let column = (addr.0 & ((1 << self.doc.row_bits) - 1)) >> (self.doc.row_bits - level.columns);
        let y = self.doc.row_y(addr, row) - self.offset() + row / 2.0;
        Some((level.left + (crate::time::scale::float(column) + 0.5) * level.cell, y))
    }

    /// What is under the pointer: the page, or the first mapped one of the cell.
    pub fn hovered(&self, space: Option<&AddressSpace>) -> Option<Addr> {
        let (x, y) = self.pointer?;
        if self.one_page().is_some() {
            return None;
        }
        mapped_in(space?, self.cell_at(x, y)?)
    }

    pub(super) fn clicked(&self, x: f64, y: f64, space: Option<&AddressSpace>) -> Option<Range> {
        let space = space?;
        if let Some(addr) = self.one_page() {
            return page_range(space, addr);
        }
        match self.doc.at(self.offset() + y, self.scale().row)? {
            Place::Gap(_) => None,
            Place::Head(index) => {
                let section = self.doc.sections.get(index)?;
                let region = self.outline.regions.get(section.first)?;
                Range::new(Addr(section.start.max(region.range.start().0)), region.range.end()).ok()
            }
            Place::Row(..) => {
                let cell = self.cell_at(x, y)?;
                let addr = mapped_in(space, cell)?;
                if self.doc.level.pages == 0 { page_range(space, addr) } else { Some(cell) }
            }
        }
    }
}

/// The first mapped address of a cell.
pub(super) fn mapped_in(space: &AddressSpace, cell: Range) -> Option<Addr> {
    space.mappings_in(cell).next().map(|mapping| mapping.range.start().max(cell.start()))
}

/// The page around an address.
fn page_range(space: &AddressSpace, addr: Addr) -> Option<Range> {
    let size = space.page_size();
    Range::from_len(size.address_of(size.page_of(addr))?, size.bytes()).ok()
}
