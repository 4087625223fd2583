use super::*;

/// Made with scapy: eight packets over Ethernet.
const GOLDEN: &[u8] = include_bytes!("../../../../tests/fuzz/golden.capture");

/// A packet with its time and what it begins with.
type Whole = (u64, Option<LinkType>, Vec<u8>);

/// All packets of a file, and how it ends.
fn read(bytes: &[u8]) -> (Vec<Whole>, Result<(), String>) {
    let mut packets = Vec::new();
    let mut reader = match Reader::new(Box::new(bytes)) {
        Ok(reader) => reader,
        Err(error) => return (packets, Err(error)),
    };
    loop {
        match reader.packet() {
            Ok(Some(Packet { time_ns, link, bytes })) => {
                packets.push((time_ns, link, bytes.to_vec()));
            }
            Ok(None) => return (packets, Ok(())),
            Err(error) => return (packets, Err(error)),
        }
    }
}

/// The same file in another byte order or with another magic number.
fn rewritten(magic: u32, big_endian: bool) -> Vec<u8> {
    let word = |word: u32| if big_endian { word.to_be_bytes() } else { word.to_le_bytes() };
    let half = |half: u16| if big_endian { half.to_be_bytes() } else { half.to_le_bytes() };
    let mut bytes = [&word(magic)[..], &half(2), &half(4), &[0; 8], &word(65_535)].concat();
    bytes.extend(word(1));
    let nanos = magic == 0xa1b2_3c4d;
    for (time_ns, _, packet) in read(GOLDEN).0 {
        let rest = (time_ns % 1_000_000_000) as u32;
        bytes.extend(word((time_ns / 1_000_000_000) as u32));
        bytes.extend(word(if nanos { rest } else { rest / 1000 }));
        bytes.extend(word(packet.len() as u32));
        bytes.extend(word(packet.len() as u32));
        bytes.extend(packet);
    }
    bytes
}

/// The same as pcapng, with a simple packet at the end.
fn next_generation(big_endian: bool) -> Vec<u8> {
    let word = |word: u32| if big_endian { word.to_be_bytes() } else { word.to_le_bytes() };
    let half = |half: u16| if big_endian { half.to_be_bytes() } else { half.to_le_bytes() };
    let block = |kind: u32, body: &[u8]| {
        let mut body = body.to_vec();
        body.resize(body.len().next_multiple_of(4), 0);
        let length = word(12 + body.len() as u32);
        [&word(kind)[..], &length, &body, &length].concat()
    };
    let section = [&word(BYTE_ORDER)[..], &half(1), &half(0), &[0xff; 8]].concat();
    // A comment, and time in nanoseconds.
    let options = [&half(1)[..], &half(3), b"abc\0", &half(9), &half(1), &[9, 0, 0, 0], &[0; 4]];
    let interface = [&half(1)[..], &half(0), &word(65_535), &options.concat()].concat();
    let mut bytes = block(SECTION, &section);
    bytes.extend(block(INTERFACE, &interface));
    bytes.extend(block(5, &[0; 12]));
    for (time_ns, _, packet) in read(GOLDEN).0 {
        let length = word(packet.len() as u32);
        let (high, low) = (word((time_ns >> 32) as u32), word(time_ns as u32));
        let head = [&word(0)[..], &high, &low, &length, &length].concat();
        bytes.extend(block(ENHANCED_PACKET, &[&head[..], &packet].concat()));
    }
    bytes.extend(block(SIMPLE_PACKET, &[&word(3)[..], b"xyz"].concat()));
    bytes
}

#[test]
fn all_kinds_of_files_say_the_same() {
    let (golden, end) = read(GOLDEN);
    assert_eq!((golden.len(), end), (8, Ok(())));
    assert!(golden.iter().all(|packet| packet.1 == Some(LinkType::Ethernet)));
    for magic in [0xa1b2_c3d4, 0xa1b2_3c4d] {
        for big_endian in [false, true] {
            assert_eq!(read(&rewritten(magic, big_endian)), (golden.clone(), Ok(())));
        }
    }
    for big_endian in [false, true] {
        let (mut packets, end) = read(&next_generation(big_endian));
        assert_eq!(end, Ok(()));
        assert_eq!(packets.pop(), Some((0, Some(LinkType::Ethernet), b"xyz".to_vec())));
        assert_eq!(packets, golden);
    }
}

#[test]
fn what_is_cut_short_is_told_after_what_is_whole() {
    let whole = read(GOLDEN).0;
    for bytes in [GOLDEN.to_vec(), next_generation(false), next_generation(true)] {
        for length in 0..bytes.len() {
            let (packets, _) = read(&bytes[..length]);
            assert!(whole.starts_with(&packets) || packets.len() > whole.len());
        }
        let end = read(&bytes[..bytes.len() - 1]).1.unwrap_err();
        assert_eq!(end, "it ends within a packet: it was cut short");
    }
    assert_eq!(read(&[]).1.unwrap_err(), "it is empty");
    assert_eq!(read(b"vrrp_instance").1.unwrap_err(), "it is no pcap or pcapng file");
}

#[test]
fn lengths_that_somebody_made_up_take_no_memory() {
    let mut bytes = GOLDEN.to_vec();
    bytes[32..36].fill(0xff);
    assert_eq!(read(&bytes).1.unwrap_err(), "damaged: a packet of 4294967295 bytes");
    let mut bytes = next_generation(false);
    let at = 28 + 4;
    bytes[at..at + 4].copy_from_slice(&0xffff_fff0u32.to_le_bytes());
    assert_eq!(read(&bytes).1.unwrap_err(), "damaged: a block of 4294967280 bytes");
}
