//! Capture files: pcap in both byte orders and with both kinds of time, and pcapng.
//!
//! A file is read from its begin to its end, one packet at a time, in so much memory as a packet may
//! have.

use super::link::{of_file, Captured, LinkType};
use std::io::{self, ErrorKind, Read};

/// No packet that was captured is longer: libpcap's own bound.
const LONGEST: usize = 262_144;
/// No block of a pcapng file is longer that holds no packet.
const LONGEST_BLOCK: u32 = 16 << 20;
/// A file has no more interfaces than this.
const MOST_INTERFACES: usize = 4096;
const SECTION: u32 = 0x0a0d_0d0a;
const BYTE_ORDER: u32 = 0x1a2b_3c4d;
const INTERFACE: u32 = 1;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;
/// The option of an interface that says how its time is counted.
const TIME_RESOLUTION: u16 = 9;

/// A capture file.
pub struct Reader<'a> {
    input: Box<dyn Read + 'a>,
    big_endian: bool,
    format: Format,
    /// Of each interface: what its packets begin with, and how many units of time a second has.
    interfaces: Vec<(u32, u64)>,
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Pcap,
    PcapNg,
}

/// A packet of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// When it was captured, in nanoseconds since 1970; 0 if the file does not say.
    pub time_ns: u64,
    /// What it begins with; `None` if nobody here knows how to read that.
    pub link: Option<LinkType>,
    /// As much of it as was captured.
    pub bytes: &'a [u8],
}

impl<'a> Packet<'a> {
    /// The packet of IP in it. `None` if there is none, or it begins with something unknown.
    #[must_use]
    pub fn captured(&self) -> Option<Captured<'a>> {
        of_file(self.link?, self.time_ns, self.bytes)
    }
}

impl<'a> Reader<'a> {
    /// Reads the header of a file.
    ///
    /// # Errors
    /// It is none of these files, or cannot be read.
    pub fn new(input: Box<dyn Read + 'a>) -> Result<Self, String> {
        let (big_endian, format, interfaces) = (false, Format::Pcap, Vec::new());
        let mut it = Self { input, big_endian, format, interfaces, bytes: Vec::new() };
        if !it.fill(4)? {
            return Err("it is empty".into());
        }
        let magic = it.bytes.first_chunk().copied().unwrap_or_default();
        let (big_endian, units) = match u32::from_le_bytes(magic) {
            SECTION => {
                it.format = Format::PcapNg;
                it.section()?;
                return Ok(it);
            }
            0xa1b2_c3d4 => (false, 1_000_000),
            0xa1b2_3c4d => (false, 1_000_000_000),
            0xd4c3_b2a1 => (true, 1_000_000),
            0x4d3c_b2a1 => (true, 1_000_000_000),
            _ => return Err("it is no pcap or pcapng file".into()),
        };
        it.big_endian = big_endian;
        it.want(20)?;
        let link = it.u32(16);
        it.interfaces.push((link, units));
        Ok(it)
    }

