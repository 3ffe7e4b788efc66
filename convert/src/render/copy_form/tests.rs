use std::sync::Arc;

use dump::{Encoding, Event, QualifiedName, Scanner, Schema, TypeClass};
use kvbuffer::{ChangeData, Sequence, decode};
use proptest::prelude::*;

use super::*;
use crate::form::RowForm;
use crate::render::{Block, rows};

fn plan(classes: &[TypeClass], generated: &[usize]) -> TablePlan {
    TablePlan {
        columns: (0..classes.len()).map(|index| format!("c{index}")).collect(),
        classes: classes.to_vec(),
        generated: generated.to_vec(),
        takes: classes
            .iter()
            .map(|class| match class {
                TypeClass::Integer => Takes::Integer,
                TypeClass::Float => Takes::Float,
                TypeClass::Boolean => Takes::Boolean,
                TypeClass::Text => Takes::Text,
            })
            .collect(),
        ..TablePlan::bare("public.t")
    }
}

fn of_inserts(dump: &str, plan: &TablePlan) -> Rendered {
    of_block(dump, &Block::plain(plan.clone()))
}

fn of_block(dump: &str, block: &Block) -> Rendered {
    let mut scanner = Scanner::new();
    scanner.push(dump.as_bytes());
    scanner.finish();
    let (mut out, mut copy) = (Rendered::default(), Vec::new());
    while let Some(event) = scanner.next_event().unwrap() {
        if let Event::Rows(slab) = event {
            block.render(&slab, block.numbers(&slab), Sequence::FIRST, &mut copy, &mut out, &mut |_| {});
        }
    }
    out
}

fn of_copy(lines: &str, plan: &TablePlan) -> Vec<u8> {
    let mut out = Rendered::default();
    rows::render(lines.as_bytes(), false, plan, Sequence::FIRST, &mut out);
    out.bytes
}

#[test]
fn the_same_changes_as_copy() {
    use TypeClass::{Boolean, Float, Integer, Text};
    let plan = plan(&[Integer, Float, Boolean, Text, Text], &[]);
    let inserts = "INSERT INTO public.t VALUES\n\t(-1, 0.5, true, 'it''s \\ \"a\"\n\tb', B'01'),\n\t(NULL, 'NaN', false, '\\N', NULL);\n\
        INSERT INTO public.t VALUES (2, 1e-07, NULL, '', X'1a') ON CONFLICT DO NOTHING;\nINSERT INTO public.t VALUES (2, '-Infinity', NULL, '2024-01-02T03:04:05Z', E'\\\\x41');\n";
    let copy = "-1\t0.5\tt\tit's \\\\ \"a\"\\n\\tb\t01\n\\N\tNaN\tf\t\\\\N\t\\N\n2\t1e-07\t\\N\t\t00011010\n2\t-Infinity\t\\N\t2024-01-02T03:04:05Z\t\\\\x41\n";
    let rendered = of_inserts(inserts, &plan);
    assert!(rendered.faults.is_empty(), "{:?}", rendered.faults);
    assert_eq!(String::from_utf8_lossy(&rendered.bytes), String::from_utf8_lossy(&of_copy(copy, &plan)));
    let lines: Vec<_> = rendered.members.iter().map(|member| member.lines).collect();
    assert_eq!(lines, [2, 3, 4, 5]);
}

#[test]
fn minus_zero_is_what_sql_makes_of_it() {
    let plan = plan(&[TypeClass::Float, TypeClass::Text], &[]);
    let rendered = of_inserts("INSERT INTO public.t VALUES (-0, '-0');\n", &plan);
    assert_eq!(rendered.bytes, of_copy("0\t-0\n", &plan));
}

