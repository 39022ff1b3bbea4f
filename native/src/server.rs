//! Serves the page and one trace to the browser of this machine, and to nobody else.
//!
//! A server on localhost can be reached by every program and, through a browser, by every web site. So: only on
//! 127.0.0.1, under a random token, under no other host name (DNS rebinding), reading only, with no CORS header.

mod answer;
mod browser;
mod file;
mod guard;
mod trace;

use crate::page::Page;
use answer::Site;
use anyhow::{Context, Result};
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// What `pagescope open` is told.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The trace
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The port on 127.0.0.1 [default: a free one]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Only print the address
    #[arg(long)]
    no_browser: bool,
    /// Serve the page from this folder instead of the one inside the program
    #[arg(long, value_name = "DIR")]
    page: Option<PathBuf>,
}

/// Serves until Ctrl-C or SIGTERM.
///
/// # Errors
/// When the file is no trace, there is no page to show it with, or the port cannot be had.
pub(crate) fn open(options: &Options) -> Result<()> {
    let name = trace::check(&options.file)?;
    let page = Page::find(options.page.as_deref())?;
    let token = token()?;
    let file = std::path::absolute(&options.file).context("cannot tell the current folder")?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .context("cannot start the server")?;
    runtime.block_on(serve(Site { token, page, file, name }, options))
}

async fn serve(site: Site, options: &Options) -> Result<()> {
    let wish = SocketAddr::from((Ipv4Addr::LOCALHOST, options.port.unwrap_or(0)));
    let listener = TcpListener::bind(wish).await.with_context(|| match options.port {
        Some(port) => format!("cannot serve on port {port} of 127.0.0.1; without --port a free one is taken"),
        None => "cannot serve on 127.0.0.1".to_owned(),
    })?;
    let port = listener.local_addr().context("cannot tell the port")?.port();
    // Twice: the fragment's parameter is itself an address, in which the name stands encoded.
    let name = trace::encoded(&trace::encoded(&site.name));
    let url = format!("http://127.0.0.1:{port}/{}/#trace=trace/{name}", site.token);

    // Before anybody learns the address: from then on a signal ends it in good order.
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot watch for Ctrl-C")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot watch for SIGTERM")?;
    let mut out = std::io::stdout();
    writeln!(out, "Open {url}\nCtrl-C ends it.").and_then(|()| out.flush()).context("cannot print")?;
    if !options.no_browser {
        browser::open(&url);
    }
    // Not a graceful shutdown: that would wait for the connections that a browser keeps open.
    tokio::select! {
        ended = axum::serve(listener, answer::router(site, port)) => ended.context("the server broke down"),
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
    }
}

/// 128 random bits in hexadecimal.
fn token() -> Result<String> {
    let mut bits = [0; 16];
    getrandom::fill(&mut bits).context("the kernel gives no random numbers")?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bits)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens() {
        let (one, other) = (token().unwrap(), token().unwrap());
        assert_eq!(one.len(), 32);
        assert_ne!(one, other);
    }
}
