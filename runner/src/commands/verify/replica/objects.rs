//! What statements of a dump give that is neither rows nor definitions: values of sequences, large objects, populated views.

use std::collections::BTreeMap;

use ::replica::Look;
use dump::token::{TokenKind, Tokens};

use super::failed;
use super::report::{NAMED, ObjectsReport};
use super::statements::main;
use crate::base::error::Error;

/// What a statement sets.
#[derive(Debug, PartialEq, Eq)]
enum Sets<'a> {
    Sequence {
        name: String,
        value: i64,
        called: bool,
    },
    LargeObject(u32),
    Bytes {
        oid: u32,
        offset: u64,
        literal: &'a str,
    },
    View {
        name: String,
        populated: bool,
    },
    /// One of them, in a form that is not read.
    Unread(&'static str),
    Nothing,
}

/// What the dump says of such objects.
#[derive(Default)]
pub(super) struct Objects {
    sequences: BTreeMap<String, (i64, bool)>,
    views: BTreeMap<String, bool>,
    /// Large objects, and how many bytes each has.
    large: BTreeMap<u32, u64>,
    large_report: ObjectsReport,
    /// Whose bytes were compared last, and whether they are the same so far.
    current: Option<(u32, bool)>,
    unread: BTreeMap<&'static str, u64>,
}

impl Objects {
    /// Looks at a statement. Returns whether it only sets what is compared here.
    pub(super) async fn see(&mut self, look: &Look, text: &str) -> Result<bool, Error> {
        match sets(text) {
            Sets::Nothing => return Ok(false),
            Sets::Unread(what) => *self.unread.entry(what).or_default() += 1,
            Sets::Sequence { name, value, called } => drop(self.sequences.insert(name, (value, called))),
            Sets::View { name, populated } => drop(self.views.insert(name, populated)),
            Sets::LargeObject(oid) => {
                self.large.entry(oid).or_default();
                // It is a definition too.
                return Ok(false);
            }
            Sets::Bytes { oid, offset, literal } => self.bytes(look, oid, offset, literal).await?,
        }
        Ok(true)
    }

    async fn bytes(&mut self, look: &Look, oid: u32, offset: u64, literal: &str) -> Result<(), Error> {
        let same = match self.current {
            Some((current, same)) if current == oid => same,
            _ => {
                self.large_object_ends(look).await?;
                self.current = Some((oid, true));
                true
            }
        };
        let length = self.large.entry(oid).or_default();
        *length = (*length).max(offset + length_of(literal));
        if same {
            let has = look.large_object_has(oid, offset, literal).await;
            let has = has.map_err(failed("read a large object"))?;
            self.current = Some((oid, has == Some(true)));
        }
        Ok(())
    }

    async fn large_object_ends(&mut self, look: &Look) -> Result<(), Error> {
        let Some((oid, same)) = self.current.take() else { return Ok(()) };
        self.compare_end(look, oid, same).await
    }

    /// Compares where an object ends, whose bytes up to there are the `same`.
    async fn compare_end(&mut self, look: &Look, oid: u32, same: bool) -> Result<(), Error> {
        let length = self.large.get(&oid).copied().unwrap_or(0);
        let ends = look.large_object_ends(oid, length).await.map_err(failed("read a large object"))?;
        self.large_report.compared += 1;
        let what = match (ends, same) {
            (None, _) => "is missing",
            (Some(true), true) => return Ok(()),
            (_, false) => "has other bytes",
            (Some(false), true) => "is longer than the dump's",
        };
        self.large_report.differs(format!("{oid} {what}"));
        // So that it is not compared again.
        Ok(())
    }

    /// Compares what has not been compared yet: sequences, views, large objects, in this order.
    pub(super) async fn finish(mut self, look: &Look) -> Result<[ObjectsReport; 3], Error> {
        self.large_object_ends(look).await?;
        let empty: Vec<u32> =
            self.large.iter().filter(|(_, length)| **length == 0).map(|(oid, _)| *oid).collect();
        for oid in empty {
            self.compare_end(look, oid, true).await?;
        }
        let known: Vec<u32> = self.large.keys().copied().collect();
        let others = look.other_large_objects(&known, NAMED).await;
        let (first, all) = others.map_err(failed("look for other large objects"))?;
        for index in 0..all {
            let name = usize::try_from(index).ok().and_then(|index| first.get(index));
            self.large_report
                .differs(name.map_or_else(String::new, |oid| format!("{oid} is not in the dump")));
        }
        let mut sequences = self.sequences(look).await?;
        let mut views = self.views(look).await?;
        for (what, count) in &self.unread {
            let report = match *what {
                "setval" => &mut sequences,
                "REFRESH" => &mut views,
                _ => &mut self.large_report,
            };
            report.not_compared = Some(format!("{count} statements with {what} in a form that is not read"));
        }
        Ok([sequences, views, self.large_report])
    }

    async fn sequences(&self, look: &Look) -> Result<ObjectsReport, Error> {
        let mut report = ObjectsReport::default();
        for (name, (value, called)) in &self.sequences {
            let found = look.sequence(name).await.map_err(failed("read a sequence"))?;
            report.compared += 1;
            let next = |called: bool| if called { "given out" } else { "to be given out next" };
            match found {
                None => report.differs(format!("{name} is missing")),
                Some(found) if found == (*value, *called) => {}
                Some((other, other_called)) => report.differs(format!(
                    "{name} is at {other} ({}), and the dump has {value} ({})",
                    next(other_called),
                    next(*called)
                )),
            }
        }
        Ok(report)
    }

