//! Which part of a dump is loaded.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A name, or a pattern of names, with or without its schema; nothing has a meaning in double quotes.
const TABLE: &str =
    r#"^([^"\.\x00-\x1f]|"([^"\x00-\x1f]|"")*")+(\.([^"\.\x00-\x1f]|"([^"\x00-\x1f]|"")*")+)?$"#;
/// The same of a schema.
const SCHEMA: &str = r#"^([^"\.\x00-\x1f]|"([^"\x00-\x1f]|"")*")+$"#;

/// Which tables, schemas and sections of the dump are loaded, by pg_dump's rules: what is left out would not be in a dump
/// that pg_dump had made by the same choice.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct TablesSpec {
    /// Load these tables only, views and sequences too: pg_dump's patterns, like `public.order*`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(min = 1, max = 256), regex(pattern = TABLE)))]
    pub include: Vec<String>,
    /// Leave these tables out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(min = 1, max = 256), regex(pattern = TABLE)))]
    pub exclude: Vec<String>,
    /// Load what lies in these schemas only. Has no effect on what `include` names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(min = 1, max = 256), regex(pattern = SCHEMA)))]
    pub include_schemas: Vec<String>,
    /// Leave these schemas out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(min = 1, max = 256), regex(pattern = SCHEMA)))]
    pub exclude_schemas: Vec<String>,
    /// Load these sections only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Set)]
    #[schemars(length(max = 3))]
    pub sections: Vec<Section>,
}

/// A section of a dump.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// Definitions of tables, views and the like.
    PreData,
    /// Rows, large objects and values of sequences.
    Data,
    /// Indexes, constraints, triggers.
    PostData,
}
