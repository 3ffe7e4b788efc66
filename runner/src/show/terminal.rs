//! Progress as a bar on a terminal.

use std::borrow::Cow;
use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use indicatif::{HumanBytes, HumanCount, HumanDuration, ProgressBar, ProgressStyle};

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
        When::Auto => !quiet && std::io::stderr().is_terminal(),
    }
}

/// Whether to use colours: <https://no-color.org>.
#[must_use]
pub fn colours() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) && std::io::stderr().is_terminal()
}

/// Draws the bar until this future is dropped.
pub async fn show(progress: Arc<Progress>) {
    let bar = Bar(bar(&progress));
    let mut rate = Rate::default();
    let mut tick = tokio::time::interval(Duration::from_millis(200));
    loop {
        tick.tick().await;
        let details = progress.details();
        let speed = rate.update(&details);
        if let Some(total) = details.bytes_total {
            bar.0.set_length(total);
        }
        bar.0.set_position(details.bytes);
        let read = match details.bytes_total {
            Some(total) => format!("{}/{}", HumanBytes(details.bytes), HumanBytes(total)),
            None => HumanBytes(details.bytes).to_string(),
        };
        let left = speed.seconds_left.map_or(String::new(), |left| {
            format!(", {} left", HumanDuration(Duration::from_secs_f64(left.min(1e8))))
        });
        let what = details.waiting.map(Cow::into_owned).or(details.table).unwrap_or_default();
        bar.0.set_message(format!(
            "{read}  {} rows, {}/s{left}  {what}",
            HumanCount(details.rows),
            HumanCount(speed.rows_per_second as u64)
        ));
    }
}

/// Removes the bar, so that the text after it begins on an empty line.
struct Bar(ProgressBar);

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn bar(progress: &Progress) -> ProgressBar {
    let sized = progress.details().bytes_total.is_some();
    let template = match (sized, colours()) {
        (true, true) => "{bar:30.cyan/blue} {percent:>3}%  {msg}",
        (true, false) => "{bar:30} {percent:>3}%  {msg}",
        (false, _) => "{spinner} {msg}",
    };
    let bar = ProgressBar::new(progress.details().bytes_total.unwrap_or(0));
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}
