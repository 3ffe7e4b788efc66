//! Compares two databases by their dumps.
//!
//! Only text that depends on the moment of the dump is left out of the comparison: the key of `\restrict`. Every
//! other line counts, at its place. If a difference is right, an [`Allowance`] states it and the reason. An allowance
//! that is no longer used is an error too, so that the list stays current.

use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, Instant};

use regex::Regex;
use similar::{Algorithm, DiffOp};

use crate::servers::{Database, PostgresServer};

/// How many lines of one object a message shows.
const PER_SECTION: usize = 8;

/// Whether the rows of a table must come in the same order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowOrder {
    /// As they lie in the heap.
    Exact,
    /// Any order within one COPY block, for the reason given; other rows or another number of them still differ.
    /// The blocks that needed it are listed in [`Comparison::reordered`].
    AnyWithinTable(&'static str),
}

/// A kind of difference that is right.
#[derive(Debug)]
pub struct Allowance {
    pattern: Regex,
    /// Why it is right.
    pub reason: &'static str,
}

impl Allowance {
    /// Allows differing lines that match; the pattern sees `section: line`, for instance
    /// `t_id_seq; Type: SEQUENCE SET; Schema: public: SELECT pg_catalog.setval(…)`.
    pub fn new(pattern: &str, reason: &'static str) -> Self {
        let pattern = Regex::new(pattern).unwrap_or_else(|e| panic!("the pattern {pattern:?}: {e}"));
        Self { pattern, reason }
    }
}

/// On which side a line stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Only in the first database.
    Left,
    /// Only in the second one.
    Right,
}

/// A line that the other side has not, or has elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Where it stands.
    pub side: Side,
    /// Its number in that dump, from 1.
    pub number: usize,
    /// The object that pg_dump was at: `name; Type: …; Schema: …`.
    pub section: String,
    /// The line.
    pub text: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.side == Side::Left { '-' } else { '+' };
        write!(f, "{sign}{} [{}] {}", self.number, self.section, self.text)
    }
}

/// The result of a comparison.
#[derive(Debug, Default)]
pub struct Comparison {
    /// Lines that differ and that nothing allows.
    pub differing: Vec<Line>,
    /// Lines that differ and are allowed, with the reason.
    pub allowed: Vec<(Line, &'static str)>,
    /// Patterns that allowed nothing.
    pub unused: Vec<String>,
    /// The tables whose rows are the same in another order, where that was allowed.
    pub reordered: Vec<String>,
    /// How many lines the first dump has.
    pub lines: usize,
}

impl Comparison {
    /// Panics unless there is no difference and every allowance was needed.
    #[track_caller]
    pub fn expect_same(&self) -> &Self {
        assert!(self.differing.is_empty() && self.unused.is_empty(), "the databases differ:\n{self}");
        self
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} lines: {} differ, {} allowed, {} tables in another order",
            self.lines,
            self.differing.len(),
            self.allowed.len(),
            self.reordered.len()
        )?;
        for lines in self.differing.chunk_by(|a, b| a.section == b.section).take(20) {
            for line in lines.iter().take(PER_SECTION) {
                writeln!(f, "{line}")?;
            }
            if let Some(more @ 1..) = lines.len().checked_sub(PER_SECTION) {
                writeln!(f, "  … {more} more of [{}]", lines[0].section)?;
            }
        }
        for pattern in &self.unused {
            writeln!(f, "the allowance {pattern:?} allows nothing: delete it")?;
        }
        Ok(())
    }
}

/// Dumps both databases with the same arguments and compares.
pub fn compare(
    left: (&PostgresServer, &Database),
    right: (&PostgresServer, &Database),
    args: &[&str],
    order: RowOrder,
    allowances: &[Allowance],
) -> Comparison {
    compare_dumps(&left.0.pg_dump(left.1, args), &right.0.pg_dump(right.1, args), order, allowances)
}

