//! A file of any size as an answer, or one range of it (RFC 9110, 14), piece by piece from the disk.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;
use tokio::task::spawn_blocking;

/// So much of it is in memory at a time, for each request.
const PIECE: u64 = 256 << 10;

/// The file, or what the request asks of it. From the disk each time: a lesson that was performed again is there on
/// reload.
///
/// # Errors
/// When it cannot be opened.
pub(super) async fn answer(path: &Path, asked: &HeaderMap) -> io::Result<Response> {
    let owned: PathBuf = path.to_owned();
    let opened = spawn_blocking(move || {
        let file = File::open(owned)?;
        let metadata = file.metadata()?;
        Ok::<_, io::Error>((file, metadata))
    });
    let (file, metadata) = opened.await.map_err(io::Error::other)??;
    let (len, tag) = (metadata.len(), tag(&metadata));
    let (status, range) = match wanted(asked, len, &tag) {
        Wanted::All => (StatusCode::OK, 0..len),
        Wanted::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
        Wanted::Nothing => {
            let told = [(header::CONTENT_RANGE, format!("bytes */{len}"))];
            return Ok((StatusCode::RANGE_NOT_SATISFIABLE, told).into_response());
        }
    };
    let mut headers = HeaderMap::new();
    let mut put = |name, text: String| HeaderValue::try_from(text).map(|value| headers.insert(name, value));
    let _ = put(header::CONTENT_TYPE, media_type(path).to_owned());
    let _ = put(header::ACCEPT_RANGES, "bytes".to_owned());
    let _ = put(header::ETAG, tag);
    let _ = put(header::CONTENT_LENGTH, (range.end - range.start).to_string());
    if status == StatusCode::PARTIAL_CONTENT {
        let _ = put(header::CONTENT_RANGE, format!("bytes {}-{}/{len}", range.start, range.end - 1));
    }
    Ok((status, headers, body(file, range)).into_response())
}

/// Reads on where the last piece ended. A file that has become shorter breaks the connection off: the other side then
/// knows that something is missing.
fn body(file: File, range: Range<u64>) -> Body {
    Body::from_stream(stream::try_unfold((file, range), |(mut file, range)| async move {
        if range.is_empty() {
            return Ok::<_, io::Error>(None);
        }
        let len = PIECE.min(range.end - range.start);
        let (start, rest) = (range.start, range.start + len..range.end);
        let read = spawn_blocking(move || {
            let mut piece = vec![0; usize::try_from(len).map_err(io::Error::other)?];
            file.seek(SeekFrom::Start(start))?;
            file.read_exact(&mut piece)?;
            Ok::<_, io::Error>((Bytes::from(piece), file))
        });
        let (piece, file) = read.await.map_err(io::Error::other)??;
        Ok(Some((piece, (file, rest))))
    }))
}

/// What a request wants of a file.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    All,
    Part(Range<u64>),
    /// Bytes that the file does not have.
    Nothing,
}

fn wanted(asked: &HeaderMap, len: u64, tag: &str) -> Wanted {
    let text = |name| asked.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let same = text(header::IF_RANGE).is_none_or(|of| of == tag);
    let range = text(header::RANGE).filter(|_| same);
    // What is no range, or several of them, may be answered with everything.
    range.and_then(|range| parse(range, len)).unwrap_or(Wanted::All)
}

fn parse(range: &str, len: u64) -> Option<Wanted> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let number = |text: &str| if text.is_empty() { Some(None) } else { text.parse::<u64>().ok().map(Some) };
    let range = match (number(first)?, number(last)?) {
        (Some(first), Some(last)) if first > last => return None,
        (Some(first), last) => first..last.map_or(len, |last| last.saturating_add(1).min(len)),
        (None, Some(last)) => len.saturating_sub(last)..len,
        (None, None) => return None,
    };
    Some(if range.is_empty() { Wanted::Nothing } else { Wanted::Part(range) })
}

/// Another one whenever the file is another.
fn tag(metadata: &Metadata) -> String {
    let modified = metadata.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    format!("\"{:x}-{:x}\"", metadata.len(), modified.unwrap_or_default().as_nanos())
}

fn media_type(path: &Path) -> &'static str {
    match path.extension().and_then(|e| e.to_str()) {
        Some("pscope") => "application/octet-stream",
        Some("gz") => "application/gzip",
        _ => "application/x-ndjson",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_as_they_are_asked_for() {
        let rows = [
            ("bytes=0-9", Wanted::Part(0..10)),
            ("bytes=0-0", Wanted::Part(0..1)),
            ("bytes=90-1000", Wanted::Part(90..100)),
            ("bytes=90-", Wanted::Part(90..100)),
            ("bytes=-10", Wanted::Part(90..100)),
            ("bytes=-1000", Wanted::Part(0..100)),
            ("bytes=100-", Wanted::Nothing),
            ("bytes=-0", Wanted::Nothing),
            ("bytes=9-8", Wanted::All),
            ("bytes=-", Wanted::All),
            ("bytes=0-1,5-6", Wanted::All),
            ("lines=0-1", Wanted::All),
            ("bytes=0-18446744073709551615", Wanted::Part(0..100)),
            ("bytes=18446744073709551616-", Wanted::All),
        ];
        for (text, expected) in rows {
            let headers = HeaderMap::from_iter([(header::RANGE, HeaderValue::from_static(text))]);
            assert_eq!(wanted(&headers, 100, "t"), expected, "{text}");
        }
        let other = [
            (header::RANGE, HeaderValue::from_static("bytes=0-9")),
            (header::IF_RANGE, HeaderValue::from_static("\"other\"")),
        ];
        assert_eq!(wanted(&HeaderMap::from_iter(other), 100, "t"), Wanted::All);
    }
}