    /// The next packet; `None` at the end of the file.
    ///
    /// # Errors
    /// The file ends within a packet, or is damaged, or cannot be read.
    pub fn packet(&mut self) -> Result<Option<Packet<'_>>, String> {
        match self.format {
            Format::Pcap => self.next_of_pcap(),
            Format::PcapNg => self.next_of_pcapng(),
        }
    }

    fn next_of_pcap(&mut self) -> Result<Option<Packet<'_>>, String> {
        if !self.fill(16)? {
            return Ok(None);
        }
        let (seconds, fraction, length) = (self.u32(0), self.u32(4), self.u32(8) as usize);
        self.packet_length(length)?;
        self.want(length)?;
        let (link, units) = self.interfaces.first().copied().unwrap_or_default();
        let fraction = u64::from(fraction).saturating_mul(1_000_000_000 / units.max(1));
        let time_ns = u64::from(seconds) * 1_000_000_000 + fraction.min(999_999_999);
        Ok(Some(Packet { time_ns, link: LinkType::new(link), bytes: &self.bytes }))
    }

    fn next_of_pcapng(&mut self) -> Result<Option<Packet<'_>>, String> {
        loop {
            if !self.fill(4)? {
                return Ok(None);
            }
            // The same in both byte orders.
            if self.u32(0) == SECTION {
                self.section()?;
                continue;
            }
            let kind = self.u32(0);
            self.want(4)?;
            let length = self.u32(0);
            if length < 12 || length % 4 != 0 || length > LONGEST_BLOCK {
                return Err(format!("damaged: a block of {length} bytes"));
            }
            // The body, and the length once more.
            let body = length as usize - 8;
            match kind {
                INTERFACE | SIMPLE_PACKET | ENHANCED_PACKET => self.want_block(body)?,
                _ => self.skip(body)?,
            }
            let packet = match kind {
                INTERFACE => {
                    self.interface()?;
                    None
                }
                SIMPLE_PACKET => Some(self.simple()?),
                ENHANCED_PACKET => Some(self.enhanced()?),
                _ => None,
            };
            if let Some((time_ns, interface, from, length)) = packet {
                let link = self.interfaces.get(interface).map(|it| it.0);
                let link = link.ok_or("damaged: a packet of an interface that it has not")?;
                let bytes = self.bytes.get(from..from + length);
                let bytes = bytes.ok_or("damaged: a packet that is longer than its block")?;
                return Ok(Some(Packet { time_ns, link: LinkType::new(link), bytes }));
            }
        }
    }

    /// The rest of a section's header. Interfaces are counted anew then.
    fn section(&mut self) -> Result<(), String> {
        self.want(8)?;
        let order: [u8; 4] =
            self.bytes.get(4..8).and_then(|it| it.try_into().ok()).unwrap_or_default();
        self.big_endian = match BYTE_ORDER {
            order_here if u32::from_le_bytes(order) == order_here => false,
            order_here if u32::from_be_bytes(order) == order_here => true,
            _ => return Err("damaged: a section without a byte order".into()),
        };
        let length = self.u32(0);
        if !(28..=LONGEST_BLOCK).contains(&length) || length % 4 != 0 {
            return Err(format!("damaged: a section header of {length} bytes"));
        }
        self.interfaces.clear();
        self.skip(length as usize - 12)
    }

    fn interface(&mut self) -> Result<(), String> {
        if self.interfaces.len() >= MOST_INTERFACES {
            return Err("it has too many interfaces".into());
        }
        let link = u32::from(self.u16(0));
        let (mut at, mut units) = (8, 1_000_000);
        while at + 4 <= self.bytes.len().saturating_sub(4) {
            let (code, length) = (self.u16(at), usize::from(self.u16(at + 2)));
            if code == 0 {
                break;
            }
            if let (TIME_RESOLUTION, Some(value)) = (code, self.bytes.get(at + 4)) {
                let power = u32::from(value & 0x7f);
                let base = if value & 0x80 == 0 { 10u64 } else { 2 };
                units = base.checked_pow(power).ok_or("damaged: a time beyond measure")?;
            }
            at += 4 + length.next_multiple_of(4);
        }
        self.interfaces.push((link, units));
        Ok(())
    }

    /// Time, interface, and where the bytes are.
    fn enhanced(&self) -> Result<(u64, usize, usize, usize), String> {
        let interface = self.u32(0) as usize;
        let time = u64::from(self.u32(4)) << 32 | u64::from(self.u32(8));
        let length = self.u32(12) as usize;
        self.packet_length(length)?;
        let units = u128::from(self.interfaces.get(interface).map_or(1, |it| it.1));
        let time_ns = u128::from(time) * 1_000_000_000 / units.max(1);
        Ok((u64::try_from(time_ns).unwrap_or(0), interface, 20, length))
    }

    /// The same of a packet without a time.
    fn simple(&self) -> Result<(u64, usize, usize, usize), String> {
        let length = self.u32(0) as usize;
        let there = self.bytes.len().saturating_sub(8);
        let captured = length.min(there);
        self.packet_length(captured)?;
        Ok((0, 0, 4, captured))
    }

    fn packet_length(&self, length: usize) -> Result<(), String> {
        if length > LONGEST {
            return Err(format!("damaged: a packet of {length} bytes"));
        }
        Ok(())
    }

    fn want_block(&mut self, length: usize) -> Result<(), String> {
        if length > LONGEST + 4096 {
            return Err(format!("damaged: a block of {length} bytes with a packet"));
        }
        self.want(length)
    }

    /// The next bytes, all of them; false if the file ends here.
    fn fill(&mut self, length: usize) -> Result<bool, String> {
        self.bytes.resize(length, 0);
        let mut have = 0;
        while let Some(room) = self.bytes.get_mut(have..).filter(|room| !room.is_empty()) {
            match self.input.read(room) {
                Ok(0) if have == 0 => return Ok(false),
                Ok(0) => return Err("it ends within a packet: it was cut short".into()),
                Ok(count) => have += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(format!("cannot read it: {error}")),
            }
        }
        Ok(true)
    }

    fn want(&mut self, length: usize) -> Result<(), String> {
        if length > 0 && !self.fill(length)? {
            return Err("it ends within a packet: it was cut short".into());
        }
        self.bytes.truncate(length);
        Ok(())
    }

    fn skip(&mut self, length: usize) -> Result<(), String> {
        let mut rest = self.input.by_ref().take(length as u64);
        match io::copy(&mut rest, &mut io::sink()) {
            Ok(skipped) if skipped == length as u64 => Ok(()),
            Ok(_) => Err("it ends within a block: it was cut short".into()),
            Err(error) => Err(format!("cannot read it: {error}")),
        }
    }

    /// A word of what was read last; 0 beyond its end.
    fn u32(&self, at: usize) -> u32 {
        let word = self.bytes.get(at..at + 4).and_then(|word| word.try_into().ok());
        let word = word.unwrap_or_default();
        if self.big_endian {
            u32::from_be_bytes(word)
        } else {
            u32::from_le_bytes(word)
        }
    }

    fn u16(&self, at: usize) -> u16 {
        let word = self.bytes.get(at..at + 2).and_then(|word| word.try_into().ok());
        let word = word.unwrap_or_default();
        if self.big_endian {
            u16::from_be_bytes(word)
        } else {
            u16::from_le_bytes(word)
        }
    }
}

#[cfg(test)]
mod tests;
