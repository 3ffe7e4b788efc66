use std::sync::Arc;

use dump::TypeClass;
use kvbuffer::{ChangeData, Sequence, decode};
use proptest::prelude::*;
use transform::{Config, Key, Table};

use super::*;
use crate::form::RowForm;
use crate::render::Block;
use crate::render::lines::Numbers;
use crate::render::literals::Takes;
use crate::render::pieces::tests::rendered_by;

/// `id`, then two columns of text, transformed by these rules.
fn plan(rules: &str, encoding: Encoding) -> Block {
    let columns = ["id", "a", "b"].map(str::to_owned).to_vec();
    let plan = TablePlan {
        columns,
        classes: vec![TypeClass::Integer, TypeClass::Text, TypeClass::Text],
        takes: vec![Takes::Anything; 3],
        encoding,
        ..TablePlan::bare("public.t")
    };
    let config = Config::parse("t.yml", &format!("tables: {{public.t: {{{rules}}}}}")).unwrap();
    let table = table();
    let compiled = Plan::compile(&config, &table, &Key::insecure_unkeyed()).unwrap();
    let transformed = Some(Arc::new(Transformed::new(compiled, &plan, &table, None)));
    Block { plan, transformed }
}

fn table() -> Table {
    let column = |name: &str, sql: &str| transform::Column::new(name, sql);
    Table {
        name: "public.t".to_owned(),
        columns: vec![column("id", "integer"), column("a", "text"), column("b", "character varying(8)")],
    }
}

fn lines(bytes: &[u8], crlf: bool, first_row: u64) -> Lines<'_> {
    let rows = memchr::memchr_iter(b'\n', bytes).count() as u64;
    Lines { bytes, crlf, rows, numbers: Numbers::plain(rows), first_row, ignoring: &[] }
}

fn rendered(bytes: &[u8], block: &Block, crlf: bool, first_row: u64) -> Rendered {
    let mut out = Rendered::default();
    block.lines(lines(bytes, crlf, first_row), Sequence::FIRST, &mut out, &mut |_| {});
    out
}

/// The values of each change as JSON has them, or its SQL text.
fn values(out: &Rendered) -> Vec<String> {
    let value = |index| match decode(out.member(index)).unwrap().data {
        ChangeData::Dml(_) => {
            let member = String::from_utf8(out.member(index).to_vec()).unwrap();
            let (_, behind) = member.split_once("\"columnvalues\":").unwrap();
            behind.rsplit_once(",\"kind\"").unwrap().0.to_owned()
        }
        ChangeData::Ddl(ddl) => ddl.ddl,
    };
    (0..out.members.len()).map(value).collect()
}

