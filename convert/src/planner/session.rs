//! The session that psql would have at a point of the script: its settings and its transaction.
//!
//! A setting lasts as long as in PostgreSQL: `SET LOCAL` to the end of the transaction, `SET` until it is set anew, and a
//! ROLLBACK takes back both. What was loaded cannot be taken back, so a ROLLBACK over more than settings is refused.

use std::collections::BTreeMap;

use dump::{Place, Scope, Setting, Transaction, Value};
use serde::{Deserialize, Serialize};

use super::settings::{self, Role, Settings};

/// Settings and the open transaction.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Session {
    /// Those of the session.
    settings: Settings,
    /// Those of the database that it connected to.
    #[serde(default, skip_serializing_if = "Settings::is_empty")]
    defaults: Settings,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    transaction: Option<Open>,
}

/// A transaction that has begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Open {
    /// The line of its BEGIN, and its offset in the dump.
    line: u64,
    offset: u64,
    /// What SET LOCAL says; none is the default.
    local: BTreeMap<String, Option<Value>>,
    /// The settings when it began.
    before: Settings,
    /// More than settings came since.
    touched: bool,
    savepoints: Vec<Savepoint>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Savepoint {
    name: String,
    settings: Settings,
    local: BTreeMap<String, Option<Value>>,
    /// More than settings came since.
    touched: bool,
}

/// Why a script cannot be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// What was loaded would be taken back.
    TakenBack,
    /// A transaction whose end is elsewhere.
    Prepared,
    /// How what follows is read would change when the transaction ends.
    ReadingInTransaction,
    /// PostgreSQL would refuse what follows.
    ReadOnly,
    /// What is made next would be temporary.
    TemporaryPath,
}

impl Session {
    /// A new session in a database with these settings of its own.
    pub(super) fn connected(defaults: Settings) -> Self {
        Self { defaults, ..Self::default() }
    }

    /// Takes over a setting. Returns the kind under which it counts as left out: all but those that travel.
    pub(super) fn set(&mut self, setting: &Setting) -> Result<Option<String>, Refused> {
        let name = setting.name.as_str();
        refuse(setting)?;
        let role = settings::role(name);
        let counted = match role {
            Role::Travels | Role::Rows => None,
            Role::Path | Role::Reading | Role::Passing => Some("setting".to_owned()),
            Role::Unknown => Some(format!("setting_{name}")),
        };
        if role == Role::Reading && self.transaction.is_some() {
            if setting.scope == Scope::Local {
                return Err(Refused::ReadingInTransaction);
            }
            // A ROLLBACK would change how the rest is read.
            self.touch();
        }
        if !matches!(role, Role::Travels | Role::Rows | Role::Path) {
            return Ok(counted);
        }
        let value = match (name, &setting.value) {
            ("datestyle", Some(value)) => Some(settings::date_style(value, self.get(name))),
            // PostgreSQL's default is another one than the database's.
            _ if self.defaults.get(name).is_some() => setting.value.clone(),
            _ => settings::unless_default(setting),
        };
        match (&mut self.transaction, setting.scope) {
            (Some(open), Scope::Local) => drop(open.local.insert(name.to_owned(), value)),
            // Without a transaction it ends at once.
            (None, Scope::Local) => {}
            (open, Scope::Session) => {
                open.iter_mut().for_each(|open| drop(open.local.remove(name)));
                self.settings.put(name, value);
            }
        }
        if name == "session_authorization" && setting.scope == Scope::Session {
            self.settings.put("role", None);
        }
        Ok(counted)
    }

    /// All settings go back to their defaults; with `discard` the role does, too.
    pub(super) fn reset_all(&mut self, discard: bool) {
        let kept = |name: &str| !discard && matches!(name, "role" | "session_authorization");
        self.settings.retain(kept);
        if let Some(open) = &mut self.transaction {
            open.local.retain(|name, _| kept(name));
        }
    }

    /// More than a setting came.
    pub(super) fn touch(&mut self) {
        if let Some(open) = &mut self.transaction {
            open.touched = true;
            open.savepoints.iter_mut().for_each(|savepoint| savepoint.touched = true);
        }
    }

    /// Whether a transaction has begun.
    pub(super) fn in_transaction(&self) -> bool {
        self.transaction.is_some()
    }

    /// Where a transaction began that is open and has done something.
    pub(super) fn unfinished(&self) -> Option<Place> {
        let open = self.transaction.as_ref().filter(|open| open.touched)?;
        Some(Place { offset: open.offset, line: open.line })
    }

