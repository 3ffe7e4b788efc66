//! Random scripts from a seed: statements as people and tools write them, in any order.
//!
//! A script has a few subjects (settings, renames, psql's commands, …) in addition to its tables and rows, so that a
//! refusal of one subject does not hide the others. The [`model`] records what the script has created, so that psql
//! accepts most of it.

mod alter;
mod code;
mod create;
mod derive;
mod literals;
mod model;
mod names;
mod psql;
mod rows;
mod session;
mod settings;
mod transactions;
mod types;
mod upkeep;
mod write;

use model::{Id, Model, TEMP, Table};
use names::{odd_spelling, quote};
use types::one;

use super::script::{Lines, Piece, Script};
use crate::rng::Rng;

/// What a script is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject {
    Base,
    Path,
    Transactions,
    Literals,
    Reading,
    Alter,
    Derive,
    Code,
    Write,
    Conflict,
    Psql,
    Names,
    Upkeep,
    Roles,
    Temporary,
    Session,
    Bytes,
}

const SUBJECTS: [Subject; 16] = [
    Subject::Path,
    Subject::Transactions,
    Subject::Literals,
    Subject::Reading,
    Subject::Alter,
    Subject::Derive,
    Subject::Code,
    Subject::Write,
    Subject::Conflict,
    Subject::Psql,
    Subject::Names,
    Subject::Upkeep,
    Subject::Roles,
    Subject::Temporary,
    Subject::Session,
    Subject::Bytes,
];

/// The head of what pg_dump writes. With it goes an end.
const DUMP: &str = "--\n-- PostgreSQL database dump\n--\n\n";

/// Something that may come next, and how often.
type Action = (Subject, u64, fn(&mut Gen));

const ACTIONS: &[Action] = &[
    (Subject::Base, 12, rows::copy),
    (Subject::Base, 16, rows::insert),
    (Subject::Base, 3, create::table),
    (Subject::Base, 1, create::schema),
    (Subject::Base, 1, create::own_type),
    (Subject::Path, 8, settings::search_path),
    (Subject::Transactions, 5, transactions::begin),
    (Subject::Transactions, 6, transactions::end),
    (Subject::Transactions, 3, transactions::savepoint),
    (Subject::Transactions, 3, settings::search_path),
    (Subject::Reading, 8, settings::reading),
    (Subject::Alter, 8, alter::any),
    (Subject::Derive, 8, derive::any),
    (Subject::Code, 5, code::any),
    (Subject::Write, 7, write::any),
    (Subject::Psql, 5, psql::any),
    (Subject::Upkeep, 6, upkeep::any),
    (Subject::Roles, 5, settings::role),
    (Subject::Temporary, 2, create::temporary),
    (Subject::Temporary, 3, write::from_temporary),
    (Subject::Conflict, 6, rows::again),
    (Subject::Session, 9, session::any),
];

/// The script of a seed.
pub fn script(seed: u64) -> Script {
    Gen::new(seed, Vec::new()).script()
}

/// In each value of a column that is masked, and nowhere else.
pub(super) const CANARY: &str = "canary7f3a9";

/// Every literal that the grammar has, by class.
pub fn literal_scripts() -> Vec<Script> {
    literals::scripts()
}

/// The columns that are masked, of the tables that are.
const MASKED: [&str; 2] = ["a", "b"];

/// A script of a seed with originals in it, and the configuration that masks them.
pub fn masked_script(seed: u64) -> (Script, String) {
    let mut rng = Rng::new(seed);
    let schemas = [("app", "acct"), ("public", "items"), ("stage", "Order")];
    let count = 1 + usize::from(rng.one_in(2));
    let first = usize::from(rng.one_in(2));
    let masks =
        schemas[first..first + count].iter().map(|(schema, table)| ((*schema).into(), (*table).into()));
    let masks: Vec<(String, String)> = masks.collect();
    let tables = masks.iter().map(|(schema, table)| {
        let columns: String = MASKED.iter().map(|column| format!("    {column}: FakeEmail\n")).collect();
        format!("  {}.{}:\n{columns}", quote(schema), quote(table))
    });
    let config = format!("tables:\n{}", tables.collect::<String>());
    (Gen::new(seed, masks).script(), config)
}

