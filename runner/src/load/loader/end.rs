//! The end of a load: of the dump, or early.

use std::sync::Arc;
use std::time::Duration;

use super::Loader;
use crate::base::error::Error;
use crate::load::sink::Sink;
use crate::read::item::Mark;

/// How long a run that was stopped by a signal waits for the batches in flight: well within Kubernetes' grace period
/// of 30 s.
const WIND_DOWN: Duration = Duration::from_secs(10);

impl Loader<'_> {
    async fn drain(&mut self, sink: &mut Sink) -> Result<(), Error> {
        sink.settle().await?;
        while !sink.is_idle() {
            let durable = sink.durable().await?;
            let nothing = durable.is_none();
            self.durable(durable).await?;
            if nothing {
                break;
            }
        }
        Ok(())
    }

    /// At the end of the dump: everything is written, awaited and verified.
    pub(super) async fn finish(&mut self, end: Box<Mark>, sink: &mut Sink) -> Result<(), Error> {
        self.table = None;
        let last = Arc::new(self.checkpoint(&end, true));
        sink.flush((*last).clone()).await?;
        self.drain(sink).await?;
        // A sink knows of rows that were refused there.
        let last = self.last.clone().filter(|last| last.complete).unwrap_or(last);
        sink.finish(&last).await?;
        self.progress.durable(&last, end.raw.unwrap_or(end.scan.offset));
        self.mirror.write(&last, true).await
    }

    /// After an error or a signal: the batches in flight still count if they arrive.
    pub(super) async fn wind_down(&mut self, error: &Error, sink: &mut Sink) {
        let passes = matches!(
            error,
            Error::Stopped(_)
                | Error::Convert(_)
                | Error::Source(_)
                | Error::Checkpoint(_)
                | Error::Usage(_)
                | Error::TooManyRejected { .. }
        );
        if passes {
            let drained = async {
                // After a signal a batch is sent only if there is room for it.
                self.drain(sink).await?;
                self.flush(sink).await?;
                self.drain(sink).await?;
                if let Sink::File(file) = sink {
                    let durable = file.sync_rest().await?;
                    self.durable(durable).await?;
                }
                Ok::<(), Error>(())
            };
            let signalled = matches!(error, Error::Stopped(_));
            let limit = if signalled { WIND_DOWN } else { Duration::MAX };
            match tokio::time::timeout(limit, drained).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    tracing::warn!(error = %crate::base::error::chain(&error), "not all batches in flight arrived: the next call will find out which did");
                }
                Err(_) => tracing::warn!(
                    "no answer for {} s after the signal: the next call will find out whether the batches in flight arrived",
                    WIND_DOWN.as_secs()
                ),
            }
        }
        if let Some(last) = self.last.take()
            && let Err(error) = self.mirror.write(&last, true).await
        {
            tracing::warn!(error = %crate::base::error::chain(&error), "the checkpoint file is not up to date: what was loaded after it may be loaded again");
        }
    }
}
