//! What a browser leaves out of the video that it records piece by piece: how long it is, and where one can begin to play.
//! The blocks stay as they are (RFC 8794, RFC 9559: EBML and Matroska, of which WebM is a part).

const SEGMENT: u64 = 0x1853_8067;
const SEEK_HEAD: u64 = 0x114d_9b74;
const INFO: u64 = 0x1549_a966;
const TIMESTAMP_SCALE: u64 = 0x2a_d7b1;
const DURATION: u64 = 0x4489;
const CLUSTER: u64 = 0x1f43_b675;
const TIMESTAMP: u64 = 0xe7;
const SIMPLE_BLOCK: u64 = 0xa3;
const BLOCK_GROUP: u64 = 0xa0;
const BLOCK: u64 = 0xa1;
const REFERENCE: u64 = 0xfb;

/// What stands before the first cluster is short: a longer one is none that is known here.
const MOST_HEAD: usize = 1 << 16;
/// So long a last frame is taken to last, in milliseconds.
const FRAME_MS: f64 = 33.0;

#[derive(Clone, Copy, Debug, Default)]
struct Cluster {
    at: u64,
    time: i64,
    blocks: u32,
    /// Whether it begins with a picture that needs no other.
    key: bool,
}

/// Goes through a video, in pieces of any length.
#[derive(Debug, Default)]
pub struct Index {
    /// What has come and is not gone through.
    rest: Vec<u8>,
    /// Where that begins, in bytes of the video.
    at: u64,
    /// Bytes that say nothing, still to come.
    skip: u64,
    head: Vec<u8>,
    segment: Option<u64>,
    /// Where its payload begins and ends.
    info: Option<(usize, usize, usize)>,
    scale_ns: u64,
    clusters: Vec<Cluster>,
    track: u8,
    last: i64,
    /// It is made otherwise, or has all this already.
    strange: bool,
}

/// What takes the place of the first bytes.
#[derive(Debug, PartialEq, Eq)]
pub struct Head {
    /// What is written instead.
    pub bytes: Vec<u8>,
    /// Of how many bytes.
    pub of: u64,
}

/// A number of EBML's own form, with its length; `marked` keeps the bit that says the length. None for what is cut off.
fn number(bytes: &[u8], marked: bool) -> Option<(u64, usize)> {
    let first = *bytes.first()?;
    let len = usize::try_from(first.leading_zeros()).ok()? + 1;
    let rest = bytes.get(1..len)?;
    let mask = if marked { 0xff } else { 0xff_u8.checked_shr(u32::try_from(len).ok()?).unwrap_or(0) };
    Some((rest.iter().fold(u64::from(first & mask), |n, byte| n << 8 | u64::from(*byte)), len))
}

fn unsigned(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |n, byte| n << 8 | u64::from(*byte))
}

/// An element: its identifier, the length of its payload, the payload.
fn element(out: &mut Vec<u8>, id: u64, payload: &[u8]) {
    let id = id.to_be_bytes();
    out.extend(id.iter().skip_while(|byte| **byte == 0));
    let len = u32::try_from(payload.len()).unwrap_or(0) | 0x1000_0000;
    out.extend(len.to_be_bytes());
    out.extend(payload);
}

impl Index {
    /// The next piece.
    pub fn feed(&mut self, piece: &[u8]) {
        if self.clusters.is_empty() && self.head.len() <= MOST_HEAD {
            self.head.extend(piece);
        }
        self.rest.extend(piece);
        let mut done = 0;
        while !self.strange {
            let left = self.rest.get(done..).unwrap_or_default();
            let skipped = left.len().min(usize::try_from(self.skip).unwrap_or(usize::MAX));
            self.skip -= u64::try_from(skipped).unwrap_or(0);
            done += skipped;
            self.at += u64::try_from(skipped).unwrap_or(0);
            if self.skip > 0 {
                break;
            }
            let rest = std::mem::take(&mut self.rest);
            let gone = self.next(rest.get(done..).unwrap_or_default());
            self.rest = rest;
            let Some(gone) = gone else { break };
            done += gone;
            self.at += u64::try_from(gone).unwrap_or(0);
        }
        self.rest.drain(..done);
    }

