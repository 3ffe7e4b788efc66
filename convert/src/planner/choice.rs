//! What is left out because it was not asked for.

use dump::identity;
use dump::{CopyHeader, QualifiedName, Section, Statement, Subject};

use super::Planner;
use super::psql::quoted_list;
use crate::error::Error;
use crate::selection::{Answer, MAX_ROWS};

/// What becomes of a statement.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// It is loaded.
    Load,
    /// It is left out.
    Out,
    /// It makes or changes a sequence of which the statements that follow say whose it is.
    Hold(QualifiedName),
}

/// Statements about a new sequence, until it is known whether it is loaded. They are given together with the next
/// statement, so that no checkpoint lies between.
#[derive(Debug, Default)]
pub(super) struct Held {
    sequence: Option<QualifiedName>,
    texts: Vec<String>,
}

impl Held {
    pub(super) fn push(&mut self, sequence: QualifiedName, text: String) {
        self.sequence = Some(sequence);
        self.texts.push(text);
    }
}

impl Planner {
    /// What the choice says of a statement that would become a change. Counts it where it is left out.
    pub(super) fn choose(&mut self, statement: &Statement, standard: bool) -> Choice {
        if !self.in_database() {
            self.skip("other_database");
            return Choice::Out;
        }
        let section = dump::section(&statement.kind, &statement.text, standard);
        let choice = self.by_name(statement, standard);
        let selection = &self.shape.selection;
        let filled = selection.refreshes() || dump::verb(&statement.text) != "REFRESH";
        if choice != Choice::Out && filled && selection.has_section(section) {
            return choice;
        }
        self.skip("not_selected");
        self.learn(statement, standard);
        if choice == Choice::Load && section == Section::PreData {
            self.identities_of_left_out(statement, standard);
        }
        Choice::Out
    }

    /// Whether what is read now belongs to the database that was asked for.
    pub(super) fn in_database(&self) -> bool {
        self.shape.selection.has_database(self.point.database.as_deref())
    }

    fn by_name(&mut self, statement: &Statement, standard: bool) -> Choice {
        if !self.shape.selection.by_name() {
            return Choice::Load;
        }
        let subject = self.qualified(dump::subject(&statement.kind, &statement.text, standard));
        match &subject {
            Subject::Relation(name) | Subject::NewSequence(name) => self.unmatched.see_relation(name),
            Subject::Schema(schema) | Subject::Member(Some(schema)) => self.unmatched.see_schema(schema),
            _ => {}
        }
        if self.follow.observe(&subject) && self.point.data_seen {
            // What was learnt here is needed behind a resume, too.
            self.point.late_definitions = true;
        }
        match (&subject, &self.held.sequence) {
            (Subject::Relation(name), Some(held)) if name == held => return Choice::Hold(name.clone()),
            _ => {}
        }
        match self.follow.answer(&self.shape.selection, &subject) {
            Answer::Yes => Choice::Load,
            Answer::No => Choice::Out,
            Answer::Undecided(sequence) => Choice::Hold(sequence),
        }
    }

    fn qualified(&self, subject: Subject) -> Subject {
        let of = |name: QualifiedName| self.schema.qualify(&name);
        match subject {
            Subject::Relation(name) => Subject::Relation(of(name)),
            Subject::NewSequence(name) => Subject::NewSequence(of(name)),
            Subject::Named(name) => Subject::Named(of(name)),
            Subject::Identity { sequence, table } => {
                Subject::Identity { sequence: of(sequence), table: of(table) }
            }
            Subject::Owned { sequence, table } => Subject::Owned { sequence: of(sequence), table: of(table) },
            Subject::Part { name, of: relation } => Subject::Part { name: of(name), of: of(relation) },
            Subject::Both(one, other) => Subject::Both(of(one), of(other)),
            other => other,
        }
    }

    /// Whether rows of a table are loaded; if not, the kind that they count as.
    pub(super) fn left_out(&mut self, header: &CopyHeader) -> Option<&'static str> {
        if !self.in_database() {
            return Some("row_of_other_database");
        }
        let table = self.schema.qualify(&header.table);
        self.unmatched.see_relation(&table);
        let selection = &self.shape.selection;
        let chosen = selection.has_section(Section::Data) && self.follow.has_relation(selection, &table);
        (!chosen).then_some("row_not_selected")
    }

    /// The texts that were held back, now that the sequence's owner is known or does not come any more.
    pub(super) fn settle(&mut self, next: &Choice) -> Vec<String> {
        let held = match (&self.held.sequence, next) {
            (Some(held), Choice::Hold(sequence)) if held == sequence => return Vec::new(),
            _ => std::mem::take(&mut self.held),
        };
        let Some(sequence) = held.sequence else { return Vec::new() };
        if self.follow.has_relation(&self.shape.selection, &sequence) {
            return held.texts;
        }
        self.skip_many("not_selected", held.texts.len() as u64);
        Vec::new()
    }

    /// Columns of tables whose rows are loaded but whose definition is not: they are ALWAYS where the rows arrive.
    fn identities_of_left_out(&mut self, statement: &Statement, standard: bool) {
        let all_restored = self.point.restored == self.identities.len();
        let Some((_, columns)) = identity::by_default(&statement.text, standard) else { return };
        self.point.late_definitions |= self.point.data_seen;
        self.remember(columns);
        if all_restored {
            self.point.restored = self.identities.len();
        }
    }

    /// A choice that takes nothing is a mistake.
    pub(super) fn something_was_chosen(&self) -> Result<(), Error> {
        let mut parts = self.shape.selection.parts();
        // It takes the first rows of whatever there is.
        parts.retain(|(option, _)| *option != MAX_ROWS);
        let counters = &self.point.counters;
        if parts.is_empty() || counters.statements + counters.rows > 0 {
            return Ok(());
        }
        let asked: Vec<_> = parts.iter().map(|(option, value)| format!("{option} {value}")).collect();
        let databases = match self.databases.as_slice() {
            [] => String::new(),
            names => format!(" (its databases: {})", quoted_list(names)),
        };
        Err(Error::NothingChosen(format!(
            "nothing in {}{databases} is what {} asks for, so nothing was loaded: `pg-bootstrap-sync inspect` lists what is in it",
            self.name,
            asked.join(", ")
        )))
    }
}
