//! Reads and writes of the acting process, with the page faults that they make.

use super::Play;
use crate::sys::{Deed, FaultSample, Hit};
use anyhow::{Result, bail};
use pagescope_shared::addr::{Addr, Range};
use pagescope_shared::event::{Access, AccessType, EventKind, Fault, FaultAccess, Signal};

impl Play<'_> {
    /// Reads `count` bytes.
    pub(crate) fn read(&mut self, addr: Addr, count: u64) -> Result<Vec<u8>> {
        let answer = self.troupe.ask(self.who, Deed::Read, &[addr.0, count], &[])?;
        if let Some(hit) = answer.hit {
            bail!("reading {addr} brought {}", signal(hit, FaultAccess::Read).signal);
        }
        let bytes = answer.data.to_vec();
        self.touched(addr, AccessType::Read, bytes.clone())?;
        Ok(bytes)
    }

    /// Reads one byte at each of these addresses, and looks when all are done.
    pub(crate) fn reads(&mut self, all: impl IntoIterator<Item = Addr>) -> Result<()> {
        for addr in all {
            let answer = self.troupe.ask(self.who, Deed::Read, &[addr.0, 1], &[])?;
            if let Some(hit) = answer.hit {
                bail!("reading {addr} brought {}", signal(hit, FaultAccess::Read).signal);
            }
            let bytes = answer.data.to_vec();
            self.tell_access(addr, AccessType::Read, bytes)?;
        }
        self.verify()
    }

    /// Writes one byte to each of these addresses, and looks when all are done.
    pub(crate) fn writes(&mut self, all: impl IntoIterator<Item = (Addr, u8)>) -> Result<()> {
        for (addr, byte) in all {
            let answer = self.troupe.ask(self.who, Deed::Write, &[addr.0], &[byte])?;
            if let Some(hit) = answer.hit {
                bail!("writing to {addr} brought {}", signal(hit, FaultAccess::Write).signal);
            }
            self.tell_access(addr, AccessType::Write, vec![byte])?;
        }
        self.verify()
    }

    /// Writes bytes.
    pub(crate) fn write(&mut self, addr: Addr, bytes: &[u8]) -> Result<()> {
        let answer = self.troupe.ask(self.who, Deed::Write, &[addr.0], bytes)?;
        if let Some(hit) = answer.hit {
            bail!("writing to {addr} brought {}", signal(hit, FaultAccess::Write).signal);
        }
        self.touched(addr, AccessType::Write, bytes.to_vec())
    }

    fn touched(&mut self, addr: Addr, access: AccessType, bytes: Vec<u8>) -> Result<()> {
        self.tell_access(addr, access, bytes)?;
        self.verify()
    }

    fn tell_access(&mut self, addr: Addr, access: AccessType, bytes: Vec<u8>) -> Result<()> {
        let how = if access == AccessType::Read { FaultAccess::Read } else { FaultAccess::Write };
        self.tell_faults(Some(how))?;
        self.tell(EventKind::Access(Box::new(Access { access, addr, bytes })))
    }

    /// Touches what may not be touched: `code` is why not. Returns the address that the signal names.
    pub(crate) fn must_hit(&mut self, addr: Addr, how: FaultAccess, code: &str) -> Result<Addr> {
        let answer = match how {
            FaultAccess::Write => self.troupe.ask(self.who, Deed::Write, &[addr.0], &[1])?,
            _ => self.troupe.ask(self.who, Deed::Read, &[addr.0, 1], &[])?,
        };
        let Some(hit) = answer.hit else { bail!("touching {addr} should have brought a signal") };
        let signal = signal(hit, how);
        let (named, seen) = (signal.addr, signal.code.clone());
        self.forget_faults();
        self.tell(EventKind::Signal(Box::new(signal)))?;
        if seen != code || named != addr {
            bail!("touching {addr} should have brought {code} there, but brought {seen} at {named}");
        }
        self.verify()?;
        Ok(named)
    }

    /// Calls a function that keeps a page on the stack and calls itself; returns where those pages were touched, from
    /// the top down.
    pub(crate) fn recurse(&mut self, depth: u64) -> Result<Vec<Addr>> {
        let answer = self.troupe.ask(self.who, Deed::Recurse, &[depth], &[])?;
        let words = answer.data.as_chunks().0.iter().rev();
        let touched: Vec<Addr> = words.map(|word| Addr(u64::from_ne_bytes(*word))).collect();
        if let (Some(first), Some(last)) = (touched.first(), touched.last()) {
            // The deepest call itself has a frame below the last page that was noted.
            let below = Addr(self.page_start(*last).0.saturating_sub(3 * self.page()));
            self.watch(Range::new(below, Addr(self.page_start(*first).0 + self.page()))?);
        }
        self.tell_faults(Some(FaultAccess::Write))?;
        // The faults say it all, where they are told.
        if self.faults.is_none() {
            for &addr in &touched {
                let access = Access { access: AccessType::Write, addr, bytes: vec![1] };
                self.tell(EventKind::Access(Box::new(access)))?;
            }
        }
        self.verify()?;
        Ok(touched)
    }

    /// Where the page that holds `addr` begins.
    pub(crate) fn page_start(&self, addr: Addr) -> Addr {
        Addr(addr.0 - addr.0 % self.page())
    }

    /// The faults since the last deed, where the lesson looks. Others are the actor's own affairs.
    pub(super) fn tell_faults(&mut self, access: Option<FaultAccess>) -> Result<()> {
        self.take_samples()?;
        let mut samples = std::mem::take(&mut self.samples);
        for sample in samples.drain(..) {
            let addr = Addr(sample.addr);
            let looked_at = self.watched.iter().any(|range| range.contains(addr));
            if looked_at && self.actors.iter().any(|actor| actor.pid == sample.pid) {
                let ip = Some(Addr(sample.ip));
                let fault = Fault { addr, access, severity: None, ip, led_to: None };
                self.tell_of(sample.pid, EventKind::Fault(fault), Some(sample.time_ns))?;
            }
        }
        self.samples = samples;
        Ok(())
    }

    fn take_samples(&mut self) -> Result<()> {
        let Some(faults) = &mut self.faults else { return Ok(()) };
        let mut losses = Vec::new();
        faults.drain(&mut self.samples, &mut losses);
        if !losses.is_empty() {
            bail!("the kernel has lost page faults");
        }
        self.samples.sort_unstable_by_key(|sample: &FaultSample| sample.time_ns);
        Ok(())
    }

    /// Leaves out what came since the last deed.
    pub(super) fn forget_faults(&mut self) {
        if let Some(faults) = &mut self.faults {
            faults.drain(&mut self.samples, &mut Vec::new());
            self.samples.clear();
        }
    }
}

fn signal(hit: Hit, how: FaultAccess) -> Signal {
    let name = if hit.signal == libc::SIGBUS { "SIGBUS" } else { "SIGSEGV" };
    let code = match (name, hit.code) {
        ("SIGSEGV", 1) => "SEGV_MAPERR",
        ("SIGSEGV", 2) => "SEGV_ACCERR",
        ("SIGBUS", 2) => "BUS_ADRERR",
        _ => "",
    };
    Signal { signal: name.to_owned(), addr: Addr(hit.addr), access: Some(how), code: code.to_owned() }
}
