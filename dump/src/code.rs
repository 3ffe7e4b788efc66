//! What code of a script may do: the bodies of its routines, `DO`, and the definitions and statements that call them.
//!
//! Nothing here runs code. It goes by words: a body that holds the word `CREATE` may make something, and so may whatever names the
//! routine. So it sees too much rather than too little; the words of a message, of comments and of data do not count. What a
//! routine of an extension does is not seen.
//!
//! ```text
//! effects ─▶ scan ─▶ links ─▶ code
//! ```

use std::collections::{HashMap, HashSet};

use crate::kind::Kind;
use crate::name::{Cursor, has_word};
pub use effects::{Effect, Effects};
pub use links::Links;
use scan::{Known, Text, Word};

mod effects;
mod links;
mod scan;

/// The code that a script has defined so far. Its size grows with the definitions, not with the data.
#[derive(Debug, Clone, Default)]
pub struct Code {
    routines: HashMap<Word, Known>,
    /// Tables, sequences, types: only those that lead to code.
    relations: HashMap<Word, Known>,
    views: HashMap<Word, Known>,
    /// What triggers and rules of a relation do.
    firing: HashMap<Word, Known>,
    /// What constraints, generated columns, indexes and partition keys compute, of every row, whatever columns it names.
    computing: Known,
    /// A sequence got a cache, and nobody follows whose it is.
    cached: bool,
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
#[derive(Clone, Copy)]
enum Reach<'a> {
    /// Routines, and what these call.
    Calls,
    /// What views show, too.
    Views,
    /// What relations are made of, what fires for them, and for those that their rows lead on to.
    Firing(&'a Links),
}

impl Code {
    /// What a statement, whose strings are standard, adds to this: code, or something that leads to it.
    pub(crate) fn read(&self, kind: &Kind, text: &str) -> Self {
        let mut new = Self::default();
        if !matches!(
            kind,
            Kind::Routine | Kind::Definition | Kind::Index | Kind::MaterializedView | Kind::Other
        ) {
            return new;
        }
        match defines(&mut Cursor::new(text, true)) {
            None => {}
            Some(Defines::Routine(name)) => {
                let mut known = Known::of(text, Text::Bodies);
                if crate::subject::verb(text).ends_with("AGGREGATE") {
                    // It names its functions without a parenthesis.
                    known.words.extend(known.words.clone().into_iter().map(Word::as_called));
                }
                add(&mut new.routines, &name, known);
            }
            Some(Defines::Relation(name)) => self.read_relation(&name, text, &mut new),
            Some(Defines::Firing(name)) => {
                new.deferrable = may_be_deferred(text);
                let known = match crate::subject::verb(text).ends_with("RULE") {
                    // Tables that its statements name may get their triggers later.
                    true => Known::of(text, Text::Statement),
                    false => self.named(text),
                };
                add(&mut new.firing, &name, known);
            }
            Some(Defines::Event) => new.events = Some(self.named(text)),
            Some(Defines::Hidden) => {
                // An operator names its function without a parenthesis.
                let words = Known::of(text, Text::Statement).words.into_iter().map(Word::as_called);
                new.hidden = words.filter(|word| self.routines.contains_key(&word.as_name())).collect();
            }
            Some(Defines::Renamed(old, name)) => self.read_rename(&old, &name, &mut new),
        }
        new
    }

    fn read_relation(&self, name: &str, text: &str, new: &mut Self) {
        new.deferrable = may_be_deferred(text);
        let verb = crate::subject::verb(text);
        if verb.ends_with("VIEW") {
            // What it shows may get its triggers later.
            return add(&mut new.views, name, Known::of(text, Text::Statement));
        }
        let known = self.named(text);
        new.cached = verb.starts_with("ALTER") && known.effects.has(Effect::CachedSequence);
        let computing = ["CHECK", "GENERATED", "EXCLUDE", "PARTITION"];
        if verb.ends_with("INDEX") || computing.iter().any(|word| has_word(text, word)) {
            new.computing = known.clone();
        }
        add(&mut new.relations, name, known);
    }

    fn read_rename(&self, old: &str, name: &str, new: &mut Self) {
        let word = Word::name(old);
        let all = [
            (&self.relations, &mut new.relations),
            (&self.views, &mut new.views),
            (&self.firing, &mut new.firing),
        ];
        for (known, new) in all {
            if let Some(same) = known.get(&word).cloned() {
                add(new, name, same);
            }
        }
        if self.routines.contains_key(&word) {
            add(&mut new.routines, name, Known { words: vec![Word::called(old)], ..Known::default() });
        }
    }

    /// Whether nothing is known.
    pub(crate) fn is_empty(&self) -> bool {
        let maps = [&self.routines, &self.relations, &self.views, &self.firing];
        maps.iter().all(|map| map.is_empty())
            && self.computing.is_empty()
            && self.events.is_none()
            && self.hidden.is_empty()
            && !self.cached
            && !self.deferrable
    }

    /// Adds what was read of a statement.
    pub(crate) fn add(&mut self, new: Self) {
        let all = [
            (&mut self.routines, new.routines),
            (&mut self.relations, new.relations),
            (&mut self.views, new.views),
            (&mut self.firing, new.firing),
        ];
        for (known, new) in all {
            new.into_iter().for_each(|(name, new)| known.entry(name).or_default().extend(new));
        }
        if !new.computing.is_empty() {
            // Many tables, and few routines among them.
            self.computing.extend(new.computing);
            self.computing.words.sort_unstable();
            self.computing.words.dedup();
        }
        if let Some(events) = new.events {
            self.events.get_or_insert_default().extend(events);
        }
        self.hidden.extend(new.hidden);
        self.cached |= new.cached;
        self.deferrable |= new.deferrable;
    }

