//! The reference page. It is generated from the definition, so the two cannot differ.

use std::fmt::Write;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};

const HEAD: &str = "# Reference: ReplicaBootstrap

Every field of a ReplicaBootstrap, for those who write one. Generated from the API types by `crdgen --docs`. How the operator acts on it: [operator.md](operator.md).

A field whose name ends in `*` must be set. The default `-` means: none.
";

/// The page as Markdown.
#[must_use]
pub fn markdown(crd: &CustomResourceDefinition) -> String {
    let mut out = HEAD.to_owned();
    let names = &crd.spec.names;
    for version in &crd.spec.versions {
        let _ = writeln!(
            out,
            "\n`apiVersion: {}/{}`, `kind: {}`; `kubectl get {}` or `kubectl get {}`.",
            crd.spec.group,
            version.name,
            names.kind,
            names.plural,
            names.short_names.as_deref().unwrap_or_default().join(", ")
        );
        let selectable: Vec<_> = version
            .selectable_fields
            .iter()
            .flatten()
            .map(|field| format!("`{}`", field.json_path.trim_start_matches('.')))
            .collect();
        let _ = writeln!(out, "Field selectors: {}.", selectable.join(", "));
        if let Some(schema) = version.schema.as_ref().and_then(|schema| schema.open_api_v3_schema.as_ref()) {
            rules(&mut out, schema);
            for part in ["spec", "status"] {
                if let Some(schema) = schema.properties.as_ref().and_then(|all| all.get(part)) {
                    section(&mut out, part, schema);
                }
            }
        }
    }
    out
}

/// Documents an object: a table of its fields, the rules that refuse values, and then the objects in it.
fn section(out: &mut String, path: &str, schema: &JSONSchemaProps) {
    let _ = writeln!(out, "\n## {path}\n");
    if let Some(text) = &schema.description {
        let _ = writeln!(out, "{}\n", one_line(text));
    }
    let _ = writeln!(out, "| field | type | default | meaning |\n|---|---|---|---|");
    let required = schema.required.as_deref().unwrap_or_default();
    for (name, property) in schema.properties.iter().flatten() {
        let star = if required.contains(name) { "*" } else { "" };
        let _ = writeln!(
            out,
            "| `{name}`{star} | {} | {} | {} |",
            kind(property),
            default(property),
            meaning(property)
        );
    }
    rules(out, schema);
    for (name, property) in schema.properties.iter().flatten() {
        rules_of_scalar(out, name, property);
    }
    for (name, property) in schema.properties.iter().flatten() {
        if is_kubernetes(name) {
            continue;
        }
        if let Some((suffix, below)) = object_in(property) {
            section(out, &format!("{path}.{name}{suffix}"), below);
        }
    }
}

/// Types that Kubernetes' own reference describes.
fn is_kubernetes(name: &str) -> bool {
    ["affinity", "resources", "tolerations", "topologySpreadConstraints", "conditions"].contains(&name)
}

/// The object type of a property, or of its items.
fn object_in(schema: &JSONSchemaProps) -> Option<(&'static str, &JSONSchemaProps)> {
    if schema.properties.is_some() {
        return Some(("", schema));
    }
    match &schema.items {
        Some(JSONSchemaPropsOrArray::Schema(items)) if items.properties.is_some() => Some(("[]", items)),
        _ => None,
    }
}

fn rules(out: &mut String, schema: &JSONSchemaProps) {
    for rule in schema.x_kubernetes_validations.iter().flatten() {
        let _ = writeln!(out, "\nRefused otherwise: {}.", rule.message.as_deref().unwrap_or(&rule.rule));
    }
}

fn rules_of_scalar(out: &mut String, name: &str, schema: &JSONSchemaProps) {
    if object_in(schema).is_none() {
        for rule in schema.x_kubernetes_validations.iter().flatten() {
            let message = rule.message.as_deref().unwrap_or(&rule.rule);
            let _ = writeln!(out, "\n`{name}` is refused otherwise: {message}.");
        }
    }
}

fn kind(schema: &JSONSchemaProps) -> String {
    if let Some(values) = &schema.enum_ {
        let words: Vec<_> =
            values.iter().filter_map(|value| value.0.as_str().map(|word| format!("`{word}`"))).collect();
        return words.join(", ");
    }
    let name = schema.type_.as_deref().unwrap_or("any");
    match (&schema.items, &schema.additional_properties) {
        (Some(JSONSchemaPropsOrArray::Schema(items)), _) => format!("list of {}", kind(items)),
        (_, Some(JSONSchemaPropsOrBool::Schema(values))) => format!("map to {}", kind(values)),
        _ if schema.format.as_deref() == Some("date-time") => "time".to_owned(),
        _ => name.to_owned(),
    }
}

fn default(schema: &JSONSchemaProps) -> String {
    schema.default.as_ref().map_or_else(|| "-".to_owned(), |value| format!("`{}`", value.0))
}

/// The description and the constraints of the schema, in one cell of a table.
fn meaning(schema: &JSONSchemaProps) -> String {
    let mut text = one_line(schema.description.as_deref().unwrap_or_default());
    let limits: Vec<String> = [
        schema.minimum.map(|least| format!("at least {least}")),
        schema.maximum.map(|most| format!("at most {most}")),
        schema.pattern.as_ref().map(|pattern| format!("matches `{}`", pattern.replace('|', "\\|"))),
        schema.min_length.filter(|least| *least > 0).map(|_| "not empty".to_owned()),
        schema.max_length.map(|most| format!("at most {most} characters")),
        schema.max_items.map(|most| format!("at most {most} items")),
    ]
    .into_iter()
    .flatten()
    .collect();
    if !limits.is_empty() {
        let _ = write!(text, " ({})", limits.join("; "));
    }
    text
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}
