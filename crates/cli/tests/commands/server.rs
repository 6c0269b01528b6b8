//! A server of a test, asked over a real socket.

use std::{
    fs,
    io::{self, BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::Value;

use crate::World;

/// A server of a world, stopped with it.
pub struct Server {
    child: Child,
    pub address: String,
    /// Where it answers gRPC; empty where it does not.
    pub grpc_address: String,
}

impl Server {
    pub fn start(world: &World) -> Self {
        Self::start_with(world, "")
    }

    /// A server that answers gRPC too.
    pub fn start_with_grpc(world: &World, more: &[&str]) -> Self {
        let arguments = ["server", "--port", "0", "--grpc-port", "0", "--json", "--log", "warn"];
        Self::of(world.command(&[&arguments, more].concat()))
    }

    /// `kilter serve` with these arguments.
    pub fn serve(world: &World, arguments: &[&str]) -> Self {
        Self::of(world.command(&[&["serve", "--port", "0", "--json", "--log", "warn"], arguments].concat()))
    }

    /// A server of the world with a data folder of its own.
    pub fn start_on(world: &World, data: &str) -> Self {
        Self::of(world.command(&["server", "--port", "0", "--json", "--log", "warn", "--data", data]))
    }

    /// A server of the world on a port that one before it had.
    pub fn start_at(world: &World, port: u16) -> Self {
        Self::of(world.command(&["server", "--port", &port.to_string(), "--json", "--log", "warn"]))
    }

    /// A server that a shell starts after `before`.
    pub fn start_with(world: &World, before: &str) -> Self {
        let arguments = ["server", "--port", "0", "--json", "--log", "warn"];
        let mut command = world.command(&arguments);
        if !before.is_empty() {
            let typed = format!("{before} exec {} {}", env!("CARGO_BIN_EXE_kilter"), arguments.join(" "));
            command = Command::new("sh");
            command.args(["-c", &typed]).current_dir(world.path()).env_remove("KILTER_DATA").stdin(Stdio::null());
        }
        Self::of(command)
    }

    /// A server with these arguments, whose log is written to a file.
    pub fn start_logging(world: &World, arguments: &[&str], log: &Path) -> Self {
        let command = world.command(&[arguments, &["--port", "0", "--json"]].concat());
        Self::with_log(command, fs::File::create(log).unwrap().into())
    }

    pub fn of(command: Command) -> Self {
        Self::with_log(command, Stdio::null())
    }

    fn with_log(mut command: Command, log: Stdio) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut text = String::new();
        let output: Value = loop {
            text += &lines.next().expect("the server says where it answers").unwrap();
            if let Ok(output) = serde_json::from_str(&text) {
                break output;
            }
        };
        let address = output["address"].as_str().unwrap().trim_start_matches("http://").to_owned();
        let address = address.trim_start_matches("https://").to_owned();
        let grpc_address = output["grpc_address"].as_str().unwrap_or_default().to_owned();
        Self { child, address, grpc_address }
    }

    /// Status and body of an answer.
    pub fn ask(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        ask(&self.address, method, path, body).unwrap()
    }

    pub fn get(&self, path: &str) -> (u16, Value) {
        self.ask("GET", path, &Value::Null)
    }

    /// The memory that it has now, in bytes.
    pub fn resident_bytes(&self) -> u64 {
        self.memory("VmRSS:")
    }

    /// The most memory that it has held, in bytes.
    pub fn peak_bytes(&self) -> u64 {
        self.memory("VmHWM:")
    }

    fn memory(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().strip_suffix("kB").unwrap().trim().parse::<u64>().unwrap() * 1024
    }

    pub fn signal(&self, name: &str) {
        assert!(Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap().success());
    }

    /// The exit code, once it has ended.
    pub fn wait(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Status and body of an answer; an error when the server ends before it has answered.
pub fn ask(address: &str, method: &str, path: &str, body: &Value) -> io::Result<(u16, Value)> {
    ask_with(address, "", (method, path, body))
}

/// As [`ask`], with further headers, each with its end of line.
pub fn ask_with(address: &str, headers: &str, request: (&str, &str, &Value)) -> io::Result<(u16, Value)> {
    let (head, body) = ask_for_head(address, headers, request)?;
    let cut = || io::Error::from(io::ErrorKind::UnexpectedEof);
    Ok((head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(cut)?, body))
}

/// As [`ask_with`], with the status line and the headers in place of the status.
pub fn ask_for_head(
    address: &str,
    headers: &str,
    (method, path, body): (&str, &str, &Value),
) -> io::Result<(String, Value)> {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let mut stream = TcpStream::connect(address)?;
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let cut = || io::Error::from(io::ErrorKind::UnexpectedEof);
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(cut)?;
    let is_chunked = head.to_ascii_lowercase().contains("\r\ntransfer-encoding: chunked");
    let body = if is_chunked { joined(body).ok_or_else(cut)? } else { body.to_owned() };
    Ok((head.to_owned(), serde_json::from_str(&body).map_err(|_| cut())?))
}

/// A body that came in chunks; `None` where the last one is missing.
fn joined(mut chunks: &str) -> Option<String> {
    let mut body = String::new();
    loop {
        let (length, rest) = chunks.split_once("\r\n")?;
        let length = usize::from_str_radix(length, 16).ok()?;
        if length == 0 {
            return Some(body);
        }
        body.push_str(rest.get(..length)?);
        chunks = rest.get(length + 2..)?;
    }
}
