use proptest::prelude::*;

use super::*;

fn plan(classes: &[TypeClass]) -> TablePlan {
    TablePlan {
        columns: (0..classes.len()).map(|i| format!("c{i}")).collect(),
        classes: classes.to_vec(),
        ..TablePlan::bare("public.t")
    }
}

fn render_all(slab: &[u8], plan: &TablePlan) -> Rendered {
    let mut out = Rendered::default();
    render(slab, false, plan, Sequence::FIRST, &mut out);
    out
}

fn members(rendered: &Rendered) -> Vec<String> {
    let mut from = 0;
    rendered
        .members
        .iter()
        .map(|member| {
            let text = String::from_utf8(rendered.bytes[from..member.end as usize].to_vec()).unwrap();
            from = member.end as usize;
            text
        })
        .collect()
}

/// The JSON of one value in a column of this class.
fn value(class: TypeClass, field: &str) -> String {
    let rendered = render_all(format!("{field}\n").as_bytes(), &plan(&[class]));
    let member = members(&rendered).remove(0);
    let values = member.split_once("\"columnvalues\":[").unwrap().1;
    values.strip_suffix("],\"kind\":\"insert\"}}").unwrap().to_owned()
}

#[test]
fn values_by_class() {
    use TypeClass::{Boolean, Float, Integer, Text};
    for (class, field, json) in [
        (Text, "", "\"\""),
        (Text, "\\N", "null"),
        (Integer, "\\N", "null"),
        (Text, "\\\\N", "\"\\\\N\""),
        (Text, "00123", "\"00123\""),
        (Text, "true", "\"true\""),
        (Text, "a\"b", "\"a\\\"b\""),
        (Text, "a\\tb\\n\\\\", "\"a\\tb\\n\\\\\""),
        (Text, "\u{1b}\u{7f}", "\"\\u001b\u{7f}\""),
        (Text, "\\v\\b\\f", "\"\\u000b\\b\\f\""),
        (Text, "\\x41\\102.\\q", "\"AB.q\""),
        (Text, "\\303\\251", "\"é\""),
        (Text, "2024-01-02T03:04:05Z", "\"\\u0032024-01-02T03:04:05Z\""),
        (Text, "2024-01-02T3:04:05\\n", "\"\\u0032024-01-02T3:04:05\\n\""),
        (Text, "2024-01-02 03:04:05", "\"2024-01-02 03:04:05\""),
        (Integer, "0", "0"),
        (Integer, "-1", "-1"),
        (Integer, "-0", "\"-0\""),
        (Integer, "007", "\"007\""),
        (Integer, "9223372036854775807", "9223372036854775807"),
        (Integer, "-9223372036854775808", "-9223372036854775808"),
        (Integer, "9223372036854775808", "\"9223372036854775808\""),
        (Float, "1.5", "1.5"),
        (Float, "3", "3"),
        (Float, "0.1", "0.1"),
        (Float, "1e-07", "\"1e-07\""),
        (Float, "1e+15", "1e+15"),
        (Float, "0.1234567", "\"0.1234567\""),
        (Float, "123456789.123456", "123456789.123456"),
        (Float, "1234567890.1234567", "\"1234567890.1234567\""),
        (Float, "-0", "\"-0\""),
        (Float, "NaN", "\"NaN\""),
        (Float, "-Infinity", "\"-Infinity\""),
        (Boolean, "t", "true"),
        (Boolean, "f", "false"),
        (Boolean, "true", "\"true\""),
    ] {
        assert_eq!(value(class, field), json, "{class:?} {field}");
    }
}

#[test]
fn positions_count_on_over_a_hole() {
    let plan = plan(&[TypeClass::Integer, TypeClass::Text]);
    let rendered = render_all(b"1\ta\n2\n3\tc\n", &plan);
    assert_eq!(
        members(&rendered),
        [
            r#"{"type":"dml","position":"0/BOOTSTRAP00000001","data":{"table":"public.t","columnnames":["c0","c1"],"columnvalues":[1,"a"],"kind":"insert"}}"#,
            r#"{"type":"dml","position":"0/BOOTSTRAP00000003","data":{"table":"public.t","columnnames":["c0","c1"],"columnvalues":[3,"c"],"kind":"insert"}}"#,
        ]
    );
    assert_eq!(rendered.faults.len(), 1);
    let fault = &rendered.faults[0];
    assert_eq!((fault.row, fault.start, fault.end), (1, 4, 6));
    assert_eq!(fault.reason, FaultReason::FieldCount { expected: 2, found: 1 });
}

