//! Replay of whatever a reader lets through: never a panic, and a moment that is sought equals one that is played.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pagescope_shared::store::Store;
use pagescope_shared::timeline::Timeline;
use pagescope_shared::world::World;

fuzz_target!(|bytes: &[u8]| {
    let Ok(store) = Store::open(bytes.to_vec()) else { return };
    let page_size = store.header().page_size;
    let mut timeline = Timeline::open(store);
    let end = timeline.end();
    for to in [end / 2, end, 0, end / 3] {
        timeline.seek(to);
        let world = timeline.world();
        for (pid, _) in world.processes() {
            let Some(space) = world.space(pid) else { continue };
            let mut last = 0;
            for mapping in space.mappings() {
                assert!(mapping.range.start().0 >= last, "mappings overlap");
                last = mapping.range.end().0;
                assert!(space.runs(mapping.range).take(1000).all(|(r, _)| r.intersection(mapping.range) == Some(r)));
            }
        }
        let saved = world.save();
        let loaded = World::load(page_size, &saved).expect("a world that was saved");
        assert_eq!(loaded.save(), saved);
    }
});
