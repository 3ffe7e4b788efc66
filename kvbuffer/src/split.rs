//! Takes rows of a bootstrap apart again, without reading their values.

use serde::Deserialize;

use crate::encode::ROW_TAIL;
use crate::position::{BOOTSTRAP_PREFIX, Sequence};

const OPEN: &[u8] = br#"{"type":"dml","position":""#;
const DATA: &[u8] = br#"","data":"#;
/// It cannot be within a text, where each quote has a backslash before it.
const VALUES: &[u8] = br#","columnvalues":["#;

/// The parts of a row, as [`RowHead`](crate::RowHead) and its caller wrote them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowParts<'a> {
    /// The number of the change.
    pub sequence: Sequence,
    /// From the position's end up to the values: the same bytes for all rows with this table and these columns.
    pub head: &'a [u8],
    /// The values, in JSON, with commas between them.
    pub values: &'a [u8],
}

/// The parts of a row; `None` for any other member, and for a row in another spelling than ours. `known` is the head of the
/// row before: most rows have the same.
#[inline]
#[must_use]
pub fn split_row<'a>(member: &'a [u8], known: &[u8]) -> Option<RowParts<'a>> {
    let rest = member.strip_prefix(OPEN)?.strip_prefix(BOOTSTRAP_PREFIX.as_bytes())?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = rest.split_at(digits);
    let number = std::str::from_utf8(number).ok()?.parse().ok()?;
    let length = if !known.is_empty() && rest.starts_with(known) {
        known.len()
    } else {
        rest.starts_with(DATA).then_some(())?;
        memchr::memmem::find(rest, VALUES)? + VALUES.len()
    };
    let (head, rest) = rest.split_at(length);
    Some(RowParts { sequence: Sequence::new(number)?, head, values: rest.strip_suffix(ROW_TAIL)? })
}

/// The table and the columns in a row's head, quoted as SQL requires.
#[must_use]
pub fn read_head(head: &[u8]) -> Option<(String, Vec<String>)> {
    #[derive(Deserialize)]
    struct Head {
        table: String,
        columnnames: Vec<String>,
    }
    let fields = head.strip_prefix(DATA)?.strip_suffix(VALUES)?;
    let Head { table, columnnames } = serde_json::from_slice(&[fields, b"}"].concat()).ok()?;
    Some((table, columnnames))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::RowHead;

    fn row(head: &mut RowHead, values: &str) -> Vec<u8> {
        let mut member = Vec::new();
        head.push(&mut member);
        member.extend_from_slice(values.as_bytes());
        member.extend_from_slice(ROW_TAIL);
        member
    }

    #[test]
    fn rows_are_taken_apart() {
        let columns = ["id", "\"a \"\",\"\"columnvalues\"\":[\""];
        let mut head = RowHead::new("public.\"T\"", &columns, Sequence::new(99_999_999).unwrap());
        let (one, two) = (row(&mut head, "1,\"a\""), row(&mut head, "null,\"\""));
        let first = split_row(&one, b"").unwrap();
        assert_eq!((first.sequence.get(), first.values), (99_999_999, b"1,\"a\"".as_slice()));
        let second = split_row(&two, first.head).unwrap();
        assert_eq!((second.sequence.get(), second.values), (100_000_000, b"null,\"\"".as_slice()));
        assert_eq!(first.head, second.head);
        let (table, names) = read_head(first.head).unwrap();
        assert_eq!((table.as_str(), names), ("public.\"T\"", columns.map(str::to_owned).to_vec()));
        // With the head of another table before it.
        let other = row(&mut RowHead::new("public.u", &["id"], Sequence::FIRST), "1");
        assert_eq!(split_row(&two, split_row(&other, b"").unwrap().head), Some(second));
    }

    #[test]
    fn what_is_no_row_of_ours_is_left_alone() {
        let mut ddl = Vec::new();
        crate::encode_ddl(&mut ddl, Sequence::FIRST, "2000-01-01T00:00:00Z", "", "SELECT 1;");
        let right = row(&mut RowHead::new("t", &["a"], Sequence::FIRST), "1");
        let text = String::from_utf8(right).unwrap();
        for wrong in [
            String::from_utf8(ddl).unwrap(),
            text.replace("insert", "delete"),
            text.replace("0/BOOTSTRAP", "0/"),
            text.replace("00000001", ""),
            text.replace("00000001", "99999999999999999999"),
            text.replace("columnvalues", "columnvalue"),
        ] {
            assert_eq!(split_row(wrong.as_bytes(), b""), None, "{wrong}");
        }
    }
}