struct Gen {
    rng: Rng,
    subjects: Vec<Subject>,
    model: Model,
    /// Open transaction and savepoints: the model to go back to, and the savepoint's name.
    open: Vec<(Model, Option<String>)>,
    pieces: Vec<Piece>,
    count: u64,
    /// Schemas and tables that are masked.
    masks: Vec<(String, String)>,
}

impl Gen {
    fn new(seed: u64, masks: Vec<(String, String)>) -> Self {
        let mut rng = Rng::new(seed);
        // The first numbers of neighbouring seeds are unrelated only after a step.
        rng.bits();
        let mut subjects = vec![Subject::Base];
        for _ in 0..1 + rng.below(3) {
            // What moves a row into another table is what masks may miss.
            let moving =
                [Subject::Path, Subject::Transactions, Subject::Alter, Subject::Names, Subject::Derive];
            let masked = !masks.is_empty() && rng.one_in(2);
            subjects.push(if masked { one(&moving, &mut rng) } else { one(&SUBJECTS, &mut rng) });
        }
        Self { rng, subjects, model: Model::new(), open: Vec::new(), pieces: Vec::new(), count: 0, masks }
    }

    fn script(mut self) -> Script {
        self.write();
        self.finish()
    }

    fn write(&mut self) {
        self.head();
        create::masked(self);
        for _ in 0..self.rng.below(3) {
            create::schema(self);
        }
        create::table(self);
        if self.rng.one_in(2) {
            create::table(self);
        }
        for _ in 0..4 + self.rng.below(10) {
            let actions: Vec<&Action> =
                ACTIONS.iter().filter(|(subject, ..)| self.subjects.contains(subject)).collect();
            let mut left = self.rng.below(actions.iter().map(|(_, weight, _)| weight).sum());
            let chosen = actions.into_iter().find(|(_, weight, _)| {
                let here = left < *weight;
                left = left.saturating_sub(*weight);
                here
            });
            if let Some((_, _, make)) = chosen {
                make(self);
            }
        }
        // Left open now and then: then psql rolls it back.
        while !self.open.is_empty() && !self.rng.one_in(6) {
            transactions::end(self);
        }
    }

    /// What a dump begins with, or nothing.
    fn head(&mut self) {
        match self.rng.below(4) {
            0 => self.pieces.push(Piece::text(DUMP)),
            1 => self.pieces.push(Piece::text("SET client_encoding = 'UTF8';\n")),
            _ => {}
        }
    }

    fn finish(mut self) -> Script {
        if self.pieces.first() == Some(&Piece::text(DUMP)) {
            self.pieces.push(Piece::text("--\n-- PostgreSQL database dump complete\n--\n\n"));
        }
        let mut script = Script { pieces: self.pieces, ..Script::default() };
        let mut rng = self.rng;
        if self.subjects.contains(&Subject::Bytes) {
            match rng.below(4) {
                0 => script.lines = Lines::CrLf,
                1 => script.lines = Lines::CrLfButRows,
                _ if script.text().chars().all(|c| u32::from(c) < 256) => {
                    script.latin1 = true;
                    script.pieces.retain(|piece| *piece != Piece::text("SET client_encoding = 'UTF8';\n"));
                    let set = one(
                        &[
                            "SET client_encoding = 'LATIN1';\n",
                            "\\encoding LATIN1\n",
                            "set names 'latin1';\n",
                        ],
                        &mut rng,
                    );
                    script.pieces.insert(0, Piece::text(set));
                }
                _ => {}
            }
        }
        script
    }

    fn about(&self, subject: Subject) -> bool {
        self.subjects.contains(&subject)
    }

    /// Whether a column of this name may be masked: then it is one of text.
    fn is_mask(&self, column: &str) -> bool {
        !self.masks.is_empty() && MASKED.contains(&column)
    }

    /// An original.
    fn canary(&mut self) -> String {
        format!("{CANARY}-{}", self.next())
    }

