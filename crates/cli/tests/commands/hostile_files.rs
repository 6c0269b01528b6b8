//! Every kind of file that a command reads, in every hostile shape: an answer or a refusal that says why, in bounded
//! memory and time, never a panic, never an endless wait.

use std::{
    fs::{self, File},
    io::Write,
    os::unix::{fs::symlink, net::UnixListener},
    path::Path,
    process::{Command, Stdio},
};

use kilter_domain::table::{Column, Table};
use kilter_lake::write_table;
use wait4::Wait4;

use crate::{World, customers};

/// The memory that a command may have: address space, so that a larger allocation fails and the command with it.
const ADDRESS_SPACE_KIB: u64 = 2 << 20;
/// What it may hold at most.
const MAX_RESIDENT_BYTES: u64 = 1 << 30;
/// How long it may take.
const SECONDS: u64 = 60;

/// A kind of file, a good one of it, and the commands that read it (`FILE` stands for its path).
struct Kind {
    name: &'static str,
    good: Vec<u8>,
    commands: Vec<Vec<&'static str>>,
}

/// What is made of the bytes of a good file.
type Shape = (&'static str, fn(&[u8]) -> Vec<u8>);

const SHAPES: [Shape; 22] = [
    ("good", |good| good.to_vec()),
    ("empty", |_| Vec::new()),
    ("one byte", |_| vec![b'x']),
    ("zeros", |_| vec![0; 1 << 20]),
    ("ones", |_| vec![0xff; 1 << 16]),
    ("noise", |_| noise(1 << 16)),
    ("cut in the middle", |good| good[..good.len() / 2].to_vec()),
    ("cut by one", |good| good[..good.len() - 1].to_vec()),
    ("cut at the front", |good| good[good.len() / 3..].to_vec()),
    ("twice", |good| [good, good].concat()),
    ("flipped bits", |good| flipped(good, 16)),
    ("a flipped byte at the end", |good| flipped(good, 1)),
    ("zeros between", |good| good.iter().flat_map(|byte| [*byte, 0]).collect()),
    ("noise behind", |good| [good, &noise(4096)].concat()),
    ("a line without end", |_| vec![b'a'; 20 << 20]),
    ("only line breaks", |_| vec![b'\n'; 1 << 20]),
    ("only commas", |_| vec![b','; 1 << 20]),
    ("an open quote", |good| [b"\"", good].concat()),
    ("deep brackets", |_| vec![b'['; 1 << 20]),
    ("deep braces", |_| b"{\"a\":".repeat(200_000)),
    ("a number without end", |_| vec![b'9'; 1 << 20]),
    ("UTF-16", |good| [&[0xff, 0xfe][..], good].concat()),
];

/// What is no file of bytes, or more than any.
const PLACES: [&str; 7] =
    ["pipe", "socket", "folder", "dangling link", "link to itself", "zeros without end", "five empty gigabytes"];

fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 88_172_645_463_325_252_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..bytes).map(|_| next()).collect()
}

/// `good` with `count` flipped bits at places that are spread over it.
fn flipped(good: &[u8], count: usize) -> Vec<u8> {
    let mut bytes = good.to_vec();
    for (turn, random) in noise(count * 3).chunks(3).enumerate() {
        let at = bytes.len() - 1 - (turn * bytes.len() / count + usize::from(random[0])) % bytes.len();
        bytes[at] ^= 1 << (random[1] % 8);
    }
    bytes
}

fn place(kind: &str, path: &Path) -> Option<UnixListener> {
    match kind {
        "pipe" => assert!(Command::new("mkfifo").arg(path).status().unwrap().success()),
        "socket" => return Some(UnixListener::bind(path).unwrap()),
        "folder" => fs::create_dir(path).unwrap(),
        "dangling link" => symlink("nowhere", path).unwrap(),
        "link to itself" => symlink(path, path).unwrap(),
        "zeros without end" => symlink("/dev/zero", path).unwrap(),
        _ => File::create(path).unwrap().set_len(5 << 30).unwrap(),
    }
    None
}

