use dump::{Event, Scanner, Slab, TypeClass};
use kvbuffer::{Change, ChangeData, decode};
use proptest::prelude::*;

use super::*;
use crate::form::RowForm;
use crate::render::literals::Takes;
use crate::render::{Block, changes};

fn plan(form: RowForm) -> TablePlan {
    TablePlan {
        form,
        columns: vec!["a".to_owned(), "b".to_owned()],
        classes: vec![TypeClass::Integer, TypeClass::Text],
        takes: vec![Takes::Anything; 2],
        ..TablePlan::bare("public.t")
    }
}

fn ddl(change: &Change) -> &str {
    match &change.data {
        ChangeData::Ddl(ddl) => &ddl.ddl,
        ChangeData::Dml(_) => panic!("a row as it is"),
    }
}

/// The text that pieces are of, as a replica would put it together; each is looked at on the way.
fn whole(texts: &[&str]) -> String {
    let (last, pieces) = texts.split_last().unwrap();
    let mut whole = String::new();
    for (index, text) in pieces.iter().enumerate() {
        assert!(is_piece(text) && text.len() < PIECE + 500, "{}", text.len());
        let start = format!(".pieces VALUES ({}, '", index + 1);
        let (_, rest) = text.split_once(&start).unwrap();
        let literal = rest.strip_suffix("') ON CONFLICT (n) DO UPDATE SET piece = excluded.piece;").unwrap();
        assert!(literal.len() <= PIECE);
        whole += &literal.replace("''", "'");
    }
    assert!(is_piece(last));
    let digest: String = Sha256::digest(&whole).iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(last.contains(&format!("IS DISTINCT FROM '{digest}' THEN")), "another text");
    whole
}

/// The slabs of a dump with what they become, numbered from one.
fn rendered(dump: &str, plan: &TablePlan) -> Vec<(Slab, Numbers, Rendered)> {
    rendered_by(dump, &Block::plain(plan.clone()))
}

/// The same by a block that may transform.
pub(in crate::render) fn rendered_by(dump: &str, block: &Block) -> Vec<(Slab, Numbers, Rendered)> {
    let plan = &block.plan;
    let slabs = if plan.form == RowForm::Packed { packed::SLABS } else { dump::SlabSize::default() };
    let mut scanner = Scanner::new().with_slabs(slabs);
    scanner.push(dump.as_bytes());
    scanner.finish();
    let mut all = Vec::new();
    while let Some(event) = scanner.next_event().unwrap() {
        match event {
            Event::Rows(slab) => {
                let out = in_parts(block, &slab);
                let numbers = block.numbers(&slab);
                all.push((slab, numbers, out));
            }
            Event::End => break,
            _ => {}
        }
    }
    all
}

/// What a slab becomes, put together from parts, which are as what comes at once, and never much at a time.
fn in_parts(block: &Block, slab: &Slab) -> Rendered {
    let (numbers, mut whole, mut parts) = (block.numbers(slab), Rendered::default(), Vec::new());
    block.render(slab, numbers, Sequence::FIRST, &mut Vec::new(), &mut whole, &mut |_| {});
    let mut last = Rendered::default();
    block.render(slab, numbers, Sequence::FIRST, &mut Vec::new(), &mut last, &mut |part| {
        parts.push(std::mem::take(part));
    });
    parts.push(last);
    let mut joined = Rendered::default();
    for part in parts {
        assert!(part.bytes.len() < PART + 2 * PIECE + (1 << 20), "{} bytes at once", part.bytes.len());
        let before = joined.bytes.len() as u32;
        joined.bytes.extend(part.bytes);
        joined
            .members
            .extend(part.members.iter().map(|member| Member { end: before + member.end, ..*member }));
        joined.faults.extend(part.faults);
        joined.as_sql += part.as_sql;
    }
    assert!(joined.bytes == whole.bytes, "the parts are other bytes");
    assert_eq!((&joined.members, &joined.faults), (&whole.members, &whole.faults));
    assert_eq!(joined.as_sql, whole.as_sql);
    whole
}

fn copy(rows: &str) -> String {
    format!("COPY public.t (a, b) FROM stdin;\n{rows}\\.\n")
}

fn changes(out: &Rendered) -> Vec<Change> {
    (0..out.members.len()).map(|index| decode(out.member(index)).unwrap()).collect()
}

