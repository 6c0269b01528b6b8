//! Datasets at `https://`, in an object store and behind a query: read, pinned, noticed when they change, and refused clearly.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use kilter_storage::ObjectStorage;
use serde_json::Value;

use crate::{
    World,
    contract::project,
    customers,
    database::{Database, psql},
    object_store::prefix,
};

/// What the server answers next.
#[derive(Clone)]
enum Answer {
    /// A body and its ETag.
    File(String, &'static str),
    Status(u16),
    /// Fewer bytes than the header says.
    Half(String),
    /// A redirect.
    Moved(String),
}

/// A server of one file on this machine.
struct FileServer {
    address: String,
    answer: Arc<Mutex<Answer>>,
    /// Statuses that were answered.
    answered: Arc<Mutex<Vec<u16>>>,
}

impl FileServer {
    fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (answer, answered) = (Arc::new(Mutex::new(answer)), Arc::new(Mutex::new(Vec::new())));
        let server = Self { address, answer: answer.clone(), answered: answered.clone() };
        thread::spawn(move || {
            for stream in listener.incoming() {
                let status = reply(stream.unwrap(), &answer.lock().unwrap().clone());
                answered.lock().unwrap().push(status);
            }
        });
        server
    }

    fn set(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
        self.answered.lock().unwrap().clear();
    }

    fn answered(&self) -> Vec<u16> {
        self.answered.lock().unwrap().clone()
    }

    fn url(&self) -> String {
        format!("http://{}/data/customers.csv?signature=secret", self.address)
    }
}

fn reply(stream: TcpStream, answer: &Answer) -> u16 {
    let mut known = String::new();
    for line in BufReader::new(stream.try_clone().unwrap()).lines() {
        let line = line.unwrap_or_default();
        if let Some(etag) = line.to_lowercase().strip_prefix("if-none-match: ") {
            known = etag.to_owned();
        }
        if line.is_empty() {
            break;
        }
    }
    let end = "Connection: close\r\n";
    let (status, head, body) = match answer {
        Answer::File(_, etag) if known == *etag => (304, format!("ETag: {etag}\r\n"), String::new()),
        Answer::File(body, etag) => (200, format!("ETag: {etag}\r\nContent-Length: {}\r\n", body.len()), body.clone()),
        Answer::Half(body) => (200, format!("Content-Length: {}\r\n", body.len()), body[..body.len() / 2].to_owned()),
        Answer::Status(status) => (*status, "Content-Length: 0\r\n".to_owned(), String::new()),
        Answer::Moved(to) => (302, format!("Location: {to}\r\nContent-Length: 0\r\n"), String::new()),
    };
    let mut stream = stream;
    let _ = write!(stream, "HTTP/1.1 {status} Status\r\n{head}{end}\r\n{body}");
    status
}

/// A project whose customers lie at an address.
fn project_at(address: &str) -> World {
    let world = project("0.55");
    std::fs::remove_file(world.path().join("customers.csv")).unwrap();
    let contract = world.read("kilter.toml").replace("\"customers.csv\"", &format!("\"{address}\""));
    assert!(contract.contains(address), "{contract}");
    world.write("kilter.toml", &contract);
    world
}

/// The same customers, and one more.
fn more_customers() -> String {
    customers() + "400,2024-12-01,33,4,north,1\n"
}

fn rows_of(world: &World) -> u64 {
    let lock = world.read("kilter.lock");
    lock.lines().find_map(|line| line.strip_prefix("rows = ")).unwrap().parse().unwrap()
}

