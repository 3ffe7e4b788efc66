//! Sessions of others that wait: whoever is to go on with a database may be told by what it has asked last.

use crate::error::Error;
use crate::session::Session;

const LOOK: &str = "
SELECT pid,
    state = 'idle' AND query ~* $1 AS waits,
    state IS NULL OR state = 'disabled' AS hidden,
    pg_catalog.to_char(query_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')
FROM pg_catalog.pg_stat_activity
WHERE datname = pg_catalog.current_database() AND pid <> pg_catalog.pg_backend_pid()
    -- Of other roles' sessions not even the type is shown, without the right to see them.
    AND (backend_type = 'client backend' OR backend_type IS NULL AND usesysid IS NOT NULL)
ORDER BY query_start DESC NULLS LAST";

/// Whether somebody waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waiting {
    /// A session waits.
    Session {
        /// Its process.
        pid: i32,
        /// Since when, in UTC.
        since: String,
    },
    /// No session does.
    Nobody,
    /// Of so many sessions it is not to be seen what they have asked.
    Hidden(usize),
}

/// Looks for an idle session whose last query this regular expression matches; of several the youngest.
pub(crate) async fn look(session: &Session, query: &str) -> Result<Waiting, Error> {
    let action = "look for a session that waits";
    let rows = session.rows(action, LOOK, &[&query]).await?;
    let mut hidden = 0;
    for row in &rows {
        if session.value::<Option<bool>>(action, row, 1)? == Some(true) {
            let since = session.value::<Option<String>>(action, row, 3)?.unwrap_or_default();
            return Ok(Waiting::Session { pid: session.value(action, row, 0)?, since });
        }
        hidden += usize::from(session.value::<Option<bool>>(action, row, 2)? != Some(false));
    }
    Ok(if hidden > 0 { Waiting::Hidden(hidden) } else { Waiting::Nobody })
}
