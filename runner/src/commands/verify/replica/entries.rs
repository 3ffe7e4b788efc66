//! What `pg_dump --schema-only` prints, an entry for each object. Pure but for the lines that it reads.
//!
//! ```text
//! --
//! -- Name: t; Type: TABLE; Schema: public; Owner: ann
//! --
//!
//! CREATE TABLE public.t (…
//! ```
//!
//! Only hashes are kept, so that the memory grows with the number of objects alone. Whatever a line looks like, it belongs to one
//! entry: two texts that differ have an entry that differs.

use std::collections::HashMap;
use std::io::{self, BufRead};

use twox_hash::XxHash3_128;

/// The entries of a database: how often each is there, and the sum of their hashes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Entries(HashMap<String, (u64, u128)>);

/// How an object differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ObjectFault {
    /// It is not there.
    Missing,
    /// It should not be there.
    Extra,
    /// It is there and differs.
    Different,
}

impl ObjectFault {
    /// The word for it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Extra => "extra",
            Self::Different => "different",
        }
    }
}

/// Lines by which pg_dump says what holds for the entries that follow.
const SETTINGS: [&[u8]; 2] = [b"SET default_tablespace = ", b"SET default_table_access_method = "];
/// Lines before all objects that tell nothing of the database.
const NOTHING: [&[u8]; 3] =
    [b"-- Dumped from database version", b"-- Dumped by pg_dump version", b"\\restrict "];
/// The same behind them.
const NOTHING_BEHIND: &[u8] = b"\\unrestrict ";
/// The line with which pg_dump says that there are no more.
const COMPLETE: &[u8] = b"-- PostgreSQL database dump complete\n";
/// What is no object.
const HEAD: &str = "what stands before all objects";
const TAIL: &str = "what stands behind all objects";

impl Entries {
    /// Reads pg_dump's text, but for entries whose name `leaves_out`.
    pub(super) fn read(mut lines: impl BufRead, leaves_out: impl Fn(&str) -> bool) -> io::Result<Self> {
        let mut reading = Reading::new();
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line)? > 0 {
            reading.line(&line);
            line.clear();
        }
        reading.ends();
        let mut entries = reading.entries;
        entries.0.retain(|name, _| !leaves_out(name));
        Ok(entries)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// What differs from these in what was found, by name.
    pub(super) fn differences(&self, found: &Self) -> Vec<(String, ObjectFault)> {
        let mut all = Vec::new();
        for (name, expected) in &self.0 {
            match found.0.get(name) {
                None => all.push((name.clone(), ObjectFault::Missing)),
                Some(found) if found != expected => all.push((name.clone(), ObjectFault::Different)),
                Some(_) => {}
            }
        }
        let extra = found.0.keys().filter(|name| !self.0.contains_key(*name));
        all.extend(extra.map(|name| (name.clone(), ObjectFault::Extra)));
        all.sort();
        all
    }
}

struct Reading {
    entries: Entries,
    name: String,
    text: Vec<u8>,
    /// Lines that belong to the entry, unless another one begins behind them.
    pending: Vec<Vec<u8>>,
    settings: [Vec<u8>; SETTINGS.len()],
}

impl Reading {
    fn new() -> Self {
        Self {
            entries: Entries::default(),
            name: HEAD.to_owned(),
            text: Vec::new(),
            pending: Vec::new(),
            settings: Default::default(),
        }
    }

    fn line(&mut self, line: &[u8]) {
        let is_nothing = match &*self.name {
            HEAD => NOTHING.iter().any(|nothing| line.starts_with(nothing)),
            TAIL => line.starts_with(NOTHING_BEHIND),
            _ => false,
        };
        if is_nothing {
            return;
        }
        if let Some(name) = name(line).or_else(|| (line == COMPLETE).then(|| TAIL.to_owned())) {
            return self.begins(name);
        }
        let may_be_between =
            line == b"\n" || line == b"--\n" || SETTINGS.iter().any(|name| line.starts_with(name));
        if may_be_between {
            self.pending.push(line.to_vec());
            return;
        }
        for line in self.pending.drain(..) {
            self.text.extend(line);
        }
        self.text.extend_from_slice(line);
    }