#[test]
fn a_file_at_an_address_is_read_pinned_and_not_read_again_until_it_changes() {
    let server = FileServer::start(Answer::File(customers(), "\"one\""));
    let world = project_at(&server.url());
    let ran = world.kilter(&["run"]);
    assert_eq!(ran.exit, 0, "{}{}", ran.out, ran.err);
    let lock = world.read("kilter.lock");
    assert!(lock.contains("version = '\"one\"'") && rows_of(&world) == 400, "{lock}");
    server.set(Answer::File(customers(), "\"one\""));
    assert_eq!(world.json(&["run"])["unchanged"], true);
    assert_eq!(server.answered(), [304], "it is asked for and not sent");
    server.set(Answer::File(more_customers(), "\"two\""));
    // A locked run uses what is pinned, and asks nobody.
    assert_eq!(world.json(&["run", "--locked"])["unchanged"], true);
    assert_eq!(server.answered(), [0u16; 0]);
    let ran = world.kilter(&["run"]);
    assert!(ran.exit == 0 && ran.err.contains("dataset customers has changed"), "{}{}", ran.out, ran.err);
    assert_eq!(rows_of(&world), 401);
    assert_eq!(world.json(&["check"])["valid"], true);
    let contract = world.read("kilter.toml");
    world.write("kilter.toml", &contract.replace("label = \"left\"", "label = \"lfet\""));
    let checked = world.kilter(&["check"]);
    assert!(checked.exit == 3 && checked.out.contains("has no column `lfet`"), "{}", checked.out);
}

#[test]
fn an_address_that_does_not_give_the_whole_file_is_an_error_with_its_code_and_without_its_secret() {
    let server = FileServer::start(Answer::Status(404));
    let world = project_at(&server.url());
    let fails = |answer: Answer, exit: i32, code: &str, says: &str| {
        server.set(answer);
        let problem = world.problem(&["data", "fetch"], exit);
        assert_eq!(problem["code"], code, "{problem}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(
            detail.contains(says) && detail.contains("dataset `customers`") && !detail.contains("secret"),
            "{detail}"
        );
    };
    fails(Answer::Status(404), 4, "file_not_found", "there is nothing at http://127.0.0.1");
    fails(Answer::Status(403), 5, "dataset_refused", "status 403");
    fails(Answer::Status(503), 7, "dataset_unavailable", "status 503");
    assert_eq!(server.answered().len(), 4, "it is tried again");
    fails(Answer::Half(customers()), 7, "dataset_unavailable", "could not be read");
    fails(
        Answer::Moved("http://127.0.0.2:1/customers.csv".to_owned()),
        5,
        "dataset_refused",
        "leads to another host, 127.0.0.2",
    );
    fails(Answer::Moved(server.url()), 7, "dataset_unavailable", "redirects");
    assert_eq!(std::fs::read_dir(world.path().join(".kilter/fetched")).unwrap().count(), 0, "nothing half is left");
    let run = world.problem(&["run"], 7);
    assert_eq!(run["code"], "dataset_unavailable", "{run}");
    server.set(Answer::File(customers(), "\"one\""));
    assert_eq!(world.kilter(&["run"]).exit, 0);
}

#[test]
fn addresses_that_no_contract_may_have_are_refused_with_their_line() {
    for (path, more, says) in [
        ("http://example.com/a.csv", "", "without encryption"),
        ("https://ana:secret@example.com/a.csv", "", "no user and no password"),
        ("https:/a.csv", "", "not an address"),
        ("sql:../q.sql", "database = \"env:DB\"", "leaves the project"),
        ("sql:q.sql", "", "needs `database`"),
        ("sql:q.sql", "database = \"postgres://ana:secret@h/n\"", "does not belong into the contract"),
        ("a.csv", "database = \"env:DB\"", "is for `path"),
    ] {
        let world = World::new();
        world.write("kilter.toml", &format!("[project]\nname = \"x\"\n[data.d]\npath = \"{path}\"\n{more}\n"));
        let checked = world.kilter(&["check"]);
        assert!(checked.exit == 3 && checked.out.contains(says), "{path}: {}{}", checked.out, checked.err);
    }
}

