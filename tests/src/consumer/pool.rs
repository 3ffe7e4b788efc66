//! The replica's sessions: usually the same one, replaced at unexpected times.

use std::io;

use super::{Options, ReplicaRole};
use crate::pgwire::{Connection, Target};
use crate::rng::Rng;

/// How many idle sessions are kept for later.
const IDLE: usize = 2;

/// Settings that a statement left behind in its session, which a later statement would meet or miss by luck.
/// `pg_settings` does not show the current user.
const LEFT_BEHIND: &str = "\
    SELECT NULLIF(pg_catalog.concat_ws(', ',
        (SELECT pg_catalog.string_agg(name || '=' || setting, ', ' ORDER BY name) FROM pg_catalog.pg_settings
         WHERE source = 'session' AND name <> 'session_replication_role'),
        'session_authorization=' || NULLIF(session_user, $$USER$$),
        'role=' || NULLIF(current_user, session_user)), '')";

#[derive(Debug)]
pub(super) struct Pool<'a> {
    target: &'a Target,
    rng: Rng,
    replace_every: u64,
    current: Option<Connection>,
    idle: Vec<Connection>,
    pub(super) opened: u64,
}

impl<'a> Pool<'a> {
    pub(super) fn new(target: &'a Target, options: &Options) -> io::Result<Self> {
        let rng = Rng::new(options.seed);
        let mut pool = Self {
            target,
            rng,
            replace_every: options.replace_every,
            current: None,
            idle: Vec::new(),
            opened: 0,
        };
        if options.role == ReplicaRole::FirstSession {
            pool.current()?.query("SET session_replication_role = 'replica'")?;
        }
        Ok(pool)
    }

    /// The session for the next statement.
    pub(super) fn current(&mut self) -> io::Result<&mut Connection> {
        if self.current.is_none() {
            self.current = Some(Connection::open(self.target)?);
            self.opened += 1;
        }
        Ok(self.current.as_mut().expect("just opened"))
    }

    /// The session is gone: the next statement gets another.
    pub(super) fn forget(&mut self) {
        self.current = None;
    }

    /// Asked once for each change: is it time for another session?
    pub(super) fn is_due(&mut self) -> bool {
        self.rng.one_in(self.replace_every)
    }

    /// Puts the current session away or closes it, and takes an idle or a new one. Only while nothing is under
    /// way. Gives the settings that statements have left behind.
    pub(super) fn replace(&mut self) -> io::Result<Option<String>> {
        let Some(mut old) = self.current.take() else { return Ok(None) };
        let left = old.value(&LEFT_BEHIND.replace("$$USER$$", &format!("'{}'", self.target.user)))?;
        if self.idle.len() < IDLE && self.rng.one_in(2) {
            self.idle.insert(0, old);
        }
        if !self.idle.is_empty() && self.rng.one_in(2) {
            self.current = self.idle.pop();
        }
        Ok(left)
    }
}