    fn begins(&mut self, name: String) {
        let pending = std::mem::take(&mut self.pending);
        self.ends();
        for line in pending {
            for (name, setting) in SETTINGS.iter().zip(&mut self.settings) {
                if line.starts_with(name) {
                    setting.clone_from(&line);
                }
            }
        }
        self.name = name;
    }

    fn ends(&mut self) {
        self.pending.clear();
        if self.name == TAIL && self.text.is_empty() {
            return;
        }
        for setting in &self.settings {
            self.text.extend_from_slice(setting);
        }
        let hash = XxHash3_128::oneshot(&self.text);
        self.text.clear();
        let entry = self.entries.0.entry(std::mem::take(&mut self.name)).or_default();
        entry.0 += 1;
        entry.1 = entry.1.wrapping_add(hash);
    }
}

/// The name of the entry that begins with this line: its type, its schema, its name.
fn name(line: &[u8]) -> Option<String> {
    let line = String::from_utf8_lossy(line.strip_prefix(b"-- Name: ")?);
    let (name, rest) = line.trim_end().split_once("; Type: ")?;
    let (kind, rest) = rest.split_once("; Schema: ")?;
    let schema = rest.split_once(";").map_or(rest, |(schema, _)| schema);
    Some(match schema {
        "-" => format!("{kind} {name}"),
        schema => format!("{kind} {schema}.{name}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Entries {
        Entries::read(text.as_bytes(), |name| name.contains("kasho_")).unwrap()
    }

    const TEXT: &str = "--\n-- PostgreSQL database dump\n--\n\n\\restrict abc\n\n-- Dumped from database version 15\n\nSET row_security = off;\n\n\
SET default_tablespace = '';\n\n--\n-- Name: t; Type: TABLE; Schema: public; Owner: ann\n--\n\nCREATE TABLE public.t (\n    a integer\n);\n\n\
--\n-- Name: f(integer); Type: FUNCTION; Schema: public; Owner: ann\n--\n\nCREATE FUNCTION x\n\n\
--\n-- Name: kasho_f(); Type: FUNCTION; Schema: public; Owner: ann\n--\n\nCREATE FUNCTION y\n\n\
--\n-- Name: t_idx; Type: INDEX; Schema: public; Owner: ann\n--\n\nCREATE INDEX z;\n\n\n--\n-- PostgreSQL database dump complete\n--\n\n";

    fn differences(text: &str) -> Vec<(String, ObjectFault)> {
        read(TEXT).differences(&read(text))
    }

    #[test]
    fn an_object_that_differs_is_named() {
        assert_eq!(read(TEXT).len(), 4);
        assert!(differences(&TEXT.replace("abc", "def").replace("version 15", "version 16")).is_empty());
        let one = |name: &str, fault| vec![(name.to_owned(), fault)];
        assert_eq!(
            differences(&TEXT.replace("    a integer", "    a bigint")),
            one("TABLE public.t", ObjectFault::Different)
        );
        let index = TEXT.find("--\n-- Name: t_idx").unwrap()
            ..TEXT.find("--\n-- PostgreSQL database dump complete").unwrap();
        let without = format!("{}{}", &TEXT[..index.start], &TEXT[index.end..]);
        assert_eq!(differences(&without), one("INDEX public.t_idx", ObjectFault::Missing));
        assert_eq!(read(&without).differences(&read(TEXT)), one("INDEX public.t_idx", ObjectFault::Extra));
        // What a setting says holds for all that follow.
        let other = TEXT.replace("default_tablespace = ''", "default_tablespace = fast");
        assert_eq!(differences(&other).len(), 3);
        assert_eq!(differences(&TEXT.replace("row_security = off", "row_security = on")).len(), 1);
        // Whatever a function's text looks like.
        for line in [
            "\\restrict x",
            "\\unrestrict x",
            "-- Dumped by pg_dump version 1",
            "-- PostgreSQL database dump complete\nx",
        ] {
            let other = TEXT.replace("CREATE FUNCTION x\n", &format!("CREATE FUNCTION x\n{line}\n"));
            assert!(!differences(&other).is_empty(), "{line}");
        }
    }
}
