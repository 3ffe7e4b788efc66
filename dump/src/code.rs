//! What code of a script may do: the bodies of its routines, `DO`, and the definitions and statements that call them.
//!
//! Nothing here runs code. It goes by words: a body that holds the word `CREATE` may make something, and so may whatever names the
//! routine. So it sees too much rather than too little; the words of a message, of comments and of data do not count. What a
//! routine of an extension does is not seen.
//!
//! ```text
//! effects ─▶ scan ─▶ code ◀─ links
//! ```

use std::collections::{HashMap, HashSet};

use crate::kind::Kind;
use crate::name::Cursor;
pub use effects::{Effect, Effects};
use scan::{Scan, Text, Word};

mod effects;
mod links;
mod scan;

/// What is known of a routine, a relation or a type: what it does itself, and what it names.
#[derive(Debug, Clone, Default)]
struct Known {
    effects: Effects,
    names: Vec<Word>,
}

/// The code that a script has defined so far. Its size grows with the definitions, not with the data.
#[derive(Debug, Clone, Default)]
pub struct Code {
    routines: HashMap<Word, Known>,
    /// Tables, views, sequences, types: only those that lead to code.
    relations: HashMap<Word, Known>,
    /// What triggers and rules of a relation do, and the relations that its rows lead on to.
    firing: HashMap<Word, Known>,
    /// What the constraints of a relation do. They see every row, whatever columns it names.
    checks: HashMap<Word, Known>,
    /// Routines behind operators and casts, which no word names where they run.
    hidden: Vec<Word>,
    /// What event triggers do, once there is one.
    events: Option<Known>,
    /// Constraints may be checked later than a statement ends.
    deferrable: bool,
}

/// What a definition is of. Names are the last parts of theirs.
#[derive(Debug, PartialEq, Eq)]
enum Defines {
    Routine(String),
    Relation(String),
    Firing(String),
    Event,
    /// A routine that no word names where it runs.
    Hidden,
    /// The old and the new name.
    Renamed(String, String),
}

/// How far a search goes from the names that it begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    /// Routines, and what these call.
    Calls,
    /// What relations are made of, too.
    Relations,
    /// What fires for them, too.
    Firing,
}

impl Code {
    /// Shows a statement, whose strings are standard. Whether it defines code, or something that leads to code.
    pub(crate) fn observe(&mut self, kind: &Kind, text: &str) -> bool {
        if !matches!(
            kind,
            Kind::Routine | Kind::Definition | Kind::Index | Kind::MaterializedView | Kind::Other
        ) {
            return false;
        }
        let Some(defines) = defines(&mut Cursor::new(text, true)) else { return false };
        match defines {
            Defines::Routine(name) => {
                let Scan { effects, mut words } = Scan::of(text, Text::Around);
                if crate::subject::verb(text).ends_with("AGGREGATE") {
                    // It names its functions without a parenthesis.
                    words.extend(words.clone().into_iter().map(Word::as_called));
                }
                add(&mut self.routines, &name, effects, words)
            }
            Defines::Relation(name) => self.relation(&name, text),
            Defines::Firing(name) => {
                self.deferrable |= may_be_deferred(text);
                let (effects, words) = self.named(text);
                add(&mut self.firing, &name, effects, words)
            }
            Defines::Event => {
                let (effects, words) = self.named(text);
                let events = self.events.get_or_insert_default();
                events.effects.extend(effects);
                events.names.extend(words);
                true
            }
            Defines::Hidden => {
                // An operator names its function without a parenthesis.
                let words = Scan::of(text, Text::Statement).words.into_iter().map(Word::as_called);
                let before = self.hidden.len();
                self.hidden.extend(words.filter(|word| self.routines.contains_key(&word.as_name())));
                self.hidden.len() > before
            }
            Defines::Renamed(old, new) => self.rename(&old, &new),
        }
    }

    fn relation(&mut self, name: &str, text: &str) -> bool {
        self.deferrable |= may_be_deferred(text);
        let (effects, mut words) = if crate::subject::verb(text).ends_with("VIEW") {
            // Triggers of what it shows may come later.
            let Scan { effects, words } = Scan::of(text, Text::Statement);
            (effects, words)
        } else {
            self.named(text)
        };
        let mut learned = false;
        for (from, to) in links::rows_lead_on(name, text) {
            learned |= add(&mut self.firing, &from, Effects::default(), vec![Word::name(&to)]);
        }
        if links::is_checked(text) {
            learned |= add(&mut self.checks, name, effects, words.clone());
        }
        // A later ALTER SEQUENCE may bear on it.
        words.extend(links::own_sequences(name, text).iter().map(|sequence| Word::name(sequence)));
        add(&mut self.relations, name, effects, words) || learned
    }

