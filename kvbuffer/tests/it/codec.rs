//! Changes to bytes and back.

use kvbuffer::{
    Change, ChangeData, Ddl, DecodeError, Dml, Lsn, MAX_WIRE_SIZE, OldKeys, Operation, Position, ROW_TAIL,
    RowHead, Sequence, Value, decode, encode, encode_ddl, looks_like_timestamp, push_string, push_text,
    wire_size_bound,
};
use proptest::prelude::*;
use serde_json::Value as Json;

use crate::support::seq;

fn row(number: u64, values: Vec<Value>) -> Change {
    let column_names = (0..values.len()).map(|index| format!("c{index}")).collect();
    let dml = Dml {
        table: "public.users".to_owned(),
        column_names,
        column_values: values,
        kind: Operation::Insert,
        old_keys: None,
    };
    Change { position: Position::Bootstrap(seq(number)), data: ChangeData::Dml(dml) }
}

#[test]
fn the_contracts_examples_byte_for_byte() {
    let mut out = Vec::new();
    encode_ddl(&mut out, seq(1), "2026-01-02T03:04:05Z", "shop", "CREATE TABLE …");
    let ddl = r#"{"type":"ddl","position":"0/BOOTSTRAP00000001","data":{"id":1,"time":"2026-01-02T03:04:05Z","username":"bootstrap","database":"shop","ddl":"CREATE TABLE …"}}"#;
    assert_eq!(String::from_utf8(out).unwrap(), ddl);
    assert_eq!(encode(&decode(ddl.as_bytes()).unwrap()), ddl.as_bytes());

    let mut out = Vec::new();
    RowHead::new("public.users", &["id", "name"], seq(2)).push(&mut out);
    out.extend_from_slice(b"1,");
    push_string(&mut out, b"Ann");
    out.extend_from_slice(ROW_TAIL);
    let dml = r#"{"type":"dml","position":"0/BOOTSTRAP00000002","data":{"table":"public.users","columnnames":["id","name"],"columnvalues":[1,"Ann"],"kind":"insert"}}"#;
    assert_eq!(String::from_utf8(out).unwrap(), dml);
    assert_eq!(encode(&decode(dml.as_bytes()).unwrap()), dml.as_bytes());
}

#[test]
fn ids_wrap_at_31_bits() {
    for (number, id) in [(1 << 31, 0), ((1 << 31) + 7, 7), ((1 << 31) - 1, (1 << 31) - 1)] {
        let mut out = Vec::new();
        encode_ddl(&mut out, seq(number), "2000-01-01T00:00:00Z", "", "");
        let ChangeData::Ddl(ddl) = decode(&out).unwrap().data else { panic!() };
        assert_eq!(ddl.id, id);
    }
}

fn head_of(head: &mut RowHead) -> String {
    let mut out = Vec::new();
    head.push(&mut out);
    out.extend_from_slice(b"null");
    out.extend_from_slice(ROW_TAIL);
    decode(&out).unwrap().position.to_string()
}

#[test]
fn a_row_head_counts() {
    for first in [1, 8, 9, 98, 99, 9_999_999, 99_999_998, 99_999_999, 999_999_999, 9_999_999_999] {
        let mut head = RowHead::new("public.\"Or\\der\"", &["a\"b"], seq(first));
        for number in first..first + 25 {
            assert_eq!(head.next(), Some(seq(number)));
            assert_eq!(head_of(&mut head), Position::Bootstrap(seq(number)).to_string());
        }
        head.set(seq(7));
        assert_eq!(head_of(&mut head), "0/BOOTSTRAP00000007");
        assert_eq!(head_of(&mut head), "0/BOOTSTRAP00000008");
        head.set(Sequence::MAX);
        assert_eq!(head_of(&mut head), "0/BOOTSTRAP9007199255740991");
        assert_eq!(head.next(), None);
    }
}

#[test]
fn escapes_at_every_place_and_length() {
    for length in 0..40 {
        for at in 0..length {
            for byte in (0..0x20).chain([b'"', b'\\', 0x7f, b' ', b'!', b'#', b'[', b']']) {
                let mut text = vec![b'x'; length];
                text[at] = byte;
                assert_canonical(std::str::from_utf8(&text).unwrap());
                text[length - 1] = b'"';
                assert_canonical(std::str::from_utf8(&text).unwrap());
            }
        }
    }
    assert_canonical("é漢😀\u{1f}\u{7f}\u{80}\u{2028}\u{2029}</script>&/");
}