    /// The element that begins here: how many bytes of it are gone through; none when more have to come.
    fn next(&mut self, bytes: &[u8]) -> Option<usize> {
        let (id, long) = number(bytes, true)?;
        let (len, more) = number(bytes.get(long..)?, false)?;
        let header = long + more;
        let unknown = len == (1_u64 << (7 * more)) - 1;
        let payload = |n: usize| bytes.get(header..header + n);
        let small = usize::try_from(len).ok().filter(|len| *len <= 8);
        match id {
            SEGMENT if unknown => self.segment = Some(self.at + u64::try_from(header).ok()?),
            CLUSTER => self.clusters.push(Cluster { at: self.at, ..Cluster::default() }),
            INFO if !unknown => {
                let begin = usize::try_from(self.at).ok()?;
                let end = usize::try_from(len).ok().and_then(|len| (begin + header).checked_add(len));
                self.strange |= end.is_none();
                self.info = Some((begin, begin + header, end?));
            }
            BLOCK_GROUP if !unknown => {}
            // Places in it would be others; a duration is there already.
            SEGMENT | SEEK_HEAD | DURATION | INFO => self.strange = true,
            _ if unknown => self.strange = true,
            TIMESTAMP_SCALE | TIMESTAMP if small.is_some() => {
                let value = unsigned(payload(small?)?);
                if id == TIMESTAMP_SCALE {
                    self.scale_ns = value;
                } else if let Some(cluster) = self.clusters.last_mut() {
                    cluster.time = i64::try_from(value).unwrap_or(0);
                }
                return Some(header + small?);
            }
            SIMPLE_BLOCK | BLOCK if len > 4 => {
                let [track, a, b, flags] = *payload(4)? else { return None };
                self.track = track & 0x7f;
                if let Some(cluster) = self.clusters.last_mut() {
                    cluster.blocks += 1;
                    if cluster.blocks == 1 {
                        cluster.key = id == BLOCK || flags & 0x80 > 0;
                    }
                    self.last = self.last.max(cluster.time.saturating_add(i16::from_be_bytes([a, b]).into()));
                }
                self.skip = len;
            }
            REFERENCE => {
                if let Some(cluster) = self.clusters.last_mut().filter(|cluster| cluster.blocks == 1) {
                    cluster.key = false;
                }
                self.skip = len;
            }
            _ => self.skip = len,
        }
        Some(header)
    }

    /// A new head for the video, which lasts at least so long; none where it is not made as expected.
    pub fn finish(self, at_least_ms: f64) -> Option<Head> {
        let (segment, (info, payload, end)) = (self.segment?, self.info?);
        let first = self.clusters.first()?.at;
        if self.strange || self.scale_ns == 0 {
            return None;
        }
        let before = self.head.get(..usize::try_from(first).ok()?)?;
        let units = |ms: f64| ms * 1e6 / crate::time::scale::float(self.scale_ns);
        let last = crate::time::scale::float(u64::try_from(self.last).unwrap_or(0));
        let duration = (last + units(FRAME_MS)).max(units(at_least_ms));
        let mut about = before.get(payload..end)?.to_vec();
        about.extend([0x44, 0x89, 0x88]);
        about.extend(duration.to_be_bytes());
        let mut bytes = before.get(..info)?.to_vec();
        element(&mut bytes, INFO, &about);
        bytes.extend(before.get(end..)?);
        // Places are counted from where the segment begins, behind all of this, whose length is known: each is as long.
        let keys: Vec<&Cluster> = self.clusters.iter().filter(|cluster| cluster.key).collect();
        let length = bytes.len() + 8 + keys.len() * CUE;
        let moved = u64::try_from(length).ok()?.checked_sub(first)?;
        let mut cues = Vec::with_capacity(keys.len() * CUE);
        for cluster in keys {
            cues.extend([0xbb, 0x99, 0xb3, 0x88]);
            cues.extend(cluster.time.to_be_bytes());
            cues.extend([0xb7, 0x8d, 0xf7, 0x81, self.track, 0xf1, 0x88]);
            cues.extend((cluster.at.checked_sub(segment)? + moved).to_be_bytes());
        }
        element(&mut bytes, 0x1c53_bb6b, &cues);
        Some(Head { bytes, of: first })
    }
}

