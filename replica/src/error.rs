//! What can go wrong, and what to do about it.

use std::fmt;
use std::sync::Arc;

use crate::address::AddressError;
use crate::mask::{self, Place};
use crate::sqlstate;

/// A failed operation: what failed, where, why, and what to do. It shows no password and no value of a row.
///
/// A cause in the system or the network is the [`source`](std::error::Error::source); the message does not repeat it.
#[derive(Debug, thiserror::Error)]
#[error("{action} at {address}: {kind}")]
pub struct Error {
    kind: ErrorKind,
    action: &'static str,
    address: Arc<str>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
    /// The client library has lost count of the server's answers.
    out_of_step: bool,
}

/// Why an operation failed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The address is not one.
    Address(AddressError),
    /// A file of the address or of a password cannot be used.
    File {
        /// Its path.
        path: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// No connection, or the connection was lost.
    Unreachable,
    /// No answer in time to a login.
    Timeout,
    /// No TLS, or not one that can be trusted.
    Tls,
    /// The login did not come about, and the server has not said why.
    Login,
    /// PostgreSQL refuses.
    Server(Box<ServerError>),
    /// Another session has taken this run over.
    Superseded,
    /// The run's record is not where this session left it.
    RecordMoved {
        /// The step of the record as this session knows it.
        expected: i64,
        /// The step in the database; `None` if the record is gone.
        found: Option<i64>,
    },
    /// The run was begun with something else.
    OtherRun {
        /// What differs.
        what: &'static str,
    },
    /// PostgreSQL took another number of rows than it was sent.
    RowCount {
        /// The table.
        table: String,
        /// The rows that were sent.
        sent: u64,
        /// The rows that it took.
        taken: u64,
    },
    /// It is not known whether the last batch was committed.
    InDoubt,
    /// Own sessions of an earlier attempt do not end.
    Orphans {
        /// How many there are.
        count: i64,
    },
    /// A run id that cannot be used.
    InvalidRun,
    /// An unexpected answer.
    Protocol,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, action: &'static str, address: &Arc<str>) -> Self {
        Self { kind, action, address: Arc::clone(address), source: None, out_of_step: false }
    }

    /// The same, after which the session is of no use, whatever the server thinks of it.
    pub(crate) fn out_of_step(mut self) -> Self {
        self.out_of_step = true;
        self
    }

    pub(crate) fn because(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What the client library reports. `rows` says that rows were on their way.
    pub(crate) fn of(
        error: tokio_postgres::Error,
        action: &'static str,
        address: &Arc<str>,
        rows: bool,
    ) -> Self {
        if let Some(db) = error.as_db_error() {
            return Self::new(ErrorKind::Server(Box::new(ServerError::new(db, rows))), action, address);
        }
        let kind = kind(&error);
        let source = error.into_source();
        Self { kind, action, address: Arc::clone(address), source, out_of_step: false }
    }

    /// Why it failed.
    #[must_use]
    pub fn kind(&self) -> &ErrorKind {
        &self.kind
    }

    /// What PostgreSQL said, if it did.
    #[must_use]
    pub fn server(&self) -> Option<&ServerError> {
        match &self.kind {
            ErrorKind::Server(error) => Some(error),
            _ => None,
        }
    }

    /// Whether the same may succeed later, after [`recover`](crate::Run::recover) where the run is in doubt.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match &self.kind {
            ErrorKind::Unreachable | ErrorKind::Timeout | ErrorKind::InDoubt | ErrorKind::Orphans { .. } => {
                true
            }
            ErrorKind::Server(error) => sqlstate::is_retryable(&error.code),
            _ => false,
        }
    }

    /// Whether the connection is of no use any more.
    #[must_use]
    pub fn ends_session(&self) -> bool {
        match &self.kind {
            ErrorKind::Unreachable | ErrorKind::Timeout | ErrorKind::Protocol | ErrorKind::InDoubt => true,
            ErrorKind::Server(error) => {
                self.out_of_step || error.fatal || sqlstate::ends_session(&error.code)
            }
            _ => self.out_of_step,
        }
    }

    /// Whether PostgreSQL refuses what it was given, and would again: what is refused can be left out.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        match &self.kind {
            ErrorKind::Server(error) => !error.fatal && sqlstate::is_refusal(&error.code),
            _ => false,
        }
    }

    /// Whether another way to connect may be let in: TLS or the login failed.
    pub(crate) fn refuses_this_way(&self) -> bool {
        match &self.kind {
            ErrorKind::Tls => true,
            ErrorKind::Server(error) => sqlstate::refuses_this_way(&error.code),
            _ => false,
        }
    }
}

