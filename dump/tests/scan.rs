//! The scanner gives the same events for any cutting of the bytes, and from any point on.

use dump::insert::OnConflict;
use dump::{Event, ScanError, ScanPoint, Scanner, SlabSize};
use proptest::prelude::*;

/// What an event says, without the buffers.
#[derive(Debug, Clone, PartialEq)]
enum Seen {
    Statement(String),
    Meta(String),
    CopyStart(String),
    Rows { offset: u64, line: u64, first: u64, rows: u64, bytes: Vec<u8>, open: OnConflict },
    CopyEnd(u64),
    End,
    Failed(ScanError),
}

fn seen(event: Event) -> Seen {
    match event {
        Event::Statement(statement) => Seen::Statement(format!("{:?} {}", statement.place, statement.text)),
        Event::Meta(meta, place) => Seen::Meta(format!("{place:?} {meta:?}")),
        Event::CopyStart(header) => Seen::CopyStart(format!("{header:?}")),
        Event::Rows(slab) => Seen::Rows {
            offset: slab.place.offset,
            line: slab.place.line,
            first: slab.first_row,
            rows: slab.rows,
            bytes: slab.bytes().to_vec(),
            open: slab.insert.as_ref().map(|shape| shape.open).unwrap_or_default(),
        },
        Event::CopyEnd { rows } => Seen::CopyEnd(rows),
        Event::End => Seen::End,
    }
}

/// All events of `dump` from the scanner's place on, fed in pieces of `step` bytes, with the point after each.
fn events(mut scanner: Scanner, dump: &[u8], step: usize) -> Vec<(Seen, ScanPoint)> {
    let mut rest = &dump[(scanner.point().offset as usize).min(dump.len())..];
    let mut all = Vec::new();
    loop {
        match scanner.next_event() {
            Ok(Some(event)) => {
                let seen = seen(event);
                let end = seen == Seen::End;
                all.push((seen, scanner.point()));
                if end {
                    return all;
                }
            }
            Ok(None) if rest.is_empty() => scanner.finish(),
            Ok(None) => {
                let count = step.min(rest.len());
                scanner.push(&rest[..count]);
                rest = &rest[count..];
            }
            Err(error) => {
                all.push((Seen::Failed(error), scanner.point()));
                return all;
            }
        }
    }
}

fn whole(dump: &[u8]) -> Vec<(Seen, ScanPoint)> {
    events(Scanner::new(), dump, usize::MAX)
}

/// The row events of one block are one piece where only their content matters.
fn content(events: &[(Seen, ScanPoint)]) -> Vec<Seen> {
    let mut out: Vec<Seen> = Vec::new();
    for (seen, _) in events {
        if let (
            Some(Seen::Rows { rows, bytes, open, .. }),
            Seen::Rows { rows: more, bytes: next, open: last, .. },
        ) = (out.last_mut(), seen)
        {
            *rows += more;
            *open = *last;
            bytes.extend(next);
        } else {
            out.push(seen.clone());
        }
    }
    out
}

