//! What expressions of rows, and defaults in their place, must not do: a row is to be no more than a row.

use dump::{Effect, Effects, Kind, Links};

use super::fault::FaultReason;
use super::table_plan::TablePlan;

/// What no value does that psql's session would not keep, or that fires triggers, which stay silent here.
const BEYOND_A_VALUE: [(Effect, &str); 8] = [
    (Effect::Settings, "their code changes settings of the session"),
    (Effect::Temporary, "their code uses temporary objects"),
    (Effect::Transaction, "their code ends transactions"),
    (Effect::Files, "their code reads or writes files of the server"),
    (Effect::Definitions, "their code changes definitions"),
    (Effect::Firing, "their code makes or switches triggers"),
    (Effect::Rows, "their code writes rows"),
    (Effect::SessionSequence, "they ask by currval or lastval what the session had of a sequence"),
];

const CACHED: &str = "they take numbers of a sequence with CACHE, of which each session has its own";

/// Why defaults that may do this cannot be left to the server.
#[must_use]
pub fn refused_of_defaults(effects: Effects) -> Option<&'static str> {
    let cached = (Effect::CachedSequence, CACHED);
    let mut all = BEYOND_A_VALUE.into_iter().chain([cached]);
    all.find(|(effect, _)| effects.has(*effect)).map(|(_, what)| what)
}

/// Why a row, as SQL text, cannot go as it is.
pub(super) fn refused(row: &str, plan: &TablePlan) -> Option<FaultReason> {
    if !plan.masked.is_empty() && dump::mentions(row, &plan.masked, true) {
        return Some(FaultReason::Code { what: "they read a table with transforms" });
    }
    let mut effects = plan.code.effects(&Kind::Insert, row, &Links::default());
    if dump::has_word(row, "DEFAULT") {
        effects = effects.and(plan.defaults);
        // Of a generated column it takes nothing.
        if plan.generated.is_empty() && plan.code.has_late_cache() {
            effects.add(Effect::CachedSequence);
        }
    }
    refused_of_defaults(effects).map(|what| FaultReason::Code { what })
}
