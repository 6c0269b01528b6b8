//! Traces of requests, as a collector of OpenTelemetry gets them.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::Command,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value as Attribute},
    trace::v1::{Span, span::SpanKind, status::StatusCode},
};
use prost::Message;
use serde_json::{Value, json};

use crate::{World, contract::project, server::Server, serving_rest::serving_python};

/// The trace and the span of a client, by the example of W3C Trace Context.
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

/// A collector in this process: what it was sent.
struct Collector {
    address: String,
    requests: Arc<Mutex<Vec<ExportTraceServiceRequest>>>,
}

impl Collector {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let requests = Arc::<Mutex<Vec<_>>>::default();
        let kept = requests.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                // A connection ends when the server is done with it.
                let _ = receive(stream.unwrap(), &kept);
            }
        });
        Self { address, requests }
    }

    /// All spans until now, once `is_enough`.
    fn spans(&self, is_enough: impl Fn(&[Span]) -> bool) -> Vec<Span> {
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            let requests = self.requests.lock().unwrap().clone();
            let scopes = requests.into_iter().flat_map(|request| request.resource_spans).flat_map(|of| of.scope_spans);
            let spans: Vec<Span> = scopes.flat_map(|scope| scope.spans).collect();
            if is_enough(&spans) {
                return spans;
            }
            assert!(Instant::now() < end, "{spans:?}");
            thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Reads the requests of one connection.
fn receive(stream: TcpStream, kept: &Mutex<Vec<ExportTraceServiceRequest>>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let (mut line, mut length) = (String::new(), 0);
        assert!(reader.read_line(&mut line).ok()? == 0 || line.starts_with("POST /v1/traces "), "{line}");
        while !["", "\r\n"].contains(&line.as_str()) {
            line.clear();
            reader.read_line(&mut line).ok()?;
            let stated = line.to_ascii_lowercase();
            length = stated.strip_prefix("content-length:").map_or(length, |text| text.trim().parse().unwrap());
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        kept.lock().unwrap().push(ExportTraceServiceRequest::decode(&*body).unwrap());
        let answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";
        reader.get_mut().write_all(answer).ok()?;
    }
}

fn attributes(of: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |value: &KeyValue| match value.value.as_ref().and_then(|value| value.value.clone()) {
        Some(Attribute::StringValue(text)) => text,
        Some(Attribute::IntValue(number)) => number.to_string(),
        other => panic!("{other:?}"),
    };
    of.iter().map(|value| (value.key.clone(), text(value))).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A live model, and a server that sends spans every 100 ms to `collector`.
fn traced(collector: &str) -> World {
    let world = project("0.55");
    assert_eq!(world.kilter(&["run"]).exit, 0);
    world.set_variable("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://{collector}"));
    world.set_variable("OTEL_BSP_SCHEDULE_DELAY", "100");
    world
}

fn customer() -> Value {
    let tensor = |name: &str, datatype: &str, value: Value| json!({"name": name, "shape": [1], "datatype": datatype, "data": [value]});
    let inputs = [
        tensor("age", "FP64", json!(25.0)),
        tensor("visits", "FP64", json!(18.0)),
        tensor("region", "BYTES", json!("north")),
    ];
    json!({ "inputs": inputs })
}

/// The whole answer to a prediction with these headers, each with its end of line.
fn infer(server: &Server, path: &str, headers: &str) -> String {
    let (mut stream, body) = (TcpStream::connect(&server.address).unwrap(), customer().to_string());
    let length = body.len();
    let head = format!("POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {length}\r\n");
    write!(stream, "{head}{headers}\r\n{body}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// The span of a request, and the names of its parts, in the trace of the client.
fn of_client(spans: &[Span]) -> (Vec<&Span>, Vec<&str>) {
    let in_trace = |span: &&Span| hex(&span.trace_id) == TRACE;
    let requests: Vec<&Span> = spans.iter().filter(in_trace).filter(|span| hex(&span.parent_span_id) == SPAN).collect();
    let is_part = |span: &&Span| requests.iter().any(|request| request.span_id == span.parent_span_id);
    let parts = spans.iter().filter(in_trace).filter(is_part).map(|span| span.name.as_str());
    let parts = parts.collect();
    (requests, parts)
}

#[test]
fn the_spans_of_a_request_go_on_with_the_trace_of_its_client() {
    let collector = Collector::start();
    let world = traced(&collector.address);
    let server = Server::start_with_grpc(&world, &[]);
    let traceparent = format!("traceparent: 00-{TRACE}-{SPAN}-01\r\nuser-agent: a test\r\n");
    let answer = infer(&server, "/v2/models/churn/infer?secret=1", &traceparent);
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.contains(&format!("x-request-id: {TRACE}\r\n")), "{answer}");
    let spans = collector.spans(|spans| of_client(spans).1.len() >= 3 && !of_client(spans).0.is_empty());
    let (requests, parts) = of_client(&spans);
    assert_eq!(parts, ["parse", "score", "record"]);
    let request = requests[0];
    assert_eq!(request.name, "POST /v2/models/{model}/infer");
    assert_eq!(request.kind, SpanKind::Server as i32);
    let found = attributes(&request.attributes);
    let expected = [
        ("http.request.method", "POST"),
        ("http.response.status_code", "200"),
        ("http.route", "/v2/models/{model}/infer"),
        ("network.protocol.version", "1.1"),
        ("server.address", "localhost"),
        ("url.path", "/v2/models/churn/infer"),
        ("url.scheme", "http"),
        ("user_agent.original", "a test"),
    ];
    assert_eq!(found, expected.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect());
    let resources: Vec<_> =
        collector.requests.lock().unwrap().iter().flat_map(|one| one.resource_spans.clone()).collect();
    let resource = attributes(&resources[0].resource.as_ref().unwrap().attributes);
    assert_eq!(resource["service.name"], "kilter");
    assert_eq!(resource["service.version"], env!("CARGO_PKG_VERSION"));
    // A mistake of a client is no fault of the server.
    infer(&server, "/v2/models/nobody/infer", &traceparent.replace(SPAN, "00f067aa0ba902b8"));
    let spans = collector.spans(|spans| spans.iter().any(|span| hex(&span.parent_span_id) == "00f067aa0ba902b8"));
    let missing = spans.iter().find(|span| hex(&span.parent_span_id) == "00f067aa0ba902b8").unwrap();
    assert_eq!(attributes(&missing.attributes)["http.response.status_code"], "404");
    assert!(missing.status.as_ref().is_none_or(|status| status.code == StatusCode::Unset as i32), "{missing:?}");
}

#[test]
fn a_call_of_grpc_has_a_span_too_and_what_the_client_does_not_sample_has_none() {
    let Some(python) = serving_python() else { return };
    let collector = Collector::start();
    let world = traced(&collector.address);
    world.set_variable("OTEL_SERVICE_NAME", "scores");
    let server = Server::start_with_grpc(&world, &[]);
    // Without a sample, then with one.
    assert!(
        infer(&server, "/v2/models/churn/infer", &format!("traceparent: 00-{TRACE}-{SPAN}-00\r\n")).contains(" 200 ")
    );
    let script = "
import sys, numpy as np, tritonclient.grpc as t
client = t.InferenceServerClient(sys.argv[1])
sent = []
for name, kind, value in (('age', 'FP64', 25.0), ('visits', 'FP64', 18.0), ('region', 'BYTES', 'north')):
    sent.append(t.InferInput(name, [1], kind))
    sent[-1].set_data_from_numpy(np.array([value], dtype=object if kind == 'BYTES' else np.float64))
client.infer('churn', sent, headers={'traceparent': sys.argv[2]})
";
    let traceparent = format!("00-{TRACE}-{SPAN}-01");
    let done = Command::new(python).args(["-c", script, &server.grpc_address, &traceparent]).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let spans = collector.spans(|spans| of_client(spans).1.len() >= 3 && !of_client(spans).0.is_empty());
    let (requests, parts) = of_client(&spans);
    assert_eq!((requests.len(), parts), (1, vec!["parse", "score", "record"]), "the first one was not sampled");
    assert_eq!(requests[0].name, "inference.GRPCInferenceService/ModelInfer");
    let found = attributes(&requests[0].attributes);
    for (name, value) in [
        ("rpc.system", "grpc"),
        ("rpc.service", "inference.GRPCInferenceService"),
        ("rpc.method", "ModelInfer"),
        ("rpc.grpc.status_code", "0"),
    ] {
        assert_eq!(found[name], value, "{found:?}");
    }
    let resources: Vec<_> =
        collector.requests.lock().unwrap().iter().flat_map(|one| one.resource_spans.clone()).collect();
    assert_eq!(attributes(&resources[0].resource.as_ref().unwrap().attributes)["service.name"], "scores");
}

#[test]
fn a_collector_that_is_away_costs_no_answer_and_is_reported_once() {
    // An address on which nobody answers: taken, and given back.
    let away = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let world = traced(&away);
    let log = world.path().join("log.txt");
    let server = Server::start_logging(&world, &["server", "--log", "warn"], &log);
    for _ in 0..200 {
        assert!(infer(&server, "/v2/models/churn/infer", "").starts_with("HTTP/1.1 200 "));
    }
    // Several deliveries fail in this time.
    thread::sleep(Duration::from_secs(1));
    let began = Instant::now();
    server.signal("-TERM");
    assert_eq!(server.wait(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(10), "the end waits a short while for it");
    let said = fs::read_to_string(log).unwrap();
    assert_eq!(said.matches("collector of traces").count(), 1, "{said}");
}

#[test]
fn what_cannot_be_exported_is_refused_at_the_start() {
    let world = World::new();
    world.set_variable("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318");
    world.set_variable("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
    let refused = world.problem(&["server", "--port", "0", "--data", "d"], 2);
    assert!(refused["detail"].as_str().unwrap().contains("http/protobuf"), "{refused}");
}
