//! Writes a made-up trace for `cargo xtask bench page` and for tests of the page: `long_trace OUT server EVENTS`, or
//! `long_trace OUT patchwork PAGES RANGES`.

#[cfg(not(target_arch = "wasm32"))]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    use pagescope_shared::pscope::{Encoder, Options};
    use pagescope_shared::workloads::{header, patchwork, server};
    use std::io::Write;

    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let (&[out, kind, count], ranges) =
        args.split_first_chunk().ok_or("long_trace OUT KIND COUNT [RANGES]")?;
    let mut encoder = Encoder::new(&header(), Options { compression: 3, ..Options::default() })?;
    let mut file = std::io::BufWriter::new(std::fs::File::create(out)?);
    let mut failure = None;
    let mut put = |event: &pagescope_shared::event::Event| {
        if let Err(why) = encoder.push(event) {
            failure.get_or_insert(why);
        }
        // What does not get to the file is told by the last write.
        let _ = file.write_all(&encoder.take());
    };
    match (kind, ranges) {
        ("server", []) => server(count.parse()?, |event| put(&event)),
        ("patchwork", [ranges]) => patchwork(count.parse()?, ranges.parse()?).iter().for_each(put),
        _ => return Err(format!("{kind}: no such trace").into()),
    }
    failure.map_or(Ok(()), Err)?;
    file.write_all(&encoder.finish())?;
    Ok(file.flush()?)
}

#[cfg(target_arch = "wasm32")]
fn main() {}
