use super::*;

const GOLDEN: &[u8] = include_bytes!("../../tests/golden/v1.pscope");

/// What is let go comes again when it is wanted.
#[test]
fn memory_is_bounded() {
    let len = to_u64(GOLDEN.len());
    let Ok(Begun::Store(store)) = Store::within(1500, len, &GOLDEN[..600], &GOLDEN[GOLDEN.len() - 600..])
    else {
        panic!("no store");
    };
    let whole = Store::open(GOLDEN.to_vec()).unwrap();
    assert!(GOLDEN.len() > 3000 && whole.block_count() > 4);
    for _ in 0..2 {
        for block in 0..store.block_count() {
            while store.block(block).is_none() {
                let range = store.wanted(1, &[]).unwrap();
                let [from, to] = [range.start, range.end].map(|n| usize::try_from(n).unwrap());
                store.put(range.start, &GOLDEN[from..to]);
                assert!(store.encoded_bytes() <= 1500);
            }
            assert_eq!(store.block(block), whole.block(block));
            // As if others had been looked at since.
            store.state.borrow_mut().blocks.clear();
        }
    }
}
