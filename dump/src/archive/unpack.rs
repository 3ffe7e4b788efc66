//! The compression of an entry's data.

use std::io::{self, BufRead, Read};

use flate2::{Decompress, FlushDecompress, Status};

/// How data are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    None,
    /// Within a custom archive.
    Zlib,
    /// In a file of a directory.
    Gzip,
    Lz4,
    Zstd,
}

/// Compressed bytes as what they were. Data that are cut off are an error, not an end.
pub(super) enum Unpacked<R: BufRead> {
    None(R),
    Zlib(Zlib<R>),
    Gzip(Box<flate2::bufread::MultiGzDecoder<R>>),
    Lz4(Box<lz4_flex::frame::FrameDecoder<Asked<R>>>),
    Zstd(Box<zstd::Decoder<'static, R>>),
}

impl<R: BufRead> Unpacked<R> {
    /// A reader of `packed`. pg_dump begins some streams only with their first byte, so an empty one is whole.
    pub(super) fn new(method: Method, mut packed: R) -> io::Result<Self> {
        if method != Method::Gzip && packed.fill_buf()?.is_empty() {
            return Ok(Self::None(packed));
        }
        Ok(match method {
            Method::None => Self::None(packed),
            Method::Zlib => Self::Zlib(Zlib { packed, inflate: Decompress::new(true), ended: false }),
            Method::Gzip => Self::Gzip(Box::new(flate2::bufread::MultiGzDecoder::new(packed))),
            Method::Lz4 => {
                Self::Lz4(Box::new(lz4_flex::frame::FrameDecoder::new(Asked { packed, too_much: false })))
            }
            Method::Zstd => Self::Zstd(Box::new(zstd::Decoder::with_buffer(packed)?)),
        })
    }

    /// The compressed bytes, as far as they were read.
    pub(super) fn get_ref(&self) -> &R {
        match self {
            Self::None(packed) => packed,
            Self::Zlib(zlib) => &zlib.packed,
            Self::Gzip(gzip) => gzip.get_ref(),
            Self::Lz4(lz4) => &lz4.get_ref().packed,
            Self::Zstd(zstd) => zstd.get_ref(),
        }
    }

    /// What stands behind the data, which were read to their end.
    pub(super) fn into_inner(self) -> R {
        match self {
            Self::None(packed) => packed,
            Self::Zlib(zlib) => zlib.packed,
            Self::Gzip(gzip) => gzip.into_inner(),
            Self::Lz4(lz4) => lz4.into_inner().packed,
            Self::Zstd(zstd) => zstd.finish(),
        }
    }
}

impl<R: BufRead> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::None(packed) => packed.read(buffer),
            Self::Zlib(zlib) => zlib.read(buffer),
            Self::Gzip(gzip) => gzip.read(buffer),
            Self::Lz4(lz4) => {
                let count = lz4.read(buffer)?;
                // Between two blocks an end of the input looks to the library like the end of the frame.
                if count == 0 && !buffer.is_empty() && lz4.get_ref().too_much {
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the frame does not end"));
                }
                Ok(count)
            }
            Self::Zstd(zstd) => zstd.read(buffer),
        }
    }
}

/// One stream of zlib. The library's reader takes an end of its input for the end of the stream.
pub(super) struct Zlib<R> {
    packed: R,
    inflate: Decompress,
    ended: bool,
}

impl<R: BufRead> Read for Zlib<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.ended && !buffer.is_empty() {
            let packed = self.packed.fill_buf()?;
            let at_end = packed.is_empty();
            let (taken, given) = (self.inflate.total_in(), self.inflate.total_out());
            let status = self
                .inflate
                .decompress(packed, buffer, FlushDecompress::None)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            self.packed.consume((self.inflate.total_in() - taken) as usize);
            let count = (self.inflate.total_out() - given) as usize;
            self.ended = status == Status::StreamEnd;
            if count > 0 {
                return Ok(count);
            }
            let stuck = self.inflate.total_in() == taken;
            if (at_end || stuck) && !self.ended {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the zlib stream does not end"));
            }
        }
        Ok(0)
    }
}

/// Records whether more bytes were asked for than there are.
pub(super) struct Asked<R> {
    packed: R,
    too_much: bool,
}

impl<R: Read> Read for Asked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.packed.read(buffer)?;
        self.too_much |= count == 0 && !buffer.is_empty();
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn pack(method: Method, data: &[u8]) -> Vec<u8> {
        let level = flate2::Compression::fast();
        match method {
            Method::None => data.to_vec(),
            Method::Zlib => {
                let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), level);
                encoder.write_all(data).unwrap();
                encoder.finish().unwrap()
            }
            Method::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
                encoder.write_all(data).unwrap();
                encoder.finish().unwrap()
            }
            Method::Lz4 => {
                let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
                encoder.write_all(data).unwrap();
                encoder.finish().unwrap()
            }
            Method::Zstd => zstd::encode_all(data, 1).unwrap(),
        }
    }

    fn unpack(method: Method, packed: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        let mut unpacked = Unpacked::new(method, packed)?;
        unpacked.read_to_end(&mut out)?;
        assert!(unpacked.into_inner().is_empty());
        Ok(out)
    }

    #[test]
    fn what_is_packed_comes_out_and_what_is_cut_off_does_not() {
        let data: Vec<u8> = (0..300_000_u32).flat_map(|n| n.wrapping_mul(n).to_le_bytes()).collect();
        for method in [Method::Zlib, Method::Gzip, Method::Lz4, Method::Zstd] {
            let packed = pack(method, &data);
            assert!(unpack(method, &packed).unwrap() == data, "{method:?}");
            for cut in [packed.len() - 1, packed.len() / 2, 5, 1] {
                assert!(unpack(method, &packed[..cut]).is_err(), "{method:?} at {cut}");
            }
        }
        assert!(unpack(Method::Gzip, b"").is_err());
        assert_eq!(unpack(Method::Lz4, b"").unwrap(), b"");
    }

    #[test]
    fn small_streams_are_cut_off_at_any_byte() {
        for method in [Method::Zlib, Method::Gzip, Method::Lz4, Method::Zstd] {
            let packed = pack(method, b"one row\n");
            for cut in 1..packed.len() {
                assert!(unpack(method, &packed[..cut]).is_err(), "{method:?} at {cut}");
            }
        }
    }
}