    async fn views(&self, look: &Look) -> Result<ObjectsReport, Error> {
        let mut report = ObjectsReport::default();
        for (name, populated) in &self.views {
            let found = look.is_populated(name).await.map_err(failed("look at a materialized view"))?;
            report.compared += 1;
            match found {
                None => report.differs(format!("{name} is missing")),
                Some(found) if found == *populated => {}
                Some(true) => report.differs(format!("{name} is populated, and the dump leaves it empty")),
                Some(false) => report.differs(format!("{name} is not populated")),
            }
        }
        Ok(report)
    }
}

/// How many bytes a literal of bytea has, as planner and pg_dump write it: `'\x00ff'`.
fn length_of(literal: &str) -> u64 {
    let inside = literal.trim_start_matches(['E', 'e']).trim_matches('\'');
    match inside.trim_start_matches('\\').strip_prefix('x') {
        Some(hexadecimal) => hexadecimal.len() as u64 / 2,
        None => inside.len() as u64,
    }
}

/// What a statement sets.
fn sets(text: &str) -> Sets<'_> {
    let statement = main(text);
    let starts = |words: &str| {
        statement.len() >= words.len()
            && statement.is_char_boundary(words.len())
            && statement[..words.len()].eq_ignore_ascii_case(words)
    };
    if starts("REFRESH MATERIALIZED VIEW ") {
        return view(&statement["REFRESH MATERIALIZED VIEW ".len()..]);
    }
    if let Some(rest) = statement.strip_prefix("SELECT pg_catalog.lo_put(") {
        return bytes(rest).unwrap_or(Sets::Unread("lo_put"));
    }
    match dump::classify(statement, true) {
        dump::Kind::SequenceValue if main(text).len() < text.len() => Sets::Unread("setval"),
        dump::Kind::SequenceValue => sequence(statement).unwrap_or(Sets::Unread("setval")),
        dump::Kind::LargeObject(_) => match argument(statement, "lo_create(") {
            Some(oid) => Sets::LargeObject(oid),
            None if statement.contains("lo_create") => Sets::Unread("lo_create"),
            None => Sets::Nothing,
        },
        _ => Sets::Nothing,
    }
}

fn view(rest: &str) -> Sets<'_> {
    let rest = rest.trim().trim_end_matches(';').trim();
    let rest = rest.strip_prefix("CONCURRENTLY ").unwrap_or(rest);
    let (name, populated) = match rest.strip_suffix("WITH NO DATA") {
        Some(name) => (name, false),
        None => (rest.strip_suffix("WITH DATA").unwrap_or(rest), true),
    };
    Sets::View { name: qualified(name.trim()), populated }
}

/// `123, 0, '\x00');`
fn bytes(rest: &str) -> Option<Sets<'_>> {
    let (oid, rest) = rest.split_once(", ")?;
    let (offset, rest) = rest.split_once(", ")?;
    let literal = rest.trim_end().strip_suffix(");")?;
    Some(Sets::Bytes { oid: oid.parse().ok()?, offset: offset.parse().ok()?, literal })
}

fn argument(statement: &str, call: &str) -> Option<u32> {
    let (_, rest) = statement.split_once(call)?;
    rest.split_once(')')?.0.trim_matches('\'').parse().ok()
}

/// `SELECT pg_catalog.setval('public.s', 5, true);`
fn sequence(statement: &str) -> Option<Sets<'_>> {
    let bytes = statement.as_bytes();
    let mut tokens = Tokens::new(bytes, true).skip_while(|token| token.kind != TokenKind::Str);
    let name = tokens.next()?.bytes(bytes);
    let name = std::str::from_utf8(name).ok()?.strip_prefix('\'')?.strip_suffix('\'')?.replace("''", "'");
    let rest: Vec<&str> =
        tokens.map(|token| std::str::from_utf8(token.bytes(bytes)).unwrap_or_default()).collect();
    let rest = rest.concat();
    let (arguments, behind) = rest.strip_prefix(',')?.split_once(')')?;
    let (value, called) = arguments.split_once(',').unwrap_or((arguments, "true"));
    let called = match called {
        "true" => true,
        "false" => false,
        _ => return None,
    };
    let value = value.parse().ok()?;
    matches!(behind, "" | ";").then(|| Sets::Sequence { name: qualified(&name), value, called })
}

/// A name without a schema is found in `public`, as in the load's session.
fn qualified(name: &str) -> String {
    let has_schema = dump::QualifiedName::spelled(name).is_some_and(|name| name.schema.is_some());
    if has_schema { name.to_owned() } else { format!("public.{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_that_set_something() {
        let sequence = |name: &str, value, called| Sets::Sequence { name: name.to_owned(), value, called };
        assert_eq!(
            sets("SELECT pg_catalog.setval('public.a_seq', 5, true);"),
            sequence("public.a_seq", 5, true)
        );
        assert_eq!(
            sets("SELECT pg_catalog.setval('public.\"A''b\"', -7, false);"),
            sequence("public.\"A'b\"", -7, false)
        );
        assert_eq!(sets("SELECT setval('s', 5);"), sequence("public.s", 5, true));
        assert_eq!(sets("SELECT setval('s', (SELECT 1));"), Sets::Unread("setval"));
        assert_eq!(sets("SELECT pg_catalog.lo_create('77');"), Sets::LargeObject(77));
        assert_eq!(
            sets("SELECT pg_catalog.lo_put(77, 16384, '\\x00ff');"),
            Sets::Bytes { oid: 77, offset: 16384, literal: "'\\x00ff'" }
        );
        let view = |populated| Sets::View { name: "public.v".to_owned(), populated };
        assert_eq!(sets("REFRESH MATERIALIZED VIEW public.v;"), view(true));
        assert_eq!(sets("REFRESH MATERIALIZED VIEW v WITH NO DATA;"), view(false));
        assert_eq!(sets("CREATE TABLE t (a int);"), Sets::Nothing);
        assert_eq!(length_of("'\\x00ff'"), 2);
    }
}
