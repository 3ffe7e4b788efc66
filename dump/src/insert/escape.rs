//! The escapes of `E'…'`.

use memchr::memchr2;

/// Takes what a string with escapes is made of.
pub trait Unescape {
    /// Bytes that stand in the dump as they are.
    fn plain(&mut self, bytes: &[u8]);
    /// Bytes that an escape stands for: in the server's encoding, UTF-8, whatever the dump's is.
    fn escaped(&mut self, bytes: &[u8]);
}

/// Both are the same.
impl Unescape for Vec<u8> {
    fn plain(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    fn escaped(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// Undoes the escapes of [`Value::Escaped`](super::Value::Escaped). False where PostgreSQL would refuse it.
pub fn unescape(body: &[u8], out: &mut impl Unescape) -> bool {
    let mut rest = body;
    while let Some(at) = memchr2(b'\\', b'\'', rest) {
        out.plain(&rest[..at]);
        let Some(&letter) = rest.get(at + 1) else { return false };
        let tail = &rest[at + 2..];
        let (byte, used) = match (rest[at], letter) {
            (b'\'', _) => (b'\'', 0),
            (_, b'b') => (0x08, 0),
            (_, b'f') => (0x0c, 0),
            (_, b'n') => (b'\n', 0),
            (_, b'r') => (b'\r', 0),
            (_, b't') => (b'\t', 0),
            (_, b'0'..=b'7') => {
                let (value, used) = digits(&rest[at + 1..], 8, 3);
                ((value & 0xff) as u8, used - 1)
            }
            (_, b'x') => match digits(tail, 16, 2) {
                (_, 0) => (b'x', 0),
                (value, used) => (value as u8, used),
            },
            (_, b'u' | b'U') => {
                let Some((character, used)) = character(&rest[at..]) else { return false };
                out.escaped(character.encode_utf8(&mut [0; 4]).as_bytes());
                rest = &rest[at + used..];
                continue;
            }
            (_, other) => {
                // It may be the first byte of several.
                out.plain(&[other]);
                rest = tail;
                continue;
            }
        };
        out.escaped(&[byte]);
        rest = &tail[used..];
    }
    out.plain(rest);
    true
}

/// The character that `\u` or `\U` at the start of `text` stands for, with a second one where it is half of a pair, and how many
/// bytes that takes.
fn character(text: &[u8]) -> Option<(char, usize)> {
    let (first, used) = unit(text)?;
    if !(0xd800..0xdc00).contains(&first) {
        return Some((char::from_u32(first)?, used));
    }
    let (second, more) = unit(&text[used..])?;
    if !(0xdc00..0xe000).contains(&second) {
        return None;
    }
    Some((char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00))?, used + more))
}

fn unit(text: &[u8]) -> Option<(u32, usize)> {
    let length = match text.get(..2)? {
        b"\\u" => 4,
        b"\\U" => 8,
        _ => return None,
    };
    let (value, used) = digits(&text[2..], 16, length);
    (used == length).then_some((value, 2 + used))
}

fn digits(text: &[u8], radix: u32, most: usize) -> (u32, usize) {
    let values = text.iter().take(most).map_while(|&byte| char::from(byte).to_digit(radix));
    values.fold((0, 0), |(value, count), digit| (value.wrapping_mul(radix).wrapping_add(digit), count + 1))
}
