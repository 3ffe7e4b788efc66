//! Indexes, comments and maintenance commands.

use super::model::{Kind, TEMP};
use super::types::{Class, one};
use super::{Gen, names};

pub(super) fn any(g: &mut Gen) {
    let Some(table) = g.some_table(|t| t.schema != TEMP && !t.columns.is_empty() && t.kind == Kind::Plain)
    else {
        return;
    };
    let name = g.table_name(&table);
    let n = g.next();
    let column =
        table.columns.iter().find(|c| !matches!(c.class, Class::Json | Class::Point | Class::Composite));
    let Some(column) = column.map(|c| names::quote(&c.name)) else { return };
    let open = !g.open.is_empty();
    let text = match g.rng.below(14) {
        0 | 1 => format!("CREATE INDEX i{n} ON {name} ({column})"),
        2 | 3 if !open => format!("CREATE INDEX CONCURRENTLY i{n} ON {name} ({column})"),
        4 if !open => {
            format!("CREATE INDEX CONCURRENTLY IF NOT EXISTS i{n} ON ONLY {name} USING btree ({column} DESC)")
        }
        5 if !open => {
            one(&["VACUUM", "VACUUM ANALYZE", "VACUUM (FULL)"], &mut g.rng).to_owned() + " " + &name
        }
        6 => format!("ANALYZE {name}"),
        7 => format!("REINDEX TABLE {name}"),
        8 if !open => format!("REINDEX TABLE CONCURRENTLY {name}"),
        9 => {
            g.statement(format!("CREATE INDEX i{n} ON {name} ({column})"));
            format!("CLUSTER {name} USING i{n}")
        }
        10 => format!("COMMENT ON TABLE {name} IS 'it''s a table; really'"),
        11 => format!("COMMENT ON COLUMN {name}.{column} IS E'a\\tcolumn'"),
        12 => one(&["CHECKPOINT", "LOCK TABLE"], &mut g.rng).to_owned(),
        _ => format!("CREATE STATISTICS public.st{n} ON {column}, ctid FROM {name}"),
    };
    let text = match text.as_str() {
        "LOCK TABLE" if open => format!("LOCK TABLE {name}"),
        "LOCK TABLE" => format!("ALTER INDEX IF EXISTS nothing{n} RENAME TO nothing_else"),
        _ if text.starts_with("CREATE STATISTICS") => {
            format!("ALTER TABLE {name} ALTER COLUMN {column} SET STATISTICS 100")
        }
        _ => text,
    };
    g.statement(text);
}
