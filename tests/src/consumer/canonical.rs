//! The canonical bytes of a change, made again from the decoded one: sending a change twice is only harmless if the
//! bytes are the same each time.

use super::decode::{Change, Decoded};
use super::json;
use super::position::{ReadAs, read_position};

/// Reports where a change is not as a bootstrap writer must write it; nothing if all is well.
pub(super) fn check(score: f64, member: &[u8], change: &Change) -> Option<String> {
    let sequence = match read_position(&change.position) {
        Ok((expected, ReadAs::Sequence(sequence))) => {
            if expected != score {
                return Some(format!("score {score} instead of {expected}"));
            }
            sequence
        }
        Ok((_, other)) => return Some(format!("position {:?} reads as {other:?}", change.position)),
        Err(error) => return Some(error),
    };
    let spelled = format!("0/BOOTSTRAP{sequence:08}");
    if change.position != spelled {
        return Some(format!("position {:?} is not spelled {spelled:?}", change.position));
    }
    let canonical = match &change.data {
        Decoded::Ddl(ddl) => {
            if ddl.id != sequence % (1 << 31) {
                return Some(format!("id {} is not the sequence modulo 2^31", ddl.id));
            }
            let [time, username, database, text] =
                [&ddl.time, &ddl.username, &ddl.database, &ddl.ddl].map(|text| quoted(text, false));
            let id = ddl.id;
            format!(
                r#"{{"type":"ddl","position":"{spelled}","data":{{"id":{id},"time":{time},"username":{username},"database":{database},"ddl":{text}}}}}"#
            )
        }
        Decoded::Dml(dml) => {
            let (table, names) =
                (quoted(&dml.table, false), list(dml.names.iter().map(|name| quoted(name, false))));
            let values = match raw_values(member) {
                Ok(values) => list(values.into_iter()),
                Err(error) => return Some(error),
            };
            format!(
                r#"{{"type":"dml","position":"{spelled}","data":{{"table":{table},"columnnames":{names},"columnvalues":{values},"kind":"insert"}}}}"#
            )
        }
    };
    if canonical.as_bytes() == member {
        return None;
    }
    let at = canonical.bytes().zip(member).take_while(|(a, b)| a == *b).count();
    let end = canonical.len().min(at + 40);
    let expected = String::from_utf8_lossy(&canonical.as_bytes()[at.min(end)..end]).into_owned();
    Some(format!("not canonical from byte {at} on, where {expected:?} belongs"))
}

/// The values in their canonical spelling: strings are quoted again, everything else is unchanged.
fn raw_values(member: &[u8]) -> Result<Vec<String>, String> {
    let find = |raw, name| {
        let fields = json::object(raw)?;
        fields.into_iter().find(|(n, _)| n == name).map(|(_, raw)| raw).ok_or_else(|| format!("no {name}"))
    };
    let values = json::array(find(find(json::check(member)?, "data")?, "columnvalues")?)?;
    Ok(values
        .into_iter()
        .map(|raw| match json::string(raw) {
            Some(text) => quoted(&text, true),
            None => String::from_utf8_lossy(raw).into_owned(),
        })
        .collect())
}

fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(","))
}

/// `shielded`: a column value, whose first character is escaped if it could be read as a timestamp.
fn quoted(text: &str, shielded: bool) -> String {
    use std::fmt::Write;
    let mut json = String::with_capacity(text.len() + 2);
    json.push('"');
    for (at, c) in text.char_indices() {
        let _ = match c {
            '0'..='9' if at == 0 && shielded && looks_like_timestamp(text.as_bytes()) => {
                write!(json, "\\u003{c}")
            }
            '"' => write!(json, "\\\""),
            '\\' => write!(json, "\\\\"),
            '\u{8}' => write!(json, "\\b"),
            '\u{c}' => write!(json, "\\f"),
            '\n' => write!(json, "\\n"),
            '\r' => write!(json, "\\r"),
            '\t' => write!(json, "\\t"),
            '\0'..='\u{1f}' => write!(json, "\\u{:04x}", u32::from(c)),
            _ => {
                json.push(c);
                Ok(())
            }
        };
    }
    json.push('"');
    json
}

/// `^\d{4}-\d\d-\d\dT\d`
fn looks_like_timestamp(text: &[u8]) -> bool {
    text.len() >= 12
        && b"dddd-dd-ddTd".iter().zip(text).all(|(shape, byte)| match shape {
            b'd' => byte.is_ascii_digit(),
            literal => literal == byte,
        })
}

#[cfg(test)]
mod tests {
    use super::super::decode;
    use super::*;

    fn verdict(score: f64, member: &str) -> Option<String> {
        check(score, member.as_bytes(), &decode(member.as_bytes()).unwrap())
    }

    #[test]
    fn canonical_bytes_pass() {
        let ddl = r#"{"type":"ddl","position":"0/BOOTSTRAP00000001","data":{"id":1,"time":"2026-01-02T03:04:05Z","username":"bootstrap","database":"shop","ddl":"CREATE TABLE \"x\" ();\n/é\u001b"}}"#;
        assert_eq!(verdict(-999_999.0, ddl), None);
        let dml = r#"{"type":"dml","position":"0/BOOTSTRAP01000002","data":{"table":"public.t","columnnames":["a","b","c","d"],"columnvalues":[1,null,"\u0032024-01-02T03:04:05Z",1.50],"kind":"insert"}}"#;
        assert_eq!(verdict(2.0, dml), None);
    }

    #[test]
    fn everything_else_is_named() {
        let dml = |position: &str, value: &str| {
            format!(
                r#"{{"type":"dml","position":"{position}","data":{{"table":"public.t","columnnames":["a"],"columnvalues":[{value}],"kind":"insert"}}}}"#
            )
        };
        assert_eq!(verdict(-999_999.0, &dml("0/BOOTSTRAP00000001", "1")), None);
        for (score, position, value) in [
            (-999_998.0, "0/BOOTSTRAP00000001", "1"),
            (-999_999.0, "0/BOOTSTRAP0000000000000001", "1"),
            (-999_999.0, "0/BOOTSTRAP00000001", " 1"),
            (-999_999.0, "0/BOOTSTRAP00000001", r#""a\/b""#),
            (-999_999.0, "0/BOOTSTRAP00000001", r#""\u001B""#),
            (-999_999.0, "0/BOOTSTRAP00000001", r#""2024-01-02T03:04:05Z""#),
            (-999_999.0, "0/BOOTSTRAP00000001", r#""\u0032024""#),
            (1.0, "0/1", "1"),
        ] {
            assert!(verdict(score, &dml(position, value)).is_some(), "{score} {position} {value}");
        }
    }
}
