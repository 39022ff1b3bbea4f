//! A mapping: what one line of `/proc/PID/maps` says.

use crate::addr::{Addr, Range};
use crate::interval::Cut;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::fmt;

/// What may be done with the pages: in a trace the first three letters of `/proc/PID/maps`, `rw-`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Protection {
    /// `PROT_READ`
    pub read: bool,
    /// `PROT_WRITE`
    pub write: bool,
    /// `PROT_EXEC`
    pub execute: bool,
}

impl fmt::Display for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (on, letter) in [(self.read, "r"), (self.write, "w"), (self.execute, "x")] {
            f.write_str(if on { letter } else { "-" })?;
        }
        Ok(())
    }
}

impl Serialize for Protection {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Protection {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let wrong = || D::Error::custom(format!("{text:?} is no protection such as \"rw-\""));
        let [r, w, x] = text.as_bytes() else { return Err(wrong()) };
        let bit = |byte: u8, on: u8| match byte {
            b'-' => Ok(false),
            b if b == on => Ok(true),
            _ => Err(wrong()),
        };
        Ok(Self { read: bit(*r, b'r')?, write: bit(*w, b'w')?, execute: bit(*x, b'x')? })
    }
}

/// Whether writes are the process's own or everybody's (`MAP_PRIVATE`, `MAP_SHARED`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sharing {
    /// Copy on write: `p` in `/proc/PID/maps`.
    Private,
    /// Writes are seen by all who map it: `s`.
    Shared,
}

/// What stands behind the pages. In a trace an object with a `type`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "BackingFields", into = "BackingFields")]
pub enum Backing {
    /// Memory with no file behind it.
    Anonymous,
    /// A file.
    File {
        /// As `/proc/PID/maps` shows it.
        path: String,
        /// Bytes from the file's start to the mapping's.
        offset: Addr,
        /// Device as `major:minor` in hexadecimal.
        dev: String,
        /// The file's number on its device.
        inode: u64,
    },
    /// The heap that `brk` moves.
    Heap,
    /// The main thread's stack.
    Stack,
    /// Something the kernel puts there: `vdso`, `vvar`, `vsyscall`, … (without brackets).
    Kernel {
        /// The name between the brackets of `/proc/PID/maps`.
        name: String,
    },
}

impl fmt::Display for Backing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("anonymous"),
            Self::File { path, .. } => f.write_str(path),
            Self::Heap => f.write_str("heap"),
            Self::Stack => f.write_str("stack"),
            Self::Kernel { name } => f.write_str(name),
        }
    }
}

/// A backing as a trace writes it. (serde's own tagged enums and `flatten` read into a buffer of
/// their own, which costs the page a tenth of its size.)
#[derive(Serialize, Deserialize)]
struct BackingFields {
    r#type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    offset: Option<Addr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dev: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    inode: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

impl TryFrom<BackingFields> for Backing {
    type Error = String;
    fn try_from(fields: BackingFields) -> Result<Self, String> {
        Ok(match fields.r#type.as_str() {
            "anonymous" => Self::Anonymous,
            "heap" => Self::Heap,
            "stack" => Self::Stack,
            "kernel" => Self::Kernel { name: fields.name.ok_or("a kernel mapping needs a `name`")? },
            "file" => Self::File {
                path: fields.path.ok_or("a file mapping needs a `path`")?,
                offset: fields.offset.ok_or("a file mapping needs an `offset`")?,
                dev: fields.dev.unwrap_or_default(),
                inode: fields.inode.unwrap_or_default(),
            },
            other => return Err(format!("{other:?} is no type of backing")),
        })
    }
}

impl From<Backing> for BackingFields {
    fn from(backing: Backing) -> Self {
        let plain = |name: &str| Self {
            r#type: name.to_owned(),
            path: None,
            offset: None,
            dev: None,
            inode: None,
            name: None,
        };
        match backing {
            Backing::Anonymous => plain("anonymous"),
            Backing::Heap => plain("heap"),
            Backing::Stack => plain("stack"),
            Backing::Kernel { name } => Self { name: Some(name), ..plain("kernel") },
            Backing::File { path, offset, dev, inode } => Self {
                path: Some(path),
                offset: Some(offset),
                dev: Some(dev),
                inode: Some(inode),
                ..plain("file")
            },
        }
    }
}

/// What a mapping is apart from where it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Attributes {
    /// What may be done with its pages.
    pub protection: Protection,
    /// Private or shared.
    pub sharing: Sharing,
    /// What stands behind it.
    pub backing: Backing,
}

impl Cut for Attributes {
    fn advanced(&self, by: u64) -> Self {
        let mut cut = self.clone();
        if let Backing::File { offset, .. } = &mut cut.backing {
            offset.0 = offset.0.wrapping_add(by);
        }
        cut
    }
}

/// A mapping (the kernel's VMA).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "MappingFields", into = "MappingFields")]
pub struct Mapping {
    /// Where it is.
    pub range: Range,
    /// What it is.
    pub attributes: Attributes,
}

/// A mapping as a trace writes it: its attributes stand beside its range.
#[derive(Serialize, Deserialize)]
struct MappingFields {
    range: Range,
    protection: Protection,
    sharing: Sharing,
    backing: Backing,
}

impl From<MappingFields> for Mapping {
    fn from(MappingFields { range, protection, sharing, backing }: MappingFields) -> Self {
        Self { range, attributes: Attributes { protection, sharing, backing } }
    }
}

impl From<Mapping> for MappingFields {
    fn from(Mapping { range, attributes: Attributes { protection, sharing, backing } }: Mapping) -> Self {
        Self { range, protection, sharing, backing }
    }
}

impl Mapping {
    /// `rw-p`, as in `/proc/PID/maps`.
    pub fn permissions(&self) -> String {
        let sharing = if self.attributes.sharing == Sharing::Private { 'p' } else { 's' };
        format!("{}{sharing}", self.attributes.protection)
    }
}
