//! The contents of a database, as lines; and how to empty it.

use std::collections::BTreeMap;

use crate::pgwire::{Connection, Target};

const STATE: &str = include_str!("state.sql");

/// Drops what scripts make, and gives `public` back as every new database has it.
const RESET: &str = "
    DO $$ DECLARE name text; BEGIN
        FOR name IN SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' LOOP
            EXECUTE format('DROP SCHEMA %I CASCADE', name);
        END LOOP;
        PERFORM lo_unlink(oid) FROM pg_largeobject_metadata;
    END $$;
    CREATE SCHEMA public AUTHORIZATION pg_database_owner;
    GRANT USAGE ON SCHEMA public TO PUBLIC;
    COMMENT ON SCHEMA public IS 'standard public schema'";

/// The lines of one database, sorted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State(Vec<String>);

impl State {
    /// The lines.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Lines that only one of two has: `-` this one, `+` the other.
    pub fn difference(&self, other: &Self) -> Vec<String> {
        let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
        self.0.iter().for_each(|line| *counts.entry(line).or_default() -= 1);
        other.0.iter().for_each(|line| *counts.entry(line).or_default() += 1);
        let lines = counts.into_iter().filter(|(_, count)| *count != 0);
        lines
            .flat_map(|(line, count)| {
                let sign = if count < 0 { '-' } else { '+' };
                (0..count.abs()).map(move |_| format!("{sign} {line}"))
            })
            .collect()
    }
}

/// A session that looks at one database, and empties it.
#[derive(Debug)]
pub struct Observer(Connection);

impl Observer {
    /// Connects.
    pub fn new(target: &Target) -> Self {
        let mut session = Connection::open(target).expect("connect to postgres");
        session.query("SET search_path = ''; SET client_min_messages = error").expect("set the session up");
        session.query(STATE).expect("make the function");
        let mut observer = Self(session);
        observer.reset();
        observer
    }

    /// What the database holds now.
    pub fn state(&mut self) -> State {
        let rows = self.0.query("SELECT * FROM pg_temp.state()").expect("read the database");
        let mut lines: Vec<String> = rows.into_iter().flatten().flatten().collect();
        lines.sort_unstable();
        State(lines)
    }

    /// Empties the database.
    pub fn reset(&mut self) {
        // A session that has just ended may still be dropping its temporary tables.
        for _ in 0..20 {
            if self.0.query(RESET).is_ok() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        self.0.query(RESET).expect("empty the database");
    }
}
