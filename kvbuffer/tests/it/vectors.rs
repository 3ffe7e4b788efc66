//! What Kasho's own services made of positions and values, recorded.

use kvbuffer::{Position, Value, decode_value, push_string};
use serde_json::Value as Json;

fn fixture(name: &str) -> Json {
    let path = format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Spellings that Kasho reads as something and we refuse, since the text does not say what it is read as, or since
/// its score is not exact.
const REFUSED: [&str; 24] = [
    "0/BOOTSTRAP00000000",
    "0/BOOTSTRAP9007199255740992",
    "0/BOOTSTRAP9007199255740993",
    "0/BOOTSTRAP9999999999999999",
    "0/BOOTSTRAP12345678901234567",
    "0/BOOTSTRAP00000000000000001",
    "0/BOOTSTRAP-1",
    "0/BOOTSTRAP+5",
    "0/BOOTSTRAP 5",
    "0/BOOTSTRAP5 ",
    "0/BOOTSTRAP12abc",
    "0/BOOTSTRAP1_000",
    "0/BOOTSTRAP0x10",
    "0/bootstrap1",
    "1/BOOTSTRAP1",
    "FFFFFFFF/FFFFFFFF",
    "100000000/0",
    "0/100000000",
    "200000/0",
    "200000/1",
    "0/100 ",
    " 0/100",
    "0/100zzz",
    "bootstrap",
];

#[test]
fn positions_that_parse_have_the_consumers_score() {
    let vectors = fixture("positions.json");
    let mut parsed = 0;
    for case in vectors["cases"].as_array().unwrap() {
        let text = case["position"].as_str().unwrap();
        match text.parse::<Position>() {
            Ok(position) => {
                parsed += 1;
                assert!(case["accepted"].as_bool().unwrap(), "{text}");
                assert_eq!(position.score().unwrap().get(), case["score"].as_i64().unwrap(), "{text}");
                let sequence = position.sequence().map(|sequence| sequence.get());
                assert_eq!(sequence, case.get("sequence").and_then(Json::as_u64), "{text}");
                let again: Position = position.to_string().parse().unwrap();
                assert_eq!(again, position, "{text}");
            }
            Err(_) if text.contains(':') => assert_eq!(case["read_as"], "MySQL binlog"),
            Err(_) => {
                let accepted = case["accepted"].as_bool().unwrap();
                assert_eq!(accepted, REFUSED.contains(&text), "{text}");
            }
        }
    }
    assert_eq!(parsed, 18);
}

#[test]
fn values_are_read_as_the_consumer_reads_them() {
    let vectors = fixture("consumer_values.json");
    let cases = vectors["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 238);
    for case in cases {
        let raw = case["raw_json"].as_str().unwrap().trim();
        let literal = decode_value(raw).map(|value| value.literal());
        // A NUL is read, and refused by PostgreSQL only.
        if raw.contains("\\u0000") {
            continue;
        }
        assert_eq!(literal.as_deref(), case["sql_literal"].as_str(), "{raw}");
    }
}

#[test]
fn strings_that_arrived_arrive_when_we_write_them() {
    let vectors = fixture("consumer_values.json");
    for case in vectors["cases"].as_array().unwrap() {
        let raw = case["raw_json"].as_str().unwrap();
        let Ok(Json::String(text)) = serde_json::from_str(raw) else { continue };
        let mut ours = Vec::new();
        push_string(&mut ours, text.as_bytes());
        let ours = String::from_utf8(ours).unwrap();
        assert_eq!(decode_value(&ours), Some(Value::String(text.clone())), "{raw}");
        assert_eq!(serde_json::from_str::<String>(&ours).unwrap(), text, "{raw}");
    }
}
