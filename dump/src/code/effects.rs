//! What code may do, as a set.

/// What code may do that bears on what follows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It changes a setting of the session.
    Settings,
    /// It changes a setting until its transaction ends.
    LocalSettings,
    /// It makes or uses a temporary object.
    Temporary,
    /// It ends a transaction.
    Transaction,
    /// It makes triggers or rules, or switches them.
    Firing,
    /// It makes, changes or drops objects.
    Definitions,
    /// It makes schemas, or it executes a text that nobody has seen.
    Schemas,
    /// It writes rows.
    Rows,
    /// It reads or writes files of the server.
    Files,
    /// It asks who runs it, or for a setting.
    Reads,
    /// It takes numbers of a sequence that hands out several at once to a session.
    CachedSequence,
    /// It asks what its session had of a sequence.
    SessionSequence,
    /// It lets constraints be checked later than a statement ends.
    Deferrable,
    /// It calls a routine of the script.
    Calls,
    /// It executes a text that is put together when it runs.
    Executes,
}

/// A set of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Effects(u16);

impl Effects {
    /// Whether the effect is among them.
    #[must_use]
    pub fn has(self, effect: Effect) -> bool {
        self.0 & (1 << effect as u16) != 0
    }

    /// Whether one of these is among them.
    #[must_use]
    pub fn has_any(self, effects: &[Effect]) -> bool {
        effects.iter().any(|effect| self.has(*effect))
    }

    /// Both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) fn without(self, effect: Effect) -> Self {
        Self(self.0 & !(1 << effect as u16))
    }

    /// Adds the effect.
    pub fn add(&mut self, effect: Effect) {
        self.0 |= 1 << effect as u16;
    }

    pub(super) fn extend(&mut self, other: Self) {
        *self = self.and(other);
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }
}
