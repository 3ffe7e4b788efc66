//! The statements of an entry, in the words of pg_restore.

use std::io;

use super::contents::{Contents, Entry, Text};
use super::error::ArchiveError;
use crate::name::quote_name;

/// No entry gives a longer text by repeating statements for each of its large objects.
const REPEATED_LIMIT: usize = 256 << 20;

/// What the comment above an entry begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Above {
    Definition,
    Data,
}

/// What the text has set so far, so that it sets nothing twice.
#[derive(Debug, Default)]
pub(super) struct Session {
    encoding: String,
    /// `standard_conforming_strings`.
    pub(super) standard: bool,
    /// The statement that sets `search_path` for the whole text. Without one each entry sets it.
    search_path: Text,
    schema: Text,
    tablespace: Option<Text>,
    access_method: Text,
    /// pg_restore before 16 says `ALTER TABLE` of views and sequences too.
    all_tables: bool,
}

impl Session {
    /// Takes the settings that are entries of their own.
    pub(super) fn new(contents: &Contents) -> io::Result<Self> {
        let all_tables = contents.head.major() < 16;
        let mut session = Self { encoding: "SQL_ASCII".to_owned(), all_tables, ..Self::default() };
        for entry in &contents.entries {
            match entry.kind.as_str() {
                "ENCODING" => session.encoding = quoted(entry)?,
                "STDSTRINGS" => session.standard = quoted(entry)? == "on",
                "SEARCHPATH" => session.search_path = entry.definition.clone(),
                _ => {}
            }
        }
        Ok(session)
    }

    /// Whether the text is in UTF-8.
    pub(super) fn is_utf8(&self) -> bool {
        self.encoding == "UTF8"
    }

    /// The head of the text.
    pub(super) fn head(&self, contents: &Contents, out: &mut Vec<u8>) {
        out.extend_from_slice(b"--\n-- PostgreSQL database dump\n--\n\n");
        if let Some(version) = &contents.head.server {
            line(out, &["-- Dumped from database version ", &version.replace(['\n', '\r'], " ")]);
        }
        if let Some(version) = &contents.head.pg_dump {
            line(out, &["-- Dumped by pg_dump version ", &version.replace(['\n', '\r'], " ")]);
        }
        line(out, &[]);
        line(out, &["SET statement_timeout = 0;"]);
        line(out, &["SET lock_timeout = 0;"]);
        line(out, &["SET idle_in_transaction_session_timeout = 0;"]);
        if contents.head.major() >= 17 {
            line(out, &["SET transaction_timeout = 0;"]);
        }
        line(out, &["SET client_encoding = '", &self.encoding, "';"]);
        line(out, &["SET standard_conforming_strings = ", if self.standard { "on;" } else { "off;" }]);
        out.extend_from_slice(&self.search_path);
        line(out, &["SET check_function_bodies = false;"]);
        line(out, &["SET xmloption = content;"]);
        line(out, &["SET client_min_messages = warning;"]);
        if !self.standard {
            line(out, &["SET escape_string_warning = off;"]);
        }
        line(out, &["SET row_security = off;\n"]);
    }

    /// The last lines of the text.
    pub(super) fn foot(out: &mut Vec<u8>) {
        out.extend_from_slice(b"--\n-- PostgreSQL database dump complete\n--\n\n");
    }

    /// The settings, the comment and the definition of an entry.
    pub(super) fn entry(
        &mut self,
        entries: &[Entry],
        entry: &Entry,
        above: Above,
        out: &mut Vec<u8>,
    ) -> io::Result<()> {
        self.select_schema(entry.schema.as_deref().unwrap_or_default(), out);
        self.select_tablespace(entry, out);
        if !entry.partitioned {
            self.select_access_method(entry, out);
        }
        comment(entry, above, out);
        define(entries, entry, out)?;
        self.give_to_owner(entry, out)?;
        if entry.partitioned
            && let Some(method) = &entry.access_method
        {
            let schema = entry.schema.as_deref().filter(|schema| !schema.is_empty());
            let schema = schema.map(|schema| [quote(schema), b".".to_vec()].concat()).unwrap_or_default();
            join(
                out,
                &[
                    b"ALTER TABLE ",
                    &schema,
                    &quote(&entry.tag),
                    b" SET ACCESS METHOD ",
                    &quote(method),
                    b";\n\n",
                ],
            );
        }
        Ok(())
    }

