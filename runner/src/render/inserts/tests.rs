use std::sync::Arc;

use dump::{Encoding, Event, QualifiedName, Scanner, Schema};
use proptest::prelude::*;

use super::*;
use crate::cli::Rows;

fn plan(classes: &[TypeClass], generated: &[usize]) -> TablePlan {
    TablePlan {
        form: Rows::Single,
        alone: false,
        elements: Vec::new(),
        table: "public.t".to_owned(),
        columns: (0..classes.len()).map(|index| format!("c{index}")).collect(),
        classes: classes.to_vec(),
        generated: generated.to_vec(),
        encoding: Encoding::Utf8,
        ddl_time: Arc::from("2000-01-01T00:00:00Z"),
        database: Arc::from(""),
        transformed: None,
    }
}

fn of_inserts(dump: &str, plan: &TablePlan) -> Rendered {
    let mut scanner = Scanner::new();
    scanner.push(dump.as_bytes());
    scanner.finish();
    let (mut out, mut copy) = (Rendered::default(), Vec::new());
    while let Some(event) = scanner.next_event().unwrap() {
        if let Event::Rows(slab) = event {
            let shape = slab.insert.clone().unwrap();
            render(
                (slab.bytes(), Numbers::of(&slab, plan), slab.first_row),
                &shape,
                plan,
                Sequence::FIRST,
                &mut copy,
                &mut out,
            );
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
    let dump = "INSERT INTO public.t VALUES\n\t(1),\n\t(1, 2),\n\t(DEFAULT),\n\t(4);\n";
    let rendered = of_inserts(dump, &plan);
    let reasons: Vec<_> = rendered.faults.iter().map(|fault| (fault.row, fault.reason.clone())).collect();
    assert_eq!(reasons, [(1, FaultReason::FieldCount { expected: 1, found: 2 }), (2, FaultReason::Default)]);
    let fault = &rendered.faults[0];
    assert_eq!((&dump[fault.start..fault.end], fault.lines), (",\n\t(1, 2)", 1));
    assert_eq!(rendered.members.iter().map(|member| member.row).collect::<Vec<_>>(), [0, 3]);
}

#[test]
fn columns_by_the_definition() {
    let mut schema = Schema::new();
    schema.observe("CREATE TABLE public.t (a int, g int GENERATED ALWAYS AS (a + 1) STORED, b text);");
    let header = |columns| dump::CopyHeader {
        table: QualifiedName::new("public", "t"),
        columns,
        place: dump::Place::default(),
    };
    let plan = |columns| {
        let plan = TablePlan::new(
            &header(columns),
            &schema,
            Encoding::Utf8,
            Rows::Single,
            Arc::from(""),
            Arc::from(""),
        );
        plan.map(|plan| (plan.columns, plan.generated))
    };
    let both = vec!["a".to_owned(), "b".to_owned()];
    assert_eq!(plan(dump::CopyColumns::InOrder), Some((both, vec![1])));
    assert_eq!(plan(dump::CopyColumns::DefaultValues), Some((Vec::new(), Vec::new())));
}

#[test]
fn a_slab_ends_within_a_statement() {
    let plan = plan(&[TypeClass::Integer], &[]);
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
                let shape = slab.insert.clone().unwrap();
                render(
                    (slab.bytes(), Numbers::of(&slab, &plan), slab.first_row),
                    &shape,
                    &plan,
                    Sequence::FIRST,
                    &mut copy,
                    &mut out,
                );
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
