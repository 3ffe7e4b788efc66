//! Whether Redis will have room for the rest of the dump, by what the part before has taken.

/// What is forecast is rough before so much of the dump was read: a twentieth.
const PART: u64 = 20;
/// What else Redis does is more than what was written so far.
const NOISE: u64 = 1 << 20;

/// The first look, and whether a lack was told.
#[derive(Debug, Default)]
pub(super) struct Forecast {
    first: Option<(u64, u64)>,
    told: bool,
}

/// There is too little room.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Lack {
    /// Bytes of memory that the rest will need.
    pub(super) needed: u64,
    /// Bytes that are free.
    pub(super) free: u64,
}

impl Forecast {
    /// Tells a lack of room, once. So many bytes of `total` were read, and Redis uses so many of `max`.
    pub(super) fn look(
        &mut self,
        read: u64,
        total: Option<u64>,
        used: u64,
        max: Option<u64>,
    ) -> Option<Lack> {
        let (total, max) = (total?, max?);
        let (read_before, used_before) = *self.first.get_or_insert((read, used));
        let (done, grown) = (read.saturating_sub(read_before), used.saturating_sub(used_before));
        if self.told || done == 0 || done < total / PART || grown < NOISE {
            return None;
        }
        let rest = u128::from(total.saturating_sub(read));
        let needed = u64::try_from(u128::from(grown) * rest / u128::from(done)).unwrap_or(u64::MAX);
        let free = max.saturating_sub(used);
        self.told = needed > free;
        self.told.then_some(Lack { needed, free })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lack_is_told_once_and_not_too_early() {
        let (mut forecast, total, max) = (Forecast::default(), Some(1000 << 20), Some(500 << 20));
        assert_eq!(forecast.look(0, total, 10 << 20, max), None);
        assert_eq!(forecast.look(40 << 20, total, 50 << 20, max), None, "too early");
        let lack = Some(Lack { needed: 900 << 20, free: 390 << 20 });
        assert_eq!(forecast.look(100 << 20, total, 110 << 20, max), lack);
        assert_eq!(forecast.look(200 << 20, total, 210 << 20, max), None, "told already");
    }

    #[test]
    fn nothing_is_told_where_there_is_room_or_nothing_is_known() {
        let mut forecast = Forecast::default();
        for (total, max) in [(None, Some(1)), (Some(1000), None), (Some(1000 << 20), Some(4000 << 20))] {
            for look in 0..10 {
                assert_eq!(forecast.look(look * (100 << 20), total, look * (100 << 20), max), None);
            }
        }
    }

    #[test]
    fn a_run_that_goes_on_is_measured_from_there() {
        let mut forecast = Forecast::default();
        let (total, max) = (Some(1000 << 20), Some(600 << 20));
        assert_eq!(forecast.look(500 << 20, total, 100 << 20, max), None);
        assert_eq!(forecast.look(600 << 20, total, 150 << 20, max), None, "200 MiB more");
    }
}
