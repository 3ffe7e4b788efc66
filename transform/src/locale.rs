//! The languages of fakes.

use serde::Serialize;

/// A language of fakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum Locale {
    En,
    De,
    Fr,
}
