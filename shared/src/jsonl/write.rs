//! Lines of a trace.

use crate::event::{Event, EventKind, Extra};
use crate::header::Header;

/// The header's line, with its line break.
///
/// # Errors
/// Only when serde cannot write a value, which no header that was read or built causes.
pub fn header_line(header: &Header) -> Result<String, serde_json::Error> {
    Ok(joined(&[serde_json::to_string(header)?, serde_json::to_string(&header.extra)?]))
}

/// An event's line, with its line break: envelope first, then the kind's fields, then unknown ones.
///
/// # Errors
/// Only when serde cannot write a value, which no event that was read or built causes.
pub fn event_line(event: &Event) -> Result<String, serde_json::Error> {
    let envelope = Envelope {
        seq: event.seq,
        t: event.time_ns,
        pid: event.pid,
        tid: event.tid,
        kind: event.kind.name(),
    };
    let extra = event.extra.fields().map(serde_json::to_string).transpose()?.unwrap_or_default();
    let parts = [serde_json::to_string(&envelope)?, event.kind.fields_json()?, extra];
    Ok(joined(&parts))
}

/// What an event is, without its envelope, as one JSON object.
pub(crate) fn kind_text(kind: &EventKind, extra: &Extra) -> Result<String, serde_json::Error> {
    #[derive(serde::Serialize)]
    struct Name<'a> {
        kind: &'a str,
    }
    let name = serde_json::to_string(&Name { kind: kind.name() })?;
    let extra = extra.fields().map(serde_json::to_string).transpose()?.unwrap_or_default();
    let mut text = joined(&[name, kind.fields_json()?, extra]);
    text.truncate(text.trim_end().len());
    Ok(text)
}

/// One line with the fields of several JSON objects, in their order.
fn joined(objects: &[String]) -> String {
    let mut line = String::with_capacity(objects.iter().map(String::len).sum());
    for object in objects {
        let fields = object.strip_prefix('{').and_then(|o| o.strip_suffix('}')).unwrap_or_default();
        if !fields.is_empty() {
            line.push(if line.is_empty() { '{' } else { ',' });
            line.push_str(fields);
        }
    }
    line.push_str("}\n");
    line
}

/// The fields that every event has, in the order in which a person reads them.
#[derive(serde::Serialize)]
struct Envelope<'a> {
    seq: u64,
    t: u64,
    pid: u32,
    tid: u32,
    kind: &'a str,
}