#[test]
fn generated_columns_take_default() {
    let plan = plan(&[TypeClass::Integer, TypeClass::Text], &[1]);
    let rendered = of_inserts(
        "INSERT INTO public.t VALUES (1, DEFAULT, 'a');\nINSERT INTO public.t VALUES (1, 2, 'a');\n",
        &plan,
    );
    assert_eq!(rendered.bytes, of_copy("1\ta\n", &plan));
    assert_eq!(rendered.faults[0].reason, FaultReason::Generated);
}

#[test]
fn rows_at_fault_leave_holes() {
    let plan = plan(&[TypeClass::Integer], &[]);
    let dump = "INSERT INTO public.t VALUES\n\t(1),\n\t('1', 2),\n\t(true),\n\t(4);\n";
    let rendered = of_inserts(&dump.replace("('1', 2)", "(E'\\u12')"), &plan);
    let literal = FaultReason::Literal { kind: "a truth value" };
    let reasons: Vec<_> = rendered.faults.iter().map(|fault| (fault.row, fault.reason.clone())).collect();
    assert_eq!(reasons, [(1, FaultReason::Escape), (2, literal)]);
    assert_eq!(rendered.members.iter().map(|member| member.row).collect::<Vec<_>>(), [0, 3]);
    let fault = &rendered.faults[0];
    assert_eq!((fault.start, fault.end, fault.lines), (32, 44, 1));
    let dump = "INSERT INTO public.t VALUES (1);\n\n INSERT INTO public.t VALUES (true);\n";
    let fault = of_inserts(dump, &plan).faults.remove(0);
    assert_eq!((fault.start, fault.end, fault.lines), (35, 70, 2));
}

#[test]
fn more_values_than_columns() {
    let plan = plan(&[TypeClass::Integer], &[]);
    let rendered = of_inserts("INSERT INTO public.t VALUES (1, 2), (3, now());\n", &plan);
    let reasons: Vec<_> = rendered.faults.iter().map(|fault| fault.reason.clone()).collect();
    let reason = FaultReason::FieldCount { expected: 1, found: 2 };
    assert_eq!((reasons, rendered.members.len()), (vec![reason.clone(), reason], 0));
}

/// What the changes hold: rows as their values, or SQL text.
fn told(rendered: &Rendered) -> Vec<String> {
    let told = |index| match decode(rendered.member(index)).unwrap().data {
        ChangeData::Ddl(ddl) => ddl.ddl,
        ChangeData::Dml(row) => format!("{:?}", row.column_values),
    };
    (0..rendered.members.len()).map(told).collect()
}

#[test]
fn what_columns_make_of_literals() {
    use TypeClass::{Boolean, Float, Integer, Text};
    let changes = |class: TypeClass, value: &str| {
        let rendered = of_inserts(&format!("INSERT INTO public.t VALUES ({value});\n"), &plan(&[class], &[]));
        (rendered.bytes, rendered.faults.first().map(|fault| fault.reason.clone()))
    };
    let as_text = |class: TypeClass, value: &str| of_copy(&format!("{value}\n"), &plan(&[class], &[]));
    for (class, value, text) in [
        (Integer, "007", "007"),
        (Integer, "-9223372036854775808", "-9223372036854775808"),
        (Float, "1e-07", "1e-07"),
        (Float, "-0.0e5", "0"),
        (Boolean, "TRUE", "t"),
        (Text, "true", "true"),
        (Text, "False", "false"),
        (Text, "01234", "1234"),
        (Text, "-7", "-7"),
        (Text, "-00", "0"),
        (Text, "123456789012345678901234567890", "123456789012345678901234567890"),
        (Text, "B'01'", "01"),
    ] {
        assert_eq!(changes(class, value), (as_text(class, text), None), "{value} {class:?}");
    }
    for (class, value) in [
        (Integer, "7.0"),
        (Integer, "1e2"),
        (Integer, "B'01'"),
        (Text, "1e3"),
        (Text, "-0.0"),
        (Text, ".5"),
        (Text, "-007"),
        (Text, "DEFAULT"),
        (Text, "'a' || 'b'"),
    ] {
        let rendered = of_inserts(&format!("INSERT INTO t VALUES ( {value} );\n"), &plan(&[class], &[]));
        assert_eq!(told(&rendered), [format!("INSERT INTO public.t VALUES ( {value} );")]);
    }
    for (class, value, kind) in [
        (Integer, "true", "a truth value"),
        (Float, "false", "a truth value"),
        (Boolean, "1", "a number"),
        (Boolean, "1.0", "a number"),
    ] {
        assert_eq!(changes(class, value), (Vec::new(), Some(FaultReason::Literal { kind })), "{value}");
    }
}