#[test]
fn faults_name_the_column() {
    let plan = plan(&[TypeClass::Text, TypeClass::Text]);
    let fault = |row: &[u8]| {
        let rendered = render_all(row, &plan);
        assert_eq!(rendered.members.len(), 0);
        (rendered.faults[0].column.clone(), rendered.faults[0].reason.clone())
    };
    let second = Some("c1".to_owned());
    assert_eq!(
        fault(b"a\tb\xff\n"),
        (second.clone(), FaultReason::Undecodable { offset: 3, encoding: "UTF8" })
    );
    assert_eq!(fault(b"a\tb\\\n"), (second.clone(), FaultReason::Field(FieldError::DanglingBackslash)));
    assert_eq!(fault(b"a\tb\r\n"), (second.clone(), FaultReason::Field(FieldError::CarriageReturn)));
    assert_eq!(fault(b"a\t\0\n"), (second.clone(), FaultReason::Nul));
    assert_eq!(fault(b"a\t\\0\n"), (second, FaultReason::Nul));
    assert_eq!(fault(b"a\tb\tc\n"), (None, FaultReason::FieldCount { expected: 2, found: 3 }));
}

#[test]
fn rows_without_columns_are_sql() {
    let rendered = render_all(b"\n\n", &plan(&[]));
    assert_eq!(members(&rendered).len(), 2);
    assert!(members(&rendered)[1].contains("BOOTSTRAP00000002"), "{rendered:?}");
    assert!(members(&rendered)[1].contains("INSERT INTO public.t DEFAULT VALUES;"));
}

#[test]
fn windows_line_ends_are_not_data() {
    let mut out = Rendered::default();
    render(b"1\ta\r\n2\tb\n", true, &plan(&[TypeClass::Integer, TypeClass::Text]), Sequence::FIRST, &mut out);
    assert!(members(&out)[0].contains("[1,\"a\"]"));
    assert_eq!(out.faults[0].reason, FaultReason::LineEnd);
}

#[test]
fn a_row_beyond_the_limit_is_a_fault_and_one_at_it_is_not() {
    let plan = plan(&[TypeClass::Text]);
    let size_of = |length: usize| {
        let mut row = vec![b'a'; length];
        row.push(b'\n');
        let rendered = render_all(&row, &plan);
        match rendered.faults.first() {
            None => Ok(kvbuffer::decode(&rendered.bytes).unwrap().wire_size()),
            Some(fault) => Err(fault.reason.clone()),
        }
    };
    let overhead = size_of(4_000_000).unwrap() - 4_000_000;
    assert_eq!(size_of(MAX_WIRE_SIZE - overhead), Ok(MAX_WIRE_SIZE));
    assert_eq!(size_of(MAX_WIRE_SIZE - overhead + 1), Err(FaultReason::TooLarge { size: MAX_WIRE_SIZE + 1 }));
}

/// COPY's own way of writing a text.
fn copy_text(value: &str) -> String {
    value.chars().fold(String::new(), |mut out, c| {
        match c {
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{b}' => out.push_str("\\v"),
            c => out.push(c),
        }
        out
    })
}

proptest! {
    #[test]
    fn every_text_arrives(rows in prop::collection::vec(prop::collection::vec(prop::option::of("[^\u{0}]{0,20}"), 3), 0..8)) {
        let mut slab = String::new();
        for row in &rows {
            let fields: Vec<_> = row.iter().map(|v| v.as_deref().map_or("\\N".to_owned(), copy_text)).collect();
            slab.push_str(&fields.join("\t"));
            slab.push('\n');
        }
        let rendered = render_all(slab.as_bytes(), &plan(&[TypeClass::Text; 3]));
        prop_assert_eq!(&rendered.faults, &[]);
        prop_assert_eq!(rendered.members.len(), rows.len());
        for (index, (member, row)) in members(&rendered).iter().zip(&rows).enumerate() {
            let change = kvbuffer::decode(member.as_bytes()).unwrap();
            prop_assert_eq!(kvbuffer::encode(&change), member.as_bytes());
            prop_assert_eq!(change.lsn().to_string(), format!("0/BOOTSTRAP{:08}", index + 1));
            let kvbuffer::ChangeData::Dml(dml) = change.data else { panic!("{member}") };
            let want: Vec<_> = row.iter().map(|v| v.clone().map_or(kvbuffer::Value::Null, kvbuffer::Value::String)).collect();
            prop_assert_eq!(dml.column_values, want);
        }
    }

    #[test]
    fn floats_arrive_as_the_same_number(value in any::<f64>().prop_filter("finite", |v| v.is_finite()), scaled in -1_000_000_000i64..1_000_000_000) {
        for number in [value, scaled as f64 / 1e6, scaled as f64 / 7.0] {
            let text = format!("{number}");
            if is_exact_float(text.as_bytes()) {
                let printed = format!("{:.6}", text.parse::<f64>().unwrap());
                prop_assert_eq!(printed.parse::<f64>().unwrap().to_bits(), number.to_bits());
            }
        }
    }

    #[test]
    fn noise_never_panics(noise in prop::collection::vec(any::<u8>(), 0..300), columns in 0usize..4) {
        let mut slab = noise;
        slab.push(b'\n');
        let rendered = render_all(&slab, &plan(&vec![TypeClass::Text; columns]));
        let rows = slab.iter().filter(|&&b| b == b'\n').count();
        prop_assert_eq!(rendered.members.len() + rendered.faults.len(), rows);
    }
}
