//! The CustomResourceDefinition.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSON, JSONSchemaProps,
};
use kube::CustomResourceExt;

use crate::v1alpha1::{ReplicaBootstrap, UNSEEN};

/// The fields that have Kubernetes' own types. Kubernetes documents what is below them, at a length that would make
/// this definition too large.
const OF_KUBERNETES: [&str; 4] = ["affinity", "resources", "tolerations", "topologySpreadConstraints"];

/// A text without the character that ends a string in C.
const NO_NUL: &str = r"^[^\x00]*$";

/// The formats that an API server knows. It warns about others and does not enforce them.
const FORMATS: [&str; 4] = ["int32", "int64", "double", "date-time"];

/// The definition as it is installed.
#[must_use]
pub fn crd() -> CustomResourceDefinition {
    let mut crd = ReplicaBootstrap::crd();
    for version in &mut crd.spec.versions {
        if let Some(schema) = version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut()) {
            tidy(schema, false);
            schema
                .properties
                .iter_mut()
                .flatten()
                .filter(|(name, _)| *name == "spec")
                .for_each(|(_, spec)| printable(spec));
            unseen(schema);
        }
    }
    crd
}

/// By kstatus' rules an object without a status is up to date, although the operator has not begun. So every object
/// has a status from the start, with a generation that no object has.
fn unseen(schema: &mut JSONSchemaProps) {
    let status = schema.properties.as_mut().and_then(|properties| properties.get_mut("status"));
    if let Some(status) = status {
        status.default = Some(JSON(serde_json::json!({ "observedGeneration": UNSEEN })));
    }
}

/// Adds the bounds of `int32`: the API server does not check a number against its format, and the operator could not
/// read a larger one.
fn bound(schema: &mut JSONSchemaProps) {
    if schema.type_.as_deref() == Some("integer") && schema.format.as_deref() == Some("int32") {
        schema.minimum.get_or_insert(f64::from(i32::MIN));
        schema.maximum.get_or_insert(f64::from(i32::MAX));
    }
}

/// Adds bounds to numbers. Removes formats that the API server does not know, `nullable`, and the descriptions below
/// Kubernetes' own types. The API server drops a null that is not allowed before it evaluates the rules, in which it
/// would count as set.
fn tidy(schema: &mut JSONSchemaProps, foreign: bool) {
    schema.nullable = None;
    bound(schema);
    if schema.format.as_deref().is_some_and(|format| !FORMATS.contains(&format)) {
        schema.format = None;
    }
    for (name, property) in schema.properties.iter_mut().flatten() {
        tidy(property, foreign || OF_KUBERNETES.contains(&name.as_str()));
        if foreign {
            property.description = None;
        }
    }
    each_below(schema, &mut |below| {
        tidy(below, foreign);
        if foreign {
            below.description = None;
        }
    });
}

/// No argument, variable or path can hold a NUL: texts that have no pattern yet must not contain one.
fn printable(schema: &mut JSONSchemaProps) {
    for (name, property) in schema.properties.iter_mut().flatten() {
        if !OF_KUBERNETES.contains(&name.as_str()) {
            printable(property);
        }
    }
    each_below(schema, &mut printable);
    let is_free = schema.type_.as_deref() == Some("string") && schema.enum_.is_none();
    if is_free && schema.pattern.is_none() {
        schema.pattern = Some(NO_NUL.to_owned());
    }
}

/// The schema of a list's items, or of a map's values.
fn each_below(schema: &mut JSONSchemaProps, act: &mut dyn FnMut(&mut JSONSchemaProps)) {
    use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
        JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
    };
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &mut schema.items {
        act(items);
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        act(values);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> serde_json::Value {
        serde_json::to_value(crd()).unwrap()["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
    }

    /// A larger one cannot be applied by a client: it would not fit into the annotation.
    #[test]
    fn it_is_small_enough() {
        let yaml = serde_saphyr::to_string(&crd()).unwrap();
        assert!(yaml.len() < 100_000, "{} bytes", yaml.len());
    }

    #[test]
    fn every_rule_has_a_message() {
        fn walk(value: &serde_json::Value, seen: &mut usize) {
            match value {
                serde_json::Value::Object(map) => {
                    for rule in map
                        .get("x-kubernetes-validations")
                        .and_then(|rules| rules.as_array())
                        .into_iter()
                        .flatten()
                    {
                        assert!(rule["message"].as_str().is_some_and(|text| text.len() > 20), "{rule}");
                        *seen += 1;
                    }
                    map.values().for_each(|value| walk(value, seen));
                }
                serde_json::Value::Array(list) => list.iter().for_each(|value| walk(value, seen)),
                _ => {}
            }
        }
        let mut seen = 0;
        walk(&schema(), &mut seen);
        assert_eq!(seen, 21);
    }

    #[test]
    fn lists_are_keyed_and_defaults_are_visible() {
        let schema = schema();
        let conditions = &schema["properties"]["status"]["properties"]["conditions"];
        assert_eq!(conditions["x-kubernetes-list-type"], "map");
        assert_eq!(conditions["x-kubernetes-list-map-keys"][0], "type");
        assert_eq!(schema["properties"]["status"]["default"], serde_json::json!({"observedGeneration": -1}));
        let spec = &schema["properties"]["spec"]["properties"];
        assert_eq!(spec["suspend"]["default"], false);
        assert_eq!(spec["backoffLimit"]["default"], 6);
        assert_eq!(spec["run"]["default"], serde_json::json!({"id": "1", "from": "Checkpoint"}));
        assert_eq!(spec["changeStream"]["properties"]["start"]["default"], true);
        assert_eq!(schema["properties"]["status"]["default"], serde_json::json!({"observedGeneration": -1}));
    }

    /// A null would make `has()` true in a rule.
    #[test]
    fn what_is_none_is_left_out() {
        let spec = serde_json::json!({
            "source": {"s3": {"bucket": "b", "key": "k"}}, "redis": {"url": "redis://r"}, "runner": {}, "changeStream": {"address": "a:1"}, "sequence": {}
        });
        let spec: crate::ReplicaBootstrapSpec = serde_json::from_value(spec).unwrap();
        let mut object = ReplicaBootstrap::new("a", spec);
        let progress = Some(crate::v1alpha1::Progress::default());
        object.status = Some(crate::ReplicaBootstrapStatus {
            run: Some(crate::v1alpha1::RunStatus { progress, ..Default::default() }),
            ..Default::default()
        });
        let text = serde_json::to_string(&object).unwrap();
        assert!(!text.contains("null"), "{text}");
    }
}
