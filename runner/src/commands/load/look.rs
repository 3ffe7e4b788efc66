//! A look at the dump before anything that cannot be undone: before a run is registered, before anything is deleted
//! or written, and before the change stream is notified.

use std::sync::atomic::AtomicBool;

use crate::base::aside::aside;
use crate::base::error::Error;
use crate::base::stop::Stop;
use crate::load::config::Config;
use crate::read::walk::Walk;
use source::Location;

/// Opens the dump and reads its first statement. If no database was chosen, looks for several databases at the start
/// of a file.
///
/// # Errors
/// As reading and planning. Errors that are not found here are found during the load.
pub async fn look(config: &Config, stop: &Stop) -> Result<(), Error> {
    let databases =
        config.shape.selection.database().is_none() && matches!(config.location, Location::File(_));
    let task = config.task_without_transforms();
    let look = move |stop: &AtomicBool| {
        Walk::look_at_first_statement(&task, stop)?;
        if databases {
            Walk::begin(&task, &task.location.name())?.look_for_databases(stop)?;
        }
        Ok(())
    };
    aside(look, stop).await
}
