//! A mapping: what one line of `/proc/PID/maps` says.

use crate::addr::{Addr, Range};
use crate::interval::Cut;
use crate::names::VmFlags;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::fmt;
use std::sync::Arc;

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

/// A file, or an object of shared memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Object {
    /// As `/proc/PID/maps` shows it.
    pub path: String,
    /// Device as `major:minor` in hexadecimal; empty when nobody recorded it.
    pub dev: String,
    /// Its number on the device; 0 when nobody recorded it.
    pub inode: u64,
}

/// What stands behind the pages. In a trace an object with a `type`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Backing {
    /// Memory with no file behind it. A shared one is an object of shared memory that has no name.
    Anonymous,
    /// A file.
    File(Arc<Object>),
    /// Shared memory: `memfd_create`, `shmget`, and shared anonymous memory whose object is known.
    Shm(Arc<Object>),
    /// The heap that `brk` moves.
    Heap,
    /// The main thread's stack.
    Stack,
    /// Something the kernel puts there: `vdso`, `vvar`, `vsyscall`, … (the name without brackets).
    Kernel(Arc<String>),
}

impl Backing {
    /// The file or object behind it.
    pub fn object(&self) -> Option<&Arc<Object>> {
        match self {
            Self::File(object) | Self::Shm(object) => Some(object),
            _ => None,
        }
    }
    /// Whether it is plain memory of the process: anonymous, heap or stack.
    pub fn is_anonymous(&self) -> bool {
        matches!(self, Self::Anonymous | Self::Heap | Self::Stack)
    }
}

impl fmt::Display for Backing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("anonymous"),
            Self::File(object) | Self::Shm(object) => f.write_str(&object.path),
            Self::Heap => f.write_str("heap"),
            Self::Stack => f.write_str("stack"),
            Self::Kernel(name) => f.write_str(name),
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
    /// Bytes from the object's start to the mapping's; 0 without an object.
    pub offset: u64,
    /// What it has been told beyond that.
    pub flags: VmFlags,
}

impl Attributes {
    /// Memory with no file behind it, told nothing special.
    pub fn anonymous(protection: Protection, sharing: Sharing) -> Self {
        Self { protection, sharing, backing: Backing::Anonymous, offset: 0, flags: VmFlags::NONE }
    }
}

impl Cut for Attributes {
    fn advanced(&self, by: u64) -> Self {
        let mut cut = self.clone();
        if cut.backing.object().is_some() {
            cut.offset = cut.offset.wrapping_add(by);
        }
        cut
    }
}

/// A mapping (the kernel's VMA).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "MappingFields", into = "MappingFields")]
pub struct Mapping {
    /// Where it is.
    pub range: Range,
    /// What it is.
    pub attributes: Attributes,
}

/// A mapping as a trace writes it: its attributes stand beside its range.
#[derive(Serialize, Deserialize)]
pub(crate) struct MappingFields {
    pub(crate) range: Range,
    pub(crate) protection: Protection,
    pub(crate) sharing: Sharing,
    pub(crate) backing: BackingFields,
    #[serde(default, skip_serializing_if = "VmFlags::is_empty")]
    pub(crate) flags: VmFlags,
}

/// A backing as a trace writes it, with the offset into its object. (serde's own tagged enums and `flatten` read
/// into a buffer of their own, which costs the page a tenth of its size.)
#[derive(Serialize, Deserialize)]
pub(crate) struct BackingFields {
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

impl TryFrom<MappingFields> for Mapping {
    type Error = String;
    fn try_from(fields: MappingFields) -> Result<Self, String> {
        let MappingFields { range, protection, sharing, backing, flags } = fields;
        let BackingFields { r#type, path, offset, dev, inode, name } = backing;
        let mut at = 0;
        let mut object = |what: &str| {
            let path = path.clone().ok_or_else(|| format!("a {what} mapping needs a `path`"))?;
            at = offset.ok_or_else(|| format!("a {what} mapping needs an `offset`"))?.0;
            let (dev, inode) = (dev.clone().unwrap_or_default(), inode.unwrap_or_default());
            Ok::<_, String>(Arc::new(Object { path, dev, inode }))
        };
        let backing = match r#type.as_str() {
            "anonymous" => Backing::Anonymous,
            "heap" => Backing::Heap,
            "stack" => Backing::Stack,
            "kernel" => Backing::Kernel(Arc::new(name.ok_or("a kernel mapping needs a `name`")?)),
            "file" => Backing::File(object("file")?),
            "shm" => Backing::Shm(object("shared-memory")?),
            other => {
                let shown: String = other.chars().take(40).collect();
                return Err(format!("{shown:?} is no type of backing"));
            }
        };
        Ok(Self { range, attributes: Attributes { protection, sharing, backing, offset: at, flags } })
    }
}

impl From<Mapping> for MappingFields {
    fn from(Mapping { range, attributes }: Mapping) -> Self {
        let Attributes { protection, sharing, backing, offset, flags } = attributes;
        let mut fields = BackingFields {
            r#type: String::new(),
            path: None,
            offset: None,
            dev: None,
            inode: None,
            name: None,
        };
        if let Some(object) = backing.object() {
            fields.path = Some(object.path.clone());
            fields.offset = Some(Addr(offset));
            fields.dev = Some(object.dev.clone());
            fields.inode = Some(object.inode);
        }
        fields.r#type = match backing {
            Backing::Anonymous => "anonymous",
            Backing::File(_) => "file",
            Backing::Shm(_) => "shm",
            Backing::Heap => "heap",
            Backing::Stack => "stack",
            Backing::Kernel(name) => {
                fields.name = Some(name.as_ref().clone());
                "kernel"
            }
        }
        .to_owned();
        Self { range, protection, sharing, backing: fields, flags }
    }
}

impl Mapping {
    /// Whether `/proc/PID/maps` shows both alike: it tells no flags.
    pub fn looks_like(&self, other: &Self) -> bool {
        let (a, b) = (&self.attributes, &other.attributes);
        self.range == other.range
            && (a.protection, a.sharing, a.offset) == (b.protection, b.sharing, b.offset)
            && a.backing == b.backing
    }

    /// `rw-p`, as in `/proc/PID/maps`.
    pub fn permissions(&self) -> String {
        let sharing = if self.attributes.sharing == Sharing::Private { 'p' } else { 's' };
        format!("{}{sharing}", self.attributes.protection)
    }
}
