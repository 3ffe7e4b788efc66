//! Compression of a dump, recognised by its first bytes.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread;

/// How a dump is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// No compression.
    None,
    /// gzip, any number of members.
    Gzip,
    /// Zstandard, any number of frames.
    Zstd,
    /// LZ4 frames, any number of them.
    Lz4,
}

/// This many bytes are enough to recognise the compression.
pub const ENOUGH: usize = 6;

/// Input is read in pieces of this many bytes.
const READ: usize = 128 * 1024;

impl Compression {
    /// Recognises the compression by the first bytes.
    ///
    /// # Errors
    /// The name of a compression that is recognised but not supported.
    pub fn detect(bytes: &[u8]) -> Result<Self, &'static str> {
        match bytes {
            [0x1f, 0x8b, ..] => Ok(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Ok(Self::Zstd),
            [0x04, 0x22, 0x4d, 0x18, ..] => Ok(Self::Lz4),
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Err("bzip2"),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Err("xz"),
            [b'P', b'K', 3, 4, ..] => Err("zip"),
            [b'7', b'z', 0xbc, 0xaf, ..] => Err("7-Zip"),
            [0x02, 0x21, 0x4c, 0x18, ..] => Err("LZ4's legacy format"),
            _ => Ok(Self::None),
        }
    }

    /// The name in messages and in the source's identity.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Lz4 => "lz4",
        }
    }

    /// A reader of the decompressed bytes. A stream that is cut off is an error, not an end.
    ///
    /// # Errors
    /// If the decompressor cannot be set up.
    pub fn reader(self, input: Box<dyn Read + Send>) -> io::Result<Box<dyn Read + Send>> {
        let buffered = |input| BufReader::with_capacity(READ, input);
        Ok(match self {
            Self::None => input,
            Self::Gzip => Box::new(GzipMembers { member: Some(Member::new(buffered(input))) }),
            Self::Zstd => Box::new(zstd::Decoder::with_buffer(buffered(input))?),
            Self::Lz4 => Box::new(Lz4Frames { frame: Some(lz4_frame(buffered(input))) }),
        })
    }
}

/// Reads one member. The caller continues with the next one.
#[expect(
    clippy::disallowed_types,
    reason = "its members are read one after the other, and what is behind them is looked at"
)]
type Member = bufread::GzDecoder<BufReader<Box<dyn Read + Send>>>;

/// gzip members, one after the other. Zeros after the last one are padding, as on tapes; GNU gzip accepts them too.
/// Anything else there is damage.
struct GzipMembers {
    member: Option<Member>,
}

impl Read for GzipMembers {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let count = member.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            let Some(member) = self.member.take() else { break };
            let mut input = member.into_inner();
            match filled(&mut input)? {
                [] => {}
                [0, ..] => skip_zeros(&mut input)?,
                _ => self.member = Some(Member::new(input)),
            }
        }
        Ok(0)
    }
}

/// The bytes that can be read without waiting; empty at the end. A signal in between is not a failure: returning here
/// would lose the reader's state.
fn filled(input: &mut impl BufRead) -> io::Result<&[u8]> {
    while let Err(error) = input.fill_buf() {
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    input.fill_buf()
}

fn skip_zeros(input: &mut impl BufRead) -> io::Result<()> {
    loop {
        let bytes = filled(input)?;
        if bytes.is_empty() {
            return Ok(());
        }
        if bytes.iter().any(|&byte| byte != 0) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "other bytes follow its padding"));
        }
        let length = bytes.len();
        input.consume(length);
    }
}

/// LZ4 frames, one after the other; the library's decoder stops after the first.
///
/// If the input ends between two blocks, or after a frame's header, the decoder reports the end of the frame. After a
/// real end of a frame, it has never asked for more bytes than there are. So this distinguishes the two cases.
struct Lz4Frames {
    frame: Option<lz4_flex::frame::FrameDecoder<Asked>>,
}

/// Records whether more bytes were asked for than there are.
struct Asked {
    input: BufReader<Box<dyn Read + Send>>,
    too_much: bool,
}

impl Read for Asked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        self.too_much |= count == 0 && !buffer.is_empty();
        Ok(count)
    }
}

