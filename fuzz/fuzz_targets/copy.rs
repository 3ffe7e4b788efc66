//! A row becomes one change or one fault; a change holds what COPY's rules say, read by a slow second reader.

#![no_main]

use dump::{TypeClass, copy};
use kvbuffer::{ChangeData, Sequence, Value};
use libfuzzer_sys::fuzz_target;
use convert::render::TablePlan;
use convert::render::members::Rendered;
use convert::render::rows::render;

fuzz_target!(|input: (Vec<u8>, u8)| {
    let (mut slab, classes) = input;
    slab.push(b'\n');
    let of = |bits: u8| [TypeClass::Text, TypeClass::Integer, TypeClass::Float, TypeClass::Boolean][usize::from(bits & 3)];
    let classes: Vec<_> = (0..1 + classes % 3).map(|column| of(classes >> (2 + 2 * column))).collect();
    let plan = TablePlan {
        columns: (0..classes.len()).map(|column| format!("c{column}")).collect(),
        classes,
        ..TablePlan::bare("public.t")
    };
    let mut out = Rendered::default();
    render(&slab, false, &plan, Sequence::FIRST, &mut out);

    let rows: Vec<&[u8]> = slab.split_inclusive(|&b| b == b'\n').collect();
    assert_eq!(out.members.len() + out.faults.len(), rows.len());
    for (index, member) in out.members.iter().enumerate() {
        let row = rows[member.row as usize];
        let change = kvbuffer::decode(out.member(index)).expect("a change that can be read");
        assert_eq!(kvbuffer::encode(&change), out.member(index));
        assert_eq!(change.lsn().to_string(), format!("0/BOOTSTRAP{:08}", member.row + 1));
        let ChangeData::Dml(dml) = change.data else { panic!("a row is a dml change") };
        let fields: Vec<&[u8]> = row[..row.len() - 1].split(|&b| b == b'\t').collect();
        assert_eq!(dml.column_values.len(), fields.len());
        for (field, value) in fields.iter().zip(&dml.column_values) {
            check(field, value);
        }
    }
});

fn check(field: &[u8], value: &Value) {
    let mut want = Vec::new();
    let text = copy::unescape(field, &mut want).map(|()| want);
    match value {
        Value::Null => assert_eq!(field, copy::NULL),
        Value::Bool(value) => assert_eq!(field, if *value { b"t" } else { b"f" }),
        Value::Number(number) => assert_eq!(field, number.as_bytes()),
        Value::String(value) => assert_eq!(text.as_deref(), Ok(value.as_bytes())),
        other => panic!("a value that no row has: {other:?}"),
    }
}
