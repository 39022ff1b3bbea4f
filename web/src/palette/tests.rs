//! The style sheet's colours, looked at as people see them.

use super::*;
use pagescope_shared::page::PageState;

const TOKENS: &str = include_str!("../../style/tokens.css");

/// The least distance (CIE Lab, delta E 1976) between any two states, whoever looks. Patterns are the second cue.
const LEAST: f64 = 8.0;
/// Between two states that have a hue and fill their cells: there the colour is the first cue.
const LEAST_OF_HUES: f64 = 12.0;
/// The least contrast of text, by WCAG 2.
const LEAST_CONTRAST: f64 = 4.5;

#[test]
fn colours() {
    assert_eq!(parse_colour(" #ff0080"), Some([1.0, 0.0, 128.0 / 255.0, 1.0]));
    assert_eq!(parse_colour("#00000000"), Some([0.0; 4]));
    for bad in ["", "red", "#fff", "#ééé", "#gggggg"] {
        assert_eq!(parse_colour(bad), None, "{bad}");
    }
}

#[test]
fn numbers_are_positions() {
    for (i, fill) in (0u8..).zip(Fill::ALL) {
        assert_eq!(fill as u8, i);
    }
}

/// The two themes: the rules of each.
fn themes() -> [(&'static str, &'static str); 2] {
    let (light, dark) = TOKENS.split_once(":root[data-theme=\"dark\"]").unwrap();
    [("light", light), ("dark", dark)]
}

/// A colour by its name, each part from 0 to 1, and how opaque it is.
fn token(rules: &str, name: &str) -> ([f64; 3], f64) {
    let start = format!("--{name}:");
    let text = rules.split(start.as_str()).nth(1).and_then(|rest| rest.split(';').next());
    let [r, g, b, a] =
        parse_colour(text.unwrap_or_else(|| panic!("--{name} is missing"))).unwrap().map(f64::from);
    ([r, g, b], a)
}

/// One over another.
fn over(top: ([f64; 3], f64), ground: [f64; 3]) -> [f64; 3] {
    std::array::from_fn(|i| top.0[i] * top.1 + ground[i] * (1.0 - top.1))
}

/// sRGB as light.
fn light(colour: [f64; 3]) -> [f64; 3] {
    colour.map(|c| if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) })
}

fn luminance(colour: [f64; 3]) -> f64 {
    let [r, g, b] = light(colour);
    0.2126 * r + 0.7152 * g + 0.0722 * b
}

fn contrast(a: [f64; 3], b: [f64; 3]) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[test]
fn text_can_be_read() {
    assert!((contrast([1.0; 3], [0.0; 3]) - 21.0).abs() < 1e-9);
    // What text is written in, and on what.
    let rows = [
        ("ink", ["paper", "panel", "accent-soft", "alarm-soft"].as_slice()),
        ("soft", &["paper", "panel", "accent-soft", "alarm-soft"]),
        ("accent", &["paper", "panel", "accent-soft"]),
        ("alarm", &["paper", "panel", "alarm-soft"]),
        ("paper", &["ink"]),
        ("state-private", &["state-paper"]),
    ];
    for (theme, rules) in themes() {
        let paper = token(rules, "paper").0;
        for (text, grounds) in rows {
            for ground in grounds {
                let ground_colour = over(token(rules, ground), paper);
                let found = contrast(token(rules, text).0, ground_colour);
                assert!(found >= LEAST_CONTRAST, "{theme}: --{text} on --{ground} has {found:.2}");
            }
        }
    }
}

/// Text takes only those colours that the test above looks at.
#[test]
fn no_text_is_fainter() {
    let sheets = [
        include_str!("../../style/page.css"),
        include_str!("../../style/stage.css"),
        include_str!("../../style/pages.css"),
        include_str!("../../style/walk.css"),
        include_str!("../../style/time.css"),
        include_str!("../../style/side.css"),
        include_str!("../../style/overlay.css"),
    ];
    for sheet in sheets {
        for rule in sheet.split([';', '{', '}']).map(str::trim) {
            let text = rule.strip_prefix("color:").or_else(|| rule.strip_prefix("fill:"));
            assert!(text.is_none_or(|value| !value.contains("--faint")), "{rule}");
        }
    }
}

/// How those see who lack one of the three cones: Machado, Oliveira, Fernandes 2009, severity 1, on light.
const EYES: [(&str, [[f64; 3]; 3]); 4] = [
    ("all three", [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]),
    (
        "protanopia",
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    ),
    (
        "deuteranopia",
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    ),
    (
        "tritanopia",
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
    ),
];

fn seen(by: [[f64; 3]; 3], colour: [f64; 3]) -> [f64; 3] {
    let light = light(colour);
    by.map(|row| row.iter().zip(light).map(|(a, b)| a * b).sum::<f64>().clamp(0.0, 1.0))
}

/// CIE Lab of light, for daylight (D65).
fn lab([r, g, b]: [f64; 3]) -> [f64; 3] {
    let f = |t: f64| if t > 216.0 / 24389.0 { t.cbrt() } else { (24389.0 / 27.0 * t + 16.0) / 116.0 };
    let x = f((0.4124564 * r + 0.3575761 * g + 0.1804375 * b) / 0.95047);
    let y = f(0.2126729 * r + 0.7151522 * g + 0.0721750 * b);
    let z = f((0.0193339 * r + 0.1191920 * g + 0.9503041 * b) / 1.08883);
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

#[test]
fn states_can_be_told_apart_by_everybody() {
    let has_hue =
        |state: PageState| !matches!(state, PageState::Untouched | PageState::ZeroPage | PageState::Unknown);
    for (theme, rules) in themes() {
        for (eyes, by) in EYES {
            for (i, a) in PageState::ALL.into_iter().enumerate() {
                for b in PageState::ALL.into_iter().skip(i + 1) {
                    let of = |state: PageState| {
                        lab(seen(by, token(rules, &format!("state-{}", Fill::from(state).name())).0))
                    };
                    let (x, y) = (of(a), of(b));
                    let distance = x.iter().zip(y).map(|(x, y)| (x - y).powi(2)).sum::<f64>().sqrt();
                    let least = if has_hue(a) && has_hue(b) { LEAST_OF_HUES } else { LEAST };
                    assert!(
                        distance >= least,
                        "{theme}, {eyes}: {} and {} are {distance:.1} apart",
                        a.label(),
                        b.label()
                    );
                }
            }
        }
    }
}
