//! Rows for a PostgreSQL database: a slab of COPY's text is one change, as the dump has it, or as INSERT rows and transforms
//! became it. The server reads the values, so nothing here does.

use dump::SlabSize;
use dump::copy::FieldError;

use super::fault::{FaultReason, RowFault};
use super::lines::{Lines, REFUSED};
use super::members::Rendered;

/// The slabs: small enough to be spread over all workers, large enough that nothing is spent on each.
pub const SLABS: SlabSize = SlabSize { bytes: 256 * 1024, rows: 100_000, border: u64::MAX };

/// Takes the rows over, but for those at fault already.
pub fn render(lines: Lines<'_>, out: &mut Rendered) {
    let bytes = lines.bytes;
    if memchr::memmem::find(bytes, b"\\\n").is_none() {
        out.bytes.extend_from_slice(bytes);
    } else {
        without_refused(bytes, out);
    }
    if out.bytes.is_empty() {
        return;
    }
    if out.bytes.last() != Some(&b'\n') {
        out.bytes.push(b'\n');
    }
    out.ends_pack(0, (lines.rows as u32).saturating_sub(1), bytes.len() as u32);
}

#[cold]
fn without_refused(bytes: &[u8], out: &mut Rendered) {
    let (mut start, mut row) = (0, 0);
    while start < bytes.len() {
        let end = memchr::memchr(b'\n', &bytes[start..]).map_or(bytes.len(), |at| start + at + 1);
        let line = &bytes[start..end];
        if is_cut(line) {
            let reason = FaultReason::Field(FieldError::DanglingBackslash);
            out.faults.push(RowFault { row, start, end, lines: row, column: None, reason });
        } else {
            out.bytes.extend_from_slice(line);
        }
        (start, row) = (end, row + 1);
    }
}

/// Whether the line's last backslash escapes its end: then it is no row, and COPY would read the next one as its rest.
/// [`REFUSED`] is such a line.
fn is_cut(line: &[u8]) -> bool {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.iter().rev().take_while(|byte| [**byte] == *REFUSED).count() % 2 == 1
}

#[cfg(test)]
mod tests;
