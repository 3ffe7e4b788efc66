//! Triggers and rules that new rows fire.

use std::collections::HashSet;

use super::learn::Action;
use super::{Learned, Relation, Schema};
use crate::name::{Cursor, QualifiedName};

impl Schema {
    /// A trigger or rule that new rows of the table, a name with its schema, fire in PostgreSQL.
    #[must_use]
    pub fn fires(&self, table: &QualifiedName) -> Option<&str> {
        if self.hidden_firing && !self.is_table(table) {
            return Some("a trigger or rule that code may have made");
        }
        if self.fires.is_empty() {
            return None;
        }
        if matches!(self.relations.get(table), Some(Relation::Other)) {
            // Rows go to the tables that it shows.
            return self.own(table).or_else(|| self.fires.values().flatten().next().map(String::as_str));
        }
        // A partition has the triggers of its table.
        self.own(table).or_else(|| self.of_partitions(table)).or_else(|| self.of_parents(table))
    }

    /// Whether rows of some table may fire something.
    #[must_use]
    pub fn has_firing(&self) -> bool {
        self.hidden_firing || !self.fires.is_empty()
    }

    fn own(&self, table: &QualifiedName) -> Option<&str> {
        self.fires.get(table)?.first().map(String::as_str)
    }

    fn of_partitions(&self, table: &QualifiedName) -> Option<&str> {
        self.routes(table).iter().find_map(|partition| self.own(partition))
    }

    fn of_parents(&self, table: &QualifiedName) -> Option<&str> {
        let (mut at, mut seen) = (table, HashSet::from([table]));
        loop {
            at = self.keys.parents_of(at).next().filter(|parent| self.may_route(parent))?;
            if !seen.insert(at) {
                return None;
            }
            if let Some(name) = self.own(at) {
                return Some(name);
            }
        }
    }

    /// The partitions that rows of the table may go to, and their partitions.
    #[must_use]
    pub fn routes(&self, table: &QualifiedName) -> Vec<QualifiedName> {
        self.below(table, |parent| self.may_route(parent))
    }

    /// A table of which not all is known may have partitions.
    fn may_route(&self, table: &QualifiedName) -> bool {
        match self.relations.get(table) {
            Some(Relation::Unknown) => true,
            None => self.hazy,
            _ => self.is_partitioned(table),
        }
    }

    /// Whether something may follow when rows change: a trigger or rule of any kind, or a foreign key's action.
    #[must_use]
    pub fn may_follow_changes(&self) -> bool {
        self.has_firing() || self.code.has_firing() || !self.links.is_empty()
    }

    /// Whether rows of the table are those of its partitions.
    #[must_use]
    pub fn is_partitioned(&self, table: &QualifiedName) -> bool {
        matches!(self.relations.get(table), Some(Relation::Table(table)) if table.partitioned)
    }

    /// `CREATE TRIGGER`, `CREATE RULE`, and their end.
    pub(super) fn observe_firing(&mut self, text: &str) -> Learned {
        if let Some((name, table)) = new_trigger(text).or_else(|| new_rule(text, "INSERT")) {
            let table = self.qualify(&table);
            self.hidden_firing |= self.hazy && !self.is_table(&table);
            self.fires.entry(table).or_default().insert(name);
            return Learned::Around;
        }
        // It turns the table into a view.
        if let Some((_, table)) = new_rule(text, "SELECT") {
            let table = self.qualify(&table);
            self.relations.insert(table, Relation::Other);
            return Learned::Changed;
        }
        if let Some((name, table)) = dropped(text) {
            let table = self.qualify(&table);
            if let Some(fires) = self.fires.get_mut(&table) {
                fires.remove(&name);
                return Learned::Around;
            }
        }
        Learned::Nothing
    }

    /// Switches triggers and rules of a table on or off. None where it is another action.
    pub(super) fn switch(&mut self, table: &QualifiedName, action: &Action) -> Option<Learned> {
        let known = self.fires.get_mut(table);
        match (action, known) {
            (Action::Fires(name), _) => {
                self.fires.entry(table.clone()).or_default().insert(name.clone());
            }
            // A table of which none is known has none.
            (Action::Silence(_) | Action::FiresAgain, None) => return Some(Learned::Nothing),
            (Action::Silence(Some(name)), Some(fires)) => {
                fires.remove(name);
            }
            // Rules stay.
            (Action::Silence(None), Some(fires)) => fires.retain(|name| name.starts_with(RULE)),
            (Action::FiresAgain, Some(fires)) => {
                fires.insert(trigger("of the table"));
            }
            _ => return None,
        }
        Some(Learned::Around)
    }
}

/// Rules and triggers have names of their own.
const RULE: &str = "rule ";
const TRIGGER: &str = "trigger ";

/// How a trigger is named here.
pub(super) fn trigger(name: &str) -> String {
    format!("{TRIGGER}{name}")
}

/// How a rule is named here.
pub(super) fn rule(name: &str) -> String {
    format!("{RULE}{name}")
}

fn new_trigger(text: &str) -> Option<(String, QualifiedName)> {
    let c = &mut Cursor::new(text, true);
    c.word("CREATE");
    c.words(&["OR", "REPLACE"]);
    c.word("CONSTRAINT");
    if !c.word("TRIGGER") {
        return None;
    }
    let name = c.part()?;
    let mut inserts = false;
    while !c.word("ON") {
        inserts |= c.at_word("INSERT");
        c.next()?;
    }
    let table = QualifiedName::from_parts(c.parts()?)?;
    inserts.then(|| (trigger(&name), table))
}

/// A rule for the event: its name and its table.
fn new_rule(text: &str, event: &str) -> Option<(String, QualifiedName)> {
    let c = &mut Cursor::new(text, true);
    c.word("CREATE");
    c.words(&["OR", "REPLACE"]);
    if !c.word("RULE") {
        return None;
    }
    let name = c.part()?;
    if !c.words(&["AS", "ON", event, "TO"]) {
        return None;
    }
    Some((rule(&name), QualifiedName::from_parts(c.parts()?)?))
}

fn dropped(text: &str) -> Option<(String, QualifiedName)> {
    let c = &mut Cursor::new(text, true);
    c.word("DROP");
    let of = if c.word("TRIGGER") {
        trigger
    } else if c.word("RULE") {
        rule
    } else {
        return None;
    };
    c.words(&["IF", "EXISTS"]);
    let name = of(&c.part()?);
    if !c.word("ON") {
        return None;
    }
    Some((name, QualifiedName::from_parts(c.parts()?)?))
}
