//! The checkpoint file, which is a copy of the checkpoint in Redis.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::checkpoint::{Checkpoint, file};
use crate::base::error::Error;
use crate::base::off_thread::off_thread;

/// How often the checkpoint file is written.
const MIRROR_EVERY: Duration = Duration::from_secs(1);

/// The checkpoint file.
#[derive(Debug)]
pub struct Mirror {
    path: Option<PathBuf>,
    written: Option<Instant>,
}

impl Mirror {
    /// Writes to this file, if one is wanted.
    #[must_use]
    pub fn new(path: Option<PathBuf>) -> Self {
        Self { path, written: None }
    }

    /// Writes the checkpoint, but not too often; `now` forces it.
    ///
    /// # Errors
    /// [`Error::File`] if the file cannot be written.
    pub async fn write(&mut self, checkpoint: &Arc<Checkpoint>, now: bool) -> Result<(), Error> {
        let Some(path) = self.path.clone() else { return Ok(()) };
        if !now && self.written.is_some_and(|at| at.elapsed() < MIRROR_EVERY) {
            return Ok(());
        }
        let checkpoint = Arc::clone(checkpoint);
        off_thread(move || file::write(&path, &checkpoint)).await?;
        self.written = Some(Instant::now());
        Ok(())
    }
}
