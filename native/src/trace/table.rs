//! Columns that stand under one another.

/// Rows of cells; numbers stand to the right.
#[derive(Debug, Default)]
pub(super) struct Table {
    rows: Vec<Vec<String>>,
    /// Which columns hold numbers.
    numbers: Vec<usize>,
}

impl Table {
    /// With the head of each column; `numbers` are those that hold numbers.
    pub(super) fn new(head: &[&str], numbers: &[usize]) -> Self {
        Self { rows: vec![head.iter().map(|&h| h.to_owned()).collect()], numbers: numbers.to_vec() }
    }

    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Whether there is nothing under the head.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.len() < 2
    }

    /// The lines, two blanks in.
    pub(super) fn text(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let cell = |row: &Vec<String>, i: usize| row.get(i).cloned().unwrap_or_default();
        let widths: Vec<usize> = (0..columns)
            .map(|i| self.rows.iter().map(|row| cell(row, i).chars().count()).max().unwrap_or(0))
            .collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (i, width) in widths.iter().enumerate() {
                let cell = cell(row, i);
                let gap = " ".repeat(width - cell.chars().count());
                line.push_str("  ");
                line.push_str(&if self.numbers.contains(&i) { gap + &cell } else { cell + &gap });
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}