/// Bytes of a cue: its time, its track, its place.
const CUE: usize = 27;

#[cfg(test)]
mod tests {
    use super::*;

    /// 64 x 48 pixels, three seconds, a key frame a second: as Chromium's MediaRecorder wrote it.
    const REAL: &[u8] = include_bytes!("chromium.webm");
    /// Where its clusters begin, and their times.
    const CLUSTERS: [(u64, u64); 3] = [(124, 0), (660, 1050), (1791, 2099)];

    fn head(pieces: usize, at_least_ms: f64) -> Option<Head> {
        let mut index = Index::default();
        REAL.chunks(pieces).for_each(|piece| index.feed(piece));
        index.finish(at_least_ms)
    }

    /// The payload of the first element with this identifier.
    fn payload<'a>(bytes: &'a [u8], id: &[u8]) -> &'a [u8] {
        let at = bytes.windows(id.len()).position(|window| window == id).unwrap() + id.len();
        let (len, long) = number(&bytes[at..], false).unwrap();
        &bytes[at + long..at + long + usize::try_from(len).unwrap()]
    }

    #[test]
    fn a_real_video_gets_its_duration_and_its_cues() {
        let new = head(REAL.len(), 0.0).unwrap();
        assert_eq!(new.of, CLUSTERS[0].0);
        for pieces in [1, 2, 7, 100, 661] {
            assert_eq!(head(pieces, 0.0).as_ref(), Some(&new), "in pieces of {pieces}");
        }
        let duration = |head: &Head| {
            f64::from_be_bytes(
                payload(payload(&head.bytes, &[0x15, 0x49, 0xa9, 0x66]), &[0x44, 0x89]).try_into().unwrap(),
            )
        };
        // Its last block is 450 ms behind the last cluster's time.
        assert_eq!(duration(&new), 2549.0 + 33.0);
        assert_eq!(duration(&head(50, 9000.0).unwrap()), 9000.0);
        let whole: Vec<u8> = new.bytes.iter().chain(&REAL[124..]).copied().collect();
        let segment = 48;
        let cues = payload(&new.bytes, &[0x1c, 0x53, 0xbb, 0x6b]);
        assert_eq!(cues.len(), 3 * CUE);
        for (cue, (at, time)) in cues.chunks(CUE).zip(CLUSTERS) {
            assert_eq!(unsigned(payload(cue, &[0xb3])), time);
            let place = usize::try_from(unsigned(payload(cue, &[0xf1]))).unwrap() + segment;
            assert_eq!(whole[place..place + 16], REAL[usize::try_from(at).unwrap()..][..16]);
        }
        // All else is as it was.
        assert_eq!(payload(&new.bytes, &[0x16, 0x54, 0xae, 0x6b]), payload(REAL, &[0x16, 0x54, 0xae, 0x6b]));
        let mut again = Index::default();
        again.feed(&whole);
        assert_eq!(again.finish(0.0), None, "it has one already");
    }

    #[test]
    fn what_is_made_otherwise_is_left_alone() {
        for end in 0..REAL.len() {
            let mut index = Index::default();
            index.feed(&REAL[..end]);
            let cut = index.finish(0.0);
            assert_eq!(cut.is_some(), end > 135, "cut at {end}");
        }
        for at in 0..200 {
            for byte in [0, 1, 0x7f, 0x80, 0xff] {
                let mut bytes = REAL.to_vec();
                bytes[at] = byte;
                let mut index = Index::default();
                index.feed(&bytes);
                if let Some(head) = index.finish(0.0) {
                    assert!(head.of <= 2453 && head.bytes.len() < 2600, "byte {at} is {byte}");
                }
            }
        }
        let mut index = Index::default();
        (0..100).for_each(|_| index.feed(b"ftypisom, and no WebM at all"));
        assert_eq!(index.finish(0.0), None);
    }
}