const PIECES: &[&str] = &[
    "--\n-- PostgreSQL database dump\n--\n\n",
    "--\n-- PostgreSQL database dump complete\n--\n\n",
    "\\restrict abc\n",
    "\\unrestrict abc\n",
    "\\set v 'x y'\n",
    "\\connect \"it's\";\r\n",
    "\\c -reuse-previous=on \"dbname='a b'\"",
    "\\encoding LATIN1\n",
    "\\echo :v \\i x\n",
    "SELECT 1 \\gset\n",
    "SELECT :v, :w, a[1:v]::int, :'v';\n",
    "-- PostgreSQL database cluster dump\n",
    "-- PostgreSQL database cluster dump complete\r\n",
    "Password: \n-- PostgreSQL database dump\n--\n",
    "COPY public.t (a) FROM stdin WITH (FORMAT text); -- rows /* follow\n1\r\n2\r\n\\.\n",
    "COPY public.t (a) FROM stdin; /* rows\n follow */\n",
    "COPY public.t FROM stdin WITH CSV;\n",
    "SET client_encoding = 'UTF8';\n",
    "SET client_encoding = 'LATIN1';\n",
    "SET standard_conforming_strings = off;\n",
    "SET standard_conforming_strings = on;\n",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN ';' END; END;\n",
    "COMMENT ON TABLE t IS 'it''s \\';\n",
    "COMMENT ON TABLE t IS E'it\\'s';\n",
    "CREATE FUNCTION g() RETURNS int LANGUAGE sql AS $_$ SELECT $1; -- ' $_$;\n",
    "/* a /* nested; */ comment */\n",
    "COPY public.t (a, b) FROM stdin;\n1\tx\n2\t\\N\n\\.\n",
    "COPY public.t (a) FROM stdin;\n\n\\\\.\n--\nCOPY x FROM stdin;\n\\.\n",
    "INSERT INTO public.t VALUES (1, 'a''b;');\n",
    "INSERT INTO public.t VALUES\n\t(1, E'\\\\'),\n\t(2, NULL)\n ON CONFLICT DO NOTHING;\n",
    "INSERT INTO public.t (\"a,)\") OVERRIDING SYSTEM VALUE VALUES (B'01');\n",
    "INSERT INTO public.é VALUES (-1.5e-07, DEFAULT);\n",
    "INSERT INTO public.z DEFAULT VALUES;\n",
    "INSERT INTO public.t VALUES (f(';'));\n",
    "INSERT INTO public.t VALUES (1), (1 + 1);\n",
    "INSERT INTO public.t VALUES (1, 'a') -- one;\n, (2, 'b') /* two */ , (3, $a$)$a$) on conflict do\n nothing ;\n",
    "INSERT INTO public.t VALUES (1), (2) RETURNING a;\n",
    "INSERT INTO public.t VALUES (1), (2, 3);\n",
    "insert into x ",
    "COPY public.z  FROM stdin;\n\n\n\\.\n",
    "COPY public.t (a) FROM stdin;\r\n1\r\n2\r\n\\.\r\n",
    "COPY public.t (a) FROM stdin;\nno end\n",
    "SELECT 1",
    ";",
    "\n",
    "'",
    "$$",
    "\\.\n",
    "é",
];

/// A block that takes several slabs, by bytes and by rows.
fn large_block(rows: usize, width: usize) -> String {
    let mut text = String::from("COPY public.big (a) FROM stdin;\n");
    for row in 0..rows {
        text.push_str(&format!("{row}{}\n", "x".repeat((row * 7) % (width + 1))));
    }
    text + "\\.\n"
}

#[test]
fn slabs_end_where_the_dump_says() {
    let dump = large_block(20_000, 300);
    let all = whole(dump.as_bytes());
    let slabs: Vec<_> = all.iter().filter(|(seen, _)| matches!(seen, Seen::Rows { .. })).collect();
    assert!(slabs.len() > 10, "{}", slabs.len());
    for step in [1usize, 1000, 131_072, 131_073] {
        assert_eq!(events(Scanner::new(), dump.as_bytes(), step), all, "pieces of {step} bytes");
    }
    // Short rows are bounded by their number.
    let short = large_block(20_000, 0);
    for (seen, _) in whole(short.as_bytes()) {
        if let Seen::Rows { rows, .. } = seen {
            assert!(rows <= dump::SLAB_ROWS);
        }
    }
}

