//! The part of the dump to load.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A name or a pattern of names, with or without a schema. Inside double quotes no character is special.
const TABLE: &str =
    r#"^([^"\.\x00-\x1f]|"([^"\x00-\x1f]|"")*")+(\.([^"\.\x00-\x1f]|"([^"\x00-\x1f]|"")*")+)?$"#;
/// A name or a pattern of names of schemas.
const SCHEMA: &str = r#"^([^"\.\x00-\x1f]|"([^"\x00-\x1f]|"")*")+$"#;

/// The tables, schemas and sections of the dump to load, by pg_dump's rules: a dump that pg_dump made with the same
/// patterns would contain the same.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct TablesSpec {
    /// Load only tables, views and sequences that match these patterns. They are pg_dump's patterns, like
    /// `public.order*`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(min = 1, max = 256), regex(pattern = TABLE)))]
    pub include: Vec<String>,
    /// Leave out tables that match these patterns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(min = 1, max = 256), regex(pattern = TABLE)))]
    pub exclude: Vec<String>,
    /// Load only schemas that match these patterns. Has no effect on tables that `include` selects.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(min = 1, max = 256), regex(pattern = SCHEMA)))]
    pub include_schemas: Vec<String>,
    /// Leave out schemas that match these patterns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(min = 1, max = 256), regex(pattern = SCHEMA)))]
    pub exclude_schemas: Vec<String>,
    /// Load only these sections.
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
