//! The desktop's browser.

/// Opens `url`, where there is a desktop. The address has been printed, so a failure is only told.
pub(super) fn open(url: &str) {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if !(set("WAYLAND_DISPLAY") || set("DISPLAY")) {
        return;
    }
    if let Err(error) = open::that_detached(url) {
        eprintln!("warning: no browser could be started ({error}): open the address yourself");
    }
}
