//! Which events fit: a bit each, with counts on the way, so that a list of ten million matches costs a megabyte and a
//! half, and any row is found at once.

/// Words of bits between two counts.
const STRIDE: usize = 64;

/// The answers so far, in the order of the events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matches {
    bits: Vec<u64>,
    /// How many fit before every [`STRIDE`]th word.
    counts: Vec<usize>,
    looked: usize,
    count: usize,
}

fn ones(word: u64) -> usize {
    usize::try_from(word.count_ones()).unwrap_or(0)
}

impl Matches {
    /// Whether the next event fits.
    pub fn push(&mut self, fits: bool) {
        let bit = self.looked % 64;
        if bit == 0 {
            if self.bits.len().is_multiple_of(STRIDE) {
                self.counts.push(self.count);
            }
            self.bits.push(0);
        }
        if let (true, Some(word)) = (fits, self.bits.last_mut()) {
            *word |= 1 << bit;
            self.count += 1;
        }
        self.looked += 1;
    }

    /// How many events were asked about.
    pub fn looked(&self) -> usize {
        self.looked
    }

    /// How many fit.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The index of the event in a row.
    pub fn select(&self, row: usize) -> Option<usize> {
        if row >= self.count {
            return None;
        }
        let stride = self.counts.partition_point(|count| *count <= row).checked_sub(1)?;
        let mut left = row - self.counts.get(stride)?;
        for (at, word) in self.bits.iter().enumerate().skip(stride * STRIDE) {
            let here = ones(*word);
            if left < here {
                let mut word = *word;
                for _ in 0..left {
                    word &= word - 1;
                }
                return Some(at * 64 + usize::try_from(word.trailing_zeros()).unwrap_or(0));
            }
            left -= here;
        }
        None
    }

    /// How many fit among the first `events`.
    pub fn rank(&self, events: usize) -> usize {
        let events = events.min(self.looked);
        let (word, bit) = (events / 64, events % 64);
        let stride = word / STRIDE;
        let before = self.counts.get(stride).copied().unwrap_or(self.count);
        let whole: usize =
            self.bits.get(stride * STRIDE..word).unwrap_or_default().iter().map(|w| ones(*w)).sum();
        let part = self.bits.get(word).map_or(0, |w| ones(w & ((1u64 << bit) - 1)));
        before + whole + part
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_ranks_are_those_of_a_plain_list() {
        for every in [1, 3, 64, 100, 5000] {
            let (mut matches, mut plain) = (Matches::default(), Vec::new());
            for i in 0..20_000usize {
                let fits = i % every == 0 && i % 7 != 6;
                matches.push(fits);
                plain.extend(fits.then_some(i));
                if i % 997 == 0 {
                    assert_eq!(matches.rank(i + 1), plain.len());
                }
            }
            assert_eq!((matches.count(), matches.looked()), (plain.len(), 20_000));
            for (row, index) in plain.iter().enumerate() {
                assert_eq!(matches.select(row), Some(*index));
                assert_eq!(matches.rank(*index), row);
            }
            assert_eq!(matches.select(plain.len()), None);
            assert_eq!(matches.rank(usize::MAX), plain.len());
        }
        assert_eq!((Matches::default().select(0), Matches::default().rank(9)), (None, 0));
    }
}
