use dump::{Event, Scanner};
use kvbuffer::ChangeData;

use super::*;
use crate::form::RowForm;
use crate::render::Block;
use crate::render::lines::Numbers;
use crate::render::literals::Takes;

fn plan(classes: &[TypeClass], elements: &[&'static str]) -> TablePlan {
    TablePlan {
        form: RowForm::Packed,
        elements: elements.to_vec(),
        table: "public.\"a \"\"t\"".to_owned(),
        columns: (0..classes.len()).map(|index| format!("c{index}")).collect(),
        classes: classes.to_vec(),
        takes: vec![Takes::Anything; classes.len()],
        ..TablePlan::bare("public.t")
    }
}

fn rendered(bytes: &[u8], plan: &TablePlan, numbers: u64) -> Rendered {
    let mut out = Rendered::default();
    let rows = memchr::memchr_iter(b'\n', bytes).count() as u64;
    render(
        Lines { bytes, crlf: false, rows, numbers: Numbers::plain(numbers), first_row: 0, ignoring: &[] },
        plan,
        Sequence::FIRST,
        &mut out,
    );
    out
}

fn texts(rendered: &Rendered) -> Vec<String> {
    let text = |index| match kvbuffer::decode(rendered.member(index)).unwrap().data {
        ChangeData::Ddl(ddl) => ddl.ddl,
        ChangeData::Dml(_) => panic!("a row by itself"),
    };
    (0..rendered.members.len()).map(text).collect()
}

const START: &str = "SET LOCAL session_replication_role = replica;\nINSERT INTO public.\"a \"\"t\" (c0, c1) OVERRIDING SYSTEM VALUE ";

#[test]
fn arrays_where_the_types_are_known() {
    let plan = plan(&[TypeClass::Integer, TypeClass::Text], &["int4", "text"]);
    let lines = "1\tit's \\\\ \"a\"\\n\n\\N\tnull\n-2\t\n\\\\N\t\\N\n";
    let want = format!(
        "{START}SELECT\npg_catalog.unnest('{{1,NULL,-2,\"\\\\N\"}}'::pg_catalog.int4[]),\npg_catalog.unnest('{{\"it''s \\\\ \\\"a\\\"\n\",\"null\",\"\",NULL}}'::pg_catalog.text[]);"
    );
    assert_eq!(texts(&rendered(lines.as_bytes(), &plan, 1)), [want]);
}

#[test]
fn arrays_of_arrays_are_text_until_they_are_taken_out() {
    let plan = plan(&[TypeClass::Text, TypeClass::Text], &["int4[]", "date"]);
    let want = format!(
        "{START}SELECT\npg_catalog.unnest('{{\"{{1,NULL}}\",NULL}}'::pg_catalog.text[])::pg_catalog.int4[],\npg_catalog.unnest('{{\"2024-01-01\",NULL}}'::pg_catalog.date[]);"
    );
    assert_eq!(texts(&rendered(b"{1,NULL}\t2024-01-01\n\\N\t\\N\n", &plan, 1)), [want]);
}

#[test]
fn columns_that_do_not_change_are_written_once() {
    let plan = plan(&[TypeClass::Integer, TypeClass::Text], &["int4", "text"]);
    let pack = |rows: &str| texts(&rendered(rows.as_bytes(), &plan, 1)).concat();
    let want = |first: &str, second: &str| format!("{START}SELECT\n{first},\n{second};");
    let numbers = |elements: &str| format!("pg_catalog.unnest('{{{elements}}}'::pg_catalog.int4[])");
    let odd = "it's \\\\ \"a\"\\n";
    let literal = "'it''s \\ \"a\"\n'::pg_catalog.text";
    assert_eq!(pack(&format!("1\t{odd}\n2\t{odd}\n3\t{odd}\n")), want(&numbers("1,2,3"), literal));
    assert_eq!(pack("1\t\\N\n2\t\\N\n"), want(&numbers("1,2"), "NULL::pg_catalog.text"));
    assert_eq!(pack("1\tNULL\n2\tNULL\n"), want(&numbers("1,2"), "'NULL'::pg_catalog.text"));
    assert_eq!(pack("1\t\n2\t\n"), want(&numbers("1,2"), "''::pg_catalog.text"));
    assert_eq!(pack("1\t\"\n2\t\"\n"), want(&numbers("1,2"), "'\"'::pg_catalog.text"));
    let texts = "pg_catalog.unnest('{\"a\",\"b\"}'::pg_catalog.text[])";
    assert_eq!(pack("7\ta\n7\tb\n"), want("'7'::pg_catalog.int4", texts));
    // As many rows as the dump has, where nothing tells them apart.
    assert_eq!(pack("7\ta\n7\ta\n"), want(&numbers("7,7"), "'a'::pg_catalog.text"));
    // A row that is left out tells nothing apart.
    assert_eq!(pack("1\ta\nx\tb\tc\n2\ta\n"), want(&numbers("1,2"), "'a'::pg_catalog.text"));
    // The beginning of an element is not the element.
    assert_eq!(pack("1\ta\n12\ta\n1\ta\n"), want(&numbers("1,12,1"), "'a'::pg_catalog.text"));
}

#[test]
fn long_documents_are_literals_and_the_shorter_form() {
    let plan = plan(&[TypeClass::Integer, TypeClass::Text], &["int4", "jsonb"]);
    let row = |row: usize, inner: &str| format!("{row}\t{{{}{row}}}\n", inner.repeat(40));
    let pack = |rows: usize, inner: &str| {
        let lines: String = (0..rows).map(|number| row(number, inner)).collect();
        rendered(lines.as_bytes(), &plan, 1)
    };
    let documents = pack(50, "\"key\": \"a value of it\", ");
    assert!(texts(&documents)[0].starts_with(&format!("{START}VALUES\n('0','{{\"key\": \"a value")));
    // The same without a quote, whose rows cost less as an array.
    let plain = pack(50, "'key': 'a value of it', ");
    assert!(texts(&plain)[0].starts_with(&format!("{START}SELECT\n")));
    // A quote costs two bytes of the change, and a value three at the most.
    let length = |rendered: &Rendered| rendered.member(0).len();
    assert!(length(&documents) < length(&plain) + 50 * 40 * 4, "{} {}", length(&documents), length(&plain));
    // Short rows are read sooner as arrays.
    assert!(texts(&pack(50, "\"a\":1,"))[0].starts_with(&format!("{START}SELECT\n")));
}

#[test]
fn the_form_of_a_pack_is_that_of_its_own_rows() {
    let plan = plan(&[TypeClass::Integer, TypeClass::Text], &["int4", "jsonb"]);
    let plain = format!("1\t{}\n", "x".repeat(100)).repeat(10);
    let last = format!("2\t{{{}}}\n", "\"key\": 1,".repeat(ALONE / 5));
    let found = texts(&rendered(format!("{plain}{last}").as_bytes(), &plan, 2));
    assert_eq!(found.len(), 2);
    let alone = texts(&rendered(last.as_bytes(), &plan, 1));
    assert_eq!(found[1], alone[0]);
    assert!(found[0].starts_with(&format!("{START}SELECT\n")));
    assert!(found[1].starts_with(&format!("{START}VALUES\n")));
}

#[test]
fn literals_where_they_are_not() {
    let plan = plan(&[TypeClass::Integer, TypeClass::Text], &[]);
    let lines = "1\tit's \\\\ \"a\"\\n\n\\N\t\\N\n";
    let want = format!("{START}VALUES\n('1','it''s \\ \"a\"\n'),\n(NULL,NULL);");
    let texts = texts(&rendered(lines.as_bytes(), &plan, 1));
    assert_eq!(texts, [want]);
    assert_eq!(table(&texts[0]), Some("public.\"a \"\"t\""));
    assert_eq!(table("INSERT INTO public.t (a) VALUES (1);"), None);
}

#[test]
fn rows_without_columns() {
    let plan = plan(&[], &[]);
    let found = rendered(b"\n\nx\n\n", &plan, 1);
    let texts = texts(&found);
    assert_eq!(texts[0].matches("INSERT INTO public.\"a \"\"t\" DEFAULT VALUES;").count(), 3);
    assert_eq!(table(&texts[0]), Some("public.\"a \"\"t\""));
    assert_eq!(found.faults[0].reason, FaultReason::FieldCount { expected: 0, found: 1 });
}

#[test]
fn bad_rows_are_left_out_and_leave_nothing_behind() {
    for elements in [&["int4", "text"][..], &[]] {
        let plan = plan(&[TypeClass::Integer, TypeClass::Text], elements);
        let bad = b"1\ta\n2\n3\tb\tc\n4\tx\\\n5\t\\000\n6\t\\xff\n7\t\r\n8\tb\n";
        let found = rendered(bad, &plan, 1);
        let good = rendered(b"1\ta\n8\tb\n", &plan, 1);
        assert_eq!(texts(&found), texts(&good));
        assert_eq!(found.faults.iter().map(|fault| fault.row).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
        let last = &found.members[0];
        assert_eq!((last.number, last.row, last.row_end as usize, last.lines), (0, 7, bad.len(), 8));
    }
}

#[test]
fn the_first_row_at_fault_needs_no_comma() {
    let plan = plan(&[TypeClass::Integer, TypeClass::Text], &[]);
    assert_eq!(texts(&rendered(b"x\n1\ta\n", &plan, 1)), texts(&rendered(b"1\ta\n", &plan, 1)));
    let none = rendered(b"x\ny\n", &plan, 1);
    assert!(none.members.is_empty());
    assert_eq!(none.faults.len(), 2);
}

#[test]
fn a_long_row_is_a_pack_of_its_own() {
    let plan = plan(&[TypeClass::Integer, TypeClass::Text], &[]);
    let long = "y".repeat(MAX_WIRE_SIZE / 2);
    let found = rendered(format!("1\ta\n2\tb\n3\t{long}\n").as_bytes(), &plan, 2);
    let numbers: Vec<_> = found.members.iter().map(|member| (member.number, member.row)).collect();
    assert_eq!(numbers, [(0, 1), (1, 2)]);

    let found = rendered(format!("1\ta\n2\t{}\n", long.repeat(2)).as_bytes(), &plan, 2);
    assert_eq!(found.members.len(), 1);
    assert!(matches!(found.faults[0], RowFault { row: 1, reason: FaultReason::TooLarge { .. }, .. }));
}

/// Each byte of the dump grows as much as it can.
#[test]
fn no_pack_of_several_rows_is_too_large() {
    let half = "'".repeat(ALONE / 2 - 10);
    let empty = "\t".repeat(90);
    // One row of others, so that no column is the same in all rows.
    let empties: String = format!("{}x\n", "x\t".repeat(90))
        + &format!("{empty}\n").repeat((SLABS.rows as usize - 1).min(ALONE / 91 - 2));
    let cases = [(format!("1\t{half}\n2\t{}\n", &half[1..]), 2), (empties, 91)];
    for (lines, columns) in cases {
        for elements in [vec!["text"; columns], Vec::new()] {
            let plan = plan(&vec![TypeClass::Text; columns], &elements);
            let found = rendered(lines.as_bytes(), &plan, 1);
            assert!(found.faults.is_empty(), "{columns}: {:?}", found.faults[0].reason);
        }
    }
}

#[test]
fn each_row_is_a_pack_where_the_replica_may_refuse_one() {
    let plan = TablePlan { alone: true, ..plan(&[TypeClass::Integer, TypeClass::Text], &[]) };
    let found = rendered(b"1\ta\n2\n3\tc\n", &plan, 3);
    let numbers: Vec<_> = found.members.iter().map(|member| (member.number, member.row)).collect();
    assert_eq!(numbers, [(0, 0), (2, 2)]);
    let want = [("1", "a"), ("3", "c")].map(|(a, b)| format!("{START}VALUES\n('{a}','{b}');"));
    assert_eq!(texts(&found), want);
    assert_eq!(found.faults.iter().map(|fault| fault.row).collect::<Vec<_>>(), [1]);
}

#[test]
fn slabs_take_as_many_numbers_as_packs() {
    let (short, long) = ("a\n".repeat(10), "b".repeat(2 * SLABS.bytes));
    let numbers = |rows: &str| {
        let mut scanner = Scanner::new().with_slabs(SLABS);
        scanner.push(format!("COPY t (a) FROM stdin;\n{rows}\\.\n").as_bytes());
        scanner.finish();
        let mut all = Vec::new();
        while let Ok(Some(event)) = scanner.next_event() {
            match event {
                Event::Rows(slab) => all.push((slab.rows, packs(&slab, &plan(&[], &[])))),
                Event::End => break,
                _ => {}
            }
        }
        all
    };
    assert_eq!(numbers(&short), [(10, 1)]);
    assert_eq!(numbers(&format!("{short}{long}\n{short}")), [(11, 2), (10, 1)]);
    assert_eq!(numbers(&format!("{long}\n")), [(1, 1)]);
    assert_eq!(numbers(&"c\n".repeat(SLABS.rows as usize + 1)), [(SLABS.rows, 1), (1, 1)]);
}

#[test]
fn inserts_give_the_packs_of_copy() {
    let plan = plan(&[TypeClass::Float, TypeClass::Text], &["float8", "text"]);
    let dump = "INSERT INTO t VALUES (-0.5, 'it''s'), (NULL, E'a\\nb');\nINSERT INTO t VALUES (1, E'\\u12');\nINSERT INTO t VALUES (2, '\\');\n";
    let mut scanner = Scanner::new();
    scanner.push(dump.as_bytes());
    scanner.finish();
    let (mut out, mut copy) = (Rendered::default(), Vec::new());
    while let Some(event) = scanner.next_event().unwrap() {
        if let Event::Rows(slab) = event {
            let block = Block::plain(plan.clone());
            block.render(&slab, Numbers::plain(1), Sequence::FIRST, &mut copy, &mut out, &mut |_| {});
            assert_eq!(out.members[0].row_end as usize, slab.bytes().len());
        } else if matches!(event, Event::End) {
            break;
        }
    }
    assert_eq!(texts(&out), texts(&rendered(b"-0.5\tit's\n\\N\ta\\nb\n2\t\\\\\n", &plan, 1)));
    assert_eq!(out.faults[0].row, 2);
}