    /// Begins or ends a transaction, or a part of it.
    pub(super) fn transact(&mut self, what: &Transaction, place: Place) -> Result<(), Refused> {
        match what {
            Transaction::Begin if self.transaction.is_none() => self.begin(place),
            // Only a warning of PostgreSQL's.
            Transaction::Begin => {}
            Transaction::Commit { chain } => {
                if self.transaction.take().is_some() && *chain {
                    self.begin(place);
                }
            }
            Transaction::Rollback { chain } => self.roll_back(*chain, place)?,
            Transaction::Savepoint(name) => self.savepoint(name),
            Transaction::Release(name) => {
                if let Some((open, at)) = self.find(name) {
                    open.savepoints.truncate(at);
                }
            }
            Transaction::RollbackTo(name) => self.roll_back_to(name)?,
            Transaction::Prepared => return Err(Refused::Prepared),
            Transaction::ReadOnly => return Err(Refused::ReadOnly),
        }
        Ok(())
    }

    fn begin(&mut self, place: Place) {
        self.transaction = Some(Open {
            line: place.line,
            offset: place.offset,
            local: BTreeMap::new(),
            before: self.settings.clone(),
            touched: false,
            savepoints: Vec::new(),
        });
    }

    fn roll_back(&mut self, chain: bool, place: Place) -> Result<(), Refused> {
        let Some(open) = self.transaction.take() else { return Ok(()) };
        if open.touched {
            return Err(Refused::TakenBack);
        }
        self.settings = open.before;
        if chain {
            self.begin(place);
        }
        Ok(())
    }

    fn savepoint(&mut self, name: &str) {
        if let Some(open) = &mut self.transaction {
            let (settings, local) = (self.settings.clone(), open.local.clone());
            open.savepoints.push(Savepoint { name: name.to_owned(), settings, local, touched: false });
        }
    }

    fn find(&mut self, name: &str) -> Option<(&mut Open, usize)> {
        let open = self.transaction.as_mut()?;
        let at = open.savepoints.iter().rposition(|savepoint| savepoint.name == name)?;
        Some((open, at))
    }

    fn roll_back_to(&mut self, name: &str) -> Result<(), Refused> {
        let Some((open, at)) = self.find(name) else { return Ok(()) };
        if open.savepoints[at].touched {
            return Err(Refused::TakenBack);
        }
        open.savepoints.truncate(at + 1);
        let savepoint = &open.savepoints[at];
        open.local = savepoint.local.clone();
        self.settings = savepoint.settings.clone();
        Ok(())
    }

    /// The value in force, unless it is the default.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        match self.transaction.as_ref().and_then(|open| open.local.get(name)) {
            Some(Some(local)) => Some(local),
            Some(None) => self.defaults.get(name),
            None => self.settings.get(name).or_else(|| self.defaults.get(name)),
        }
    }

    /// All settings in force that are not the default, in alphabetical order.
    pub(super) fn in_force(&self) -> BTreeMap<&str, &Value> {
        let locals = self.transaction.iter().flat_map(|open| open.local.keys().map(String::as_str));
        let names = self.settings.iter().chain(self.defaults.iter()).map(|(name, _)| name).chain(locals);
        names.filter_map(|name| Some((name, self.get(name)?))).collect()
    }

    /// Who runs what follows, where the script says so.
    pub(super) fn user(&self) -> Option<&str> {
        let role = self.get("role").or_else(|| self.get("session_authorization"));
        role.map(|value| value.plain.as_str())
    }

    /// Triggers and rules do not fire.
    pub(super) fn is_silent(&self) -> bool {
        let role = self.get("session_replication_role");
        role.is_some_and(|value| value.plain.eq_ignore_ascii_case("replica"))
    }
}

