//! Large objects as statements: one transaction for those of an entry, each written in pieces.

/// So many bytes of an object are one statement.
pub(super) const PIECE: usize = 16 * 1024;

/// `INV_WRITE`.
const WRITE: u32 = 0x20000;

pub(super) fn begin(out: &mut Vec<u8>) {
    out.extend_from_slice(b"BEGIN;\n\n");
}

pub(super) fn end(out: &mut Vec<u8>) {
    out.extend_from_slice(b"COMMIT;\n\n");
}

pub(super) fn open(out: &mut Vec<u8>, oid: u32) {
    out.extend_from_slice(format!("SELECT pg_catalog.lo_open('{oid}', {WRITE});\n").as_bytes());
}

/// A piece of the object that was opened. `standard` is `standard_conforming_strings`.
pub(super) fn write(out: &mut Vec<u8>, piece: &[u8], standard: bool) {
    out.extend_from_slice(b"SELECT pg_catalog.lowrite(0, '");
    out.extend_from_slice(if standard { b"\\x" } else { b"\\\\x" });
    for byte in piece {
        out.push(hex(byte >> 4));
        out.push(hex(byte & 15));
    }
    out.extend_from_slice(b"');\n");
}

fn hex(digit: u8) -> u8 {
    if digit < 10 { b'0' + digit } else { b'a' + digit - 10 }
}

pub(super) fn close(out: &mut Vec<u8>) {
    out.extend_from_slice(b"SELECT pg_catalog.lo_close(0);\n\n");
}
