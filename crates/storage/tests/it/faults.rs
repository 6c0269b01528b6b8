//! A store that fails as told: a small HTTP server.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use kilter_domain::digest::Digest;
use kilter_storage::{CachedStorage, ObjectError, ObjectStorage};

/// Answers every request with the bytes that a function makes of its number; then the connection is closed.
struct FailingStore {
    port: u16,
    requests: Arc<AtomicUsize>,
}

impl FailingStore {
    fn answering(answer: impl Fn(usize) -> Vec<u8> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(AtomicUsize::new(0));
        let counted = requests.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                read_head(&stream);
                let bytes = answer(counted.fetch_add(1, Ordering::SeqCst));
                let _ = (&stream).write_all(&bytes);
            }
        });
        Self { port, requests }
    }

    fn open(&self) -> ObjectStorage {
        let endpoint = format!("http://127.0.0.1:{}", self.port);
        let variables = [
            ("AWS_ENDPOINT_URL", endpoint.as_str()),
            ("AWS_ACCESS_KEY_ID", "key"),
            ("AWS_SECRET_ACCESS_KEY", "topsecret"),
            ("AWS_REGION", "us-east-1"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        ObjectStorage::open_with(&"s3://bucket/prefix".parse().unwrap(), variables).unwrap()
    }
}

fn read_head(stream: &TcpStream) {
    let mut lines = BufReader::new(stream).lines();
    while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
}

fn answer(status: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}").into_bytes()
}

#[test]
fn a_store_that_is_busy_for_a_moment_is_asked_again() {
    let store = FailingStore::answering(|number| match number {
        0 | 1 => answer("503 Slow Down", "<Error><Code>SlowDown</Code><Message>wait</Message></Error>"),
        _ => {
            let head =
                "content-length: 3\r\netag: \"1\"\r\nlast-modified: Mon, 30 Nov 2026 03:00:00 GMT\r\nconnection: close";
            format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\none").into_bytes()
        }
    });
    assert_eq!(store.open().read("a", 10).unwrap(), Some(b"one".to_vec()));
    assert_eq!(store.requests.load(Ordering::SeqCst), 3);
}

#[test]
fn a_store_that_stays_busy_is_given_up_with_what_it_said() {
    let busy = "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>";
    let store = FailingStore::answering(move |_| answer("503 Slow Down", busy));
    let error = store.open().read("a", 10).unwrap_err();
    assert!(matches!(error, ObjectError::Unavailable { .. }) && error.is_transient(), "{error}");
    assert!(error.to_string().contains("s3://bucket/prefix could not read a"), "{error}");
    assert!(store.requests.load(Ordering::SeqCst) < 10);
}

#[test]
fn half_a_body_is_an_error_and_leaves_no_file() {
    let store = FailingStore::answering(|_| {
        let head =
            "content-length: 1000\r\netag: \"1\"\r\nlast-modified: Mon, 30 Nov 2026 03:00:00 GMT\r\nconnection: close";
        [format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n").into_bytes(), vec![b'x'; 500]].concat()
    });
    let folder = tempfile::tempdir().unwrap();
    let error = store.open().read("a", 10_000).unwrap_err();
    assert!(matches!(error, ObjectError::Unavailable { .. }), "{error}");
    let (target, partial) = (folder.path().join("a"), folder.path().join("partial"));
    let cached = CachedStorage::new(store.open(), partial.clone(), vec![], u64::MAX);
    let error = cached.fetch("a", &Digest::of(&[b'x'; 1000]), &target).unwrap_err();
    assert!(matches!(error, ObjectError::Unavailable { .. }), "{error}");
    assert!(cached.failure().is_some_and(|failure| failure.contains("could not read a")));
    assert!(!target.exists());
    assert_eq!(fs::read_dir(partial).unwrap().count(), 0);
}

#[test]
fn a_clock_that_differs_too_much_is_told_in_the_words_of_the_store() {
    let skewed = "<?xml version=\"1.0\"?><Error><Code>RequestTimeTooSkewed</Code><Message>The difference between the request \
                  time and the server's time is too large.</Message></Error>";
    let store = FailingStore::answering(move |_| answer("403 Forbidden", skewed));
    let error = store.open().create("a", b"one".to_vec()).unwrap_err();
    let says = "s3://bucket/prefix refused to create a: The difference between the request time and the server's time is too \
                large. (RequestTimeTooSkewed)";
    assert_eq!(error.to_string(), says);
}

#[test]
fn a_store_that_does_not_listen_is_named_with_its_address() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let store = FailingStore { port, requests: Arc::default() };
    let error = store.open().check().unwrap_err();
    assert!(matches!(error, ObjectError::Unavailable { .. }), "{error}");
    assert!(!error.to_string().contains("topsecret"), "{error}");
}

#[test]
fn an_endpoint_in_the_clear_is_refused_unless_it_is_this_machine_or_somebody_allows_it() {
    let open = |variables: &[(&str, &str)]| {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        ObjectStorage::open_with(&"s3://bucket".parse().unwrap(), variables)
    };
    let far = ("AWS_ENDPOINT_URL", "http://s3.example:9000");
    let Err(refused) = open(&[far]) else { panic!("it was opened") };
    assert!(refused.to_string().contains("AWS_ALLOW_HTTP=true"), "{refused}");
    assert!(open(&[far, ("AWS_ALLOW_HTTP", "true")]).is_ok());
    for here in ["http://127.0.0.1:9000", "http://localhost", "http://[::1]:9000/"] {
        assert!(open(&[("AWS_ENDPOINT_URL", here)]).is_ok(), "{here}");
    }
    assert!(open(&[("AWS_ENDPOINT_URL", "http://127.0.0.1.example")]).is_err());
}