    fn give_to_owner(&self, entry: &Entry, out: &mut Vec<u8>) -> io::Result<()> {
        let Some(owner) = entry.owner.as_ref().filter(|owner| !owner.is_empty() && !entry.drop.is_empty())
        else {
            return Ok(());
        };
        let owner = quote(owner);
        if entry.kind == "BLOB METADATA" {
            return for_each_object(
                entry,
                b"ALTER LARGE OBJECT ",
                &[b" OWNER TO ".as_slice(), &owner].concat(),
                out,
            );
        }
        if let Some(object) = owned(entry, self.all_tables) {
            join(out, &[b"ALTER ", &object, b" OWNER TO ", &owner, b";\n\n"]);
        }
        Ok(())
    }

    /// For archives that are older than the setting for the whole text.
    pub(super) fn select_schema(&mut self, schema: &[u8], out: &mut Vec<u8>) {
        if !self.search_path.is_empty() || schema.is_empty() || *self.schema == *schema {
            return;
        }
        let behind: &[u8] = if schema == b"pg_catalog" { b"" } else { b", pg_catalog" };
        join(out, &[b"SET search_path = ", &quote(schema), behind, b";\n\n"]);
        self.schema = schema.into();
    }

    fn select_tablespace(&mut self, entry: &Entry, out: &mut Vec<u8>) {
        let Some(tablespace) = &entry.tablespace else { return };
        if self.tablespace.as_ref() == Some(tablespace) {
            return;
        }
        let name = if tablespace.is_empty() { b"''".to_vec() } else { quote(tablespace) };
        join(out, &[b"SET default_tablespace = ", &name, b";\n\n"]);
        self.tablespace = Some(tablespace.clone());
    }

    fn select_access_method(&mut self, entry: &Entry, out: &mut Vec<u8>) {
        let Some(method) = &entry.access_method else { return };
        if self.access_method == *method {
            return;
        }
        join(out, &[b"SET default_table_access_method = ", &quote(method), b";\n\n"]);
        self.access_method = method.clone();
    }
}

fn comment(entry: &Entry, above: Above, out: &mut Vec<u8>) {
    let prefix: &[u8] = match above {
        Above::Data => b"Data for ",
        Above::Definition if entry.kind == "STATISTICS DATA" => b"Statistics for ",
        Above::Definition => b"",
    };
    let or_hyphen = |text: &Option<Text>| text.as_ref().map_or_else(|| b"-".to_vec(), |text| one_line(text));
    join(out, &[b"--\n-- ", prefix, b"Name: ", &one_line(&entry.tag), b"; Type: ", entry.kind.as_bytes()]);
    join(out, &[b"; Schema: ", &or_hyphen(&entry.schema), b"; Owner: ", &or_hyphen(&entry.owner)]);
    if let Some(tablespace) = entry.tablespace.as_ref().filter(|tablespace| !tablespace.is_empty()) {
        join(out, &[b"; Tablespace: ", &one_line(tablespace)]);
    }
    out.extend_from_slice(b"\n--\n\n");
}

fn define(entries: &[Entry], entry: &Entry, out: &mut Vec<u8>) -> io::Result<()> {
    match entry.kind.as_str() {
        "BLOB METADATA" => for_each_object(entry, b"SELECT pg_catalog.lo_create('", b"')", out),
        "ACL" if entry.tag.starts_with(b"LARGE OBJECTS") => privileges_of_objects(entries, entry, out),
        _ if entry.definition.is_empty() => Ok(()),
        _ => {
            join(out, &[&entry.definition, b"\n\n"]);
            Ok(())
        }
    }
}

/// What `ALTER … OWNER TO` names; `None` if it has no owner of its own.
fn owned(entry: &Entry, all_tables: bool) -> Option<Vec<u8>> {
    match entry.kind.as_str() {
        "COLLATION"
        | "CONVERSION"
        | "DATABASE"
        | "DOMAIN"
        | "EVENT TRIGGER"
        | "FOREIGN DATA WRAPPER"
        | "FOREIGN TABLE"
        | "MATERIALIZED VIEW"
        | "PROCEDURAL LANGUAGE"
        | "PUBLICATION"
        | "SCHEMA"
        | "SEQUENCE"
        | "SERVER"
        | "STATISTICS"
        | "SUBSCRIPTION"
        | "TABLE"
        | "TEXT SEARCH CONFIGURATION"
        | "TEXT SEARCH DICTIONARY"
        | "TYPE"
        | "VIEW" => {
            let relation = matches!(entry.kind.as_str(), "VIEW" | "SEQUENCE" | "MATERIALIZED VIEW");
            let kind = if relation && all_tables { "TABLE" } else { &entry.kind };
            let mut name = [kind.as_bytes(), b" "].concat();
            if let Some(schema) = entry.schema.as_ref().filter(|schema| !schema.is_empty()) {
                join(&mut name, &[&quote(schema), b"."]);
            }
            name.extend(quote(&entry.tag));
            Some(name)
        }
        "BLOB" => Some([b"LARGE OBJECT ".as_slice(), &entry.tag].concat()),
        // The arguments that these need are in the statement that drops them.
        "AGGREGATE" | "FUNCTION" | "OPERATOR" | "OPERATOR CLASS" | "OPERATOR FAMILY" | "PROCEDURE" => {
            let object = entry.drop.strip_prefix(b"DROP ")?;
            let end = object.iter().rposition(|byte| !b";\n".contains(byte))?;
            Some(object[..=end].to_vec())
        }
        _ => None,
    }
}

