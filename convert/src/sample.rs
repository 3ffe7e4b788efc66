//! A look at the rows of a dump for what seems personal in them.

use std::collections::BTreeMap;

use dump::{QualifiedName, Schema, Slab};
use transform::{Finding, Inspector};

use super::render::transformed::unescaped;
use super::render::{Block, TablePlan, copy_form};
use super::tables::table_of_block;

/// Rows of a table that are looked at.
const ROWS: u64 = 10_000;

/// What was seen of each table.
#[derive(Debug, Default)]
pub struct Samples {
    tables: BTreeMap<String, (Inspector, u64)>,
    copy: Vec<u8>,
}

impl Samples {
    /// Looks at the rows of a slab, unless enough of the table were seen.
    pub fn look(&mut self, block: &Block, slab: &Slab, schema: &Schema) {
        let Self { tables, copy } = self;
        let plan = &block.plan;
        let (inspector, seen) = tables.entry(plan.table.clone()).or_insert_with(|| {
            let known = QualifiedName::spelled(&plan.table).and_then(|name| schema.table(&name));
            (Inspector::new(&table_of_block(plan, known)), 0)
        });
        if *seen >= ROWS {
            return;
        }
        for line in lines(block, slab, copy) {
            if *seen >= ROWS {
                break;
            }
            *seen += 1;
            let Some(values) = values(plan, line) else { continue };
            let row: Vec<_> = values.iter().map(Option::as_deref).collect();
            inspector.observe(&row);
        }
    }

    /// The columns that look personal, by table.
    #[must_use]
    pub fn findings(self) -> Vec<Finding> {
        self.tables.into_values().flat_map(|(inspector, _)| inspector.findings()).collect()
    }
}

/// The rows of a slab as COPY's text has them, without their line ends. `copy` is room for that.
pub fn lines<'a>(
    block: &Block,
    slab: &'a Slab,
    copy: &'a mut Vec<u8>,
) -> impl Iterator<Item = &'a [u8]> + use<'a> {
    let bytes = match &slab.insert {
        None => slab.bytes(),
        Some(shape) => {
            copy_form::write(slab.bytes(), shape, &block.plan, block.transformed.is_some(), copy);
            copy.as_slice()
        }
    };
    let crlf = slab.crlf;
    bytes.split_inclusive(|&byte| byte == b'\n').map(move |line| {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        if crlf { line.strip_suffix(b"\r").unwrap_or(line) } else { line }
    })
}

/// The values of a row; nothing for a row that cannot be loaded.
#[must_use]
pub fn values(plan: &TablePlan, line: &[u8]) -> Option<Vec<Option<String>>> {
    let text = plan.encoding.to_utf8(line).ok()?;
    let value = |field: &str| match field {
        "\\N" => Some(None),
        field => Some(Some(unescaped(field).ok()?.into_owned())),
    };
    let values: Vec<_> = text.split('\t').map(value).collect::<Option<_>>()?;
    (values.len() == plan.columns.len()).then_some(values)
}
