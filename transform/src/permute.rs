//! Keyed permutations of finite sets: each member becomes another one, no two become the same, in constant memory.

use crate::siphash::SipKey;

/// Each half is mixed five times. With fewer rounds, a Feistel network can be distinguished from chance.
const ROUNDS: u64 = 10;

/// Permutes numbers below a size that the caller chooses.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Permutation {
    key: SipKey,
}

impl Permutation {
    pub(crate) fn new(key: SipKey) -> Self {
        Self { key }
    }

    /// The image of `value`, which must be below `size`. Each `size` and `tweak` has its own permutation.
    pub(crate) fn apply(self, value: u128, size: u128, tweak: u64) -> u128 {
        debug_assert!(value < size);
        let bits = (128 - (size - 1).leading_zeros()).max(2);
        let mut value = value;
        // A cycle of the larger permutation always comes back into the set, at the latest at its start.
        loop {
            value = self.mix(value, bits, tweak);
            if value < size {
                return value;
            }
        }
    }

    /// A Feistel network whose halves may differ by one bit in size.
    fn mix(self, value: u128, bits: u32, tweak: u64) -> u128 {
        let low_bits = bits / 2;
        let mask = |bits: u32| u64::MAX >> (64 - bits);
        let (low_mask, high_mask) = (mask(low_bits), mask(bits - low_bits));
        let mut low = value as u64 & low_mask;
        let mut high = (value >> low_bits) as u64 & high_mask;
        for round in 0..ROUNDS {
            let head = round << 8 | u64::from(bits);
            if round % 2 == 0 {
                low ^= self.key.words([head, tweak, high]) & low_mask;
            } else {
                high ^= self.key.words([head, tweak, low]) & high_mask;
            }
        }
        u128::from(high) << low_bits | u128::from(low)
    }

    /// Permutes the whole numbers with the same sign and the same number of digits, within a range.
    pub(crate) fn same_digits(self, value: i64, (low, high): (i64, i64)) -> i64 {
        let magnitude = value.unsigned_abs();
        let digits = magnitude.checked_ilog10().unwrap_or(0);
        // One digit: 0 to 9 for a number that is not negative, otherwise 1 to 9.
        let first = if digits > 0 { 10_u64.pow(digits) } else { u64::from(value < 0) };
        let limit = if value < 0 { low.unsigned_abs() } else { high.unsigned_abs() };
        let last = 10_u64.checked_pow(digits + 1).map_or(u64::MAX, |next| next - 1).min(limit);
        let size = u128::from(last - first) + 1;
        let moved = self.apply(u128::from(magnitude - first), size, u64::from(value < 0));
        let magnitude = first + moved as u64;
        if value < 0 { 0_i64.wrapping_sub_unsigned(magnitude) } else { magnitude as i64 }
    }

    /// Permutes all numbers in a range that have the same sign; 0 counts as positive.
    pub(crate) fn same_sign(self, value: i64, (low, high): (i64, i64)) -> i64 {
        if value < 0 {
            let size = u128::from(low.unsigned_abs());
            let moved = self.apply(u128::from(value.unsigned_abs() - 1), size, 1);
            0_i64.wrapping_sub_unsigned(moved as u64 + 1)
        } else {
            let size = u128::from(high.unsigned_abs()) + 1;
            self.apply(u128::from(value.unsigned_abs()), size, 0) as i64
        }
    }

    /// Permutes texts of the same pattern: ASCII digits become digits, letters become letters of the same case, and
    /// everything else stays, including the characters to keep at the beginning and end.
    pub(crate) fn pattern(self, value: &str, keep_first: usize, keep_last: usize, out: &mut String) {
        let places = value.bytes().filter(|b| radix(*b).is_some()).count();
        let changes = keep_first.min(places)..places.saturating_sub(keep_last).max(keep_first.min(places));
        let mut text = value.as_bytes().to_vec();
        let at: Vec<usize> = (0..text.len()).filter(|i| radix(text[*i]).is_some()).collect();
        let at = &at[changes];
        let mut skeleton = text.clone();
        at.iter().for_each(|i| skeleton[*i] = class(text[*i]));
        let mut tweak = self.key.bytes(&skeleton);
        let mut start = 0;
        while start < at.len() {
            let (end, size) = chunk(&text, &at[start..]);
            let places = &at[start..start + end];
            let number = places.iter().fold(0, |n: u128, i| n * base(text[*i]) + offset(text[*i]));
            let mut moved = self.apply(number, size, tweak);
            for i in places.iter().rev() {
                let base = base(text[*i]);
                text[*i] = class(text[*i]) + (moved % base) as u8;
                moved /= base;
            }
            // Each piece depends on those before it, so that equal pieces do not stay equal.
            tweak = self.key.words([tweak, moved_hash(&text, places)]);
            start += end;
        }
        // ASCII was replaced by ASCII.
        out.push_str(&String::from_utf8_lossy(&text));
    }
}

