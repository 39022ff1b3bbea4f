//! Watches the built page as a whole: the files in it carry hashes in their names, so new ones come and old ones go.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var_os("CARGO_FEATURE_PAGE").is_some() {
        println!("cargo::rerun-if-changed=../dist");
    }
}
