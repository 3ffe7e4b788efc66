//! Decodes a member of the sorted set to a change, or to the reason why the entry is lost.

use super::gotime::read_rfc3339;
use super::json;
use super::value::{Value, read_value};

/// One change.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The position, as spelled in the entry.
    pub position: String,
    /// The operation.
    pub data: Decoded,
}

/// The two types of change.
#[derive(Debug, Clone, PartialEq)]
pub enum Decoded {
    /// SQL text.
    Ddl(Ddl),
    /// A row.
    Dml(Dml),
}

/// The data of a ddl change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ddl {
    /// Its number.
    pub id: i64,
    /// Its time, RFC 3339.
    pub time: String,
    /// Who did it.
    pub username: String,
    /// In which database.
    pub database: String,
    /// The statement, or several.
    pub ddl: String,
}

/// The data of a dml change.
#[derive(Debug, Clone, PartialEq)]
pub struct Dml {
    /// The text to insert into the statement.
    pub table: String,
    /// The columns, likewise.
    pub names: Vec<String>,
    /// Their values.
    pub values: Vec<Value>,
}

/// Decodes one member. The error is the reason why the consumer cannot read it.
pub fn decode(member: &[u8]) -> Result<Change, String> {
    let fields = json::object(json::check(member)?)?;
    let position = text(&fields, "position")?;
    let data = json::object(field(&fields, "data")?)?;
    let data = match text(&fields, "type")?.as_str() {
        "ddl" => Decoded::Ddl(ddl(&data)?),
        "dml" => Decoded::Dml(dml(&data)?),
        other => return Err(format!("unknown type {other:?}")),
    };
    Ok(Change { position, data })
}

fn ddl(fields: &[json::Field<'_>]) -> Result<Ddl, String> {
    let id = field(fields, "id")?;
    let id = std::str::from_utf8(id)
        .ok()
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(|| format!("cannot read {} as id", String::from_utf8_lossy(id)))?;
    let raw_time = field(fields, "time")?;
    let inside = raw_time.strip_prefix(b"\"").and_then(|raw| raw.strip_suffix(b"\""));
    if inside.and_then(read_rfc3339).is_none() {
        return Err(format!("cannot read {} as time", String::from_utf8_lossy(raw_time)));
    }
    Ok(Ddl {
        id,
        time: text(fields, "time")?,
        username: text(fields, "username")?,
        database: text(fields, "database")?,
        ddl: text(fields, "ddl")?,
    })
}

fn dml(fields: &[json::Field<'_>]) -> Result<Dml, String> {
    let kind = text(fields, "kind")?;
    if kind != "insert" {
        return Err(format!("kind {kind:?}: a bootstrap has inserts only"));
    }
    let names = json::array(field(fields, "columnnames")?)?;
    let values = json::array(field(fields, "columnvalues")?)?;
    Ok(Dml {
        table: text(fields, "table")?,
        names: names
            .into_iter()
            .map(|raw| json::string(raw).ok_or_else(|| "a column name that is no string".to_owned()))
            .collect::<Result<_, _>>()?,
        values: values.into_iter().map(read_value).collect::<Result<_, _>>()?,
    })
}

/// The one field of that name. Stricter than Go, which takes any case and the last of several: a writer that
/// relies on that is wrong already.
fn field<'a>(fields: &[json::Field<'a>], name: &str) -> Result<&'a [u8], String> {
    let mut found = fields.iter().filter(|(candidate, _)| candidate == name);
    match (found.next(), found.next()) {
        (Some((_, raw)), None) => Ok(raw),
        (Some(_), Some(_)) => Err(format!("field {name:?} twice")),
        (None, _) => Err(format!("no field {name:?}")),
    }
}

fn text(fields: &[json::Field<'_>], name: &str) -> Result<String, String> {
    json::string(field(fields, name)?).ok_or_else(|| format!("field {name:?} is no string"))
}

impl Dml {
    /// The consumer's statement: names pasted in as they are, one literal for each value.
    pub fn to_sql(&self) -> String {
        let mut sql = format!("INSERT INTO {} ({}) VALUES (", self.table, self.names.join(", "));
        for (index, value) in self.values.iter().enumerate() {
            if index > 0 {
                sql.push_str(", ");
            }
            value.write_sql(&mut sql);
        }
        sql.push_str(");");
        sql
    }
}