fn moved_hash(text: &[u8], places: &[usize]) -> u64 {
    places.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, i| {
        (hash ^ u64::from(text[*i])).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The positions that fit into one permutation, and the size of its set.
fn chunk(text: &[u8], at: &[usize]) -> (usize, u128) {
    let mut size: u128 = 1;
    for (count, i) in at.iter().enumerate() {
        match size.checked_mul(base(text[*i])) {
            Some(next) if next <= 1 << 127 => size = next,
            _ => return (count, size),
        }
    }
    (at.len(), size)
}

fn radix(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(10),
        b'a'..=b'z' | b'A'..=b'Z' => Some(26),
        _ => None,
    }
}

fn base(byte: u8) -> u128 {
    radix(byte).map_or(1, u128::from)
}

/// The first character of the byte's kind.
fn class(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => b'0',
        b'a'..=b'z' => b'a',
        b'A'..=b'Z' => b'A',
        other => other,
    }
}

fn offset(byte: u8) -> u128 {
    u128::from(byte - class(byte))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn permutation() -> Permutation {
        Permutation::new(SipKey::new([1, 2]))
    }

    #[test]
    fn every_small_set_is_permuted() {
        for size in 1..300 {
            let images: HashSet<u128> = (0..size).map(|n| permutation().apply(n, size, 0)).collect();
            assert_eq!(images.len() as u128, size);
            assert!(images.iter().all(|n| *n < size));
        }
    }

    #[test]
    fn integers_keep_sign_digits_and_range() {
        let range = (i64::from(i16::MIN), i64::from(i16::MAX));
        for permute in [Permutation::same_digits, Permutation::same_sign] {
            let images: HashSet<i64> =
                (range.0..=range.1).map(|n| permute(permutation(), n, range)).collect();
            assert_eq!(images.len(), 65_536);
            assert!(images.iter().all(|n| (range.0..=range.1).contains(n)));
        }
        for n in range.0..=range.1 {
            let moved = permutation().same_digits(n, range);
            assert_eq!(moved.to_string().len(), n.to_string().len(), "{n} {moved}");
        }
        for n in [i64::MIN, i64::MAX, 0, -1, 1_000_000_000_000_000_000] {
            permutation().same_digits(n, (i64::MIN, i64::MAX));
            permutation().same_sign(n, (i64::MIN, i64::MAX));
        }
    }

    #[test]
    fn patterns_of_four_digits_are_permuted() {
        let images: HashSet<String> = (0..10_000)
            .map(|n| {
                let mut out = String::new();
                permutation().pattern(&format!("+1 {n:04}"), 1, 0, &mut out);
                assert!(out.starts_with("+1 ") && out.len() == 7, "{out}");
                out
            })
            .collect();
        assert_eq!(images.len(), 10_000);
    }

    proptest! {
        #[test]
        fn patterns_are_kept(value in "[a-zA-Z0-9é -]{0,90}", first in 0_usize..4, last in 0_usize..4) {
            let mut out = String::new();
            permutation().pattern(&value, first, last, &mut out);
            let classes = |text: &str| text.bytes().map(class).collect::<Vec<_>>();
            prop_assert_eq!(classes(&out), classes(&value));
        }

        #[test]
        fn long_patterns_do_not_collide(a in "[0-9]{80}", b in "[0-9]{80}") {
            let of = |value: &str| {
                let mut out = String::new();
                permutation().pattern(value, 0, 0, &mut out);
                out
            };
            prop_assert_eq!(a == b, of(&a) == of(&b));
        }
    }
}
