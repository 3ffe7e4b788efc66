//! Noise on numbers and dates.
//!
//! Arithmetic of our own: the digits, the sign and the decimals of the original stay, and the ranges
//! are PostgreSQL's.

use crate::config::Spread;
use crate::error::Reason;
use crate::keyed::Draw;
use crate::sql::{FloatWidth, SqlKind, SqlType, date};

/// The most digits for computations; numbers with more are an error of the row.
const MOST_DIGITS: usize = 30;

/// Appends the number with noise: with the same number of decimals, the same sign, and within the type's range.
pub(crate) fn noise(
    value: &str,
    spread: Spread,
    sql: &SqlType,
    draw: &mut Draw,
    out: &mut String,
) -> Result<(), Reason> {
    let factor = 2.0 * draw.unit() - 1.0;
    match &sql.kind {
        SqlKind::Float(width) => float(value, spread, factor, *width == FloatWidth::Four, out),
        SqlKind::Int(width) => {
            let (low, high) = width.range();
            decimal(value, spread, factor, Some((i128::from(low), i128::from(high))), out)
        }
        SqlKind::Numeric { precision: Some(precision), scale } if *precision <= MOST_DIGITS as u32 => {
            let decimals = value.split_once('.').map_or(0, |(_, fraction)| fraction.len()) as i32;
            // The largest value, in units of the last digit of this number.
            let power = i64::from(*precision) - i64::from(*scale) + i64::from(decimals);
            let most =
                u32::try_from(power).ok().and_then(|power| 10_i128.checked_pow(power)).map(|most| most - 1);
            decimal(value, spread, factor, most.map(|most| (-most, most)), out)
        }
        _ => decimal(value, spread, factor, None, out),
    }
}

fn float(value: &str, spread: Spread, factor: f64, single: bool, out: &mut String) -> Result<(), Reason> {
    use std::fmt::Write;
    let number: f64 = value.parse().map_err(|_| Reason::Input("number"))?;
    if !number.is_finite() {
        out.push_str(value);
        return Ok(());
    }
    let step = match spread {
        Spread::Ratio(ratio) => number * ratio * factor,
        Spread::Amount(amount) => amount * factor,
    };
    let fits = |moved: f64| moved.is_finite() && (!single || (moved as f32).is_finite());
    // At the end of the range, the noise goes in the other direction.
    let moved = if fits(number + step) { number + step } else { number - step };
    // The sign stays, because check constraints often demand it.
    let moved = if (moved < 0.0) == (number < 0.0) { moved } else { 0.0 };
    // Writing to a string cannot fail.
    let _ = match moved.abs() {
        0.0 | 1e-5..1e15 => write!(out, "{moved}"),
        _ => write!(out, "{moved:e}"),
    };
    Ok(())
}

fn decimal(
    value: &str,
    spread: Spread,
    factor: f64,
    range: Option<(i128, i128)>,
    out: &mut String,
) -> Result<(), Reason> {
    if matches!(value, "NaN" | "Infinity" | "-Infinity") {
        out.push_str(value);
        return Ok(());
    }
    let (negative, unsigned) = value.strip_prefix('-').map_or((false, value), |rest| (true, rest));
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let is_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if !is_digits(whole) || !is_digits(fraction) || whole.len() + fraction.len() == 0 {
        return Err(Reason::Input("number"));
    }
    if whole.len() + fraction.len() > MOST_DIGITS {
        return Err(Reason::Input("number of at most 30 digits"));
    }
    let number: i128 = format!("{whole}{fraction}").parse().map_err(|_| Reason::Input("number"))?;
    let number = if negative { -number } else { number };
    let step = match spread {
        Spread::Ratio(ratio) => number as f64 * ratio * factor,
        Spread::Amount(amount) => amount * factor * 10_i128.pow(fraction.len() as u32) as f64,
    };
    let step = step.round() as i128;
    // At the end of the range, the noise goes in the other direction.
    let (low, high) = range.unwrap_or((i128::MIN, i128::MAX));
    let moved = Some(number.saturating_add(step)).filter(|moved| (low..=high).contains(moved));
    let moved = moved.unwrap_or(number.saturating_sub(step)).clamp(low, high);
    let moved = if (moved < 0) == (number < 0) { moved } else { 0 };
    push_decimal(moved, fraction.len(), out);
    Ok(())
}