#[test]
fn rows_that_only_the_server_reads() {
    let plan = TablePlan {
        settings: Arc::from("SET LOCAL search_path = a, b;\n"),
        table: "app.\"T\"".to_owned(),
        ..plan(&[TypeClass::Integer, TypeClass::Text], &[])
    };
    let dump = "INSERT INTO \"T\" (a, b) VALUES (1, 'x'), -- one\n (2 , now()), (3, NULL)\n, (DEFAULT, $$;)$$) on conflict do nothing;\n\
        INSERT INTO \"T\" (a, b) VALUES (5, 'y');\n";
    let row = |values: &str| format!("[{values}]");
    let rendered = of_inserts(dump, &plan);
    let start = "SET LOCAL search_path = a, b;\nINSERT INTO app.\"T\" (a, b) VALUES";
    let told_of = told(&rendered);
    assert_eq!(told_of[1], format!("{start} (2 , now()) ON CONFLICT DO NOTHING;"));
    assert_eq!(told_of[3], format!("{start} (DEFAULT, $$;)$$) ON CONFLICT DO NOTHING;"));
    assert_eq!(told_of.len(), 5);
    assert!(told_of[0].starts_with(&row("")[..1]) && told_of[4].contains('y'), "{told_of:?}");
    let places: Vec<_> = rendered.members.iter().map(|m| (m.number, m.row, m.row_end, m.lines)).collect();
    assert_eq!(places, [(0, 0, 38, 0), (1, 1, 59, 1), (2, 2, 71, 2), (3, 3, 114, 2), (4, 4, 154, 3)]);

    let packed = TablePlan { form: RowForm::Packed, ..plan.clone() };
    let head = "SET LOCAL session_replication_role = replica;\nSET LOCAL search_path = a, b;\n";
    let insert = "INSERT INTO app.\"T\" (a, b) VALUES";
    let first = "(1, 'x'),\n(2 , now()),\n(3, NULL),\n(DEFAULT, $$;)$$) ON CONFLICT DO NOTHING;";
    let all = format!("{head}{insert} {first}\n{insert} (5, 'y');");
    assert_eq!(told(&of_inserts(dump, &packed)), [all]);

    let alone = TablePlan { alone: true, ..packed };
    let told_of = told(&of_inserts(dump, &alone));
    assert_eq!(told_of[1], format!("{head}{insert} (2 , now()) ON CONFLICT DO NOTHING;"));
    assert!(told_of[0].ends_with("VALUES\n('1','x') ON CONFLICT DO NOTHING;"), "{}", told_of[0]);
    assert!(told_of.len() == 5 && told_of[4].ends_with("VALUES\n('5','y');"), "{}", told_of[4]);
}

#[test]
fn strings_of_such_rows_are_standard() {
    let dump = "SET standard_conforming_strings = off;\nINSERT INTO public.t VALUES (lower('a\\'b'));\n";
    let rendered = of_inserts(dump, &plan(&[TypeClass::Text], &[]));
    assert_eq!(told(&rendered), ["INSERT INTO public.t VALUES (lower(E'a\\'b'));"]);
}