fn lz4_frame(input: BufReader<Box<dyn Read + Send>>) -> lz4_flex::frame::FrameDecoder<Asked> {
    lz4_flex::frame::FrameDecoder::new(Asked { input, too_much: false })
}

impl Read for Lz4Frames {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(frame) = &mut self.frame {
            let count = frame.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            let Some(frame) = self.frame.take() else { break };
            let Asked { mut input, too_much } = frame.into_inner();
            if too_much {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the frame does not end"));
            }
            if !filled(&mut input)?.is_empty() {
                self.frame = Some(lz4_frame(input));
            }
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn compress(compression: Compression, parts: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::new();
        for part in parts {
            match compression {
                Compression::None => out.extend_from_slice(part),
                Compression::Gzip => {
                    let mut encoder = flate2::write::GzEncoder::new(&mut out, flate2::Compression::fast());
                    encoder.write_all(part).unwrap();
                    encoder.finish().unwrap();
                }
                Compression::Zstd => out.extend(zstd::encode_all(*part, 1).unwrap()),
                Compression::Lz4 => {
                    let mut encoder = lz4_flex::frame::FrameEncoder::new(&mut out);
                    encoder.write_all(part).unwrap();
                    encoder.finish().unwrap();
                }
            }
        }
        out
    }

    fn read(compression: Compression, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        compression.reader(Box::new(io::Cursor::new(bytes.to_vec())))?.read_to_end(&mut out)?;
        Ok(out)
    }

    const ALL: [Compression; 3] = [Compression::Gzip, Compression::Zstd, Compression::Lz4];

    #[test]
    fn several_members_are_one_stream() {
        let part = vec![b'x'; 300_000];
        for compression in ALL {
            let bytes = compress(compression, &[&part, b"", b"tail"]);
            assert_eq!(Compression::detect(&bytes), Ok(compression));
            let read = read(compression, &bytes).unwrap();
            assert_eq!(read.len(), 300_004, "{compression:?}");
        }
    }

    #[test]
    fn every_cut_is_an_error() {
        for compression in ALL {
            let first = compress(compression, &[b"first part"]);
            // Several blocks, so that cuts fall between them too.
            let blocks: Vec<u8> =
                (0..200_000u32).flat_map(|n| n.wrapping_mul(0x9e37_79b9).to_le_bytes()).collect();
            let long = compress(compression, &[&blocks]);
            for length in (first.len() + 1..long.len()).step_by(997).chain(block_ends(&long, compression)) {
                assert!(
                    read(compression, &long[..length]).is_err(),
                    "{compression:?} cut at {length} of {}",
                    long.len()
                );
            }
            let mut bytes = first.clone();
            bytes.extend(compress(compression, &[b"second part, which is longer"]));
            for length in 1..bytes.len() {
                let whole_member = length == first.len();
                assert_eq!(
                    read(compression, &bytes[..length]).is_ok(),
                    whole_member,
                    "{compression:?} cut at {length}"
                );
            }
        }
    }

    #[test]
    fn zeros_behind_gzip_are_padding() {
        let mut bytes = compress(Compression::Gzip, &[b"a", b"b"]);
        bytes.extend([0; 1000]);
        assert_eq!(read(Compression::Gzip, &bytes).unwrap(), b"ab");
        bytes.push(1);
        assert!(read(Compression::Gzip, &bytes).is_err());
    }

    /// Where the blocks of an LZ4 frame end: each begins with its length.
    fn block_ends(frame: &[u8], compression: Compression) -> Vec<usize> {
        let (mut ends, mut at) = (Vec::new(), 7);
        while compression == Compression::Lz4 && at + 4 < frame.len() {
            let length = u32::from_le_bytes(frame[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
            ends.push(at);
            at += 4 + length as usize;
        }
        ends
    }

    #[test]
    fn others_are_named() {
        assert_eq!(Compression::detect(b"BZh91AY"), Err("bzip2"));
        assert_eq!(Compression::detect(b"\xfd7zXZ\0"), Err("xz"));
        assert_eq!(Compression::detect(b"--\n"), Ok(Compression::None));
    }
}