#[test]
fn an_object_and_a_folder_of_a_bucket_are_read_and_noticed_when_they_change() {
    let Some(storage) = prefix() else { return };
    let bucket = ObjectStorage::open(&storage.parse().unwrap()).unwrap();
    bucket.create("data/customers.csv", customers().into_bytes()).unwrap();
    let world = project_at(&format!("{storage}/data/customers.csv"));
    let ran = world.kilter(&["run"]);
    assert_eq!(ran.exit, 0, "{}{}", ran.out, ran.err);
    assert!(
        rows_of(&world) == 400 && world.read("kilter.lock").contains("version = "),
        "{}",
        world.read("kilter.lock")
    );
    assert_eq!(world.json(&["run"])["unchanged"], true);
    bucket.replace("data/customers.csv", more_customers().into_bytes()).unwrap();
    assert_eq!(world.json(&["run", "--locked"])["unchanged"], true);
    assert_eq!(world.kilter(&["run"]).exit, 0);
    assert_eq!(rows_of(&world), 401);

    let contract = world.read("kilter.toml");
    world.write("kilter.toml", &contract.replace("data/customers.csv", "data/"));
    let copy = |world: &World| -> Value { world.json(&["data", "fetch"])["fetched"][0].clone() };
    let folder = copy(&world)["path"].as_str().unwrap().to_owned();
    assert_eq!(std::fs::read_to_string(world.path().join(&folder).join("customers.csv")).unwrap(), more_customers());
    bucket.create("data/2025/more.csv", customers().into_bytes()).unwrap();
    let other = copy(&world)["path"].as_str().unwrap().to_owned();
    assert!(other != folder && world.path().join(&other).join("2025/more.csv").exists(), "{other}");

    world.write("kilter.toml", &contract.replace("data/customers.csv", "data/none.csv"));
    assert_eq!(world.problem(&["data", "fetch"], 4)["code"], "file_not_found");
    world.write("kilter.toml", &contract);
    let mut wrong = world.command(&["data", "fetch", "--json"]);
    let said = crate::command_output(wrong.env("AWS_SECRET_ACCESS_KEY", "wrong").output().unwrap());
    let problem: Value = serde_json::from_str(&said.err).unwrap();
    assert_eq!((said.exit, &problem["code"]), (5, &"dataset_refused".into()), "{problem}");
}

#[test]
fn copies_that_nobody_pins_are_garbage_after_their_time() {
    let server = FileServer::start(Answer::File(customers(), "\"one\""));
    let world = project_at(&server.url());
    assert_eq!(world.kilter(&["run"]).exit, 0);
    let fetched = world.path().join(".kilter/fetched");
    let old = fetched.join(kilter_domain::digest::Digest::of(b"old").to_string());
    std::fs::create_dir(&old).unwrap();
    std::fs::write(old.join("customers.csv"), "id\n1\n").unwrap();
    for folder in std::fs::read_dir(&fetched).unwrap() {
        let folder = std::fs::File::open(folder.unwrap().path()).unwrap();
        folder.set_modified(std::time::SystemTime::now() - std::time::Duration::from_secs(100 * 24 * 60 * 60)).unwrap();
    }
    let freed = world.json(&["gc", "--delete"]);
    assert_eq!(
        (&freed["garbage"][0]["kind"], &freed["garbage"][0]["count"]),
        (&"dataset_copies".into(), &1.into()),
        "{freed:#}"
    );
    assert!(!old.exists());
    assert_eq!(world.json(&["run", "--locked"])["unchanged"], true, "what the lock pins is still here");
}

