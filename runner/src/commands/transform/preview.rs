//! Rows before and after their transforms, for people who write a configuration.

use std::collections::BTreeMap;
use std::fmt::Write;

use dump::Slab;
use transform::Scratch;

use convert::render::Block;
use convert::sample::{lines, values};

/// How many characters of a value are shown.
const SHOWN: usize = 48;

/// The text to show, table after table.
#[derive(Debug)]
pub struct Preview {
    most: u64,
    seen: BTreeMap<String, u64>,
    copy: Vec<u8>,
    scratch: Scratch,
    text: String,
}

impl Preview {
    /// A preview with this many rows of each table.
    #[must_use]
    pub fn new(most: u64) -> Self {
        Self {
            most,
            seen: BTreeMap::new(),
            copy: Vec::new(),
            scratch: Scratch::default(),
            text: String::new(),
        }
    }

    /// Shows the rows of a slab, unless enough rows of the table were shown.
    pub fn see(&mut self, block: &Block, slab: &Slab) {
        let Some(by) = &block.transformed else { return };
        let plan = &block.plan;
        let shown = self.seen.entry(plan.table.clone()).or_default();
        for (index, line) in lines(block, slab, &mut self.copy).enumerate() {
            if *shown >= self.most {
                return;
            }
            let Some(values) = values(plan, line) else { continue };
            *shown += 1;
            let number = slab.first_row + index as u64;
            let row: Vec<_> = values.iter().map(Option::as_deref).collect();
            // Writing to a string cannot fail.
            let _ = writeln!(self.text, "{} row {}", plan.table, number + 1);
            if let Err(error) = by.row(&row, number, &mut self.scratch) {
                let _ = writeln!(self.text, "  {}: {}", error.column, error.reason);
                continue;
            }
            for (at, after) in self.scratch.values() {
                let before = shown_as(row.get(at).copied().flatten());
                let column = plan.columns.get(at).map_or("", String::as_str);
                let _ = writeln!(self.text, "  {column:<20} {before:<40} {}", shown_as(after));
            }
        }
    }

    /// The text.
    #[must_use]
    pub fn text(self) -> String {
        self.text
    }
}

fn shown_as(value: Option<&str>) -> String {
    let Some(value) = value else { return "NULL".to_owned() };
    let mut text = String::new();
    for character in value.chars().take(SHOWN) {
        if character.is_control() { text.extend(character.escape_default()) } else { text.push(character) }
    }
    if value.chars().nth(SHOWN).is_some() {
        text.push('…');
    }
    text
}
