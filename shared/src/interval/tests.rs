use super::*;
#[cfg(not(target_arch = "wasm32"))]
use proptest::prelude::*;

/// Like a file offset: the value moves with the start.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Offset(u64);
impl Cut for Offset {
    fn advanced(&self, by: u64) -> Self {
        Self(self.0 + by)
    }
}

#[test]
fn cuts_in_the_middle() {
    let mut map = IntervalMap::default();
    map.insert(10, 20, Offset(100));
    assert_eq!(map.remove(12, 15), vec![(12, 15, Offset(102))]);
    let left: Vec<_> = map.iter().map(|(s, e, v)| (s, e, v.0)).collect();
    assert_eq!(left, vec![(10, 12, 100), (15, 20, 105)]);
    assert!(map.remove(12, 15).is_empty());
    assert_eq!(map.get(12), None);
    assert_eq!(map.overlapping(11, 16).count(), 2);
    assert_eq!(map.overlapping(16, 16).count(), 0);
    assert_eq!(map.iter().next_back().map(|e| e.0), Some(15));
    let mut other = map.clone();
    assert!(other.join_free(12, 15, &Offset(102)) && !other.join_free(14, 17, &Offset(0)));
    assert_eq!(other.iter().map(|(s, e, v)| (s, e, v.0)).collect::<Vec<_>>(), vec![(10, 20, 100)]);
    assert_eq!(map.len(), 2, "a clone is a copy");
}

#[cfg(not(target_arch = "wasm32"))]
#[derive(Clone, Copy, Debug)]
enum Op {
    Insert,
    Remove,
    Join,
    Extend,
    Update,
    Clone,
}

#[cfg(not(target_arch = "wasm32"))]
proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// Against an array with one slot a unit; wide enough that the tree has three levels.
    #[test]
    fn equals_an_array(ops in prop::collection::vec(
        (prop_oneof![8 => Just(Op::Insert), 4 => Just(Op::Remove), 4 => Just(Op::Join),
                      4 => Just(Op::Extend), 2 => Just(Op::Update), 1 => Just(Op::Clone)],
         0u64..4096, 1u64..6, 0u64..4), 0..4000), wide in prop::collection::vec((0u64..4096, 1u64..900), 0..4)) {
        let mut map = IntervalMap::default();
        let mut array: Vec<Option<u64>> = vec![None; 4102];
        let mut kept: Option<(IntervalMap<Offset>, Vec<Option<u64>>)> = None;
        let wide = wide.into_iter().map(|(a, len)| (Op::Remove, a, len.min(4100 - a), 0));
        for (op, start, len, value) in ops.into_iter().chain(wide) {
            let end = start + len;
            // Values that often continue their neighbours'.
            let mut value = value * 10_000 + start;
            let removed = match op {
                Op::Insert => map.insert(start, end, Offset(value)),
                Op::Remove => map.remove(start, end),
                Op::Join => {
                    let removed = map.remove(start, end);
                    assert!(map.join_free(start, end, &Offset(value)));
                    removed
                }
                Op::Extend => {
                    // Past what may be there, as a touch of the next page.
                    let removed = map.remove(start, end);
                    value = map.get(start.saturating_sub(1)).map_or(value, |(s, _, v)| v.0 + start - s);
                    if !map.extend(start, end, &Offset(value)) {
                        map.insert_free(start, end, Offset(value));
                    }
                    removed
                }
                Op::Update => {
                    // Every other one that the range touches, wherever it ends.
                    let hit: Vec<_> = map.overlapping(start, end).map(|(s, e, _)| (s, e)).collect();
                    let mut offered = Vec::new();
                    map.update(start, end, &mut |s, e, v| {
                        offered.push((s, e));
                        (s % 2 == 0).then(|| Offset(v.0 + 1_000_000))
                    });
                    prop_assert_eq!(&offered, &hit);
                    for at in hit.into_iter().filter(|(s, _)| s % 2 == 0).flat_map(|(s, e)| s..e) {
                        let slot = &mut array[usize::try_from(at).unwrap()];
                        *slot = slot.map(|v| v + 1_000_000);
                    }
                    continue;
                }
                Op::Clone => {
                    kept = Some((map.clone(), array.clone()));
                    continue;
                }
            };
            let mut expected = Vec::new();
            for at in start..end {
                let slot = &mut array[usize::try_from(at).unwrap()];
                if let Some(v) = *slot { expected.push((at, v)); }
                *slot = (!matches!(op, Op::Remove)).then_some(value + at - start);
            }
            let units: Vec<_> = removed.iter().flat_map(|(s, e, v)| (*s..*e).map(|at| (at, v.0 + at - *s))).collect();
            prop_assert_eq!(units, expected);
        }
        for (map, array) in [(map, array)].into_iter().chain(kept) {
            for at in 0..4102u64 {
                let found = map.get(at).map(|(s, _, v)| v.0 + at - s);
                prop_assert_eq!(found, array[usize::try_from(at).unwrap()]);
                let beside = map.get(at).map(|found| {
                    let left = found.0.checked_sub(1).and_then(|last| map.overlapping(0, last + 1).next_back());
                    (left, found, map.at_or_after(found.1))
                });
                prop_assert_eq!(map.between(at), beside);
            }
            let forward: Vec<_> = map.iter().map(|e| (e.0, e.1)).collect();
            let mut backward: Vec<_> = map.iter().rev().map(|e| (e.0, e.1)).collect();
            backward.reverse();
            prop_assert_eq!(map.len(), forward.len());
            prop_assert_eq!(map.covered(), forward.iter().map(|(s, e)| e - s).sum::<u64>());
            prop_assert!(forward.windows(2).all(|w| w[0].1 <= w[1].0));
            prop_assert_eq!(forward, backward);
        }
    }
}