/// A statement ends in the slab after.
#[test]
fn what_is_said_behind_the_next_slab() {
    let size = dump::SlabSize { bytes: 64, rows: 3, border: u64::MAX };
    let packed = TablePlan { form: RowForm::Packed, ..plan(&[TypeClass::Integer, TypeClass::Text], &[]) };
    let packs = |dump: &str, plan: &TablePlan| -> Vec<String> {
        let mut scanner = Scanner::new().with_slabs(size);
        scanner.push(dump.as_bytes());
        scanner.finish();
        let mut all = Vec::new();
        while let Some(event) = scanner.next_event().unwrap() {
            if let Event::Rows(slab) = event {
                let (mut out, mut copy) = (Rendered::default(), Vec::new());
                let block = Block::plain(plan.clone());
                block.render(&slab, block.numbers(&slab), Sequence::FIRST, &mut copy, &mut out, &mut |_| {});
                all.extend(told(&out));
            }
        }
        all
    };
    let insert = |value: &str, rows: usize, tail: &str| {
        let rows: Vec<_> = (0..rows).map(|row| format!("({row}, '{value}')")).collect();
        format!("INSERT INTO public.t VALUES {}{tail};\n", rows.join(", "))
    };
    let ignores = |pack: &String| pack.contains("ON CONFLICT DO NOTHING");
    let both = packs(&(insert("x", 30, "") + &insert("y", 30, " ON CONFLICT DO NOTHING")), &packed);
    assert!(both.len() > 20 && both.iter().all(|pack| ignores(pack) == pack.contains("'y'")), "{both:?}");
    // So long that its end is not seen when its first rows are given out.
    let long = insert("xxxxxxxxxxxxx", 300, " ON CONFLICT DO NOTHING");
    assert!(packs(&long, &packed).iter().position(ignores).unwrap() > 0);
    assert!(packs(&long, &TablePlan { unique: true, ..packed }).iter().all(ignores));
}

#[test]
fn rows_of_a_table_that_is_transformed() {
    let dump = "INSERT INTO public.t VALUES (1, lower('secret'));\n";
    let plan = plan(&[TypeClass::Integer, TypeClass::Text], &[]);
    let config = transform::Config::parse("t.yml", "tables: {public.t: {c1: FakeName}}").unwrap();
    let column = |name: &str, sql: &str| transform::Column::new(name, sql);
    let table = transform::Table {
        name: "public.t".to_owned(),
        columns: vec![column("c0", "integer"), column("c1", "text")],
    };
    let compiled = transform::Plan::compile(&config, &table, &transform::Key::insecure_unkeyed()).unwrap();
    let by = Arc::new(super::super::transformed::Transformed::new(compiled, &plan, &table, None));
    for plan in [plan.clone(), TablePlan { form: RowForm::Packed, ..plan }] {
        let rendered = of_block(dump, &Block { plan, transformed: Some(Arc::clone(&by)) });
        assert_eq!(rendered.faults[0].reason, FaultReason::Expression);
        assert_eq!(rendered.faults[0].column.as_deref(), Some("c1"));
        assert!(rendered.bytes.is_empty());
    }
}

#[test]
fn escapes_of_another_encoding() {
    let plan =
        TablePlan { encoding: Encoding::from_name("LATIN1").unwrap(), ..plan(&[TypeClass::Text], &[]) };
    let block = Block::plain(plan);
    let mut dump = b"SET client_encoding = 'LATIN1';\nINSERT INTO public.t VALUES (E'\\u00e9 \xe9 \\xc3\\xa9 \\\xe9');\n".to_vec();
    dump.extend(b"INSERT INTO public.t VALUES (E'\\xe9');\n");
    let mut scanner = Scanner::new();
    scanner.push(&dump);
    scanner.finish();
    let (mut out, mut copy) = (Rendered::default(), Vec::new());
    while let Some(event) = scanner.next_event().unwrap() {
        if let Event::Rows(slab) = event {
            block.render(&slab, block.numbers(&slab), Sequence::FIRST, &mut copy, &mut out, &mut |_| {});
        }
    }
    assert!(told(&out).concat().contains("\u{e9} \u{e9} \u{e9} \u{e9}"), "{:?}", told(&out));
    assert!(matches!(out.faults[0].reason, FaultReason::Undecodable { .. }), "{:?}", out.faults);
}

