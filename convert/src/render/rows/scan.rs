//! Looking for the bytes that need attention, many at a time.
//!
//! By hand, because memchr looks for at most three bytes at once, and a whole class is meant here.

const ONES: u64 = u64::from_le_bytes([0x01; 8]);
const HIGHS: u64 = ONES << 7;

/// The index of the first byte that is a control character (a tab and a line feed are), a quote or a
/// backslash; the length of `text` if there is none.
#[inline]
pub(super) fn find_special(text: &[u8]) -> usize {
    // Most fields of most tables end within the first word; the rest stays out of the caller's way.
    match text.first_chunk::<8>() {
        Some(word) => match special_bits(u64::from_le_bytes(*word)) {
            0 => 8 + find_in_long(&text[8..]),
            found => (found.trailing_zeros() / 8) as usize,
        },
        None => find_in_words(text),
    }
}

/// Blocks whose bytes the compiler compares all at once.
#[inline(never)]
fn find_in_long(text: &[u8]) -> usize {
    let (blocks, _) = text.as_chunks::<32>();
    let mut clean = 0;
    for block in blocks {
        if any_special(block) {
            break;
        }
        clean += 32;
    }
    clean + find_in_words(&text[clean..])
}

fn find_in_words(text: &[u8]) -> usize {
    let (words, rest) = text.as_chunks::<8>();
    let mut clean = 0;
    for word in words {
        let found = special_bits(u64::from_le_bytes(*word));
        if found != 0 {
            return clean + (found.trailing_zeros() / 8) as usize;
        }
        clean += 8;
    }
    clean + rest.iter().position(|&byte| is_special(byte)).unwrap_or(rest.len())
}

#[inline]
fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

#[inline]
fn any_special(block: &[u8; 32]) -> bool {
    block.iter().fold(0u8, |any, &byte| any | u8::from(is_special(byte))) != 0
}

/// The high bit of each byte that is special.
///
/// A subtraction borrows into the next byte, so bits above the lowest one set may be wrong; the lowest is right,
/// and none is set where there is nothing. Bytes from 0x80 on are parts of multi-byte characters.
#[inline]
const fn special_bits(word: u64) -> u64 {
    let quote = word ^ (ONES * b'"' as u64);
    let backslash = word ^ (ONES * b'\\' as u64);
    let below_space = word.wrapping_sub(ONES * 0x20);
    (below_space | quote.wrapping_sub(ONES) | backslash.wrapping_sub(ONES)) & !word & HIGHS
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn finds_what_a_loop_finds(text in prop::collection::vec(prop_oneof![Just(b' '), Just(b'a'), Just(0xff), any::<u8>()], 0..200)) {
            let plain = text.iter().position(|&b| is_special(b)).unwrap_or(text.len());
            prop_assert_eq!(find_special(&text), plain);
        }
    }
}
