//! The tools' versions, pinned, and what it takes to compile them quickly.

/// A command-line tool that `cargo install` builds into a folder of its own.
pub(crate) struct Tool {
    /// The crate's name.
    pub krate: &'static str,
    /// The exact version.
    pub version: &'static str,
    /// The programs it brings; the first one gives its name to messages.
    pub programs: &'static [&'static str],
    /// Whether its own lock file is followed.
    pub locked: bool,
    /// Compiled for a short wait: 0 where it has little to do itself, 1 where that is felt at every test run.
    pub opt_level: &'static str,
    /// How long compiling typically takes on two cores, as said to the person waiting.
    pub typical: &'static str,
}

/// Builds the page. Newer ones need a newer rustc than this project does.
pub(crate) const TRUNK: Tool = Tool {
    krate: "trunk",
    version: "0.21.14",
    programs: &["trunk"],
    locked: true,
    opt_level: "0",
    typical: "typically 4 to 7 minutes on two cores",
};

/// Makes the JavaScript around the wasm and runs the wasm tests: the same version as the crate, to the digit.
pub(crate) const WASM_BINDGEN: Tool = Tool {
    krate: "wasm-bindgen-cli",
    version: "0.2.130",
    programs: &["wasm-bindgen", "wasm-bindgen-test-runner"],
    // Its lock file names a version that the index may not have yet.
    locked: false,
    opt_level: "1",
    typical: "typically 2 to 5 minutes on two cores",
};

/// Both tools, the slower one first.
pub(crate) const TOOLS: [&Tool; 2] = [&TRUNK, &WASM_BINDGEN];

/// What else shortens the wait; the programs run for a second or two at a time.
pub(crate) const QUICK_COMPILE: [(&str, &str); 3] = [
    ("CARGO_PROFILE_RELEASE_LTO", "off"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
    ("CARGO_PROFILE_RELEASE_DEBUG", "0"),
];

/// The version in what `PROGRAM --version` prints: `trunk 0.21.14`, `wasm-bindgen 0.2.130 (abc)`.
pub(crate) fn parse_version(printed: &str) -> Option<&str> {
    let word = printed.lines().next()?.split_whitespace().nth(1)?;
    word.starts_with(|c: char| c.is_ascii_digit()).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_tools_print() {
        let check = |printed, expect| assert_eq!(parse_version(printed), expect, "{printed:?}");
        check("trunk 0.21.14\n", Some("0.21.14"));
        check("wasm-bindgen 0.2.130 (0a1b2c3)\n", Some("0.2.130"));
        check("rustc 1.95.0 (59807616e 2026-04-14)\nmore 2\n", Some("1.95.0"));
        check("", None);
        check("trunk\n", None);
        check("error: something\n", None);
    }

    #[test]
    fn the_pinned_versions_agree_with_the_manifests() {
        let cargo = include_str!("../../Cargo.toml");
        let line = format!("wasm-bindgen = \"={}\"", WASM_BINDGEN.version);
        assert!(cargo.lines().any(|l| l.trim() == line), "Cargo.toml must say: {line}");

        let trunk = include_str!("../../Trunk.toml");
        let line = format!("wasm_bindgen = \"{}\"", WASM_BINDGEN.version);
        assert!(trunk.lines().any(|l| l.trim() == line), "Trunk.toml must say: {line}");
    }
}
