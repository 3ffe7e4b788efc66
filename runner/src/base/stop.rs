//! Stopping a run early: by SIGINT or SIGTERM.

use tokio::sync::watch;

use crate::base::error::{Error, Signal};

/// Whether the run must stop. Clones share this state.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<Option<Signal>>);

impl Stop {
    /// A stop that the returned sender triggers.
    #[must_use]
    pub fn new() -> (watch::Sender<Option<Signal>>, Self) {
        let (set, seen) = watch::channel(None);
        (set, Self(seen))
    }

    /// The signal, if one came.
    #[must_use]
    pub fn requested(&self) -> Option<Signal> {
        *self.0.borrow()
    }

    /// Waits for a signal.
    pub async fn wait(&self) -> Signal {
        let mut seen = self.0.clone();
        loop {
            if let Some(signal) = *seen.borrow_and_update() {
                return signal;
            }
            if seen.changed().await.is_err() {
                // The sender is gone, so no signal can come any more.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Sleeps until the time is over or a signal comes.
    ///
    /// # Errors
    /// [`Error::Stopped`].
    pub async fn sleep(&self, duration: std::time::Duration) -> Result<(), Error> {
        tokio::select! {
            signal = self.wait() => Err(Error::Stopped(signal)),
            () = tokio::time::sleep(duration) => Ok(()),
        }
    }

    /// Listens for SIGINT and SIGTERM. A second one ends the process at once.
    ///
    /// # Errors
    /// [`Error::Internal`] if the system does not allow the process to listen for signals.
    pub fn on_signals() -> Result<Self, Error> {
        use tokio::signal::unix::{SignalKind, signal};
        let listen =
            |kind| signal(kind).map_err(|error| Error::Internal(format!("listen for signals: {error}")));
        let mut interrupt = listen(SignalKind::interrupt())?;
        let mut terminate = listen(SignalKind::terminate())?;
        let (set, stop) = Self::new();
        tokio::spawn(async move {
            loop {
                let signal = tokio::select! {
                    _ = interrupt.recv() => Signal::Interrupt,
                    _ = terminate.recv() => Signal::Terminate,
                };
                if set.borrow().is_some() {
                    std::process::exit(Error::Stopped(signal).exit_code().into());
                }
                tracing::info!(%signal, "stopping: waiting for the batches in flight; a second signal ends the process at once");
                let _ = set.send(Some(signal));
            }
        });
        Ok(stop)
    }
}