/// One statement for each large object of a `BLOB METADATA`, whose definition is a list of their numbers.
fn for_each_object(entry: &Entry, before: &[u8], behind: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    let mut list = &*entry.definition;
    let start = out.len();
    while let Some(end) = memchr::memchr(b'\n', list) {
        join(out, &[before, &list[..end], behind, b";\n"]);
        list = &list[end + 1..];
        if out.len() - start > REPEATED_LIMIT {
            return Err(broken(entry, "it repeats a statement for too many large objects"));
        }
    }
    out.push(b'\n');
    Ok(())
}

/// The privileges of the large objects of a `BLOB METADATA`: statements for one of them, to be said of each.
fn privileges_of_objects(entries: &[Entry], entry: &Entry, out: &mut Vec<u8>) -> io::Result<()> {
    let objects = entry.depends_on.and_then(|id| entries.iter().find(|other| other.id == id));
    let Some(objects) = objects.filter(|objects| objects.kind == "BLOB METADATA") else {
        return Err(broken(entry, "it does not name its large objects"));
    };
    let start = out.len();
    let mut text = &*entry.definition;
    while let Some(end) = unquoted(text, b";") {
        let Some((before, behind)) = around_object(&text[..end]) else {
            return Err(broken(entry, "a statement of its privileges has another form than pg_dump's"));
        };
        for_each_object(objects, before, behind, out)?;
        if out.len() - start > REPEATED_LIMIT {
            return Err(broken(entry, "it repeats statements for too many large objects"));
        }
        text = text[end + 1..].trim_ascii_start();
    }
    Ok(())
}

/// The statement before and behind the number of its large object.
fn around_object(statement: &[u8]) -> Option<(&[u8], &[u8])> {
    const OBJECT: &[u8] = b"LARGE OBJECT ";
    let (before, behind) = statement.split_at(unquoted(statement, OBJECT)? + OBJECT.len());
    let digits = behind.iter().take_while(|byte| byte.is_ascii_digit()).count();
    Some((before, &behind[digits..]))
}

/// Where `what` begins first, outside of names in quotes.
fn unquoted(text: &[u8], what: &[u8]) -> Option<usize> {
    let mut quoted = false;
    (0..text.len()).find(|&place| {
        quoted ^= text[place] == b'"';
        !quoted && text[place..].starts_with(what)
    })
}

fn broken(entry: &Entry, what: &str) -> io::Error {
    let what = format!("{}: {what}", entry.name());
    ArchiveError::Contents { what }.into()
}

/// The word in single quotes in `SET client_encoding = 'UTF8';`.
fn quoted(entry: &Entry) -> io::Result<String> {
    let word =
        entry.definition.split(|&byte| byte == b'\'').nth(1).and_then(|word| std::str::from_utf8(word).ok());
    match word {
        Some(word) if word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') => {
            Ok(word.to_owned())
        }
        _ => Err(broken(entry, "its value cannot be read")),
    }
}

/// A name as a statement needs it.
fn quote(name: &[u8]) -> Vec<u8> {
    match std::str::from_utf8(name) {
        Ok(name) => quote_name(name).into_bytes(),
        Err(_) => {
            let doubled = name.iter().flat_map(|&byte| [byte].repeat(if byte == b'"' { 2 } else { 1 }));
            [b"\"".to_vec(), doubled.collect(), b"\"".to_vec()].concat()
        }
    }
}

pub(super) fn one_line(text: &[u8]) -> Vec<u8> {
    text.iter().map(|&byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte }).collect()
}

fn line(out: &mut Vec<u8>, parts: &[&str]) {
    for part in parts {
        out.extend_from_slice(part.as_bytes());
    }
    out.push(b'\n');
}

fn join(out: &mut Vec<u8>, parts: &[&[u8]]) {
    for part in parts {
        out.extend_from_slice(part);
    }
}
