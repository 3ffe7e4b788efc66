//! Progress as a bar on a terminal.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::ValueEnum;
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

use crate::load::progress::{Progress, Rate};

/// When to use a feature of the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum When {
    /// If the output is a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Whether to show a bar.
#[must_use]
pub fn wanted(when: When, quiet: bool) -> bool {
    match when {
        When::Always => true,
        When::Never => false,
        When::Auto => !quiet && io::stderr().is_terminal(),
    }
}

/// Whether to use colours: <https://no-color.org>.
#[must_use]
pub fn colours() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) && io::stderr().is_terminal()
}

/// The bar that is drawn, if one is.
static DRAWN: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Writes to standard error, above the bar if one is drawn.
#[derive(Debug, Clone, Copy, Default)]
pub struct Above;

impl Write for Above {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let drawn = DRAWN.lock().unwrap_or_else(PoisonError::into_inner);
        match &*drawn {
            Some(bar) => bar.suspend(|| io::stderr().write(bytes)),
            None => io::stderr().write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Draws the bar until this future is dropped.
pub async fn show(progress: Arc<Progress>) {
    let bar = Bar::new(bar(&progress));
    let mut rate = Rate::default();
    let mut tick = tokio::time::interval(Duration::from_millis(200));
    loop {
        tick.tick().await;
        let details = progress.details();
        let speed = rate.update(&details);
        if !details.begun && details.bytes == 0 && details.waiting.is_none() {
            continue;
        }
        if let Some(total) = details.bytes_total {
            bar.0.set_length(total);
        }
        bar.0.set_style(style(details.bytes_total.is_some()));
        bar.0.set_position(details.bytes);
        let read = match details.bytes_total {
            Some(_) => String::new(),
            None => format!("{}  ", HumanBytes(details.bytes)),
        };
        let left = speed.seconds_left.map_or(String::new(), |left| format!("  {} left", clock(left)));
        let what = details.waiting.map(Cow::into_owned).or(details.table).unwrap_or_default();
        bar.0.set_message(format!(
            "{read}{} rows  {}/s{left}  {what}",
            short(details.rows as f64),
            short(speed.rows_per_second)
        ));
    }
}

/// A number with three digits: `401k`, `4.01M`.
fn short(number: f64) -> String {
    let units = [(1e9, "G"), (1e6, "M"), (1e3, "k")];
    let Some((unit, letter)) = units.into_iter().find(|(unit, _)| number >= unit * 0.9995) else {
        return format!("{number:.0}");
    };
    let value = number / unit;
    let places = if value < 9.995 { 2 } else { usize::from(value < 99.95) };
    format!("{value:.places$}{letter}")
}

/// Minutes and seconds, or hours too: `0:17`, `2:03:59`.
fn clock(seconds: f64) -> String {
    let seconds = seconds.clamp(0.0, 1e8).round() as u64;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

/// A bar that log lines are written above. It is removed when it is dropped, so that the text after it begins on an empty
/// line.
struct Bar(ProgressBar);

impl Bar {
    fn new(bar: ProgressBar) -> Self {
        *DRAWN.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar.clone());
        Self(bar)
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        *DRAWN.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.0.finish_and_clear();
    }
}

fn bar(progress: &Progress) -> ProgressBar {
    let total = progress.details().bytes_total;
    ProgressBar::new(total.unwrap_or(0)).with_style(style(total.is_some()))
}

/// One line, cut to the width of the terminal.
fn style(sized: bool) -> ProgressStyle {
    let template = match (sized, colours()) {
        (true, true) => "{bar:20.cyan/blue} {percent:>3}%  {wide_msg}",
        (true, false) => "{bar:20} {percent:>3}%  {wide_msg}",
        (false, _) => "{spinner} {wide_msg}",
    };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_three_digits() {
        let all = [
            (0.0, "0"),
            (999.0, "999"),
            (999.6, "1.00k"),
            (57_632.0, "57.6k"),
            (401_000.0, "401k"),
            (999_900.0, "1.00M"),
            (68_953_000.0, "69.0M"),
            (2.5e9, "2.50G"),
        ];
        for (number, want) in all {
            assert_eq!(short(number), want, "{number}");
        }
    }

    #[test]
    fn clocks() {
        for (seconds, want) in [(0.2, "0:00"), (17.0, "0:17"), (75.0, "1:15"), (7439.0, "2:03:59")] {
            assert_eq!(clock(seconds), want);
        }
        assert_eq!(clock(f64::INFINITY), "27777:46:40");
    }
}