/// Written by the simplest code that follows the rule.
fn reference(text: &str) -> String {
    let mut out = String::from("\"");
    for (index, character) in text.chars().enumerate() {
        match character {
            digit if index == 0 && looks_like_timestamp(text.as_bytes()) => {
                out.push_str(&format!("\\u{:04x}", digit as u32));
            }
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if control < ' ' => out.push_str(&format!("\\u{:04x}", control as u32)),
            plain => out.push(plain),
        }
    }
    out + "\""
}

fn assert_canonical(text: &str) {
    let mut out = Vec::new();
    push_string(&mut out, text.as_bytes());
    let out = String::from_utf8(out).unwrap();
    assert_eq!(out, reference(text));
    assert_eq!(serde_json::from_str::<String>(&out).unwrap(), text);
}

#[test]
fn only_values_hide_timestamps() {
    let text = "2024-01-15T10:30:00Z";
    let (mut value, mut plain) = (Vec::new(), Vec::new());
    push_string(&mut value, text.as_bytes());
    push_text(&mut plain, text.as_bytes());
    assert_eq!(value, br#""\u0032024-01-15T10:30:00Z""#);
    assert_eq!(plain, br#""2024-01-15T10:30:00Z""#);
    for near in
        ["2024-01-15 10:30:00Z", "2024-01-15T", "12024-01-15T1", "2024-1-15T10:30:00Z", "2024-01-15T:"]
    {
        assert!(!looks_like_timestamp(near.as_bytes()), "{near}");
    }
}

#[test]
fn what_the_consumer_would_lose_or_die_of_is_an_error() {
    let dml = |data: &str| format!(r#"{{"type":"dml","position":"0/1","data":{data}}}"#);
    let lengths = dml(r#"{"table":"t","columnnames":["a","b"],"columnvalues":[1],"kind":"insert"}"#);
    assert!(matches!(decode(lengths.as_bytes()), Err(DecodeError::Length { names: 2, values: 1, .. })));
    for value in ["[1]", "{}", "1e400"] {
        let text =
            dml(&format!(r#"{{"table":"t","columnnames":["a"],"columnvalues":[{value}],"kind":"insert"}}"#));
        assert!(matches!(decode(text.as_bytes()), Err(DecodeError::Value { index: 0, .. })), "{value}");
    }
    let kind = dml(r#"{"table":"t","columnnames":["a"],"columnvalues":[1],"kind":"INSERT"}"#);
    assert!(matches!(decode(kind.as_bytes()), Err(DecodeError::Field { field: "kind", .. })));
    let ddl = |id: &str, time: &str| {
        format!(
            r#"{{"type":"ddl","position":"0/1","data":{{"id":{id},"time":"{time}","username":"","database":"","ddl":""}}}}"#
        )
    };
    assert!(decode(ddl("1", "2000-01-01T00:00:00Z").as_bytes()).is_ok());
    assert!(decode(ddl("1.5", "2000-01-01T00:00:00Z").as_bytes()).is_err());
    assert!(decode(ddl("9223372036854775808", "2000-01-01T00:00:00Z").as_bytes()).is_err());
    assert!(decode(ddl("1", "2000-01-01 00:00:00").as_bytes()).is_err());
    assert!(decode(br#"{"type":"ddl","position":"0/bootstrap1","data":{}}"#).is_err());
    assert!(decode(br#"{"type":"ddl","lsn":"0/1","data":{}}"#).is_err());
    assert!(decode(b"").is_err());
}

#[test]
fn wire_sizes_by_hand() {
    let empty = row(1, vec![Value::Null]);
    // position 2+19, type 2+3, Dml 2+(table 2+12, name 2+2, value 2+0, kind 2+6)
    assert_eq!(empty.wire_size(), 21 + 5 + 2 + (14 + 4 + 2 + 8));
    let base = empty.wire_size();
    let cases = [
        (Value::Bool(false), 2),
        (Value::Number("0".into()), 2),
        (Value::Number("127".into()), 2),
        (Value::Number("128".into()), 3),
        (Value::Number("-1".into()), 11),
        (Value::Number("1.5".into()), 9),
        (Value::String(String::new()), 2),
        (Value::String("x".repeat(10)), 12),
    ];
    for (value, size) in cases {
        assert_eq!(row(1, vec![value.clone()]).wire_size(), base + size, "{value:?}");
    }
    let large = |length| row(1, vec![Value::String("x".repeat(length))]);
    // Three lengths grow from one byte to four.
    let room = MAX_WIRE_SIZE - base - 2 - 3 * 3;
    assert_eq!(large(room).wire_size(), MAX_WIRE_SIZE);
}

/// How fast rows of seven columns (about 240 bytes) are encoded, on one thread.
/// `cargo test --release -p kvbuffer --test it -- --ignored --nocapture encoding_speed`
#[test]
#[ignore = "a measurement, not a test"]
fn encoding_speed() {
    const ROWS: u64 = 10_000_000;
    let columns = ["id", "name", "email", "city", "created_at", "active", "note"];
    let mut head = RowHead::new("public.users", &columns, seq(1));
    let mut out = Vec::with_capacity(1 << 20);
    let (mut bytes, start) = (0, std::time::Instant::now());
    for number in 0..ROWS {
        if out.len() > 1_000_000 {
            bytes += out.len();
            out.clear();
        }
        head.push(&mut out);
        out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
        let texts: [&[u8]; 4] =
            [b"Ann Example", b"ann.example@example.com", b"Springfield", b"2024-01-02 03:04:05.678+00"];
        for text in texts {
            out.push(b',');
            push_string(&mut out, std::hint::black_box(text));
        }
        out.extend_from_slice(b",true,null");
        out.extend_from_slice(ROW_TAIL);
    }
    bytes += out.len();
    let taken = start.elapsed().as_secs_f64();
    println!("{:.1} million rows/s, {:.0} MB/s", ROWS as f64 / taken / 1e6, bytes as f64 / taken / 1e6);
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(|number| Value::Number(number.to_string())),
        any::<f64>().prop_filter("finite", |f| f.is_finite()).prop_map(|f| Value::Number(format!("{f:?}"))),
        any::<String>().prop_map(Value::String),
        "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{1,2}:[0-9]{2}:[0-9]{2}[.,]?[0-9]{0,3}(Z|[+-][0-9]{2}:[0-9]{2}|)"
            .prop_map(Value::String),
        "[\\x00-\\x7f]{0,40}".prop_map(Value::String),
    ]
}

fn any_columns() -> impl Strategy<Value = (Vec<String>, Vec<Value>)> {
    proptest::collection::vec((any::<String>(), any_value()), 0..6)
        .prop_map(|pairs| pairs.into_iter().unzip())
}

fn any_data() -> impl Strategy<Value = ChangeData> {
    let kind = prop_oneof![Just(Operation::Insert), Just(Operation::Update), Just(Operation::Delete)];
    let keys = proptest::option::of(
        any_columns().prop_map(|(key_names, key_values)| OldKeys { key_names, key_values }),
    );
    let dml = (any::<String>(), any_columns(), kind, keys).prop_map(
        |(table, (column_names, column_values), kind, old_keys)| {
            ChangeData::Dml(Dml { table, column_names, column_values, kind, old_keys })
        },
    );
    let ddl = (any::<i64>(), any::<String>(), any::<String>(), any::<String>()).prop_map(
        |(id, username, database, ddl)| {
            ChangeData::Ddl(Ddl { id, time: "2024-02-29T23:59:59+01:00".into(), username, database, ddl })
        },
    );
    prop_oneof![dml, ddl]
}

fn any_change() -> impl Strategy<Value = Change> {
    let position = prop_oneof![
        (1..=Sequence::MAX.get()).prop_map(|number| Position::Bootstrap(seq(number))),
        (0..1_u64 << 53).prop_map(|offset| Position::Wal(Lsn::new(offset))),
    ];
    (position, any_data()).prop_map(|(position, data)| Change { position, data })
}

/// Any length that protobuf would write, written by code that knows nothing of ours.
fn protobuf_size(change: &Change) -> usize {
    fn field(number: u8, content: &[u8]) -> Vec<u8> {
        let mut out = vec![number << 3 | 2];
        let mut length = content.len();
        while length > 127 {
            out.push(length as u8 | 128);
            length >>= 7;
        }
        out.push(length as u8);
        out.extend_from_slice(content);
        out
    }
    fn integer(number: u8, value: i64) -> Vec<u8> {
        let (mut out, mut value) = (vec![number << 3], value as u64);
        while value > 127 {
            out.push(value as u8 | 128);
            value >>= 7;
        }
        out.push(value as u8);
        out
    }
    fn set(number: u8, text: &str) -> Vec<u8> {
        if text.is_empty() { Vec::new() } else { field(number, text.as_bytes()) }
    }
    fn value(value: &Value) -> Vec<u8> {
        match value {
            Value::Null => Vec::new(),
            Value::Bool(_) => vec![4 << 3, 1],
            Value::Number(text) => text.parse().map_or(vec![0; 9], |number| integer(2, number)),
            Value::String(text) => field(1, text.as_bytes()),
            Value::Timestamp(_) => unreachable!(),
        }
    }
    fn columns(names: (u8, &[String]), values: (u8, &[Value])) -> Vec<u8> {
        let names = names.1.iter().flat_map(|name| field(names.0, name.as_bytes()));
        names.chain(values.1.iter().flat_map(|item| field(values.0, &value(item)))).collect()
    }
    let data = match &change.data {
        ChangeData::Ddl(ddl) => {
            let id = if ddl.id as i32 == 0 { Vec::new() } else { integer(1, i64::from(ddl.id as i32)) };
            let texts = [(2, &ddl.time), (3, &ddl.username), (4, &ddl.database), (5, &ddl.ddl)];
            field(4, &[id, texts.iter().flat_map(|(number, text)| set(*number, text)).collect()].concat())
        }
        ChangeData::Dml(dml) => {
            let keys = dml
                .old_keys
                .as_ref()
                .map_or(Vec::new(), |keys| field(5, &columns((1, &keys.key_names), (2, &keys.key_values))));
            let columns = columns((2, &dml.column_names), (3, &dml.column_values));
            field(3, &[set(1, &dml.table), columns, set(4, dml.kind.as_str()), keys].concat())
        }
    };
    [set(1, &change.position.to_string()), set(2, change.r#type().as_str()), data].concat().len()
}

proptest! {
    #[test]
    fn what_is_written_is_read(change in any_change()) {
        let bytes = encode(&change);
        prop_assert_eq!(&decode(&bytes).unwrap(), &change);
        let json: Json = serde_json::from_slice(&bytes).unwrap();
        prop_assert_eq!(json["type"].as_str().unwrap(), change.r#type().as_str());
        if let ChangeData::Ddl(ddl) = &change.data {
            prop_assert_eq!(json["data"]["ddl"].as_str().unwrap(), &ddl.ddl);
        }
    }

    #[test]
    fn sizes_are_exact_and_bounded(change in any_change()) {
        prop_assert_eq!(change.wire_size(), protobuf_size(&change));
        let columns = match &change.data {
            ChangeData::Dml(dml) => {
                dml.column_names.len() + dml.old_keys.as_ref().map_or(0, |keys| keys.key_names.len())
            }
            ChangeData::Ddl(_) => 0,
        };
        prop_assert!(change.wire_size() <= wire_size_bound(encode(&change).len(), columns));
    }

    #[test]
    fn strings_are_canonical(text in any::<String>()) {
        assert_canonical(&text);
    }

    #[test]
    fn ascii_strings_are_canonical(text in "[\\x00-\\x7f]{0,80}") {
        assert_canonical(&text);
    }

    #[test]
    fn a_row_equals_the_encoder(number in 1..200_000_000_u64, text in any::<String>()) {
        let mut out = Vec::new();
        RowHead::new("public.users", &["c0", "c1"], seq(number)).push(&mut out);
        push_string(&mut out, text.as_bytes());
        out.extend_from_slice(b",null");
        out.extend_from_slice(ROW_TAIL);
        prop_assert_eq!(out, encode(&row(number, vec![Value::String(text), Value::Null])));
    }

    #[test]
    fn nothing_makes_the_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(&bytes);
    }
}
