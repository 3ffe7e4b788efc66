//! Transactions and savepoints. After a rollback the model forgets what they created.

use super::types::one;
use super::{Gen, names};

pub(super) fn begin(g: &mut Gen) {
    if !g.open.is_empty() {
        return;
    }
    let words = [
        "BEGIN",
        "BEGIN TRANSACTION",
        "START TRANSACTION",
        "begin work",
        "BEGIN ISOLATION LEVEL SERIALIZABLE",
        "START TRANSACTION READ WRITE",
    ];
    let text = one(&words, &mut g.rng);
    g.open.push((g.model.clone(), None));
    g.statement(text);
}

pub(super) fn end(g: &mut Gen) {
    if g.open.is_empty() {
        return;
    }
    if g.rng.one_in(3) {
        let before = g.open.swap_remove(0).0;
        g.open.clear();
        g.model.restore(before);
        let text = one(&["ROLLBACK", "ABORT", "ROLLBACK WORK", "rollback transaction"], &mut g.rng);
        return g.statement(text);
    }
    let text = one(&["COMMIT", "COMMIT", "END", "END TRANSACTION", "commit work"], &mut g.rng);
    g.model.local_path = None;
    g.open.clear();
    g.statement(text);
    if g.rng.one_in(8) {
        // A warning of PostgreSQL, and nothing else.
        let text = one(&["COMMIT", "ROLLBACK"], &mut g.rng);
        g.statement(text);
    }
}

pub(super) fn savepoint(g: &mut Gen) {
    if g.open.is_empty() {
        return;
    }
    let Some(name) = g.open.last().and_then(|(_, name)| name.clone()).filter(|_| g.rng.one_in(2)) else {
        let name = names::quote(one(&["s1", "s2", "S"], &mut g.rng));
        g.open.push((g.model.clone(), Some(name.clone())));
        return g.statement(format!("SAVEPOINT {name}"));
    };
    if g.rng.one_in(2) {
        g.open.pop();
        return g.statement(format!("RELEASE SAVEPOINT {name}"));
    }
    if let Some((before, _)) = g.open.last().cloned() {
        g.model.restore(before);
    }
    g.statement(format!("ROLLBACK TO SAVEPOINT {name}"));
}
