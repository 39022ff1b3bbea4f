//! How well a text fits what was typed: its letters in their order, better together and at the start of words.

use pagescope_shared::small;

/// Higher is better; `None` when it does not fit. `typed` is in lower case.
pub(super) fn fits(typed: &str, text: &str) -> Option<i32> {
    let mut score = 0i32;
    let mut letters = typed.chars().filter(|c| !c.is_whitespace()).peekable();
    let (mut before, mut run) = (' ', 0);
    for (at, letter) in text.chars().take(300).enumerate() {
        let Some(wanted) = letters.peek() else { break };
        if small::letter(letter) == *wanted {
            letters.next();
            let starts = !is_of_word(before);
            run += 1;
            score += run * 3 + if starts { 8 } else { 0 } - i32::try_from(at.min(20)).unwrap_or(0) / 5;
        } else {
            run = 0;
        }
        before = letter;
    }
    if letters.peek().is_some() {
        return None;
    }
    // Words that stand there as they were typed count most.
    let text = small::letters(text);
    let whole = typed.split_whitespace().filter_map(|word| {
        let at = text.find(word)?;
        let starts = text.get(..at)?.chars().next_back().is_none_or(|c| !is_of_word(c));
        Some(if starts { 30 } else { 10 })
    });
    Some(score.saturating_add(whole.sum()))
}

fn is_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || !c.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_better_fit_comes_first() {
        for (typed, better, worse) in [
            ("ne", "Next event", "Inspect: what is selected"),
            ("libc", "libc.so.6", "libpython3.11.so (config)"),
            ("to end", "To the end", "Two moments, not decided"),
        ] {
            assert!(fits(typed, better) > fits(typed, worse), "{typed}");
        }
        assert_eq!(fits("xyz", "Next event"), None);
        assert_eq!(fits("", "anything"), Some(0));
    }
}
