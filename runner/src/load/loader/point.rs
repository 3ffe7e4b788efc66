//! Points in a slab: how many rows and numbers come before one, and the mark of it.

use convert::render::members::{Member, Rendered};

use crate::read::item::{Mark, Reject};

/// How many rows and numbers of a slab come before a place in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent {
    pub(super) rows: u64,
    pub(super) numbers: u64,
}

impl Extent {
    pub(super) fn up_to(member: &Member) -> Self {
        Self { rows: member.rows(), numbers: u64::from(member.number) + 1 }
    }
}

/// The part of a slab that is in batches: its rows and numbers, and how many of its rows were set aside.
#[derive(Debug, Default)]
pub(super) struct Passed {
    pub(super) rows: u64,
    pub(super) numbers: u64,
    pub(super) rejects: usize,
}

/// The point after a member of the slab, which may be one of several pieces of a row.
pub(super) fn after_member(before: &Mark, member: &Member) -> Box<Mark> {
    let mut mark = after_row(before, Extent::up_to(member), member.row_end, member.lines);
    mark.pieces = u64::from(member.pieces);
    mark
}

/// The point after the first rows and numbers of the slab, which are `bytes` and `lines` long.
fn after_row(before: &Mark, until: Extent, bytes: u32, lines: u32) -> Box<Mark> {
    let mut mark = before.clone();
    mark.scan = before.scan.after_rows(until.rows, u64::from(bytes), u64::from(lines));
    mark.rows += until.rows;
    if let Some(next) = before.next.checked_add(until.numbers) {
        mark.next = next;
    }
    Box::new(mark)
}

/// The point after the slab, whose last rows may have been set aside.
pub(super) fn after_slab(before: &Mark, whole: Extent, rendered: &Rendered, rejects: &[Reject]) -> Box<Mark> {
    let member = rendered.members.last().map_or((0, 0), |member| (member.row_end, member.lines));
    let reject = rejects.last().map_or((0, 0), |reject| {
        let lines = memchr::memchr_iter(b'\n', &reject.bytes).count() as u64;
        ((reject.start + reject.bytes.len() as u64) as u32, (reject.lines + lines) as u32)
    });
    let (bytes, lines) = member.max(reject);
    after_row(before, whole, bytes, lines)
}