#[test]
fn what_is_transformed_and_what_is_not() {
    let plan = plan(
        r"a: {type: Template, template: '<{{.a}}|{{.b}}>'}, b: {type: Constant, value: 'x\y'}",
        Encoding::Utf8,
    );
    let out = rendered(b"1\ttab\\tand\\\\\tone\n2\t\\N\t\\N\n3\t\xc3\xa4\t\\N\n", &plan, false, 0);
    assert_eq!(values(&out), [r#"[1,"<tab\tand\\|x\\y>","x\\y"]"#, r#"[2,null,null]"#, r#"[3,"<ä|>",null]"#]);
    let ends: Vec<_> = out.members.iter().map(|member| (member.row, member.row_end, member.lines)).collect();
    assert_eq!(ends, [(0, 17, 1), (1, 25, 2), (2, 33, 3)]);
}

#[test]
fn line_ends_and_encodings() {
    let plan = plan("a: {type: Template, template: '{{.a}}!'}", Encoding::Utf8);
    assert_eq!(values(&rendered(b"1\ta\tb\r\n", &plan, true, 0)), [r#"[1,"a!","b"]"#]);
    let out = rendered(b"1\ta\tb\n", &plan, true, 0);
    assert_eq!(out.faults[0].reason, FaultReason::LineEnd);
    let latin = Encoding::from_name("LATIN1").unwrap();
    let plan = self::plan("a: {type: Template, template: '{{.a}}!'}", latin);
    assert_eq!(values(&rendered(b"1\t\xe4\t\xf6\n", &plan, false, 0)), [r#"[1,"ä!","ö"]"#]);
}

#[test]
fn rows_at_fault_keep_their_places() {
    let plan = plan("a: {type: Json, paths: {$.x: Redact}, on_error: skip}, b: FakeWord", Encoding::Utf8);
    let dump =
        b"1\t{\"x\":\"secret\"}\tb\n2\tsecret\tb\n3\t{}\n4\t{}\tb\n5\t\\x00\tb\n6\t\xff\tb\n7\t{}\t\\N\n";
    let out = rendered(dump, &plan, false, 0);
    let rows: Vec<_> = out.members.iter().map(|member| member.row).collect();
    assert_eq!(rows, [0, 3, 6]);
    assert!(values(&out)[0].contains(r#"{\"x\":\"******\"}"#), "{:?}", values(&out));
    let faults: Vec<_> = out.faults.iter().map(|fault| fault.row).collect();
    assert_eq!(faults, [1, 2, 4, 5]);
    for fault in &out.faults {
        let own = dump.split_inclusive(|&byte| byte == b'\n').nth(fault.row as usize).unwrap();
        assert_eq!(&dump[fault.start..fault.end], own);
        assert!(!fault.reason.to_string().contains("secret"));
    }
    assert_eq!(out.faults[0].column.as_deref(), Some("a"));
    let skipped = transform::RowPolicy::Skip;
    assert!(matches!(out.faults[0].reason, FaultReason::Transform { policy, .. } if policy == skipped));
    assert_eq!(out.faults[1].reason, FaultReason::FieldCount { expected: 3, found: 2 });
    assert_eq!(out.faults[2].reason, FaultReason::Nul);
    assert!(matches!(out.faults[3].reason, FaultReason::Undecodable { .. }));
}

#[test]
fn packed_rows_are_transformed_too() {
    let Block { plan, transformed } = plan("a: {type: Constant, value: \"it's\"}", Encoding::Utf8);
    let plan = TablePlan { form: RowForm::Packed, ..plan };
    let by = transformed.unwrap();
    let transformed = Some(Arc::new(Transformed::new(by.plan.clone(), &plan, &table(), None)));
    let block = Block { plan, transformed };
    let mut out = Rendered::default();
    let lines = Lines {
        bytes: b"1\tsecret\tb\n2\tsecret\tc\n",
        crlf: false,
        rows: 2,
        numbers: Numbers::plain(1),
        first_row: 0,
        ignoring: &[],
    };
    block.lines(lines, Sequence::FIRST, &mut out, &mut |_| {});
    let sql = values(&out).remove(0);
    assert!(sql.ends_with("VALUES\n('1','it''s','b'),\n('2','it''s','c');"), "{sql}");
}

/// Rows at fault and rows that are transformed before it, by COPY and by INSERT.
#[test]
fn a_transformed_row_in_pieces_comes_in_parts() {
    let block = plan("a: {type: Constant, value: \"it's\"}", Encoding::Utf8);
    let large = "it's \\\\ \"é\"".repeat(2 << 20);
    let of_copy =
        format!("COPY public.t (id, a, b) FROM stdin;\n1\tsecret\tb\n2\tx\\0\tc\n3\tsecret\t{large}\n\\.\n");
    let quoted = large.replace('\'', "''");
    let of_insert =
        format!("INSERT INTO public.t VALUES\n\t(1, 'secret', 'b'),\n\t(3, 'secret', '{quoted}');\n");
    for (dump, faults) in [(of_copy, 1), (of_insert, 0)] {
        let found = rendered_by(&dump, &block);
        let (slab, numbers, out) = &found[0];
        assert!(numbers.last > 20 && out.members.len() as u64 + faults == numbers.all, "{numbers:?}");
        assert_eq!(out.faults.len() as u64, faults);
        assert_eq!(out.members.last().unwrap().row_end as usize, slab.bytes().len());
        assert!(!String::from_utf8_lossy(&out.bytes).contains("secret"));
    }
}

fn field() -> impl Strategy<Value = String> {
    prop_oneof![Just("\\N".to_owned()), "[a-zäß '\"]{0,6}", "(\\\\\\\\|\\\\t|\\\\n|\\\\101|\\\\x4a|x){0,4}"]
}

proptest! {
    /// A slab cut anywhere gives the rows that it gives whole, also where the row's number counts.
    #[test]
    fn every_split_gives_the_same(rows in prop::collection::vec((field(), field()), 1..8), cut in 0_usize..8) {
        let plan = plan("a: {type: Hash, consistent: false}, b: {type: Mask, keep_first: 1}", Encoding::Utf8);
        let line = |(index, (a, b)): (usize, &(String, String))| format!("{index}\t{a}\t{b}\n");
        let texts: Vec<_> = rows.iter().enumerate().map(line).collect();
        let whole = rendered(texts.concat().as_bytes(), &plan, false, 0);
        let cut = cut.min(texts.len());
        let mut parts = values(&rendered(texts[..cut].concat().as_bytes(), &plan, false, 0));
        parts.extend(values(&rendered(texts[cut..].concat().as_bytes(), &plan, false, cut as u64)));
        prop_assert!(whole.faults.is_empty());
        prop_assert_eq!(values(&whole), parts);
    }
}
