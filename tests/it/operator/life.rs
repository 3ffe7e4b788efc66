//! One object from its creation to its end.

use pg_bootstrap_tests::cluster::{Kubelet, Namespace, Operator, replica_bootstrap};
use pg_bootstrap_tests::servers::RedisServer;
use serde_json::json;

use crate::kit::{Input, changes, dump, snapshot, undisturbed};

#[test]
fn a_dump_arrives_in_redis() {
    let (namespace, redis) = (Namespace::new("life"), RedisServer::start());
    let _operator = Operator::start(&namespace);
    let kubelet = Kubelet::start(&namespace);
    let bytes = dump(500);
    let input = Input::of(&bytes);
    std::fs::rename(&input.file, input.path("shop.sql")).unwrap();
    kubelet.claim("dumps", input.folder.path());
    namespace.create(&replica_bootstrap("shop", &redis.url()));
    let done = namespace.expect("shop", "Succeeded", "Succeeded");
    assert_eq!(done["status"]["run"]["progress"]["changes"], changes(500), "{done}");
    assert_eq!(done["status"]["run"]["progress"]["percent"], json!(100));
    assert_eq!(snapshot(&redis), undisturbed(&bytes));
    assert_eq!((kubelet.starts("shop"), done["status"]["attempts"].as_u64()), (1, Some(1)));
}
