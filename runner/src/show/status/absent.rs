//! Replaces `report` if the program is built without the Kubernetes client.

use std::sync::Arc;
use std::time::Duration;

use super::StatusObject;
use crate::base::error::Error;
use crate::load::progress::Progress;

/// A reporter that cannot exist.
#[derive(Debug)]
pub enum Reporter {}

impl Reporter {
    /// Refuses the options.
    ///
    /// # Errors
    /// [`Error::Usage`], always.
    pub async fn start(_: StatusObject, _: Option<Duration>, _: Arc<Progress>) -> Result<Self, Error> {
        Err(Error::Usage(
            "--status-resource: this program was built without support for Kubernetes; use the image pg-bootstrap-runner, or build it with --features kubernetes"
                .to_owned(),
        ))
    }

    /// Cannot be called.
    pub async fn finish(self, _: Option<String>) {
        match self {}
    }
}
