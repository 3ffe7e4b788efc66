//! What PostgreSQL reads out of a pack is what was put in: a reader of SQL literals and of array literals, by
//! PostgreSQL's rules and none of ours, gives the values back. And no bytes make the conversion panic.

#![no_main]

use dump::{TypeClass};
use kvbuffer::{ChangeData, Sequence};
use libfuzzer_sys::fuzz_target;
use convert::form::RowForm;
use convert::render::members::Rendered;
use convert::render::lines::{Lines, Numbers};
use convert::render::{TablePlan, packed};

type Rows = Vec<Vec<Option<String>>>;

const HEAD: &str =
    "SET LOCAL session_replication_role = replica;\nINSERT INTO public.t (a, b) OVERRIDING SYSTEM VALUE ";

fn plan(arrays: bool, alone: bool) -> TablePlan {
    TablePlan {
        form: RowForm::Packed,
        alone,
        elements: if arrays { vec!["numeric", "text"] } else { Vec::new() },
        columns: vec!["a".to_owned(), "b".to_owned()],
        classes: vec![if arrays { TypeClass::Float } else { TypeClass::Text }, TypeClass::Text],
        ..TablePlan::bare("public.t")
    }
}

fn texts(bytes: &[u8], rows: u64, plan: &TablePlan) -> (Vec<String>, usize) {
    let mut out = Rendered::default();
    let numbers = if plan.alone { rows } else { 1 };
    packed::render(Lines { bytes, crlf: false, rows, numbers: Numbers::plain(numbers), first_row: 0, ignoring: &[] }, plan, Sequence::FIRST, &mut out);
    let text = |index| match kvbuffer::decode(out.member(index)).expect("a change").data {
        ChangeData::Ddl(ddl) => ddl.ddl,
        ChangeData::Dml(_) => panic!("a row by itself"),
    };
    ((0..out.members.len()).map(text).collect(), out.faults.len())
}

/// Reads a text from its start.
struct Sql<'a>(&'a str);

impl Sql<'_> {
    fn takes(&mut self, word: &str) -> bool {
        let rest = self.0.strip_prefix(word);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn expect(&mut self, word: &str) {
        assert!(self.takes(word), "no {word:?} at {:?}", self.0);
    }

    /// A literal while standard_conforming_strings is on: two quotes are one, a backslash is a backslash.
    fn literal(&mut self) -> String {
        self.expect("'");
        let mut value = String::new();
        loop {
            let (before, rest) = self.0.split_once('\'').expect("an end of the literal");
            value.push_str(before);
            self.0 = rest;
            if !self.takes("'") {
                return value;
            }
            value.push('\'');
        }
    }

    fn value(&mut self) -> Option<String> {
        if self.takes("NULL") { None } else { Some(self.literal()) }
    }

    fn values(&mut self) -> Rows {
        self.expect("VALUES\n");
        let mut rows = Vec::new();
        loop {
            self.expect("(");
            let first = self.value();
            self.expect(",");
            rows.push(vec![first, self.value()]);
            self.expect(")");
            if !self.takes(",\n") {
                return rows;
            }
        }
    }

    fn arrays(&mut self) -> Rows {
        self.expect("SELECT\n");
        let first = self.column("numeric");
        self.expect(",\n");
        let second = self.column("text");
        let rows = match (&first, &second) {
            (Column::Each(first), Column::Each(second)) => {
                assert_eq!(first.len(), second.len(), "columns of different lengths");
                first.len()
            }
            (Column::Each(column), _) | (_, Column::Each(column)) => column.len(),
            _ => panic!("no column says how many rows there are"),
        };
        (0..rows).map(|row| vec![first.at(row), second.at(row)]).collect()
    }

    /// An array's elements, or a value for all rows.
    fn column(&mut self, name: &str) -> Column {
        if self.takes("pg_catalog.unnest(") {
            let found = elements(&self.literal());
            self.expect(&format!("::pg_catalog.{name}[])"));
            return Column::Each(found);
        }
        let value = self.value();
        self.expect(&format!("::pg_catalog.{name}"));
        Column::All(value)
    }
}

enum Column {
    Each(Vec<Option<String>>),
    All(Option<String>),
}

impl Column {
    fn at(&self, row: usize) -> Option<String> {
        match self {
            Self::Each(values) => values[row].clone(),
            Self::All(value) => value.clone(),
        }
    }
}

/// The elements of an array of one dimension, as array_in reads them.
fn elements(text: &str) -> Vec<Option<String>> {
    let body = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).expect("braces");
    let mut found = Vec::new();
    let mut characters = body.chars().peekable();
    loop {
        let mut value = String::new();
        if characters.next_if_eq(&'"').is_some() {
            loop {
                match characters.next().expect("an end of the element") {
                    '"' => break,
                    '\\' => value.extend(characters.next()),
                    other => value.push(other),
                }
            }
            found.push(Some(value));
        } else {
            while let Some(next) = characters.next_if(|next| *next != ',') {
                assert!(
                    !matches!(next, '"' | '\\' | '{' | '}' | ' ' | '\t' | '\n'),
                    "{next:?} without quotes"
                );
                value.push(next);
            }
            assert!(!value.is_empty(), "an empty element without quotes");
            found.push((!value.eq_ignore_ascii_case("null")).then_some(value));
        }
        match characters.next() {
            None => return found,
            Some(next) => assert_eq!(next, ','),
        }
    }
}

fn read(text: &str) -> Rows {
    let mut sql = Sql(text);
    sql.expect(HEAD);
    let rows = if sql.0.starts_with("VALUES") { sql.values() } else { sql.arrays() };
    assert_eq!(sql.0, ";");
    rows
}

/// A field as COPY's text form has it.
fn copied(value: Option<&String>) -> String {
    let Some(value) = value else { return "\\N".to_owned() };
    value.replace('\\', "\\\\").replace('\t', "\\t").replace('\n', "\\n").replace('\r', "\\r")
}

fuzz_target!(|input: (Vec<u8>, Vec<(Option<String>, Option<String>)>, bool, bool, bool)| {
    let (noise, rows, arrays, alone, same) = input;
    let plan = plan(arrays, alone);
    // A slab is whole lines.
    let noise = [noise, b"\n".to_vec()].concat();
    let lines = noise.iter().filter(|byte| **byte == b'\n').count() as u64;
    let (packs, faults) = texts(&noise, lines, &plan);
    let read_back: usize = packs.iter().map(|text| read(text).len()).sum();
    assert_eq!(read_back + faults, lines as usize);

    let nul = |value: &Option<String>| value.as_ref().is_some_and(|text| text.contains('\0'));
    let mut wanted: Rows =
        rows.into_iter().filter(|(a, b)| !nul(a) && !nul(b)).map(|(a, b)| vec![a, b]).collect();
    if let Some(value) = wanted.first().map(|row| row[1].clone()).filter(|_| same) {
        wanted.iter_mut().for_each(|row| row[1].clone_from(&value));
    }
    let line =
        |row: &Vec<Option<String>>| format!("{}\t{}\n", copied(row[0].as_ref()), copied(row[1].as_ref()));
    let bytes: String = wanted.iter().map(line).collect();
    let (packs, faults) = texts(bytes.as_bytes(), wanted.len() as u64, &plan);
    assert_eq!((packs.iter().flat_map(|text| read(text)).collect::<Rows>(), faults), (wanted, 0));
});
