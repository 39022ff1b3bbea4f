//! Which rows of a long list are in view. Browsers draw nothing taller than about 16 million pixels: a longer list is
//! mapped onto that height.

/// No list is taller, in CSS pixels: less than what browsers take at four times the scale.
const MAX_HEIGHT: f64 = 4_000_000.0;

/// A list of rows of one height, and how much of it is in view.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct List {
    /// How many rows.
    pub rows: usize,
    /// Their height in CSS pixels.
    pub row: f64,
    /// The height in view.
    pub view: f64,
}

#[expect(clippy::cast_precision_loss, reason = "rows of a list are far fewer than 2^52")]
fn real(n: usize) -> f64 {
    n as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to what fits")]
fn whole(x: f64) -> usize {
    x.clamp(0.0, 4e15) as usize
}

impl List {
    /// The height of what scrolls.
    pub fn height(&self) -> f64 {
        (real(self.rows) * self.row).min(MAX_HEIGHT)
    }

    /// Whether rows are mapped onto less than their height.
    pub fn is_mapped(&self) -> bool {
        real(self.rows) * self.row > MAX_HEIGHT
    }

    /// The last row that can be the topmost.
    fn last_top(&self) -> f64 {
        (real(self.rows) - self.view / self.row).max(0.0)
    }

    /// The topmost row, with its fraction, when so much is scrolled away.
    pub fn top_of(&self, scrolled: f64) -> f64 {
        let room = (self.height() - self.view).max(1.0);
        if self.is_mapped() {
            (scrolled / room).clamp(0.0, 1.0) * self.last_top()
        } else {
            (scrolled / self.row).clamp(0.0, self.last_top())
        }
    }

    /// How much is scrolled away when `top` is the topmost row.
    pub fn scroll_of(&self, top: f64) -> f64 {
        let top = self.clamped(top);
        if self.is_mapped() {
            top / self.last_top().max(1.0) * (self.height() - self.view).max(0.0)
        } else {
            top * self.row
        }
    }

    /// A topmost row that there is.
    pub fn clamped(&self, top: f64) -> f64 {
        if top.is_finite() { top.clamp(0.0, self.last_top()) } else { 0.0 }
    }

    /// The first row in view, how many are, and where the first one begins: pixels under the upper edge.
    pub fn in_view(&self, top: f64) -> (usize, usize, f64) {
        let top = self.clamped(top);
        let first = whole(top.floor());
        let count = whole((self.view / self.row).ceil()) + 1;
        (first, count.min(self.rows - first.min(self.rows)), (top.floor() - top) * self.row)
    }

    /// The topmost row from which `row` is in view: the same as before if it is already, else so that it is in the middle.
    pub fn reveal(&self, top: f64, row: usize) -> f64 {
        let (rows, at) = (self.view / self.row, real(row));
        if at >= top && at + 1.0 <= top + rows { top } else { self.clamped(at - (rows - 1.0) / 2.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_can_be_reached() {
        for rows in [0, 1, 30, 1000, 10_000_000, 400_000_000] {
            let list = List { rows, row: 22.0, view: 500.0 };
            assert!(list.height() <= MAX_HEIGHT);
            let end = list.height() - list.view;
            assert_eq!(list.in_view(list.top_of(0.0)).0, 0);
            let (first, count, _) = list.in_view(list.top_of(end.max(0.0)));
            assert_eq!(first + count, rows, "the last row");
            for row in [0, rows / 3, rows.saturating_sub(1)].into_iter().filter(|row| *row < rows) {
                let top = list.reveal(0.0, row);
                let (first, count, offset) = list.in_view(top);
                assert!((first..first + count).contains(&row), "{row} of {rows}");
                assert!((-22.0..=0.0).contains(&offset) && count <= 24);
                let again = list.top_of(list.scroll_of(top));
                assert!((again - top).abs() < 0.01, "{top} {again}");
            }
        }
    }

    #[test]
    fn what_is_in_view_stays_where_it_is() {
        let list = List { rows: 1000, row: 20.0, view: 200.0 };
        for (top, row, expected) in
            [(10.0, 10, 10.0), (10.0, 19, 10.0), (10.0, 20, 15.5), (10.0, 3, 0.0), (0.0, 999, 990.0)]
        {
            assert_eq!(list.reveal(top, row), expected, "{row}");
        }
    }
}