/// A statement of many rows takes several slabs, and can be gone on with after any of them.
#[test]
fn inserts_end_where_the_dump_says() {
    let mut dump = String::from("INSERT INTO public.big VALUES");
    for row in 0..9_000 {
        let comma = if row == 0 { "" } else { "," };
        dump += &format!("{comma}\n\t({row}, 'it''s;\n{}')", "x".repeat(row * 7 % 60));
    }
    dump += ";\n\nINSERT INTO public.big VALUES (0, '');\n\nSELECT 1;\n";
    let all = whole(dump.as_bytes());
    let rows = |events: &[(Seen, ScanPoint)]| -> u64 {
        events.iter().map(|(seen, _)| if let Seen::Rows { rows, .. } = seen { *rows } else { 0 }).sum()
    };
    assert_eq!(rows(&all), 9_001);
    assert!(all.iter().filter(|(seen, _)| matches!(seen, Seen::Rows { .. })).count() > 3);
    for step in [1000usize, 131_072, 131_073] {
        assert_eq!(events(Scanner::new(), dump.as_bytes(), step), all, "pieces of {step} bytes");
    }
    let mut point = all[0].1.clone();
    let mut at = 0;
    for row in 0..40u64 {
        let length = dump[at + 1..].find(",\n\t(").unwrap() + 1;
        let lines = dump[at..at + length].matches('\n').count() as u64;
        point = point.after_rows(1, length as u64, lines);
        at += length;
        let rest = events(Scanner::resume(&point).unwrap(), dump.as_bytes(), 4096);
        assert_eq!(rows(&rest), 9_000 - row);
        assert_eq!(rest.last(), all.last());
    }
}

#[test]
fn goes_on_after_any_row_of_a_block() {
    let dump = large_block(9_000, 40);
    let all = whole(dump.as_bytes());
    let (Seen::Rows { offset, line, bytes, .. }, after) = &all[1] else { panic!("{:?}", all[1]) };
    let mut before = after.clone();
    before.offset = *offset;
    before.line = *line;
    before.block.as_mut().unwrap().rows = 0;
    let mut length = 0;
    for (row, text) in bytes.split_inclusive(|&b| b == b'\n').enumerate().take(50) {
        length += text.len();
        let point = before.after_rows(row as u64 + 1, length as u64, row as u64 + 1);
        let rest = events(Scanner::resume(&point).unwrap(), dump.as_bytes(), 4096);
        let mut rows = 0;
        let mut read = Vec::new();
        for (seen, _) in &rest {
            if let Seen::Rows { rows: more, bytes, .. } = seen {
                rows += more;
                read.extend_from_slice(bytes);
            }
        }
        assert_eq!(rows, 9_000 - row as u64 - 1);
        assert!(dump.as_bytes()[point.offset as usize..].starts_with(&read));
    }
}

/// So that a few rows make several slabs, and some statements are longer than what is looked at of them.
const SMALL: SlabSize = SlabSize { bytes: 64, rows: 3, border: u64::MAX };

fn insert(rows: &[&str], tail: &str) -> String {
    format!("INSERT INTO t VALUES {}{tail}\n", rows.join(", "))
}

fn in_small_slabs(dump: &str, step: usize) -> Vec<(Seen, ScanPoint)> {
    events(Scanner::new().with_slabs(SMALL), dump.as_bytes(), step)
}

/// Either all rows of a statement are rows, or it is a statement.
#[test]
fn statements_are_rows_wholly_or_not_at_all() {
    let rows = vec!["(1, 'a')"; 40];
    for (tail, last) in
        [(" RETURNING a;", "(1, 'a')"), (";", "(1)"), (" ON CONFLICT (a) DO NOTHING;", "(2, f())")]
    {
        let odd = insert(&[&rows[..], &[last]].concat(), tail);
        let dump = [insert(&rows, ";"), odd.clone(), insert(&rows, " ON CONFLICT DO NOTHING;")].concat();
        let seen = in_small_slabs(&dump, usize::MAX);
        assert_eq!(in_small_slabs(&dump, 7), seen);
        let statements: Vec<_> = seen
            .iter()
            .filter_map(|(seen, _)| match seen {
                Seen::Statement(text) => Some(text.clone()),
                Seen::Failed(error) => panic!("{error}"),
                _ => None,
            })
            .collect();
        assert!(statements.len() == 1 && statements[0].ends_with(odd.trim_end()), "{statements:?}");
        let ends: Vec<_> = seen.iter().filter(|(seen, _)| matches!(seen, Seen::CopyEnd(40))).collect();
        assert_eq!(ends.len(), 2);
        let open = |seen: &&(Seen, ScanPoint)| matches!(seen.0, Seen::Rows { open: OnConflict::Nothing, .. });
        assert_eq!(seen.iter().filter(open).count(), 14);
    }
}

