//! UUIDs as numbers.

/// Parses the form with hyphens, or 32 digits without.
pub(crate) fn parse(text: &str) -> Option<u128> {
    let bytes = text.as_bytes();
    let hyphens = match bytes.len() {
        36 => true,
        32 => false,
        _ => return None,
    };
    let mut value = 0;
    for (i, byte) in bytes.iter().enumerate() {
        if hyphens && matches!(i, 8 | 13 | 18 | 23) {
            if *byte != b'-' {
                return None;
            }
            continue;
        }
        value = value << 4 | u128::from(char::from(*byte).to_digit(16)?);
    }
    Some(value)
}

/// Whether the text has the form that PostgreSQL prints.
pub(crate) fn prints_as(value: u128, text: &str) -> bool {
    let mut printed = String::with_capacity(36);
    push(value, &mut printed);
    printed == text
}

/// Appends the form that PostgreSQL prints.
pub(crate) fn push(value: u128, out: &mut String) {
    use std::fmt::Write;
    let field = |shift: u32, bits: u32| (value >> shift) & ((1 << bits) - 1);
    // Writing to a string cannot fail.
    let _ = write!(
        out,
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        field(96, 32),
        field(80, 16),
        field(64, 16),
        field(48, 16),
        field(0, 48)
    );
}

/// The bits for the version and variant of a UUID, which stay.
const FIXED: u128 = 0xf000_c000_0000_0000_0000;

/// The 122 other bits as one number, and back.
pub(crate) fn free_bits(value: u128) -> u128 {
    (value >> 80) << 74 | (value >> 64 & 0xfff) << 62 | value & ((1 << 62) - 1)
}

/// A UUID of the same version and variant with other free bits.
pub(crate) fn with_free_bits(value: u128, free: u128) -> u128 {
    value & FIXED | (free >> 74) << 80 | (free >> 62 & 0xfff) << 64 | free & ((1 << 62) - 1)
}

/// A UUID of version 4 from any 122 bits.
pub(crate) fn version_4(free: u128) -> u128 {
    with_free_bits(0x4000_8000_0000_0000_0000, free)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_bits() {
        let text = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11";
        let value = parse(text).unwrap();
        let mut back = String::new();
        push(value, &mut back);
        assert_eq!(back, text);
        assert_eq!(parse("A0EEBC999C0B4EF8BB6D6BB9BD380A11"), Some(value));
        assert_eq!(with_free_bits(value, free_bits(value)), value);
        assert_eq!(with_free_bits(value, 0), 0x4000_8000_0000_0000_0000);
        assert_eq!(with_free_bits(0, (1 << 122) - 1) | FIXED, u128::MAX);
        for bad in
            ["", "a0eebc99", "a0eebc99-9c0b-4ef8-bb6d_6bb9bd380a11", "g0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"]
        {
            assert_eq!(parse(bad), None);
        }
    }
}