    fn next(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    /// A statement, with one of the ends that it may have.
    fn statement(&mut self, sql: impl Into<String>) {
        let sql = sql.into();
        let end = self.end();
        self.pieces.push(Piece::text(format!("{sql}{end}")));
    }

    /// A statement without rows, which a function or psql may as well run from a text.
    fn utility(&mut self, sql: impl Into<String>) {
        let sql = sql.into();
        let wrapped = if self.about(Subject::Code) && self.rng.one_in(3) {
            code::wrapped(self, &sql)
        } else if self.about(Subject::Psql) && self.rng.one_in(6) {
            psql::wrapped(self, &sql)
        } else {
            None
        };
        match wrapped {
            Some(text) => self.pieces.push(Piece::text(text)),
            None => self.statement(sql),
        }
    }

    fn end(&mut self) -> &'static str {
        if self.about(Subject::Psql) && self.rng.one_in(5) {
            return one(
                &["\\g\n", " \\g\n", " \\gx\n", " \\; \n", "; \\echo done\n", ";\\r\n"],
                &mut self.rng,
            );
        }
        if self.rng.one_in(12) {
            one(&[" ;\n", "\n;\n", "; -- a comment\n", ";;\n", "; /* c */\n"], &mut self.rng)
        } else {
            ";\n"
        }
    }

    /// A name, mostly as simple as it can be.
    fn name(&mut self, name: &str) -> String {
        let often = if self.about(Subject::Names) { 3 } else { 25 };
        if self.rng.one_in(often) { odd_spelling(name, &mut self.rng) } else { quote(name) }
    }

    fn schema_prefix(&mut self, schema: Id) -> String {
        let name = self.model.schema_name(schema).to_owned();
        format!("{}.", self.name(&name))
    }

    /// The name of a table, alone where that means the same.
    fn table_name(&mut self, table: &Table) -> String {
        let own = self.name(&table.name);
        let alone = self.model.visible(&table.name) == Some(table.id);
        if alone && (table.schema == TEMP || self.rng.one_in(2)) {
            return own;
        }
        format!("{}{own}", self.schema_prefix(table.schema))
    }

    /// Where to make something new: its schema, and the name in front of which that has to stand.
    fn place(&mut self) -> (Id, String) {
        if let Some(schema) = self.model.creation()
            && self.rng.one_in(2)
        {
            return (schema, String::new());
        }
        let all: Vec<Id> = self.model.schemas.iter().map(|schema| schema.id).collect();
        let schema = one(&all, &mut self.rng);
        (schema, self.schema_prefix(schema))
    }

    /// A free name for a table in a schema.
    fn free_table_name(&mut self, schema: Id) -> String {
        for _ in 0..8 {
            let odd = self.about(Subject::Names) && self.rng.one_in(2);
            let pool: &[&str] = if odd { &names::ODD_TABLES } else { &names::TABLES };
            let name = one(pool, &mut self.rng);
            if !self.model.taken(schema, name) {
                return name.into();
            }
        }
        format!("t{}", self.next())
    }

    /// Some table that suits.
    fn some_table(&mut self, suits: impl Fn(&Table) -> bool) -> Option<Table> {
        let tables: Vec<&Table> = self.model.tables.iter().filter(|table| suits(table)).collect();
        if tables.is_empty() {
            return None;
        }
        // The newest ones are where something has just happened.
        let newest = tables.len() - 1;
        let at = if self.rng.one_in(2) {
            newest
        } else {
            usize::try_from(self.rng.below(tables.len() as u64)).unwrap_or(0)
        };
        let mut table = tables[at].clone();
        let schema = self.model.schema_name(table.schema);
        if self.masks.iter().any(|(s, t)| s == schema && *t == table.name) {
            let of_text =
                |column: &&mut model::Column| column.class == types::Class::Text && column.own_type.is_none();
            let named = table.columns.iter_mut().filter(|column| MASKED.contains(&column.name.as_str()));
            named.filter(of_text).for_each(|column| column.masked = true);
        }
        Some(table)
    }
}
