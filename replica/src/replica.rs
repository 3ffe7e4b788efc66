//! A database to fill, before and after a run.

use crate::connect::ConnectOptions;
use crate::error::Error;
use crate::preflight::{self, Needs, Report};
use crate::record::{self, Claim, Record};
use crate::run::Run;
use crate::session::Session;
use crate::skipped::{self, SkippedList};
use crate::waiting::{self, Waiting};

/// A connected database.
pub struct Replica {
    options: ConnectOptions,
    session: Session,
}

impl Replica {
    /// Connects. Files of passwords and certificates are read now, and at every reconnection.
    ///
    /// # Errors
    /// Why there is no connection.
    pub async fn connect(options: ConnectOptions) -> Result<Self, Error> {
        let session = Session::open(&options).await?;
        Ok(Self { options, session })
    }

    /// What is done of a run; `None` if it was never begun.
    ///
    /// # Errors
    /// Errors of the connection, and of rights.
    pub async fn record(&self, run: &str) -> Result<Option<Record>, Error> {
        record::read(&self.session, run).await
    }

    /// What a run has left out; of the entries the first `most`.
    ///
    /// # Errors
    /// Errors of the connection, and of rights.
    pub async fn skipped(&self, run: &str, most: i64) -> Result<SkippedList, Error> {
        skipped::list(&self.session, run, most).await
    }

    /// Looks at the database, and names all that stands in the way of `run` at once. A run that was begun needs
    /// [`Needs::into_existing`].
    ///
    /// # Errors
    /// Errors of the connection.
    pub async fn preflight(&self, run: &str, needs: &Needs) -> Result<Report, Error> {
        preflight::look(&self.session, run, needs).await
    }

    /// Looks for a session of this database that is idle, and whose last query this regular expression matches.
    ///
    /// # Errors
    /// Errors of the connection.
    pub async fn waiting(&self, query: &str) -> Result<Waiting, Error> {
        waiting::look(&self.session, query).await
    }

    /// Begins a run, or takes it up where it ended. From now on nobody else can go on with it: sessions of earlier attempts
    /// are ended, and could not commit any more.
    ///
    /// # Errors
    /// [`ErrorKind::OtherRun`](crate::ErrorKind::OtherRun) where the run was begun with something else, and errors of the
    /// connection.
    pub async fn begin(self, claim: Claim) -> Result<Run, Error> {
        Run::begin(self.options, self.session, claim).await
    }

    /// Removes the record of a run, once its outcome is known elsewhere, and the schema of the records with the last of
    /// them. Returns whether there was one. What the run has loaded stays.
    ///
    /// # Errors
    /// Errors of the connection, and of rights.
    pub async fn forget(&self, run: &str) -> Result<bool, Error> {
        record::forget(&self.session, run).await
    }
}