    fn rename(&mut self, old: &str, new: &str) -> bool {
        let word = Word::name(old);
        let mut learned = false;
        for all in [&mut self.relations, &mut self.firing, &mut self.checks] {
            if let Some(same) = all.get(&word).cloned() {
                learned |= add(all, new, same.effects, same.names);
            }
        }
        if self.routines.contains_key(&word) {
            learned |= add(&mut self.routines, new, Effects::default(), vec![Word::called(old)]);
        }
        learned
    }

    /// What a definition does itself, and the names in it that lead to code.
    fn named(&self, text: &str) -> (Effects, Vec<Word>) {
        let Scan { effects, mut words } = Scan::of(text, Text::Statement);
        words.retain(|word| self.leads_on(*word));
        (effects, words)
    }

    fn leads_on(&self, word: Word) -> bool {
        match word.is_called() {
            true => self.routines.contains_key(&word.as_name()),
            false => self.relations.contains_key(&word) || self.firing.contains_key(&word),
        }
    }

    /// What running a statement of this kind may do, whose strings are standard, beyond what the statement says itself.
    #[must_use]
    pub fn effects(&self, kind: &Kind, text: &str) -> Effects {
        let what = if matches!(kind, Kind::Code | Kind::Query) { Text::Around } else { Text::Statement };
        let Scan { effects, words } = Scan::of(text, what);
        self.reached(effects, words, Reach::Firing).and(self.effects_of_hidden())
    }

    /// What operators and casts may do, which any expression may use. That they are calls says nothing of a statement.
    fn effects_of_hidden(&self) -> Effects {
        if self.hidden.is_empty() {
            return Effects::default();
        }
        let effects = self.reached(Effects::default(), self.hidden.clone(), Reach::Calls);
        effects.without(Effect::Calls).without(Effect::Reads)
    }

    /// What a REFRESH of the view with this name may do: what the routines do that its query calls.
    #[must_use]
    pub fn effects_of_refresh(&self, view: &str) -> Effects {
        let known = self.relations.get(&Word::name(view)).cloned().unwrap_or_default();
        self.reached(known.effects, known.names, Reach::Relations)
    }

    /// What the constraints of the relation with this name may do, for each row that comes.
    #[must_use]
    pub fn effects_of_checks(&self, relation: &str) -> Effects {
        let word = Word::name(relation);
        // A column's type may have a constraint of its own.
        let types = self.relations.get(&word).map(|known| known.names.as_slice()).unwrap_or_default();
        let types = types.iter().filter(|name| **name != word);
        let mut effects = Effects::default();
        for known in types.chain([&word]).filter_map(|name| self.checks.get(name)) {
            effects.extend(self.reached(known.effects, known.names.clone(), Reach::Calls));
        }
        effects
    }

    /// What the routines may do that a statement calls itself, whose strings are standard. What fires is not among it.
    #[must_use]
    pub fn effects_of_calls(&self, text: &str) -> Effects {
        if self.routines.is_empty() {
            return Effects::default();
        }
        let Scan { mut words, .. } = Scan::of(text, Text::Statement);
        words.retain(|word| word.is_called());
        self.reached(Effects::default(), words, Reach::Calls)
    }

    /// Code ran that lets constraints be checked late.
    pub(crate) fn defer(&mut self) {
        self.deferrable = true;
    }

    /// What new rows of the relation with this name may do where they leave columns to their defaults.
    #[must_use]
    pub fn effects_of_rows(&self, relation: &str) -> Effects {
        if self.relations.is_empty() {
            return Effects::default();
        }
        let word = Word::name(relation);
        let Some(known) = self.relations.get(&word) else { return Effects::default() };
        // Its own triggers stay silent.
        let names = known.names.iter().copied().filter(|name| *name != word);
        self.reached(known.effects, names.collect(), Reach::Firing)
    }

    /// Whether the script has made event triggers.
    #[must_use]
    pub fn has_events(&self) -> bool {
        self.events.is_some()
    }

    /// What definitions may do because of event triggers.
    #[must_use]
    pub fn effects_of_events(&self) -> Effects {
        let events = self.events.clone().unwrap_or_default();
        self.reached(events.effects, events.names, Reach::Firing)
    }