/// Compares two plain dumps.
pub fn compare_dumps(left: &[u8], right: &[u8], order: RowOrder, allowances: &[Allowance]) -> Comparison {
    let (mut left, mut right) = (Dump::read(left), Dump::read(right));
    let mut result = Comparison { lines: left.lines.len(), ..Comparison::default() };
    if let RowOrder::AnyWithinTable(_) = order {
        result.reordered = sort_rows(&mut left, &mut right);
    }
    let mut used = vec![false; allowances.len()];
    for line in differing(&left, &right) {
        let subject = format!("{}: {}", line.section, line.text);
        match allowances.iter().position(|allowance| allowance.pattern.is_match(&subject)) {
            Some(index) => {
                used[index] = true;
                result.allowed.push((line, allowances[index].reason));
            }
            None => result.differing.push(line),
        }
    }
    let unused = allowances.iter().zip(used).filter(|(_, used)| !used);
    result.unused = unused.map(|(allowance, _)| allowance.pattern.to_string()).collect();
    result
}

/// A dump's lines, each with its number, without the lines that are never compared.
struct Dump<'a> {
    lines: Vec<(usize, &'a [u8])>,
    /// Index of the first row, index after the last one, and the COPY line of each block.
    blocks: Vec<(usize, usize, &'a [u8])>,
    /// The index of the line that names an object, and its text.
    sections: Vec<(usize, &'a [u8])>,
}

impl<'a> Dump<'a> {
    fn read(text: &'a [u8]) -> Self {
        let mut dump = Self { lines: Vec::new(), blocks: Vec::new(), sections: Vec::new() };
        let mut copy = None;
        for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
            match copy {
                None if line.starts_with(b"\\restrict ") || line.starts_with(b"\\unrestrict ") => continue,
                None if line.starts_with(b"COPY ") && line.ends_with(b" FROM stdin;") => {
                    copy = Some((dump.lines.len() + 1, line));
                }
                Some((first, header)) if line == b"\\." => {
                    dump.blocks.push((first, dump.lines.len(), header));
                    copy = None;
                }
                None => {
                    let named =
                        [&b"-- Name: "[..], b"-- Data for Name: "].iter().find_map(|p| line.strip_prefix(*p));
                    dump.sections.extend(named.map(|name| (dump.lines.len(), name)));
                }
                Some(_) => {}
            }
            dump.lines.push((index + 1, line));
        }
        dump
    }

    fn line(&self, side: Side, index: usize) -> Line {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let next = self.sections.partition_point(|(at, _)| *at <= index);
        let section = next.checked_sub(1).map_or(String::new(), |at| text(self.sections[at].1));
        let (number, line) = self.lines[index];
        Line { side, number, section, text: text(line) }
    }
}

/// Sorts the rows of blocks that both have under the same header, where the order differs and the rows do not.
fn sort_rows(left: &mut Dump<'_>, right: &mut Dump<'_>) -> Vec<String> {
    let rows = |lines: &[(usize, &[u8])]| lines.iter().map(|(_, row)| row.to_vec()).collect::<Vec<_>>();
    let mut others: HashMap<&[u8], Vec<(usize, usize)>> = HashMap::new();
    for (from, to, header) in right.blocks.iter().rev() {
        others.entry(header).or_default().push((*from, *to));
    }
    let mut reordered = Vec::new();
    for (from, to, header) in left.blocks.clone() {
        let Some((other_from, other_to)) = others.get_mut(header).and_then(Vec::pop) else { continue };
        let (mut ours, mut theirs) = (rows(&left.lines[from..to]), rows(&right.lines[other_from..other_to]));
        if ours == theirs {
            continue;
        }
        ours.sort();
        theirs.sort();
        if ours == theirs {
            reordered.push(String::from_utf8_lossy(header).into_owned());
            left.lines[from..to].sort_by(|a, b| a.1.cmp(b.1));
            right.lines[other_from..other_to].sort_by(|a, b| a.1.cmp(b.1));
        }
    }
    reordered
}

fn differing<'a>(left: &Dump<'a>, right: &Dump<'a>) -> Vec<Line> {
    let mut numbers = HashMap::new();
    let (a, b) = (intern(&mut numbers, left), intern(&mut numbers, right));
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut lines = Vec::new();
    for op in similar::capture_diff_slices_deadline(Algorithm::Myers, &a, &b, Some(deadline)) {
        if let DiffOp::Equal { .. } = op {
            continue;
        }
        for (side, dump, range) in [(Side::Left, left, op.old_range()), (Side::Right, right, op.new_range())]
        {
            lines.extend(range.map(|index| dump.line(side, index)));
        }
    }
    lines
}