const CUSTOMERS: &str = "
    CREATE TYPE region AS ENUM ('north', 'south', 'west');
    CREATE TABLE customers (id integer PRIMARY KEY, at date, age smallint, visits numeric(9, 2), region region, \"left\" boolean);
    INSERT INTO customers
    SELECT id, date '2024-01-01' + (id % 300), 20 + (id * 7) % 60, (id * 13) % 20, (enum_range(NULL::region))[1 + id % 3],
           20 + (id * 7) % 60 > 60 OR (id * 13) % 20 < 5
    FROM generate_series(0, 399) AS id ORDER BY random()";

const QUERY: &str = "SELECT id, at, age, visits, region, \"left\"\nFROM customers -- all of them\n;";

#[test]
fn the_rows_of_a_query_are_a_dataset_in_one_order_with_stated_types() {
    let Some(database) = Database::new() else { return };
    psql(&database.url(), CUSTOMERS);
    let world = project_at("sql:sql/customers.sql");
    let contract = world.read("kilter.toml");
    let path = "path  = \"sql:sql/customers.sql\"";
    assert!(contract.contains(path), "{contract}");
    world.write("kilter.toml", &contract.replace(path, &format!("{path}\ndatabase = \"env:CUSTOMERS_DB\"")));
    world.write("sql/customers.sql", QUERY);
    let unset = world.problem(&["run"], 2);
    assert!(unset["detail"].as_str().unwrap().contains("the variable CUSTOMERS_DB has no address"), "{unset}");
    world.set_variable("CUSTOMERS_DB", &database.url());
    let ran = world.kilter(&["run"]);
    assert_eq!(ran.exit, 0, "{}{}", ran.out, ran.err);
    let lock = world.read("kilter.lock");
    assert_eq!(rows_of(&world), 400);
    for (column, kind) in
        [("id", "int"), ("at", "time"), ("age", "int"), ("visits", "float"), ("region", "text"), ("left", "bool")]
    {
        assert!(lock.contains(&format!("name = \"{column}\"\ntype = \"{kind}\"")), "{column} {kind}: {lock}");
    }
    // The same rows in another order on the disk of the database are the same dataset.
    psql(
        &database.url(),
        "CREATE TABLE other AS SELECT * FROM customers ORDER BY random(); TRUNCATE customers; INSERT INTO customers SELECT * FROM other",
    );
    assert_eq!(world.json(&["run"])["unchanged"], true);
    psql(&database.url(), "INSERT INTO customers VALUES (400, '2024-12-01', 33, 4.5, 'north', true)");
    assert_eq!(world.json(&["run", "--locked"])["unchanged"], true, "the copy that is pinned");
    assert_eq!(world.kilter(&["run"]).exit, 0);
    assert_eq!(rows_of(&world), 401);

    let fails = |sql: &str, code: &str, says: &str| {
        world.write("sql/customers.sql", sql);
        let said = world.kilter(&["data", "fetch", "--json"]);
        let problem: Value = serde_json::from_str(&said.err).unwrap();
        assert_eq!(problem["code"], code, "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(says), "{problem}");
    };
    fails("DELETE FROM customers", "sql_invalid", "syntax error");
    fails("SELECT 1 AS a) AS q; DROP TABLE customers; --", "sql_invalid", "refuses the query");
    fails("SELECT nextval('numbers') AS n", "sql_invalid", "numbers");
    psql(&database.url(), "CREATE SEQUENCE numbers");
    fails("SELECT nextval('numbers') AS n", "sql_invalid", "read-only transaction");
    fails("SELECT ARRAY[1] AS list", "sql_invalid", "column `list` has the type");
    fails("SELECT 1 AS a, 2 AS a", "sql_invalid", "two columns are called `a`");
    fails("SELECT * FROM nothing", "sql_invalid", "nothing");
    world.write("sql/customers.sql", QUERY);
    let wrong = database.url().replacen("://", "://nobody:secret@", 1).replacen("secret@postgres@", "secret@", 1);
    world.set_variable("CUSTOMERS_DB", &wrong);
    let said = world.kilter(&["data", "fetch", "--json"]);
    assert!(said.exit != 0 && !said.err.contains("secret"), "{}", said.err);
    world.set_variable("CUSTOMERS_DB", "postgres://ana:secret@127.0.0.1:1/none");
    let said = world.kilter(&["data", "fetch", "--json"]);
    assert!(said.err.contains("dataset_unavailable") && !said.err.contains("secret"), "{}", said.err);
}

#[test]
fn a_past_that_lies_elsewhere_is_brought_here_once_and_played() {
    let server = FileServer::start(Answer::File(customers(), "\"one\""));
    let world = project_at(&server.url());
    let contract = world.read("kilter.toml");
    let more = "[monitor]\nevery = \"1mo\"\n[retrain]\nwhen = [\"schedule every 1mo\"]\n";
    world.write("kilter.toml", &format!("{contract}\n{more}"));
    let played = world.json(&["replay", "."]);
    assert!(played.to_string().contains("\"trained\""), "{played}");
    assert_eq!(server.answered(), [200], "once for the whole past");
}
