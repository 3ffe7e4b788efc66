//! A database beside the one that is looked at, in which definitions are made for comparison, and which is dropped again.

use crate::connect::ConnectOptions;
use crate::error::{Error, ErrorKind};
use crate::name::quoted;
use crate::session::Session;

/// What such databases are called.
const PREFIX: &str = "pgbootstrap_verify_";

/// Encoding and locale are the database's own, so that what is made has the same defaults.
const CREATE: &str = "SELECT pg_catalog.format('CREATE DATABASE %I TEMPLATE template0 ENCODING %L LC_COLLATE %L LC_CTYPE %L', \
    $1::text || pg_catalog.left(pg_catalog.replace(pg_catalog.gen_random_uuid()::text, '-', ''), 16), \
    pg_catalog.pg_encoding_to_char(encoding), datcollate, datctype) \
    FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()";

/// An empty database of its own.
pub struct Scratch {
    admin: Session,
    session: Session,
    options: ConnectOptions,
}

impl Scratch {
    /// Creates it on the same server, with the same encoding and locale.
    ///
    /// # Errors
    /// Errors of the connection; `42501` without the right to create databases.
    pub async fn create(options: &ConnectOptions) -> Result<Self, Error> {
        let action = "create a database for definitions";
        let admin = Session::open(options).await?;
        let row = admin.row(action, CREATE, &[&PREFIX]).await?;
        let create: String = admin.value(action, &row, 0)?;
        let name = create.split_whitespace().nth(2).unwrap_or_default().to_owned();
        if !name.starts_with(PREFIX) {
            return Err(admin.error(ErrorKind::Protocol, action));
        }
        admin.run(action, &create).await?;
        let mut options = options.clone();
        options.address = options.address.with_database(&name);
        match Session::open(&options).await {
            Ok(session) => Ok(Self { admin, session, options }),
            Err(error) => {
                admin.run(action, &drop(&name)).await?;
                Err(error)
            }
        }
    }

    /// How to reach it.
    #[must_use]
    pub fn options(&self) -> &ConnectOptions {
        &self.options
    }

    /// Runs a statement, or several that belong together, in a transaction.
    ///
    /// # Errors
    /// What PostgreSQL says. Nothing of it is in the database then.
    pub async fn run(&self, text: &str) -> Result<(), Error> {
        let action = "make definitions for comparison";
        self.session.run(action, "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE").await?;
        match self.session.run(action, text).await {
            Ok(()) => self.session.run(action, "COMMIT").await,
            Err(error) if error.ends_session() => Err(error),
            Err(error) => self.session.run(action, "ROLLBACK").await.and(Err(error)),
        }
    }

    /// Drops it, with everything in it.
    ///
    /// # Errors
    /// Errors of the connection.
    pub async fn remove(self) -> Result<(), Error> {
        let Self { admin, session, options } = self;
        std::mem::drop(session);
        admin.run("drop the database for definitions", &drop(options.address.database())).await
    }
}

fn drop(name: &str) -> String {
    format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", quoted(name))
}
