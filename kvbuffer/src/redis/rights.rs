//! Rights that a run needs later, asked for at its beginning.

use super::Buffer;
use crate::error::Error;

/// A field that no hash here has.
const NOTHING: &str = "#nothing";

impl Buffer {
    /// Whether the user may do what a run does only with its batches and at its end: each command is sent in a form that
    /// changes nothing.
    ///
    /// # Errors
    ///
    /// Permission errors, whose cause names the command; connection errors.
    pub async fn expect_rights(&self, run: &str) -> Result<(), Error> {
        const ACTION: &str = "ask for the rights that the run needs";
        let keys = self.keys();
        for hash in [keys.ranges(), keys.run(run)] {
            self.query::<u64>(ACTION, redis::cmd("HDEL").arg(hash).arg(NOTHING)).await?;
        }
        self.query::<u64>(ACTION, redis::cmd("ZCOUNT").arg(keys.set()).arg("(0").arg("(0")).await?;
        Ok(())
    }
}