fn world_and_kinds() -> (World, Vec<Kind>) {
    let world = World::new();
    world.write("good.csv", &customers());
    world.json(&[
        "train",
        "good.csv",
        "--target",
        "left",
        "--exclude",
        "id,at",
        "--param",
        "rounds=3",
        "--out",
        "model",
    ]);
    world.json(&["profile", "good.csv", "--out", "good.kprof"]);
    let lines = (0..200).map(|row| format!("{{\"id\":{row},\"age\":{},\"left\":{}}}\n", row % 60, row % 2));
    let numbers = Table::new(vec![
        ("age".into(), Column::Float((0..400).map(|row| f64::from(row % 60)).collect())),
        ("region".into(), Column::Text((0..400).map(|row| Some(format!("r{}", row % 5).into())).collect())),
        ("left".into(), Column::Int((0..400).map(|row| Some(row % 2)).collect())),
    ]);
    write_table(&world.path().join("good.parquet"), &numbers.unwrap()).unwrap();
    let contract = "[project]\nname = \"sweep\"\n[data.d]\npath = \"good.csv\"\nlabel = \"left\"\n\
                    [step.a]\nrun = \"cp {in.d} {out.o}\"\nin = [\"d\"]\nout = { o = \"work/o.csv\" }\n";
    world.write("locked/kilter.toml", contract);
    world.write("locked/good.csv", &customers());
    world.write("project/good.csv", &customers());
    world.json(&["run", "--project", "locked"]);
    let read = |name: &str| fs::read(world.path().join(name)).unwrap();
    let tables = |file: &'static str| {
        vec![
            vec!["profile", file],
            vec!["train", file, "--target", "left", "--param", "rounds=2", "--out", "its"],
            vec!["sql", "select count(*) from t", "--table", Box::leak(format!("t={file}").into_boxed_str())],
        ]
    };
    let kinds = vec![
        Kind { name: "x.csv", good: customers().into_bytes(), commands: tables("x.csv") },
        Kind { name: "x.jsonl", good: lines.collect::<String>().into_bytes(), commands: tables("x.jsonl") },
        Kind { name: "x.parquet", good: read("good.parquet"), commands: tables("x.parquet") },
        Kind {
            name: "labels.csv",
            good: b"id,label\na,1\nb,0\n".to_vec(),
            commands: vec![vec!["label", "churn", "labels.csv", "--server", "http://127.0.0.1:1"]],
        },
        Kind {
            name: "x.onnx",
            good: read("model/model.onnx"),
            commands: vec![vec!["predict", "good.csv", "--model", "x.onnx", "--out", "scored.csv"]],
        },
        Kind { name: "x.kprof", good: read("good.kprof"), commands: vec![vec!["drift", "x.kprof", "good.csv"]] },
        Kind {
            name: "project/kilter.toml",
            good: contract.as_bytes().to_vec(),
            commands: vec![vec!["check", "project"], vec!["run", "--project", "project", "--dry-run"]],
        },
        Kind {
            name: "locked/kilter.lock",
            good: read("locked/kilter.lock"),
            commands: vec![vec!["run", "--project", "locked", "--dry-run"]],
        },
        Kind {
            name: "token",
            good: b"0123456789abcdef0123456789abcdef\n".to_vec(),
            commands: vec![vec!["status", "--server", "http://127.0.0.1:1", "--token-file", "token"]],
        },
        Kind {
            name: "x.sql",
            good: b"select count(*) from t".to_vec(),
            commands: vec![vec!["sql", "--file", "x.sql", "--table", "t=good.csv"]],
        },
    ];
    (world, kinds)
}

/// How a command ends, what it says, and the most memory that it held.
fn within_bounds(world: &World, arguments: &[&str]) -> (i32, String, u64) {
    let kilter = world.command(&[]).get_program().to_owned();
    let script = format!("ulimit -v {ADDRESS_SPACE_KIB}; exec timeout -s KILL {SECONDS} \"$0\" \"$@\"");
    let log = world.path().join("said");
    let mut child = Command::new("sh");
    child.args(["-c", &script]).arg(kilter).args(arguments).current_dir(world.path());
    let output = File::create(&log).unwrap();
    child.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
    let used = child.spawn().unwrap().wait4().unwrap();
    let output = String::from_utf8_lossy(&fs::read(log).unwrap()).into_owned();
    (used.status.code().unwrap_or(-1), output, used.rusage.maxrss)
}

#[test]
fn every_kind_of_file_in_every_hostile_shape_is_answered_or_refused_within_bounds() {
    let (world, kinds) = world_and_kinds();
    let (mut runs, mut answered, mut refused, mut largest) = (0, 0, 0, (0, String::new()));
    let mut faults = Vec::new();
    for kind in &kinds {
        let path = world.path().join(kind.name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let bytes = SHAPES.iter().map(|(name, _)| *name).chain(PLACES);
        for (at, shape) in bytes.enumerate() {
            let _ = fs::remove_file(&path);
            let _ = fs::remove_dir_all(&path);
            let _listener = match SHAPES.get(at) {
                Some((_, make)) => {
                    File::create(&path).unwrap().write_all(&make(&kind.good)).unwrap();
                    None
                }
                None => place(shape, &path),
            };
            for command in &kind.commands {
                let (exit, output, resident) = within_bounds(&world, command);
                runs += 1;
                let what = format!("{} / {shape} / {command:?}", kind.name);
                if resident > largest.0 {
                    largest = (resident, what.clone());
                }
                match exit {
                    0 => answered += 1,
                    1..=9 => refused += 1,
                    _ => {}
                }
                // 101 is a panic, 124 and 137 the end of the time, a signal an abort for lack of memory.
                let has_text = exit == 0 || !output.trim().is_empty();
                let is_sound = (0..=9).contains(&exit) && has_text && !output.contains("panicked");
                if !is_sound || resident > MAX_RESIDENT_BYTES || (shape == "good" && !matches!(exit, 0 | 7)) {
                    let text: String = output.chars().take(300).collect();
                    faults.push(format!("{what}: exit {exit}, {} MiB: {text}", resident >> 20));
                }
            }
        }
        let _ = fs::remove_file(&path);
        let _ = fs::remove_dir_all(&path);
        if kind.name == "locked/kilter.lock" {
            fs::write(&path, &kind.good).unwrap();
        }
    }
    let shapes = SHAPES.len() + PLACES.len();
    println!(
        "{} kinds of files in {shapes} shapes, {runs} commands: {answered} answered, {refused} refused, {} faults; most memory {} MiB ({})",
        kinds.len(),
        faults.len(),
        largest.0 >> 20,
        largest.1
    );
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert_eq!(runs, shapes * kinds.iter().map(|kind| kind.commands.len()).sum::<usize>());
}