/// Settings under which psql would do something else with all that follows.
fn refuse(setting: &Setting) -> Result<(), Refused> {
    let read_only = match setting.name.as_str() {
        "default_transaction_read_only" | "transaction_read_only" => dump::is_on(setting.plain()),
        // SET TRANSACTION, SET SESSION CHARACTERISTICS AS TRANSACTION.
        "transaction" | "characteristics" => setting.plain().contains("readonly"),
        _ => false,
    };
    if read_only {
        return Err(Refused::ReadOnly);
    }
    let names = setting.value.as_ref().filter(|_| setting.name == "search_path").map(Value::names);
    let temporary = |names: Vec<String>| match names.split_last() {
        Some((only, [])) => only == "pg_temp",
        Some((_, first)) => first.iter().any(|name| name == "pg_temp"),
        None => false,
    };
    if names.is_some_and(temporary) { Err(Refused::TemporaryPath) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dump::{Kind, classify};

    const PLACE: Place = Place { offset: 0, line: 1 };

    fn run(script: &str) -> Result<Session, Refused> {
        let mut session = Session::default();
        for text in script.split_inclusive(';') {
            match classify(text.trim(), true) {
                Kind::Setting(setting) => drop(session.set(&setting)?),
                Kind::ResetAll { discard } => session.reset_all(discard),
                Kind::Transaction(what) => session.transact(&what, PLACE)?,
                _ => session.touch(),
            }
        }
        Ok(session)
    }

    fn path(script: &str) -> String {
        run(script).unwrap().get("search_path").map_or_else(String::new, |value| value.plain.clone())
    }

    #[test]
    fn settings_live_as_long_as_in_postgresql() {
        for (script, expected) in [
            ("SET search_path = a; BEGIN; SET LOCAL search_path = b;", "b"),
            ("SET search_path = a; BEGIN; SET LOCAL search_path = b; COMMIT;", "a"),
            ("SET search_path = a; SET LOCAL search_path = b;", "a"),
            ("BEGIN; SET search_path = a; SET LOCAL search_path = b; COMMIT;", "a"),
            ("BEGIN; SET LOCAL search_path = b; SET search_path = a;", "a"),
            ("SET search_path = a; BEGIN; SET search_path = b; ROLLBACK;", "a"),
            ("SET search_path = a; BEGIN; SAVEPOINT s; SET search_path = b; ROLLBACK TO s;", "a"),
            ("BEGIN; SET LOCAL search_path = a; SAVEPOINT s; SET LOCAL search_path = b; RELEASE s;", "b"),
            ("BEGIN; SAVEPOINT s; SET LOCAL search_path = b; ROLLBACK TO s; COMMIT;", ""),
            ("SET search_path = a; RESET search_path;", ""),
            ("SET search_path = a; RESET ALL;", ""),
            ("SET search_path = a; BEGIN; RESET ALL; ROLLBACK;", "a"),
            ("SET search_path = a; BEGIN; SET LOCAL search_path TO DEFAULT;", ""),
            ("BEGIN; COMMIT AND CHAIN; SET LOCAL search_path = a;", "a"),
            ("SELECT set_config('search_path', 'a', false);", "a"),
            ("SELECT set_config('search_path', 'a', true);", ""),
            ("BEGIN; SELECT set_config('search_path', 'a', true);", "a"),
        ] {
            assert_eq!(path(script), expected, "{script}");
        }
    }

    #[test]
    fn who_runs_it() {
        let user = |script: &str| run(script).unwrap().user().map(str::to_owned);
        assert_eq!(user("SET ROLE a;").as_deref(), Some("a"));
        assert_eq!(user("SET ROLE a; SET SESSION AUTHORIZATION b;").as_deref(), Some("b"));
        assert_eq!(user("SET ROLE a; RESET ALL;").as_deref(), Some("a"));
        assert_eq!(user("SET ROLE a; DISCARD ALL;"), None);
        assert_eq!(user("SET ROLE a; RESET ROLE;"), None);
    }

    #[test]
    fn what_would_be_taken_back_is_refused() {
        for (script, refused) in [
            ("BEGIN; SELECT 1; ROLLBACK;", Some(Refused::TakenBack)),
            ("BEGIN; SELECT 1; SAVEPOINT s; SET a = 1; ROLLBACK TO s; COMMIT;", None),
            ("BEGIN; SAVEPOINT s; SELECT 1; RELEASE s; ROLLBACK;", Some(Refused::TakenBack)),
            ("BEGIN; SAVEPOINT s; SELECT 1; ROLLBACK TO s;", Some(Refused::TakenBack)),
            ("BEGIN; SELECT 1; COMMIT; ROLLBACK;", None),
            ("BEGIN; SET client_encoding = 'LATIN1'; ROLLBACK;", Some(Refused::TakenBack)),
            ("BEGIN; SET LOCAL standard_conforming_strings = off;", Some(Refused::ReadingInTransaction)),
            ("PREPARE TRANSACTION 'x';", Some(Refused::Prepared)),
            ("BEGIN READ ONLY;", Some(Refused::ReadOnly)),
            ("START TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY;", Some(Refused::ReadOnly)),
            ("BEGIN; SET TRANSACTION READ ONLY;", Some(Refused::ReadOnly)),
            ("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY;", Some(Refused::ReadOnly)),
            ("SET default_transaction_read_only = on;", Some(Refused::ReadOnly)),
            ("SET default_transaction_read_only = off; BEGIN READ WRITE; COMMIT;", None),
            ("SET search_path = pg_temp, public;", Some(Refused::TemporaryPath)),
            ("SET search_path = pg_temp;", Some(Refused::TemporaryPath)),
            ("SET search_path = public, pg_temp;", None),
        ] {
            assert_eq!(run(script).err(), refused, "{script}");
        }
        assert_eq!(run("BEGIN; SELECT 1;").unwrap().unfinished(), Some(PLACE));
        assert_eq!(run("BEGIN; SET a = 1;").unwrap().unfinished(), None);
    }
}