fn push_decimal(value: i128, decimals: usize, out: &mut String) {
    if value < 0 {
        out.push('-');
    }
    let digits = format!("{:0width$}", value.unsigned_abs(), width = decimals + 1);
    let (whole, fraction) = digits.split_at(digits.len() - decimals);
    out.push_str(whole);
    if decimals > 0 {
        out.push('.');
        out.push_str(fraction);
    }
}

/// Appends the date or timestamp, moved by 1 to `days` days in either direction. The time of day stays.
pub(crate) fn shift(
    value: &str,
    days: i64,
    sql: &SqlType,
    draw: &mut Draw,
    out: &mut String,
) -> Result<(), Reason> {
    let by = draw.between(1, days) * if draw.below(2) == 0 { 1 } else { -1 };
    if matches!(value, "infinity" | "-infinity") {
        out.push_str(value);
        return Ok(());
    }
    let stamp = date::parse(value).ok_or(Reason::Input("date"))?;
    let (low, high) = if matches!(sql.kind, SqlKind::Date) { date::DATES } else { date::TIMESTAMPS };
    let day = date::to_days(stamp.day);
    let moved = day + by;
    // Beyond the end of the range, the date moves in the other direction.
    let moved = if (low..=high).contains(&moved) { moved } else { day - by };
    date::push(date::from_days(moved), stamp.time, out);
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn noisy(type_name: &str, value: &str, spread: Spread, seed: u8) -> Result<String, Reason> {
        let mut out = String::new();
        let sql = SqlType::of(Some(type_name), &[]);
        noise(value, spread, &sql, &mut Draw::new([seed; 32]), &mut out)?;
        let mut fitted = out.clone();
        sql.fit(&mut fitted)?;
        Ok(out)
    }

    #[test]
    fn decimals_and_signs_stay() {
        for seed in 1..100 {
            let moved = noisy("numeric(10,2)", "100.00", Spread::Ratio(0.1), seed).unwrap();
            let number: f64 = moved.parse().unwrap();
            assert!(
                (90.0..=110.0).contains(&number) && moved.split_once('.').unwrap().1.len() == 2,
                "{moved}"
            );
            assert!(!noisy("integer", "3", Spread::Amount(1000.0), seed).unwrap().starts_with('-'));
            assert!(noisy("smallint", "32767", Spread::Ratio(1.0), seed).is_ok());
            assert!(noisy("numeric(3,1)", "99.9", Spread::Ratio(1.0), seed).is_ok());
            assert!(noisy("real", "3e38", Spread::Ratio(1.0), seed).is_ok());
        }
        assert_eq!(noisy("numeric", "NaN", Spread::Ratio(0.1), 1).unwrap(), "NaN");
        assert!(noisy("numeric", "x", Spread::Ratio(0.1), 1).is_err());
        assert!(noisy("numeric", &"9".repeat(31), Spread::Ratio(0.1), 1).is_err());
    }

    #[test]
    fn dates_move_and_times_stay() {
        let shifted = |type_name: &str, value: &str, seed: u8| {
            let mut out = String::new();
            shift(value, 30, &SqlType::of(Some(type_name), &[]), &mut Draw::new([seed; 32]), &mut out)
                .map(|()| out)
        };
        for seed in 1..100 {
            let moved = shifted("timestamptz", "2024-01-31 10:30:00.5+02", seed).unwrap();
            assert!(moved.ends_with(" 10:30:00.5+02") && !moved.starts_with("2024-01-31"), "{moved}");
            let days = date::to_days(date::parse(&moved).unwrap().day) - 19_753;
            assert!((-30..=30).contains(&days), "{moved}");
            assert!(shifted("date", "5874897-12-31", seed).is_ok());
        }
        assert_eq!(shifted("date", "infinity", 1).unwrap(), "infinity");
        assert!(shifted("text", "31.1.2024", 1).is_err());
    }

    proptest! {
        #[test]
        fn results_are_valid(value in -9_999_999_i64..9_999_999, seed: u8, ratio in 0.0..1.0) {
            for type_name in ["integer", "bigint", "numeric(7,0)", "numeric", "double precision"] {
                prop_assert!(noisy(type_name, &value.to_string(), Spread::Ratio(ratio), seed.max(1)).is_ok());
            }
        }
    }
}