    /// Whether a constraint may be checked later than a statement ends.
    #[must_use]
    pub fn is_deferrable(&self) -> bool {
        self.deferrable
    }

    fn reached(&self, mut effects: Effects, mut open: Vec<Word>, reach: Reach) -> Effects {
        let mut seen = HashSet::new();
        while let Some(word) = open.pop() {
            if !seen.insert(word) {
                continue;
            }
            let name = word.as_name();
            let routine = self.routines.get(&name).filter(|_| word.is_called());
            if routine.is_some() {
                effects.add(Effect::Calls);
            }
            let relation = self.relations.get(&name).filter(|_| reach >= Reach::Relations);
            let firing = self.firing.get(&name).filter(|_| reach >= Reach::Firing);
            for known in routine.into_iter().chain(relation).chain(firing) {
                effects.extend(known.effects);
                open.extend(&known.names);
            }
        }
        effects
    }
}

/// Whether a statement of this kind fires event triggers. Those about event triggers do not.
#[must_use]
pub fn fires_event_triggers(kind: &Kind, text: &str) -> bool {
    let c = &mut Cursor::new(text, true);
    let fires = matches!(
        kind,
        Kind::Definition
            | Kind::Routine
            | Kind::Index
            | Kind::MaterializedView
            | Kind::Owner
            | Kind::Privileges
            | Kind::Other
    );
    let verb = c.any_word(&["CREATE", "ALTER", "DROP"]) || c.words(&["COMMENT", "ON"]);
    fires && !(verb && c.words(&["EVENT", "TRIGGER"]))
}

fn add(all: &mut HashMap<Word, Known>, name: &str, effects: Effects, words: Vec<Word>) -> bool {
    if effects.is_empty() && words.is_empty() {
        return false;
    }
    let known = all.entry(Word::name(name)).or_default();
    known.effects.extend(effects);
    known.names.extend(words);
    true
}

fn may_be_deferred(text: &str) -> bool {
    let mut c = Cursor::new(text, true);
    let mut not = false;
    while c.peek().is_some() {
        if c.word("DEFERRABLE") {
            if !not {
                return true;
            }
        } else {
            not = c.at_word("NOT");
            c.next();
        }
    }
    false
}

fn defines(c: &mut Cursor<'_>) -> Option<Defines> {
    let created = c.word("CREATE");
    if !created && !c.word("ALTER") {
        return None;
    }
    c.words(&["OR", "REPLACE"]);
    if c.words(&["EVENT", "TRIGGER"]) {
        return created.then_some(Defines::Event);
    }
    while c.any_word(&["UNLOGGED", "FOREIGN", "UNIQUE", "CONSTRAINT", "RECURSIVE", "MATERIALIZED"]) {}
    if c.word("INDEX") {
        // What it computes of a row.
        return created.then(|| after(c, "ON")).flatten().map(Defines::Relation);
    }
    if c.any_word(&["TRIGGER", "RULE"]) {
        c.part();
        let key = if c.at_word("AS") { "TO" } else { "ON" };
        return created.then(|| after(c, key)).flatten().map(Defines::Firing);
    }
    if created && c.any_word(&["OPERATOR", "CAST"]) {
        return Some(Defines::Hidden);
    }
    if c.any_word(&["FUNCTION", "PROCEDURE", "ROUTINE", "AGGREGATE"]) {
        let name = c.parts()?.pop()?;
        // Another ALTER changes no body.
        return if created { Some(Defines::Routine(name)) } else { renamed(c, name) };
    }
    if !c.any_word(&["TABLE", "VIEW", "SEQUENCE", "DOMAIN", "TYPE"]) {
        return None;
    }
    c.words(&["IF", "NOT", "EXISTS"]);
    c.words(&["IF", "EXISTS"]);
    c.word("ONLY");
    let name = c.parts()?.pop()?;
    match created {
        true => Some(Defines::Relation(name)),
        false => renamed(c, name.clone()).or(Some(Defines::Relation(name))),
    }
}

fn after(c: &mut Cursor<'_>, key: &str) -> Option<String> {
    c.skip_past(key).then_some(())?;
    c.word("ONLY");
    c.parts()?.pop()
}

fn renamed(c: &mut Cursor<'_>, old: String) -> Option<Defines> {
    let mut rest = c.clone();
    while rest.peek().is_some() {
        if rest.words(&["RENAME", "TO"]) {
            return Some(Defines::Renamed(old, rest.part()?));
        }
        rest.next();
    }
    None
}

#[cfg(test)]
mod tests;
