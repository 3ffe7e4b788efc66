//! Relations whose rows change when those of another one do: by a foreign key's action, and among partitions and heirs.

use std::collections::HashMap;

use super::scan::Word;
use crate::name::Cursor;

/// From each relation to those that its rows lead on to. Triggers of these may come later.
#[derive(Debug, Clone, Default)]
pub struct Links(HashMap<Word, Vec<Word>>);

impl Links {
    /// Shows a definition, whose strings are standard.
    pub(crate) fn observe(&mut self, text: &str) {
        let mut c = Cursor::new(text, true);
        if !c.any_word(&["CREATE", "ALTER"]) {
            return;
        }
        c.any_word(&["UNLOGGED", "FOREIGN"]);
        if !c.any_word(&["TABLE", "VIEW"]) {
            return;
        }
        c.words(&["IF", "NOT", "EXISTS"]);
        c.words(&["IF", "EXISTS"]);
        c.word("ONLY");
        let Some(name) = last(&mut c) else { return };
        for (from, to) in rows_lead_on(&name, c) {
            self.0.entry(Word::name(&from)).or_default().push(Word::name(&to));
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn of(&self, name: Word) -> &[Word] {
        self.0.get(&name).map(Vec::as_slice).unwrap_or_default()
    }
}

/// Where the rows of one relation lead on to another, as pairs of their names: a change of the first changes rows of the second.
/// `name` is the relation that the statement defines, `c` stands behind it.
fn rows_lead_on(name: &str, mut c: Cursor<'_>) -> Vec<(String, String)> {
    let mut links = Vec::new();
    let mut parent = None;
    while c.peek().is_some() {
        if c.word("REFERENCES") {
            parent = last(&mut c);
        } else if c.word("ON") && c.any_word(&["DELETE", "UPDATE"]) {
            // Without such an action nothing changes behind the key.
            if c.any_word(&["CASCADE", "SET"]) {
                links.extend(parent.clone().map(|parent| (parent, name.to_owned())));
            }
        } else if c.words(&["RENAME", "TO"]) {
            // It is found by either name.
            links.extend(last(&mut c).into_iter().flat_map(|new| both(name, &new)));
        } else if c.words(&["ATTACH", "PARTITION"]) {
            links.extend(last(&mut c).into_iter().flat_map(|part| both(name, &part)));
        } else if c.words(&["PARTITION", "OF"]) {
            links.extend(last(&mut c).into_iter().flat_map(|parent| both(&parent, name)));
        } else if c.word("INHERIT") {
            links.extend(last(&mut c).map(|parent| (parent, name.to_owned())));
        } else if c.word("INHERITS") && c.symbol(b'(') {
            while let Some(parent) = last(&mut c) {
                links.push((parent, name.to_owned()));
                c.symbol(b',');
            }
        } else {
            c.next();
        }
    }
    links
}

/// A partition has the triggers of its table, and what changes the table changes the partition.
fn both(one: &str, other: &str) -> [(String, String); 2] {
    [(one.to_owned(), other.to_owned()), (other.to_owned(), one.to_owned())]
}

fn last(c: &mut Cursor<'_>) -> Option<String> {
    c.parts()?.pop()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_lead_to_other_relations() {
        for (text, expected) in [
            ("CREATE TABLE t (a int REFERENCES s.p (a) ON DELETE CASCADE, b int REFERENCES q);", "p>t"),
            (
                "ALTER TABLE ONLY s.t ADD FOREIGN KEY (a) REFERENCES p(a) ON DELETE NO ACTION ON UPDATE SET NULL;",
                "p>t",
            ),
            ("CREATE TABLE t PARTITION OF s.p FOR VALUES IN (1);", "p>t t>p"),
            ("ALTER TABLE ONLY t ATTACH PARTITION s.\"Q\" DEFAULT;", "t>Q Q>t"),
            ("CREATE TABLE t (a int) INHERITS (s.p, q);", "p>t q>t"),
            ("ALTER TABLE t INHERIT p;", "p>t"),
            ("ALTER TABLE t NO INHERIT p;", "p>t"),
            ("ALTER TABLE t RENAME TO q;", "t>q q>t"),
            ("CREATE TABLE t (a int REFERENCES p, b text DEFAULT 'ON DELETE CASCADE');", ""),
        ] {
            let links = rows_lead_on("t", Cursor::new(text, true));
            let links: Vec<_> = links.into_iter().map(|(from, to)| format!("{from}>{to}")).collect();
            assert_eq!(links.join(" "), expected, "{text}");
        }
    }
}
