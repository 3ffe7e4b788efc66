//! The key of one run, which its writers update.

use super::Buffer;
use crate::error::{Error, ErrorKind};
use crate::position::Sequence;

/// How far a run has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunState {
    /// The token that may write; `None` when nobody may.
    pub token: Option<String>,
    /// The next sequence: everything before it is in Redis.
    pub sequence: Option<Sequence>,
    /// The data that the writer sent with the last batch; `None` before the first batch.
    pub checkpoint: Option<Vec<u8>>,
}

/// Reads a run's key; `None` if there is none.
pub(crate) async fn load_run(buffer: &Buffer, run: &str) -> Result<Option<RunState>, Error> {
    const ACTION: &str = "load the run's checkpoint";
    let mut command = redis::cmd("HMGET");
    command.arg(buffer.keys().run(run)).arg("token").arg("sequence").arg("checkpoint");
    let (token, sequence, checkpoint): (Option<String>, Option<u64>, Option<Vec<u8>>) =
        buffer.query(ACTION, &command).await?;
    if token.is_none() && sequence.is_none() && checkpoint.is_none() {
        return Ok(None);
    }
    let valid = |number| Sequence::new(number).ok_or_else(|| buffer.error(ACTION, ErrorKind::Protocol));
    Ok(Some(RunState { token, sequence: sequence.map(valid).transpose()?, checkpoint }))
}
