use dump::TypeClass;
use proptest::prelude::*;

use super::*;
use crate::render::lines::{Lines, Numbers};
use crate::render::literals::Takes;
use crate::render::members::Rendered;

fn plan(form: RowForm, classes: &[TypeClass], elements: &[&'static str]) -> TablePlan {
    let name = |index: usize| if index == 1 { "\"a, \"\")b\"".to_owned() } else { format!("c{index}") };
    TablePlan {
        form,
        elements: elements.to_vec(),
        columns: (0..classes.len()).map(name).collect(),
        classes: classes.to_vec(),
        takes: vec![Takes::Anything; classes.len()],
        ..TablePlan::bare("public.\"a \"\"(t\"")
    }
}

/// These rows as changes, and back.
fn there_and_back(lines: &[u8], plan: &TablePlan) -> (Vec<u8>, u64) {
    let rows = memchr::memchr_iter(b'\n', lines).count() as u64;
    let numbers = Numbers::plain(if plan.form == RowForm::Single { rows } else { 1 });
    let mut rendered = Rendered::default();
    let lines = Lines { bytes: lines, crlf: false, rows, numbers, first_row: 0, ignoring: &[] };
    let first = Sequence::new(99_999_999).unwrap();
    Block::plain(plan.clone()).lines(lines, first, &mut rendered, &mut |_| {});
    assert!(rendered.faults.is_empty(), "{:?}", rendered.faults);
    let (mut reader, mut out, mut count) = (Reader::new(true), Vec::new(), 0);
    for (index, member) in rendered.members.iter().enumerate() {
        let sequence = first.checked_add(u64::from(member.number)).unwrap();
        match reader.read(sequence, rendered.member(index), &mut out).unwrap() {
            Received::Row => count += 1,
            Received::Pack(rows) => count += rows,
            Received::Statement(text) => panic!("{text}"),
        }
        let into = &reader.block().unwrap().plan;
        assert_eq!((&into.table, &into.columns), (&plan.table, &plan.columns));
    }
    (out, count)
}

/// A field of COPY's text form, as pg_dump writes it.
fn field(value: Option<&str>) -> String {
    let Some(value) = value else { return "\\N".to_owned() };
    let escaped = |character| match character {
        '\\' => "\\\\".to_owned(),
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        '\t' => "\\t".to_owned(),
        '\u{8}' => "\\b".to_owned(),
        '\u{c}' => "\\f".to_owned(),
        other => other.to_string(),
    };
    value.chars().map(escaped).collect()
}

fn text() -> impl Strategy<Value = Option<String>> {
    let odd = prop::collection::vec(
        prop_oneof![
            Just("\\"),
            Just("\""),
            Just("'"),
            Just("''"),
            Just("\n"),
            Just("\r"),
            Just("\t"),
            Just("\u{8}"),
            Just("\u{1}"),
            Just(","),
            Just("{}"),
            Just("NULL"),
            Just("\\N"),
            Just("\\."),
            Just("2024-01-01T00:00:00Z"),
            Just("ü€𝄞"),
            Just("x"),
        ],
        0..6,
    );
    let long = "[a-z\\\\\"' ]{500,600}";
    prop_oneof![
        1 => Just(None),
        6 => odd.prop_map(|parts| Some(parts.concat())),
        2 => "[ -~]{0,20}".prop_map(Some),
        1 => long.prop_map(Some),
    ]
}

proptest! {
    #[test]
    fn rows_come_back_as_the_dump_had_them(
        rows in prop::collection::vec((any::<Option<i32>>(), text(), any::<Option<bool>>(), text()), 1..20),
    ) {
        let classes = [TypeClass::Integer, TypeClass::Text, TypeClass::Boolean, TypeClass::Text];
        let lines: String = rows
            .iter()
            .map(|(number, one, truth, other)| {
                let number = field(number.map(|number| number.to_string()).as_deref());
                let truth = field(truth.map(|truth| if truth { "t" } else { "f" }));
                format!("{number}\t{}\t{truth}\t{}\n", field(one.as_deref()), field(other.as_deref()))
            })
            .collect();
        // COPY takes these two as they are, too.
        let expected = lines.replace("\\b", "\u{8}");
        for (form, elements) in [
            (RowForm::Single, [].as_slice()),
            (RowForm::Packed, &["int4", "text", "bool", "text"]),
            (RowForm::Packed, &[]),
        ] {
            let (found, count) = there_and_back(lines.as_bytes(), &plan(form, &classes, elements));
            let found = String::from_utf8(found).unwrap().replace("\\b", "\u{8}");
            prop_assert_eq!(&found, &expected);
            prop_assert_eq!(count, rows.len() as u64);
        }
    }

    /// Whatever lies in the set, nothing panics, and a line that was begun is taken back.
    #[test]
    fn any_member_is_read_or_refused(
        member in prop_oneof![
            ".{0,200}",
            "[\\[\\],\"\\\\a0-9nulltrue]{0,40}".prop_map(|values| format!(
                "{{\"type\":\"dml\",\"position\":\"0/BOOTSTRAP00000001\",\"data\":{{\"table\":\"t\",\"columnnames\":[\"a\",\"b\"],\"columnvalues\":[{values}],\"kind\":\"insert\"}}}}"
            )),
        ],
        columns in "[a,é编\"( ]{0,12}",
        sql in "(SELECT\n|VALUES\n)[ (){}',\"\\\\:a-zNUL.\\[\\]\n]{0,60};",
    ) {
        let mut out = b"before".to_vec();
        if Reader::new(true).read(Sequence::FIRST, member.as_bytes(), &mut out).is_err() {
            prop_assert_eq!(&out, b"before");
        }
        let sql = format!(
            "SET LOCAL session_replication_role = replica;\nINSERT INTO t ({columns}) OVERRIDING SYSTEM VALUE {sql}"
        );
        let mut out = b"before".to_vec();
        if pack::lines(&sql, &mut out).is_none() {
            prop_assert_eq!(&out, b"before");
        }
    }
}

#[test]
fn a_column_that_is_the_same_in_all_rows_comes_back() {
    let plan = plan(
        RowForm::Packed,
        &[TypeClass::Text, TypeClass::Integer, TypeClass::Text],
        &["int4[]", "int4", "text"],
    );
    for lines in
        ["{1,2}\t7\tit's \\\\ \\n\n\\N\t7\tit's \\\\ \\n\n", "\\N\t1\t\\N\n{}\t2\t\\N\n", "{}\t1\t\n"]
    {
        let (found, _) = there_and_back(lines.as_bytes(), &plan);
        assert_eq!(String::from_utf8(found).unwrap(), lines);
    }
}

#[test]
fn what_is_no_pack_of_rows_alone_stays_a_statement() {
    let head = "SET LOCAL session_replication_role = replica;\n";
    let insert = "INSERT INTO t (a) OVERRIDING SYSTEM VALUE VALUES\n('1')";
    let mut out = Vec::new();
    assert!(pack::lines(&format!("{head}{insert};"), &mut out).is_some());
    for text in [
        "CREATE TABLE t (a int);".to_owned(),
        format!("{insert};"),
        format!("{head}{insert} ON CONFLICT DO NOTHING;"),
        format!("{head}SET LOCAL xmloption = content;\n{insert};"),
        format!("{head}{insert}; DROP TABLE t;"),
        format!("{head}INSERT INTO t DEFAULT VALUES;"),
        format!("{head}INSERT INTO t (a) OVERRIDING SYSTEM VALUE VALUES\n(f('1'));"),
        format!("{head}INSERT INTO t (a) OVERRIDING SYSTEM VALUE SELECT\n'1'::pg_catalog.text;"),
    ] {
        out.clear();
        assert!(pack::lines(&text, &mut out).is_none(), "{text}");
        assert!(out.is_empty());
    }
}

#[test]
fn a_member_in_another_place_is_refused() {
    let mut member = Vec::new();
    let mut head = kvbuffer::RowHead::new("t", &["a"], Sequence::FIRST);
    head.push(&mut member);
    member.push(b'1');
    member.extend_from_slice(kvbuffer::ROW_TAIL);
    let second = Sequence::new(2).unwrap();
    let read = |sequence| Reader::new(true).read(sequence, &member, &mut Vec::new()).map(|_| ());
    assert_eq!(read(Sequence::FIRST), Ok(()));
    assert_eq!(read(second), Err(Fault::Position));
    let mut ddl = Vec::new();
    kvbuffer::encode_ddl(&mut ddl, Sequence::FIRST, "2000-01-01T00:00:00Z", "", "SELECT 1;");
    assert_eq!(Reader::new(true).read(second, &ddl, &mut Vec::new()).map(|_| ()), Err(Fault::Position));
    assert_eq!(Reader::new(true).read(second, b"{}", &mut Vec::new()).map(|_| ()), Err(Fault::Form));
}