/// Numbers for lines, so that comparing two of them costs nothing.
fn intern<'a>(numbers: &mut HashMap<&'a [u8], usize>, dump: &Dump<'a>) -> Vec<usize> {
    let mut number = |line| {
        let next = numbers.len();
        *numbers.entry(line).or_insert(next)
    };
    dump.lines.iter().map(|(_, line)| number(*line)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DUMP: &str = "--\n-- PostgreSQL database dump\n--\n\n\\restrict abc\n\n--\n-- Name: t; Type: TABLE; Schema: public; \
        Owner: postgres\n--\n\nCREATE TABLE public.t (\n    a integer\n);\n\n--\n-- Data for Name: t; Type: TABLE DATA; \
        Schema: public; Owner: postgres\n--\n\nCOPY public.t (a) FROM stdin;\n1\n2\n\\restrict abc\n\\.\n\n\n\\unrestrict abc\n";

    fn against(other: &str, order: RowOrder, allowances: &[Allowance]) -> Comparison {
        compare_dumps(DUMP.as_bytes(), other.as_bytes(), order, allowances)
    }

    #[test]
    fn only_the_restrict_key_may_differ() {
        let other = DUMP.replacen("restrict abc", "restrict xyz", 1);
        against(&other, RowOrder::Exact, &[]).expect_same();
        let in_data = DUMP.replace("\\restrict abc\n\\.", "\\restrict xyz\n\\.");
        assert_eq!(against(&in_data, RowOrder::Exact, &[]).differing.len(), 2);
        assert_eq!(against(&DUMP.replace("a integer", "a bigint"), RowOrder::Exact, &[]).differing.len(), 2);
        assert_eq!(against(&DUMP.replace("1\n2", "1\n\n2"), RowOrder::Exact, &[]).differing.len(), 1);
    }

    #[test]
    fn a_difference_names_its_object() {
        let found = against(&DUMP.replace("1\n2", "1\n3"), RowOrder::Exact, &[]).differing;
        let shown: Vec<_> = found.iter().map(ToString::to_string).collect();
        let section = "t; Type: TABLE DATA; Schema: public; Owner: postgres";
        assert_eq!(shown, [format!("-21 [{section}] 2"), format!("+21 [{section}] 3")]);
    }

    #[test]
    fn order_counts_unless_it_is_said_why_not() {
        let other = DUMP.replace("1\n2", "2\n1");
        assert!(!against(&other, RowOrder::Exact, &[]).differing.is_empty());
        let any = RowOrder::AnyWithinTable("test");
        let compared = against(&other, any, &[]);
        assert_eq!(compared.expect_same().reordered, ["COPY public.t (a) FROM stdin;"]);
        assert!(!against(&DUMP.replace("1\n2", "2\n2"), any, &[]).differing.is_empty());
        assert!(!against(&DUMP.replace("1\n2", "2\n1\n1"), any, &[]).differing.is_empty());
    }

    #[test]
    fn allowances_must_be_needed() {
        let other = DUMP.replace("a integer", "a bigint");
        let allow = [Allowance::new("Type: TABLE; .*: +a (integer|bigint)$", "test")];
        assert_eq!(against(&other, RowOrder::Exact, &allow).expect_same().allowed.len(), 2);
        assert_eq!(against(DUMP, RowOrder::Exact, &allow).unused.len(), 1);
        assert!(!against(&other.replace("1\n", ""), RowOrder::Exact, &allow).differing.is_empty());
    }
}
