//! Spans to a collector, by OTLP over HTTP.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use pg_bootstrap_tests::cluster::{Namespace, Operator};

use super::{alone, wait};

/// What a collector was sent: paths, and all headers and bodies. Text lies in OTLP's messages as it is.
#[derive(Default)]
struct Sent {
    paths: Vec<String>,
    bodies: Vec<u8>,
}

impl Sent {
    fn has(&self, text: &str) -> bool {
        self.bodies.windows(text.len()).any(|part| part == text.as_bytes())
    }
}

/// A collector that takes everything; its address.
fn collector() -> (String, Arc<Mutex<Sent>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let sent = Arc::new(Mutex::new(Sent::default()));
    let noted = Arc::clone(&sent);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let noted = Arc::clone(&noted);
            std::thread::spawn(move || serve(stream.unwrap(), &noted));
        }
    });
    (address, sent)
}

fn serve(stream: TcpStream, sent: &Mutex<Sent>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut stream, mut line) = (stream, String::new());
    while reader.read_line(&mut line).is_ok_and(|bytes| bytes > 0) {
        let path = line.split(' ').nth(1).unwrap().to_owned();
        let mut length = 0;
        loop {
            line.clear();
            reader.read_line(&mut line).unwrap();
            if line.trim().is_empty() {
                break;
            }
            sent.lock().unwrap().bodies.extend(line.to_lowercase().as_bytes());
            let (name, value) = line.split_once(':').unwrap();
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let mut sent = sent.lock().unwrap();
        sent.paths.push(path);
        sent.bodies.extend(body);
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
        line.clear();
    }
}

#[test]
fn reconciles_are_traces() {
    let namespace = Namespace::new("traces");
    let (address, sent) = collector();
    let endpoint = format!("http://{address}");
    let arguments = ["--leader-election=false", "--otlp-endpoint", &endpoint];
    let variables = [
        ("OTEL_SERVICE_NAME", "the-operator-of-the-tests"),
        ("OTEL_RESOURCE_ATTRIBUTES", "team=data-of-the-tests"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=tenant-of-the-tests"),
    ];
    let mut operator = Operator::with(&namespace, &arguments, &variables);
    namespace.create(&alone("shop"));
    namespace.expect("shop", "Pending", "PodStarting");
    let whose = format!("ReplicaBootstrap.v1alpha1.bootstrap.kasho.io/shop.{}", namespace.name());
    wait("a reconcile and its requests were sent", || {
        let sent = sent.lock().unwrap();
        let requests = ["create", "/apis/batch/v1/namespaces/", "replicabootstraps/shop/status"];
        sent.has("reconciling object") && sent.has(&whose) && requests.iter().all(|text| sent.has(text))
    });
    for text in ["the-operator-of-the-tests", "data-of-the-tests", "x-tenant: tenant-of-the-tests"] {
        assert!(sent.lock().unwrap().has(text), "{text}");
    }
    // What is not part of a reconcile is not sent.
    assert!(!sent.lock().unwrap().has("watch=true"));
    assert!(sent.lock().unwrap().paths.iter().all(|path| path == "/v1/traces"));
    // The last ones are sent at the end.
    namespace.create(&alone("last"));
    namespace.expect("last", "Pending", "PodStarting");
    operator.stop();
    assert!(sent.lock().unwrap().has("replicabootstraps/last/status"));
}

#[test]
fn a_collector_that_is_away_costs_nothing_else() {
    let namespace = Namespace::new("away");
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let endpoint = format!("http://{nobody}");
    let _operator =
        Operator::with(&namespace, &["--leader-election=false", "--otlp-endpoint", &endpoint], &[]);
    namespace.create(&alone("shop"));
    namespace.expect("shop", "Pending", "PodStarting");
    namespace.pod("shop").run().end(0);
    namespace.expect("shop", "Succeeded", "Succeeded");
}

#[test]
fn the_sampler_and_the_name_are_those_of_the_environment_or_their_defaults() {
    let (address, sent) = collector();
    let endpoint = format!("http://{address}");
    let arguments = ["--leader-election=false", "--otlp-endpoint", &endpoint];
    let (quiet, told) = (Namespace::new("quiet"), Namespace::new("told"));
    for (namespace, variables) in [(&quiet, &[("OTEL_TRACES_SAMPLER", "always_off")][..]), (&told, &[][..])] {
        let mut operator = Operator::with(namespace, &arguments, variables);
        namespace.create(&alone("shop"));
        namespace.expect("shop", "Pending", "PodStarting");
        operator.stop();
    }
    let sent = sent.lock().unwrap();
    assert!(sent.has("pg-bootstrap-operator") && sent.has(told.name()));
    assert!(!sent.has(&format!("namespaces/{}/", quiet.name())));
}
