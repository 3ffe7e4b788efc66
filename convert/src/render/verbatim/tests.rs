use super::*;
use crate::render::lines::Numbers;

fn rendered(bytes: &[u8], rows: u64) -> Rendered {
    let mut out = Rendered::default();
    let numbers = Numbers::plain(1);
    render(Lines { bytes, crlf: false, rows, numbers, first_row: 0, ignoring: &[] }, &mut out);
    out
}

#[test]
fn a_slab_is_one_member_as_it_stands() {
    let out = rendered(b"1\t\\N\\\\\n2\tx\n", 2);
    assert_eq!((out.member(0), out.members.len()), (b"1\t\\N\\\\\n2\tx\n".as_slice(), 1));
    assert_eq!((out.members[0].rows(), out.members[0].row_end, out.members[0].lines), (2, 11, 2));
    assert_eq!(rendered(b"1\n2", 2).member(0), b"1\n2\n");
}

#[test]
fn rows_at_fault_are_left_out() {
    let out = rendered(b"1\n\\\n3\n", 3);
    assert_eq!((out.member(0), out.members[0].rows()), (b"1\n3\n".as_slice(), 3));
    assert_eq!((out.faults[0].row, out.faults[0].start, out.faults[0].end), (1, 2, 4));
    // A backslash that escapes the end of its line would take the next row along.
    let cut = rendered(b"1\ta\\\n2\tb\\\\\n3\tc\\\\\\\n4\td\n", 4);
    assert_eq!(cut.member(0), b"2\tb\\\\\n4\td\n");
    assert_eq!(cut.faults.iter().map(|fault| fault.row).collect::<Vec<_>>(), [0, 2]);
    let none = rendered(b"\\\n", 1);
    assert_eq!((none.members.len(), none.faults.len()), (0, 1));
}
