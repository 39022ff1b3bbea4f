use super::*;

#[test]
fn markers_stand_once_in_the_program() {
    for marker in ["sysconf(", " mmap(", "strcpy(", "Contents of region", "munmap(", "return 0"] {
        assert_eq!(LESSON.source.matches(marker).count(), 1, "{marker}");
    }
    let widest = LESSON.source.lines().map(|l| l.chars().count()).max();
    assert!(widest <= Some(64), "{widest:?}: the page shows it in big type");
}

#[test]
fn a_page_that_is_still_there_fails_the_lesson() {
    let mappings = crate::proc::own_mappings().unwrap();
    let page = mappings[0].range;
    assert!(check_gone(&mappings, page).unwrap_err().to_string().contains("still shows"));
    assert!(check_gone(&mappings[1..], page).is_ok());
}
