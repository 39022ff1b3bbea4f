//! Light or dark: the system's wish until the person has one of their own.

use super::elements::Elements;
use super::window;

const KEY: &str = "pagescope-theme";

/// Takes up the person's choice, or the system's.
pub(super) fn restore(e: &Elements) -> Result<(), String> {
    let window = window()?;
    let saved = window.local_storage().ok().flatten().and_then(|s| s.get_item(KEY).ok().flatten());
    let dark = match saved.as_deref() {
        Some("dark") => true,
        Some("light") => false,
        _ => window.match_media("(prefers-color-scheme: dark)").ok().flatten().is_some_and(|q| q.matches()),
    };
    set(e, dark);
    Ok(())
}

/// The other one, kept for next time.
pub(super) fn toggle(e: &Elements) {
    let root = e.document.document_element();
    let dark = root.and_then(|r| r.get_attribute("data-theme")).as_deref() != Some("dark");
    set(e, dark);
    if let Ok(Some(storage)) = window().and_then(|w| w.local_storage().map_err(|_| String::new())) {
        // Private windows may refuse to store; the choice then lasts as long as the page.
        let _ = storage.set_item(KEY, if dark { "dark" } else { "light" });
    }
}

fn set(e: &Elements, dark: bool) {
    if let Some(root) = e.document.document_element() {
        let _ = root.set_attribute("data-theme", if dark { "dark" } else { "light" });
    }
}