    /// What a definition does itself, and the names in it that lead to code.
    fn named(&self, text: &str) -> Known {
        let mut known = Known::of(text, Text::Statement);
        known.words.retain(|word| self.leads_on(*word));
        known
    }

    fn leads_on(&self, word: Word) -> bool {
        match word.is_called() {
            true => self.routines.contains_key(&word.as_name()),
            false => [&self.relations, &self.views, &self.firing].iter().any(|all| all.contains_key(&word)),
        }
    }

    /// What running a statement of this kind may do, whose strings are standard, beyond what the statement says itself. `links`
    /// are those between relations.
    #[must_use]
    pub fn effects(&self, kind: &Kind, text: &str, links: &Links) -> Effects {
        let what = match kind {
            Kind::Code | Kind::Query if crate::subject::verb(text) == "DO" => Text::Bodies,
            Kind::Code | Kind::Query => Text::Calls,
            _ => Text::Statement,
        };
        self.reached(Known::of(text, what), Reach::Firing(links)).and(self.effects_of_hidden())
    }

    /// Whether a sequence got a cache after it was made. Whose it is, nobody follows.
    #[must_use]
    pub fn has_late_cache(&self) -> bool {
        self.cached
    }

    /// What operators and casts may do, which any expression may use. That they are calls says nothing of a statement.
    fn effects_of_hidden(&self) -> Effects {
        if self.hidden.is_empty() {
            return Effects::default();
        }
        let effects = self.reached_from(self.hidden.clone(), Reach::Calls);
        effects.without(Effect::Calls).without(Effect::Reads)
    }

    /// What filling a materialized view may do, by the statement that makes or refreshes it: what its query calls.
    #[must_use]
    pub fn effects_of_filling(&self, text: &str) -> Effects {
        self.reached(Known::of(text, Text::Statement), Reach::Views)
    }

    /// What is computed of every row of some table, by constraints, generated columns, indexes and partition keys.
    #[must_use]
    pub fn effects_of_computing(&self) -> Effects {
        self.reached(self.computing.clone(), Reach::Calls).and(self.effects_of_hidden())
    }

    /// What the routines may do that a statement calls itself, whose strings are standard. What fires is not among it.
    #[must_use]
    pub fn effects_of_calls(&self, text: &str) -> Effects {
        if self.routines.is_empty() {
            return Effects::default();
        }
        let words = Known::of(text, Text::Statement).words;
        self.reached_from(words.into_iter().filter(|word| word.is_called()).collect(), Reach::Calls)
    }

    /// Code ran that lets constraints be checked late.
    pub(crate) fn defer(&mut self) {
        self.deferrable = true;
    }

    /// What new rows of the relation with this name may do where they leave columns to their defaults.
    #[must_use]
    pub fn effects_of_rows(&self, relation: &str) -> Effects {
        let word = Word::name(relation);
        let known = self.relations.get(&word).or_else(|| self.views.get(&word)).cloned();
        let Some(mut known) = known else { return Effects::default() };
        // Its own triggers stay silent.
        known.words.retain(|name| *name != word);
        self.reached(known, Reach::Firing(&Links::default()))
    }

    /// Whether the script has made triggers or rules.
    #[must_use]
    pub fn has_firing(&self) -> bool {
        !self.firing.is_empty()
    }

    /// Whether the script has made event triggers.
    #[must_use]
    pub fn has_events(&self) -> bool {
        self.events.is_some()
    }

    /// What definitions may do because of event triggers.
    #[must_use]
    pub fn effects_of_events(&self) -> Effects {
        self.reached(self.events.clone().unwrap_or_default(), Reach::Firing(&Links::default()))
    }

    /// Whether a constraint may be checked later than a statement ends.
    #[must_use]
    pub fn is_deferrable(&self) -> bool {
        self.deferrable
    }

    fn reached_from(&self, words: Vec<Word>, reach: Reach<'_>) -> Effects {
        self.reached(Known { words, ..Known::default() }, reach)
    }

    fn reached(&self, from: Known, reach: Reach<'_>) -> Effects {
        let Known { mut effects, words: mut open, mut texts, mut text_words } = from;
        let mut seen = HashSet::new();
        loop {
            if effects.has(Effect::Executes) {
                effects.extend(std::mem::take(&mut texts));
                open.append(&mut text_words);
            }
            let Some(word) = open.pop() else { return effects };
            if !seen.insert(word) {
                continue;
            }
            let name = word.as_name();
            let routine = self.routines.get(&name).filter(|_| word.is_called());
            if routine.is_some() {
                effects.add(Effect::Calls);
            }
            let view = self.views.get(&name).filter(|_| !matches!(reach, Reach::Calls));
            let (relation, firing) = match reach {
                Reach::Calls | Reach::Views => (None, None),
                Reach::Firing(links) => {
                    open.extend(links.of(name));
                    (self.relations.get(&name), self.firing.get(&name))
                }
            };
            for known in routine.into_iter().chain(view).chain(relation).chain(firing) {
                effects.extend(known.effects);
                open.extend(&known.words);
                texts.extend(known.texts);
                text_words.extend(&known.text_words);
            }
        }
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

fn add(all: &mut HashMap<Word, Known>, name: &str, known: Known) {
    if !known.is_empty() {
        all.entry(Word::name(name)).or_default().extend(known);
    }
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