#[test]
fn columns_by_the_definition() {
    let mut schema = Schema::new();
    schema.observe("CREATE TABLE public.t (a int, g int GENERATED ALWAYS AS (a + 1) STORED, b text);");
    let header = |name: &str, columns| dump::CopyHeader {
        table: QualifiedName::new("public", name),
        columns,
        place: dump::Place::default(),
        insert: true,
    };
    let plan = |name: &str, columns| {
        let plan = TablePlan::new(
            &header(name, columns),
            &schema,
            false,
            Encoding::Utf8,
            RowForm::Single,
            Arc::from(""),
            Arc::from(""),
        );
        plan.map(|plan| (plan.columns, plan.generated, plan.sql_only))
    };
    let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    {
        let in_order = |width| plan("t", dump::CopyColumns::InOrder(width));
        for (width, columns, generated) in [
            (0, &["a", "b"][..], &[1][..]),
            (1, &["a"], &[]),
            (2, &["a"], &[1]),
            (3, &["a", "b"], &[1]),
            (4, &["a", "b"], &[1]),
        ] {
            assert_eq!(in_order(width), Some((names(columns), generated.to_vec(), false)));
        }
        let listed = dump::CopyColumns::Listed(names(&["b", "g"]));
        assert_eq!(plan("t", listed), Some((names(&["b"]), vec![1], false)));
    }
    assert_eq!(plan("t", dump::CopyColumns::DefaultValues), Some((Vec::new(), Vec::new(), false)));
    assert_eq!(plan("u", dump::CopyColumns::InOrder(2)), Some((Vec::new(), Vec::new(), true)));
}

#[test]
fn a_slab_ends_within_a_statement() {
    let block = Block::plain(plan(&[TypeClass::Integer], &[]));
    let (mut dump, count) = (String::from("INSERT INTO public.t VALUES"), dump::SLAB_ROWS + 1);
    for row in 0..count {
        dump += &format!("{}\n\t({row})", if row == 0 { "" } else { "," });
    }
    dump += ";\n";
    let mut scanner = Scanner::new();
    scanner.push(dump.as_bytes());
    scanner.finish();
    let mut rows = Vec::new();
    while let Some(event) = scanner.next_event().unwrap() {
        match event {
            Event::Rows(slab) => {
                let (mut out, mut copy) = (Rendered::default(), Vec::new());
                block.render(&slab, block.numbers(&slab), Sequence::FIRST, &mut copy, &mut out, &mut |_| {});
                assert!(out.faults.is_empty());
                assert_eq!(out.members.last().unwrap().row_end as usize, slab.bytes().len());
                rows.push(out.members.len() as u64);
            }
            Event::End => break,
            _ => {}
        }
    }
    assert_eq!(rows, [dump::SLAB_ROWS, 1]);
}

proptest! {
    /// Any text, whichever way it is quoted, is what COPY's text of it is.
    #[test]
    fn any_text(texts in prop::collection::vec("[^\0]{0,40}", 1..20), escapes: bool) {
        let plan = plan(&[TypeClass::Text], &[]);
        let (mut inserts, mut copy) = (String::from("INSERT INTO public.t VALUES"), String::new());
        for (index, text) in texts.iter().enumerate() {
            let quoted = text.replace('\'', "''");
            let quoted = if escapes { format!("E'{}'", quoted.replace('\\', "\\\\")) } else { format!("'{quoted}'") };
            inserts += &format!("{}\n\t({quoted})", if index == 0 { "" } else { "," });
            copy += &(text.replace('\\', "\\\\").replace('\t', "\\t").replace('\n', "\\n").replace('\r', "\\r") + "\n");
        }
        let rendered = of_inserts(&(inserts + ";\n"), &plan);
        prop_assert_eq!(rendered.bytes, of_copy(&copy, &plan));
    }
}
