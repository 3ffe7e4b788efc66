//! The translicator's update of sequences, 15 s after its start and after each burst of inserts.

use std::io;

use crate::pgwire::Connection;

/// Every sequence that belongs to a column (serial or identity), as a statement that sets it.
const STATEMENTS: &str = "\
    SELECT format('SELECT pg_catalog.setval(%L, COALESCE((SELECT max(%I) FROM %I.%I), 1))',
                  format('%I.%I', sn.nspname, s.relname), a.attname, tn.nspname, t.relname)
    FROM pg_catalog.pg_depend d
    JOIN pg_catalog.pg_class s ON s.oid = d.objid AND s.relkind = 'S'
    JOIN pg_catalog.pg_namespace sn ON sn.oid = s.relnamespace
    JOIN pg_catalog.pg_class t ON t.oid = d.refobjid
    JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
    JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
    WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
      AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
      AND d.deptype IN ('a', 'i')
    ORDER BY 1";

/// Sets them all; gives the errors, which the real one only logs.
pub(super) fn sync(connection: &mut Connection) -> io::Result<Vec<String>> {
    let statements: Vec<String> = connection.query(STATEMENTS)?.into_iter().flatten().flatten().collect();
    let errors =
        statements.iter().filter_map(|sql| connection.query(sql).err().map(|e| format!("{sql}: {e}")));
    Ok(errors.collect())
}