/// The library does not tell its kinds apart in its types, only in what it says.
fn kind(error: &tokio_postgres::Error) -> ErrorKind {
    if error.is_closed() {
        return ErrorKind::Unreachable;
    }
    let text = error.to_string();
    let tls = text.starts_with("error performing TLS");
    let mut cause = std::error::Error::source(error);
    let mut io = false;
    while let Some(error) = cause {
        if error.is::<rustls::Error>() {
            return ErrorKind::Tls;
        }
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            if error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) {
                return ErrorKind::Tls;
            }
            if error.kind() == std::io::ErrorKind::TimedOut {
                return ErrorKind::Timeout;
            }
            io = true;
        }
        cause = error.source();
    }
    match () {
        () if io => ErrorKind::Unreachable,
        () if tls => ErrorKind::Tls,
        () if text.starts_with("authentication") || text.starts_with("invalid configuration") => {
            ErrorKind::Login
        }
        () => ErrorKind::Protocol,
    }
}

/// An error message of PostgreSQL, without the values of rows that it quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerError {
    /// The SQLSTATE.
    pub code: String,
    /// The primary message.
    pub message: String,
    /// More of it.
    pub detail: Option<String>,
    /// What PostgreSQL advises.
    pub hint: Option<String>,
    /// The table, where one is to blame.
    pub table: Option<String>,
    /// The column.
    pub column: Option<String>,
    /// The constraint.
    pub constraint: Option<String>,
    /// Where in the text of a statement, in characters from 1.
    pub position: Option<u32>,
    /// Where in the rows of a COPY.
    pub place: Option<Place>,
    fatal: bool,
}

impl ServerError {
    fn new(error: &tokio_postgres::error::DbError, rows: bool) -> Self {
        use tokio_postgres::error::{ErrorPosition, Severity};
        let code = error.code().code();
        let keys = code.starts_with("23");
        let values = sqlstate::quotes_values(code) || rows && !keys && code != "22P04";
        let clean = |text: &str| match values {
            true => mask::quoted(&mask::parentheses(text)),
            false if keys => mask::parentheses(text),
            false => text.to_owned(),
        };
        Self {
            message: clean(error.message()),
            detail: error.detail().map(clean),
            hint: error.hint().map(str::to_owned),
            table: error.table().map(|table| match error.schema() {
                Some(schema) => format!("{schema}.{table}"),
                None => table.to_owned(),
            }),
            column: error.column().map(str::to_owned),
            constraint: error.constraint().map(str::to_owned),
            position: error.position().and_then(|position| match position {
                ErrorPosition::Original(at) => Some(*at),
                ErrorPosition::Internal { .. } => None,
            }),
            place: error.where_().and_then(mask::place),
            fatal: matches!(error.parsed_severity(), Some(Severity::Fatal | Severity::Panic)),
            code: code.to_owned(),
        }
    }
}

impl ServerError {
    /// What PostgreSQL said, with its details and its advice, but not where.
    #[must_use]
    pub fn said(&self) -> String {
        format!("{} (SQLSTATE {}){}", self.message, self.code, self.more())
    }

    fn more(&self) -> String {
        let more = [("detail", &self.detail), ("hint", &self.hint)].into_iter();
        more.filter_map(|(name, text)| Some(format!("; {name}: {}", text.as_ref()?))).collect()
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgreSQL says: {} (SQLSTATE {})", self.message, self.code)?;
        if let Some(Place { line, column }) = &self.place {
            write!(f, ", at row {line} of what was sent")?;
            if let Some(column) = column {
                write!(f, ", column {column}")?;
            }
        }
        f.write_str(&self.more())
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Address(error) => return write!(f, "{error}"),
            Self::File { path, what } => return write!(f, "{path}: {what}"),
            Self::Unreachable => "PostgreSQL cannot be reached; check host, port, network and whether it runs",
            Self::Timeout => "PostgreSQL did not answer in time; check host, port and network",
            Self::Tls => "no TLS connection that can be trusted; check sslmode, the authority, the certificates and the host's name",
            Self::Login => "the login needs something that the address does not have; check user and password",
            Self::Server(error) => return write!(f, "{error}"),
            Self::Superseded => "another process has taken over this run; leave the rest to it",
            Self::RecordMoved { expected, found: Some(found) } => {
                return write!(
                    f,
                    "the run's record in kasho_bootstrap.runs is at step {found}, and this session left it at {expected}; \
                     something else has changed it, or a statement has ended the transaction"
                );
            }
            Self::RecordMoved { expected, found: None } => {
                return write!(
                    f,
                    "the run's record in kasho_bootstrap.runs is gone, this session left it at step {expected}; \
                     begin with an empty database"
                );
            }
            Self::OtherRun { what } => {
                return write!(f, "the run was begun with another {what}; use another database, or what it was begun with");
            }
            Self::RowCount { table, sent, taken } => {
                return write!(f, "{table}: {sent} rows were sent and {taken} taken; look for triggers that are ENABLE ALWAYS");
            }
            Self::InDoubt => "whether the last batch was committed is not known yet",
            Self::Orphans { count } => {
                return write!(f, "{count} sessions of an earlier attempt do not end; end them with pg_terminate_backend");
            }
            Self::InvalidRun => "a run id has 1 to 200 visible ASCII characters",
            Self::Protocol => "the answer is not one that is expected; check what is between this program and PostgreSQL",
        })
    }
}
