//! Statements that begin and end transactions.

use crate::name::Cursor;

/// What a statement does to the transaction of the session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transaction {
    /// `BEGIN`, `START TRANSACTION`.
    Begin,
    /// `COMMIT`, `END`; with `AND CHAIN` the next one begins.
    Commit {
        /// Another transaction begins at once.
        chain: bool,
    },
    /// `ROLLBACK`, `ABORT`.
    Rollback {
        /// Another transaction begins at once.
        chain: bool,
    },
    /// `SAVEPOINT name`.
    Savepoint(String),
    /// `RELEASE name`.
    Release(String),
    /// `ROLLBACK TO name`.
    RollbackTo(String),
    /// `BEGIN READ ONLY`.
    ReadOnly,
    /// `PREPARE TRANSACTION`, `COMMIT PREPARED`, `ROLLBACK PREPARED`.
    Prepared,
}

pub(crate) fn parse(mut c: Cursor<'_>) -> Option<Transaction> {
    if c.words(&["START", "TRANSACTION"]) || c.word("BEGIN") {
        let read_only = c.any(|c| c.words(&["READ", "ONLY"]));
        return Some(if read_only { Transaction::ReadOnly } else { Transaction::Begin });
    }
    if c.words(&["PREPARE", "TRANSACTION"]) {
        return Some(Transaction::Prepared);
    }
    if c.any_word(&["COMMIT", "END"]) {
        if c.at_word("PREPARED") {
            return Some(Transaction::Prepared);
        }
        return Some(Transaction::Commit { chain: chains(&mut c) });
    }
    if c.any_word(&["ROLLBACK", "ABORT"]) {
        if c.at_word("PREPARED") {
            return Some(Transaction::Prepared);
        }
        c.any_word(&["WORK", "TRANSACTION"]);
        if c.word("TO") {
            return savepoint(&mut c).map(Transaction::RollbackTo);
        }
        return Some(Transaction::Rollback { chain: chains(&mut c) });
    }
    if c.word("SAVEPOINT") {
        return c.part().map(Transaction::Savepoint);
    }
    c.word("RELEASE").then(|| savepoint(&mut c)).flatten().map(Transaction::Release)
}

fn chains(c: &mut Cursor<'_>) -> bool {
    c.any_word(&["WORK", "TRANSACTION"]);
    c.words(&["AND", "CHAIN"])
}

fn savepoint(c: &mut Cursor<'_>) -> Option<String> {
    // A savepoint may have the word for a name.
    let mut named = c.clone();
    if named.word("SAVEPOINT")
        && let Some(name) = named.part()
    {
        return Some(name);
    }
    c.part()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form() {
        use Transaction::{Begin, Commit, Prepared, Release, Rollback, RollbackTo, Savepoint};
        for (text, expected) in [
            ("BEGIN;", Begin),
            ("begin isolation level serializable;", Begin),
            ("START TRANSACTION READ WRITE;", Begin),
            ("COMMIT;", Commit { chain: false }),
            ("END TRANSACTION AND CHAIN;", Commit { chain: true }),
            ("COMMIT AND NO CHAIN;", Commit { chain: false }),
            ("ABORT WORK;", Rollback { chain: false }),
            ("ROLLBACK AND CHAIN;", Rollback { chain: true }),
            ("ROLLBACK TO SAVEPOINT a;", RollbackTo("a".to_owned())),
            ("rollback work to \"B\";", RollbackTo("B".to_owned())),
            ("ROLLBACK TO savepoint;", RollbackTo("savepoint".to_owned())),
            ("SAVEPOINT a;", Savepoint("a".to_owned())),
            ("RELEASE a;", Release("a".to_owned())),
            ("RELEASE SAVEPOINT a;", Release("a".to_owned())),
            ("PREPARE TRANSACTION 'x';", Prepared),
            ("COMMIT PREPARED 'x';", Prepared),
        ] {
            assert_eq!(parse(Cursor::new(text, true)), Some(expected), "{text}");
        }
        assert_eq!(parse(Cursor::new("PREPARE x AS SELECT 1;", true)), None);
    }
}