#[test]
fn a_statement_that_is_too_long_to_be_looked_at() {
    let rows = vec!["(1, 'a')"; 400];
    let seen = in_small_slabs(&insert(&rows, " RETURNING a;"), usize::MAX);
    let Some((Seen::Failed(ScanError::Insert { at, .. }), _)) = seen.last() else {
        panic!("{:?}", seen.last())
    };
    // Only the last row tells.
    assert_eq!((at.offset, at.line), (21 + 399 * 10 - 2, 1));
    assert!(seen.iter().any(|(seen, _)| matches!(seen, Seen::Rows { open: OnConflict::Unknown, .. })));
}

const ROWS: &[&str] = &[
    "(1, 'a')",
    "(22, NULL)",
    "(3, f(','))",
    "(4, $$)$$ /* ; */) -- c;\n",
    "\n( 5 ,'''')",
    "(6)",
    "(7, 8::x[1:y])",
];
const TAILS: &[&str] = &[
    ";",
    ";",
    ";",
    " ON CONFLICT DO NOTHING;",
    "\n on conflict -- x\n do nothing ;",
    " RETURNING a;",
    " ON CONFLICT (a) DO NOTHING;",
];

proptest! {
    #[test]
    fn any_rows_in_small_slabs(
        statements in prop::collection::vec(
            (prop::collection::vec(0..ROWS.len() * 8, 1..90), prop::sample::select(TAILS)),
            1..4,
        ),
        step in 1usize..90,
    ) {
        // Odd ones are rare.
        let row = |at: &usize| ROWS.get(*at).copied().unwrap_or(ROWS[at % 5]);
        let of = |(rows, tail): &(Vec<usize>, &str)| insert(&rows.iter().map(row).collect::<Vec<_>>(), tail);
        let dump = statements.iter().map(of).collect::<String>();
        let all = in_small_slabs(&dump, usize::MAX);
        prop_assert_eq!(&in_small_slabs(&dump, step), &all);
        for (seen, _) in &all {
            if let Seen::Statement(text) = seen {
                prop_assert!(text.contains("} INSERT INTO t VALUES "), "{}", text);
            }
        }
        for index in 0..all.len().saturating_sub(1) {
            let scanner = Scanner::resume(&all[index].1).unwrap().with_slabs(SMALL);
            let seen = |all: &[(Seen, ScanPoint)]| all.iter().map(|(seen, _)| seen.clone()).collect::<Vec<_>>();
            prop_assert_eq!(seen(&events(scanner, dump.as_bytes(), step)), seen(&all[index + 1..]));
        }
    }
}

proptest! {
    #[test]
    fn any_cutting_gives_the_same(parts in prop::collection::vec(prop::sample::select(PIECES), 0..12), step in 1usize..9) {
        let dump = parts.concat().into_bytes();
        prop_assert_eq!(events(Scanner::new(), &dump, step), whole(&dump));
    }

    #[test]
    fn any_point_goes_on_the_same(parts in prop::collection::vec(prop::sample::select(PIECES), 0..12), step in 1usize..9) {
        let dump = parts.concat().into_bytes();
        let all = whole(&dump);
        for index in 0..all.len().saturating_sub(1) {
            let point = &all[index].1;
            let text = serde_json::to_string(point).unwrap();
            let point: ScanPoint = serde_json::from_str(&text).unwrap();
            let rest = events(Scanner::resume(&point).unwrap(), &dump, step);
            prop_assert_eq!(content(&rest), content(&all[index + 1..]));
        }
    }

    #[test]
    fn noise_never_panics(noise in prop::collection::vec(any::<u8>(), 0..600), step in 1usize..64) {
        prop_assert_eq!(events(Scanner::new(), &noise, step), whole(&noise));
    }
}
