//! Log lines for whoever sits at the terminal.
//!
//! ```text
//! continuing from the checkpoint (line 315004, offset 30102133)
//! warning: waiting: Redis is full
//! error: connect to Redis: no such host
//! hint: this may pass: run the same command again
//! ```

use std::fmt::{self, Debug, Write};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::registry::LookupSpan;

/// The exit codes of a program that a signal has ended, which is no error.
const SIGNALLED: [u64; 2] = [130, 143];

/// Formats an event as a line without a time, or as two if another try may help.
pub(super) struct Lines;

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut said = Said::default();
        event.record(&mut said);
        let (word, colour) = match *event.metadata().level() {
            Level::ERROR if said.exit_code.is_some_and(|code| SIGNALLED.contains(&code)) => ("", 0),
            Level::ERROR => ("error: ", 31),
            Level::WARN => ("warning: ", 33),
            _ => ("", 0),
        };
        match out.has_ansi_escapes() && !word.is_empty() {
            true => write!(out, "\u{1b}[1;{colour}m{word}\u{1b}[0m")?,
            false => out.write_str(word)?,
        }
        shown(&mut out, &said.message)?;
        if !said.fields.is_empty() {
            out.write_str(" (")?;
            shown(&mut out, &said.fields)?;
            out.write_str(")")?;
        }
        out.write_str("\n")?;
        if !word.is_empty() && said.retryable {
            out.write_str("hint: this may pass: run the same command again\n")?;
        }
        Ok(())
    }
}

/// What an event says.
#[derive(Default)]
struct Said {
    message: String,
    /// The other fields, but for those that the process itself shows when it ends.
    fields: String,
    exit_code: Option<u64>,
    retryable: bool,
}

impl Said {
    fn add(&mut self, name: &str, value: &dyn Debug) {
        // Writing into a string cannot fail.
        let _ = match name {
            "message" => write!(self.message, "{value:?}"),
            _ => {
                let comma = if self.fields.is_empty() { "" } else { ", " };
                write!(self.fields, "{comma}{} {value:?}", name.replace('_', " "))
            }
        };
    }
}

impl Visit for Said {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.add(field.name(), value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field.name(), &format_args!("{value}"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name() {
            "exit_code" => self.exit_code = Some(value),
            name => self.add(name, &value),
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        match field.name() {
            "retryable" => self.retryable = value,
            name => self.add(name, &value),
        }
    }
}

/// Names in a dump may have any character: none of them may move the cursor.
fn shown(out: &mut Writer<'_>, text: &str) -> fmt::Result {
    for character in text.chars() {
        match character {
            '\n' => out.write_char(character)?,
            _ if character.is_control() => write!(out, "{}", character.escape_default())?,
            _ => out.write_char(character)?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Out(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Out {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn written(ansi: bool, log: impl FnOnce()) -> String {
        let out = Out::default();
        let writer = out.clone();
        let lines = tracing_subscriber::fmt().with_ansi(ansi).event_format(Lines);
        tracing::subscriber::with_default(lines.with_writer(move || writer.clone()).finish(), log);
        let bytes = out.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn lines_for_people() {
        let lines = written(false, || {
            tracing::info!(line = 5, table = "public.t", last_one = %"x", "continuing");
            tracing::warn!("waiting: Redis is full");
            tracing::error!(exit_code = 11_u8, retryable = true, "connect to Redis");
            tracing::error!(exit_code = 2_u8, retryable = false, "no such file");
            tracing::error!(exit_code = 130_u8, retryable = true, "stopped by SIGINT");
        });
        let want = "continuing (line 5, table public.t, last one x)\n\
            warning: waiting: Redis is full\n\
            error: connect to Redis\n\
            hint: this may pass: run the same command again\n\
            error: no such file\n\
            stopped by SIGINT\n";
        assert_eq!(lines, want);
    }

    #[test]
    fn colours_and_what_names_may_not_do() {
        let name = "t\u{1b}[2J";
        let lines = written(true, || tracing::warn!(table = name, "rows of {name}"));
        assert_eq!(lines, "\u{1b}[1;33mwarning: \u{1b}[0mrows of t\\u{1b}[2J (table t\\u{1b}[2J)\n");
    }
}
