//! What becomes of rows that cannot be loaded.

#![expect(unreachable_pub, reason = "KubeSchema puts a public copy of a type into a function")]

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::PersistentVolumeClaimSource;

/// What becomes of rows that cannot be loaded.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[x_kube(
    validation = Rule::new("(self.onError == 'Skip') == has(self.rejectFile)").message("rejectFile must be set if onError is Skip, and only then: a row that is set aside must not be lost")
)]
#[serde(rename_all = "camelCase")]
pub struct ErrorsSpec {
    /// What to do with such a row.
    #[serde(default)]
    pub on_error: OnError,
    /// How many rows may be set aside before the run fails. The runner's default is 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub max_errors: Option<i64>,
    /// The file for rows that are set aside: JSON lines with the place, the reason and the bytes of each. Its folder
    /// must exist. The volume is mounted so that it can be written to; the claim may be that of the dump.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reject_file: Option<PersistentVolumeClaimSource>,
}

/// What to do with a row that cannot be loaded.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    /// The run fails.
    #[default]
    Stop,
    /// Set it aside in `rejectFile`, and continue.
    Skip,
}
