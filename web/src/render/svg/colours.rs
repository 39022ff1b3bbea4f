//! Colours and type, from the one place where they stand.

use super::put;
use crate::palette::Fill;
use std::fmt::Write;

const TOKENS: &str = include_str!("../../../style/tokens.css");
/// Where the dark ones begin.
const DARK: &str = ":root[data-theme=\"dark\"]";

/// By which light it is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// Ink on paper.
    #[default]
    Light,
    /// Chalk on slate.
    Dark,
    /// As the viewer likes it.
    Auto,
}

/// The value of a custom property.
fn token<'a>(rules: &'a str, name: &str) -> &'a str {
    let start = format!("--{name}:");
    let found = rules.split_once(start.as_str()).and_then(|(_, rest)| rest.split_once(';'));
    found.map_or("", |(value, _)| value.trim())
}

/// What classes mean: `f` and a fill's number fills, `s` and it strokes; `ink`, `soft` and `ground` fill.
pub fn style(theme: Theme) -> String {
    let (light, dark) = TOKENS.split_once(DARK).unwrap_or((TOKENS, TOKENS));
    let mut css = String::new();
    put!(css, "text{{font-family:{}}}.mono{{font-family:{}}}", token(light, "sans"), token(light, "mono"));
    rules(&mut css, if theme == Theme::Dark { dark } else { light });
    if theme == Theme::Auto {
        css.push_str("@media (prefers-color-scheme:dark){");
        rules(&mut css, dark);
        css.push('}');
    }
    css
}

fn rules(css: &mut String, tokens: &str) {
    for (class, name) in [("ink", "ink"), ("soft", "soft"), ("ground", "paper")] {
        put!(css, ".{class}{{fill:{}}}", token(tokens, name));
    }
    put!(css, ".ground-line{{stroke:{}}}", token(tokens, "paper"));
    for fill in Fill::ALL {
        let (number, colour) = (fill as u8, token(tokens, &format!("state-{}", fill.name())));
        put!(css, ".f{number}{{fill:{colour}}}.s{number}{{stroke:{colour}}}");
    }
}