#[test]
fn a_row_that_is_too_large_is_an_insert_in_pieces() {
    let value = "it's é\t".repeat(MAX_WIRE_SIZE / 6);
    let insert = format!(
        "INSERT INTO public.t (a, b) OVERRIDING SYSTEM VALUE VALUES\n('2','{}');",
        value.replace('\'', "''")
    );
    let packed = format!("SET LOCAL session_replication_role = replica;\n{insert}");
    let of_copy = copy(&format!("1\tx\n2\t{}\n3\ty\n", value.replace('\t', "\\t")));
    let of_insert = format!(
        "INSERT INTO public.t VALUES\n\t(1, 'x'),\n\t(2, '{}'),\n\t(3, 'y');\n",
        value.replace('\'', "''")
    );
    for dump in [of_copy, of_insert] {
        for (form, want) in [(RowForm::Single, &insert), (RowForm::Packed, &packed)] {
            let found = rendered(&dump, &plan(form));
            let (slab, numbers, out) = &found[0];
            assert!(out.faults.is_empty());
            assert_eq!(out.members.len() as u64, numbers.all, "no holes");
            let changes = changes(out);
            let texts: Vec<&str> = changes[1..].iter().map(ddl).collect();
            assert_eq!(texts.len() as u64, numbers.last);
            assert!(whole(&texts) == *want, "another statement");
            assert!(texts[0].contains("kasho_bootstrap_2.pieces") && !texts[1].contains("CREATE"));
            // Every piece but the last leaves the point before the row.
            let (last, pieces) = out.members[1..].split_last().unwrap();
            for (index, member) in pieces.iter().enumerate() {
                assert_eq!((member.rows(), u64::from(member.pieces)), (1, index as u64 + 1));
                assert_eq!((member.row_end, member.lines), (out.members[0].row_end, out.members[0].lines));
            }
            assert_eq!((last.rows(), last.pieces, last.row_end as usize), (2, 0, slab.bytes().len()));
            assert_eq!(found[1].2.members.len(), 1);
        }
    }
}

/// Exactly as large as a change may be, and a byte more.
#[test]
fn what_fits_is_one_change() {
    for form in [RowForm::Single, RowForm::Packed] {
        let plan = plan(form);
        let size = |length: usize| {
            let (_, numbers, out) = rendered(&copy(&format!("1\t{}\n", "v".repeat(length))), &plan).remove(0);
            assert!(out.faults.is_empty());
            assert_eq!(out.members.len() as u64, numbers.all);
            (numbers.last, changes(&out)[0].wire_size())
        };
        let mut length = MAX_WIRE_SIZE - 1000;
        let (mut last, mut wire) = size(length);
        while last == 1 {
            assert!(wire <= MAX_WIRE_SIZE);
            length += (MAX_WIRE_SIZE - wire).max(1);
            let before = wire;
            (last, wire) = size(length);
            assert!(last > 1 || wire > before);
        }
        assert_eq!(last, 5);
    }
}

#[test]
fn rows_at_fault_are_at_fault_whatever_their_size() {
    let large = "v".repeat(5 << 20);
    for form in [RowForm::Single, RowForm::Packed] {
        for (row, reason) in [
            (format!("1\t{large}\t2\n"), FaultReason::FieldCount { expected: 2, found: 3 }),
            (format!("1\t{large}\\x00\n"), FaultReason::Nul),
        ] {
            let found = rendered(&copy(&format!("1\tx\n{row}")), &plan(form));
            let (slab, numbers, out) = &found[0];
            assert_eq!((numbers.last, out.faults.len()), (1, 1));
            assert_eq!(out.faults[0].reason, reason);
            assert_eq!((out.faults[0].row, out.faults[0].end), (1, slab.bytes().len()));
        }
    }
}

/// The numbers of a row were given before its values were transformed.
#[test]
fn a_row_that_becomes_another_keeps_its_numbers() {
    let mut plan = plan(RowForm::Single);
    plan.columns[1] = "b".to_owned();
    let numbers = Numbers { all: 4, last: 4 };
    let render = |length: usize| {
        let bytes = format!("1\t{}\n", "w".repeat(length));
        let mut out = Rendered::default();
        let lines =
            Lines { bytes: bytes.as_bytes(), crlf: false, rows: 1, numbers, first_row: 0, ignoring: &[] };
        changes::render(lines, &plan, Sequence::FIRST, &mut out, &mut |_| {});
        out
    };
    let shorter = render(10);
    assert_eq!(shorter.members.iter().map(|member| member.number).collect::<Vec<_>>(), [0, 1, 2, 3]);
    let changes = changes(&shorter);
    let texts: Vec<&str> = changes.iter().map(ddl).collect();
    assert!(whole(&texts).ends_with("('1','wwwwwwwwww');"));
    let longer = render(3 * PIECE);
    assert!(longer.members.is_empty() && longer.bytes.is_empty());
    assert!(matches!(longer.faults[0].reason, FaultReason::Outgrown { pieces: 3, .. }));
}

#[test]
fn what_is_no_piece() {
    for sql in [
        "INSERT INTO public.t VALUES (1);",
        "CREATE SCHEMA kasho_bootstrap_7;",
        "DO $$ BEGIN END $$;",
        "CREATE SCHEMA IF NOT EXISTS other;",
    ] {
        assert!(!is_piece(sql), "{sql}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]
    #[test]
    fn statements_are_what_their_pieces_make(
        unit in "[a'é\u{1F600}\n]{1,9}",
        times in 100_000usize..900_000,
        first in 1u64..1_000_000,
    ) {
        let text = unit.repeat(times);
        let texts = statement(&text, Sequence::new(first).unwrap());
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let name = format!("kasho_bootstrap_{first}.pieces");
        prop_assert!(texts.iter().all(|text| text.contains(&name)));
        prop_assert!(whole(&texts) == text);
    }
}
