//! Why a dump cannot become changes.

use dump::{Place, ScanError};

use super::render::fault::FaultReason;

/// Why a dump cannot become changes.
///
/// Messages name the place (file, offset, table, row, column) and what to do; they never hold values of cells
/// or secrets.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Options that do not suit the dump.
    #[error("{0}")]
    Usage(String),
    /// A choice of tables, schemas, sections or a database takes nothing of the dump.
    #[error("{0}")]
    NothingChosen(String),
    /// The dump is not, or not wholly, what it should be.
    #[error("{source_name}: {error}")]
    Dump {
        /// The dump.
        source_name: String,
        /// What about it.
        #[source]
        error: DumpError,
    },
    /// The bootstrap positions do not fit below what limits them.
    #[error("{0}")]
    Range(RangeError),
}

/// What is wrong with a dump.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DumpError {
    /// It cannot be read.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// Something that is recognised and not supported yet.
    #[error("{what} at {at} cannot be loaded: {advice}")]
    Unsupported {
        /// What it is.
        what: String,
        /// Where it is.
        at: Place,
        /// What to do.
        advice: &'static str,
    },
    /// Databases of which none was chosen, where the dump says so before anything is loaded.
    #[error(
        "it is a dump of several databases, and which of them to load was not said: choose with --database{}; nothing was loaded", seen(.names)
    )]
    Databases {
        /// Those that were seen.
        names: Vec<String>,
    },
    /// A dump of what belongs to no database.
    #[error(
        "it holds roles and tablespaces alone, and no database (pg_dumpall --globals-only): there is nothing to load; run it by psql at the replica's server, and load a dump of the database, by pg_dump"
    )]
    GlobalsOnly,
    /// The same, where a second one begins.
    #[error(
        "a second database, {second:?}, after {} (pg_dumpall, or several dumps in one file) begins at {at}, and which of them to load was not said: choose with --database{}", first.as_ref().map_or_else(|| "one without a name".to_owned(), |name| format!("{name:?}")), what_was_loaded(*.loaded)
    )]
    SecondDatabase {
        /// The one before, where it has a name.
        first: Option<String>,
        /// The one that begins.
        second: String,
        /// Where it begins.
        at: Place,
        /// Statements and rows of the first one that were loaded; `None`: the dump was only looked at.
        loaded: Option<(u64, u64)>,
    },
    /// The definition of a sequence, which waits for its table, that is larger than a change may be.
    #[error(
        "the sequence's definition at {at} is too large: it has {size} bytes, the change stream carries {limit}"
    )]
    StatementTooLarge {
        /// Where it begins.
        at: Place,
        /// Its size.
        size: usize,
        /// The largest size.
        limit: usize,
    },
    /// A block of rows whose columns are not known.
    #[error(
        "the rows of {table} at {at} name no columns, and no definition of the table was seen before; dump the table's definition too, or name the columns"
    )]
    NoColumns {
        /// The table.
        table: String,
        /// Where its COPY statement begins.
        at: Place,
    },
    /// A row that cannot become a change.
    #[error("row {row} of {table}{}, at {at}: {reason}; --on-error skip with --reject-file sets such rows aside", column_suffix(.column.as_deref()))]
    Row {
        /// The table.
        table: String,
        /// Its number within its block, 1-based.
        row: u64,
        /// The column, where one is at fault.
        column: Option<String>,
        /// Where the row begins.
        at: Place,
        /// What is wrong.
        reason: FaultReason,
    },
}

/// Names of databases for a message that may say none.
fn seen(names: &[String]) -> String {
    match names {
        [] => String::new(),
        names => {
            let names: Vec<_> = names.iter().map(|name| format!("{name:?}")).collect();
            format!(" (seen so far: {})", names.join(", "))
        }
    }
}

fn what_was_loaded(before: Option<(u64, u64)>) -> String {
    let Some((statements, rows)) = before else { return "; nothing was loaded".to_owned() };
    format!(
        ", and --restart, which deletes what was loaded: the {statements} statements and {rows} rows before it, and nothing behind it; another one goes into a buffer of its own (--kv-key)"
    )
}

fn column_suffix(column: Option<&str>) -> String {
    column.map_or_else(String::new, |column| format!(", column {column}"))
}

/// Why a range of positions cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RangeError {
    /// The changes reach the snapshot LSN.
    #[error(
        "the dump does not fit below the snapshot LSN: {what}sequence {sequence} has score {score}, the snapshot LSN {lsn} has score {limit}, and every bootstrap change must lie strictly below; take the dump at a later LSN, or start lower with --first-sequence"
    )]
    SnapshotLsn {
        /// What reaches it.
        what: String,
        /// The first sequence that does not fit.
        sequence: u64,
        /// Its score.
        score: i64,
        /// The snapshot LSN.
        lsn: String,
        /// Its score.
        limit: i64,
    },
    /// The changes reach something else that lies in the set.
    #[error("the range from sequence {first} on is not free: {other}, at score {limit}; {advice}")]
    Occupied {
        /// Our first sequence.
        first: u64,
        /// What is there.
        other: String,
        /// Where it is.
        limit: i64,
        /// What to do.
        advice: &'static str,
    },
    /// Other runs lie in the set.
    #[error(
        "run {run:?} cannot begin beside {others}, in the same set: the replica applies all of them, so rows that are in several dumps arrive there several times; delete the other run (`ranges purge --run-id NAME`), give this one a set of its own (--kv-key), or say --beside-other-runs if it is meant"
    )]
    Beside {
        /// The run.
        run: String,
        /// The others: names, states and ranges.
        others: String,
    },
    /// Live changes lie in the set, and nothing tells on which side of the dump.
    #[error(
        "the set holds live changes (the last at {last}), and --snapshot-lsn is missing: a change that the dump holds already would be applied to it again; give the LSN at which the dump was taken, empty the set, or say --allow-live-entries if it is meant"
    )]
    LiveEntries {
        /// The last one's position.
        last: String,
    },
    /// The highest position was reached.
    #[error("sequence numbers end at {0}")]
    Exhausted(u64),
}
