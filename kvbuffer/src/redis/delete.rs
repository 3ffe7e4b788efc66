//! Deletes the entries that an earlier attempt of a run has left.

use super::Buffer;
use crate::error::{Error, ErrorKind};
use crate::position::Sequence;

const ACTION: &str = "delete the run's range";
const SCRIPT: &str = include_str!("delete.lua");

impl Buffer {
    /// Deletes the bootstrap entries of `first..=last`, a thousand or a MiB at a time, and returns how many there were.
    ///
    /// The run must hold the lease with this token, which is checked again for every chunk. Entries that are not of a
    /// bootstrap stay, whatever their score. If the call was stopped half-way, the same call continues.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::LeaseLost`]; connection and permission errors.
    pub async fn delete_own_range(
        &self,
        run: &str,
        token: &str,
        first: Sequence,
        last: Sequence,
    ) -> Result<u64, Error> {
        let (mut deleted, mut passed) = (0_u64, 0_u64);
        loop {
            let mut command = redis::cmd("EVAL");
            command.arg(SCRIPT).arg(2).arg(self.keys().set()).arg(self.keys().run(run));
            command.arg(token).arg(first.score().get()).arg(last.score().get()).arg(passed);
            let (removed, kept): (i64, u64) = self.query(ACTION, &command).await?;
            let removed = u64::try_from(removed).map_err(|_| self.error(ACTION, ErrorKind::LeaseLost))?;
            if removed + kept == 0 {
                return Ok(deleted);
            }
            deleted += removed;
            passed += kept;
        }
    }
}
