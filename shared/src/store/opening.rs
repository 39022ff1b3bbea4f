//! A trace that is opened while its bytes come, in slices.

use super::intake::Intake;
use super::{Source, Store};
use crate::gz::{Gunzip, is_gzip};
use crate::pscope::{Scanner, is_pscope};
use crate::trace::ReadError;
use std::collections::VecDeque;

/// Less than that is not looked at before the file's end is known: a gzip header may be cut by the end of a piece.
const LOOKAHEAD: usize = 1 << 17;
/// So much tells what form a trace is in.
const TELLING: usize = 16;

/// A whole trace on its way, in whichever form: the content tells.
#[derive(Default)]
pub struct Opening {
    form: Form,
    /// Bytes that have come.
    came: u64,
    /// Whether all have come.
    ended: bool,
}

#[derive(Default)]
enum Form {
    /// The first bytes.
    #[default]
    Unknown,
    Begun(Vec<u8>),
    Lines(Box<Intake>, VecDeque<Vec<u8>>),
    Packed(Box<Intake>, Box<Gunzip<Vec<u8>>>),
    /// All of it has to be there first.
    File(Vec<u8>),
    Scan(Vec<u8>, Box<Scanner>),
}

/// How far an [`Opening`] is.
pub enum Opened {
    /// More bytes have to come.
    Waits,
    /// There is more to do with those that are here.
    GoesOn,
    /// Done.
    Store(Box<Store>),
}

impl std::fmt::Debug for Opening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opening")
            .field("came", &self.came)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

impl Opening {
    /// More bytes of the file.
    pub fn take(&mut self, piece: Vec<u8>) {
        self.came = self.came.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        match &mut self.form {
            Form::Unknown => self.form = Form::Begun(piece),
            Form::Begun(bytes) | Form::File(bytes) => bytes.extend_from_slice(&piece),
            Form::Lines(_, pieces) => pieces.push_back(piece),
            Form::Packed(_, from) => from.append(&piece),
            Form::Scan(..) => {}
        }
    }

    /// There are no more.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// Bytes that have come.
    pub fn came(&self) -> u64 {
        self.came
    }

    /// Bytes of them that were not looked at yet.
    pub fn waiting(&self) -> u64 {
        let waiting = match &self.form {
            Form::Unknown => 0,
            Form::Begun(bytes) | Form::File(bytes) => bytes.len(),
            Form::Lines(_, pieces) => pieces.iter().map(Vec::len).sum(),
            Form::Packed(_, from) => from.waiting(),
            Form::Scan(bytes, scanner) => bytes.len().saturating_sub(scanner.at()),
        };
        u64::try_from(waiting).unwrap_or(u64::MAX)
    }

    /// Whether all bytes stay in memory: a `.pscope` that is read as a whole.
    pub fn keeps_all(&self) -> bool {
        matches!(&self.form, Form::File(_) | Form::Scan(..))
    }

    /// Events that are known so far.
    pub fn events(&self) -> u64 {
        match &self.form {
            Form::Lines(intake, _) | Form::Packed(intake, _) => intake.events(),
            _ => 0,
        }
    }

    /// Whether [`Self::go_on`] has something to do.
    pub fn has_work(&self) -> bool {
        self.ended
            || match &self.form {
                Form::Begun(bytes) => bytes.len() >= TELLING,
                Form::Lines(_, pieces) => !pieces.is_empty(),
                Form::Packed(_, from) => from.waiting() > LOOKAHEAD,
                _ => false,
            }
    }

    /// Goes on for about `most` bytes.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn go_on(&mut self, most: usize) -> Result<Opened, ReadError> {
        if !self.has_work() {
            return Ok(Opened::Waits);
        }
        match &mut self.form {
            Form::Unknown => return Err(ReadError::Empty),
            Form::Begun(bytes) => self.form = begin(std::mem::take(bytes)),
            Form::Lines(intake, pieces) => {
                let mut left = most.max(1);
                while let Some(mut piece) = pieces.pop_front() {
                    let later = piece.split_off(left.min(piece.len()));
                    intake.take(&piece)?;
                    left -= piece.len();
                    if !later.is_empty() {
                        pieces.push_front(later);
                    }
                    if left == 0 {
                        return Ok(Opened::GoesOn);
                    }
                }
                if self.ended {
                    return std::mem::take(intake).finish().map(Opened::of);
                }
            }
            Form::Packed(intake, from) => {
                // Chunks of 64 KiB.
                for _ in 0..most.div_ceil(1 << 16).max(1) {
                    if !self.ended && from.waiting() <= LOOKAHEAD {
                        break;
                    }
                    if !intake.take_unpacked(from)? {
                        return std::mem::take(intake).finish().map(Opened::of);
                    }
                }
            }
            Form::File(bytes) => {
                let scanner = Scanner::new(bytes)?;
                self.form = Form::Scan(std::mem::take(bytes), Box::new(scanner));
            }
            Form::Scan(bytes, scanner) => {
                if scanner.go_on(bytes, most) {
                    let Form::Scan(bytes, scanner) = std::mem::take(&mut self.form) else {
                        return Ok(Opened::Waits);
                    };
                    let scan = scanner.finish(&bytes);
                    return Ok(Opened::of(Store::of(Source::File(bytes), scan)));
                }
            }
        }
        Ok(if self.has_work() { Opened::GoesOn } else { Opened::Waits })
    }
}

impl Opened {
    fn of(store: Store) -> Self {
        Self::Store(Box::new(store))
    }
}

fn begin(bytes: Vec<u8>) -> Form {
    if is_pscope(&bytes) {
        Form::File(bytes)
    } else if is_gzip(&bytes) {
        Form::Packed(Box::default(), Box::new(Gunzip::new(bytes)))
    } else {
        Form::Lines(Box::default(), VecDeque::from([bytes]))
    }
}
