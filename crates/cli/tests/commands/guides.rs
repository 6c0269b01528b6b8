//! The guides: every command of a page is typed in an empty folder, and what it writes is what the page shows.
//!
//! In a block `console` lines that begin with `$ ` are commands (`> ` goes on with one), and the lines below are what it
//! writes. A line `…` stands for what the page leaves out. Numbers, ids and blanks may differ, words may not. A comment
//! above a block says more: `<!-- file: NAME -->` writes the block into a file, `<!-- until -->` types its commands again
//! until they write what is shown, `<!-- exit: N -->` is how each of them ends.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::{
    World,
    database::Database,
    mlflow::mlflow_python,
    mlflow_transfer::{self, MlflowServer},
};

/// How long a page that waits for the server waits.
const MAX_WAIT: Duration = Duration::from_secs(120);

/// A fenced block with what the comment above it says.
struct Block {
    line: usize,
    language: String,
    directive: String,
    text: String,
}

/// A command with what the page shows below it.
struct Typed {
    command: String,
    shown: Vec<String>,
}

fn blocks(page: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let mut directive = String::new();
    let mut open: Option<Block> = None;
    for (number, line) in page.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (Some(_), Some("")) => found.extend(open.take()),
            (Some(block), _) => block.text += &format!("{line}\n"),
            (None, Some(language)) => {
                let directive = std::mem::take(&mut directive);
                open = Some(Block { line: number + 1, language: language.to_owned(), directive, text: String::new() });
            }
            (None, None) => {
                let comment = line.strip_prefix("<!-- ").and_then(|rest| rest.strip_suffix(" -->"));
                directive = comment.map_or_else(String::new, str::to_owned);
            }
        }
    }
    assert!(open.is_none(), "a block of the page does not end");
    found
}

fn typed(text: &str) -> Vec<Typed> {
    let mut found: Vec<Typed> = Vec::new();
    for line in text.lines() {
        match (line.strip_prefix("$ "), line.strip_prefix("> "), found.last_mut()) {
            (Some(command), ..) => found.push(Typed { command: command.to_owned(), shown: Vec::new() }),
            (None, Some(more), Some(last)) if last.shown.is_empty() => last.command += &format!("\n{more}"),
            (None, _, Some(last)) => last.shown.push(line.to_owned()),
            (None, _, None) => panic!("no command stands above: {line}"),
        }
    }
    found
}

/// The words of a text; every number and id is `#`.
fn words(text: &str) -> String {
    let is_id = |word: &str| word.len() >= 8 && word.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    let mut out = String::new();
    for word in text.split_whitespace() {
        let parts = word.split_inclusive(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
        for part in parts {
            let (core, end) = match part.chars().last() {
                Some(last) if !(last.is_ascii_alphanumeric() || last == '-') => {
                    part.split_at(part.len() - last.len_utf8())
                }
                _ => (part, ""),
            };
            match is_id(core) {
                true => out.push('#'),
                false => out.extend(core.chars().map(|c| if c.is_ascii_digit() { '#' } else { c })),
            }
            out += end;
        }
        out.push(' ');
    }
    // `#.##`, `-##` and `#` are one number each.
    let mut short = String::new();
    for c in out.chars() {
        let is_inside = matches!(c, '#' | '.') && short.ends_with('#');
        if !is_inside {
            short.push(c);
        }
    }
    short.replace("-#", "#").replace("+#", "#").replace("#e#", "#").trim_end().to_owned()
}

/// Why `written` is not what the page shows; `None` when it is.
fn difference(shown: &[String], written: &str) -> Option<String> {
    let chunks: Vec<String> = shown.split(|line| line.trim() == "…").map(|lines| words(&lines.join("\n"))).collect();
    let written = words(written);
    if let [all] = chunks.as_slice() {
        return (*all != written).then(|| format!("the page shows\n  {all}\nand the command writes\n  {written}"));
    }
    let mut rest = written.as_str();
    for chunk in &chunks {
        match rest.find(chunk.as_str()) {
            Some(at) => rest = &rest[at + chunk.len()..],
            None => return Some(format!("the page shows\n  {chunk}\nand the command writes\n  {written}")),
        }
    }
    None
}

/// Who types a page.
struct Typist {
    world: World,
    folder: PathBuf,
    server: Option<(Child, u16)>,
    /// What `kilter serve` answers with, and the port that it has for 8585.
    served: Option<(Child, u16)>,
    /// Where `python` is, for pages that need one.
    python: Option<PathBuf>,
    /// What the page names and the test has under another name, in commands, in files and in what is shown.
    names: Vec<(&'static str, String)>,
    /// What the shell is told before each command.
    prelude: String,
    /// The name of the machine, and the file in which `curl` finds where servers of such names are.
    machine: Option<(&'static str, PathBuf)>,
    /// Variables that each command and the server see.
    variables: Vec<(&'static str, String)>,
}

impl Drop for Typist {
    fn drop(&mut self) {
        for (server, _) in [&mut self.server, &mut self.served].into_iter().flatten() {
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}

impl Typist {
    fn new() -> Self {
        let world = World::new();
        let folder = world.path().to_owned();
        let (names, variables, prelude) = (Vec::new(), Vec::new(), String::new());
        Self { world, folder, server: None, served: None, python: None, names, prelude, machine: None, variables }
    }

    /// A shell in which `kilter` is the program under test.
    fn shell(&self, command: &str) -> Command {
        let tools = Path::new(env!("CARGO_BIN_EXE_kilter")).parent().unwrap();
        let folders = [Some(tools), self.python.as_deref()].into_iter().flatten().map(Path::to_owned);
        let rest = std::env::var_os("PATH").unwrap();
        let path = std::env::join_paths(folders.chain(std::env::split_paths(&rest))).unwrap();
        let mut shell = Command::new("bash");
        shell.arg("-c").arg(command).current_dir(&self.folder).env("PATH", path).stdin(Stdio::null());
        shell.envs(self.variables.iter().map(|(name, value)| (name, value)));
        shell.env("USER", "you").env_remove("COLUMNS").env_remove("KILTER_DATA").env_remove("KILTER_SERVER");
        shell
    }

    /// A text of the page in the names of the test.
    fn named(&self, text: &str) -> String {
        self.names.iter().fold(text.to_owned(), |text, (name, here)| text.replace(name, here))
    }

    /// Ends the server as Ctrl-C does.
    fn stop(&mut self) {
        let (mut server, _) = self.server.take().unwrap();
        assert!(Command::new("kill").arg("-INT").arg(server.id().to_string()).status().unwrap().success());
        server.wait().unwrap();
    }

    fn serve(&mut self) {
        let mut server = self.shell("exec kilter server --port 0 --log warn").stdout(Stdio::piped()).spawn().unwrap();
        let printed = BufReader::new(server.stdout.take().unwrap()).lines().next().unwrap().unwrap();
        let port = printed.rsplit_once(':').unwrap().1.parse().unwrap();
        if let Some((name, hosts)) = &self.machine {
            let known = fs::read_to_string(hosts).unwrap_or_default();
            let others = known.lines().filter(|line| !line.contains(name)).map(|line| format!("{line}\n"));
            let line = format!("connect-to = \"{name}:8484:127.0.0.1:{port}\"\n");
            fs::write(hosts, others.collect::<String>() + &line).unwrap();
        }
        self.server = Some((server, port));
    }

    /// Starts `kilter serve` in the place of the one before.
    fn serve_beside(&mut self, command: &str) {
        if let Some((mut before, _)) = self.served.take() {
            before.kill().unwrap();
            before.wait().unwrap();
        }
        let command = self.here(&command.replace("--port 8585", "--port 0 --json --log warn"));
        let mut served = self.shell(&format!("exec {command}")).stdout(Stdio::piped()).spawn().unwrap();
        let mut text = String::new();
        let mut lines = BufReader::new(served.stdout.take().unwrap()).lines();
        let said: serde_json::Value = loop {
            text += &lines.next().unwrap_or_else(|| panic!("{command} ends: {text}")).unwrap();
            if let Ok(said) = serde_json::from_str(&text) {
                break said;
            }
        };
        let port = said["address"].as_str().unwrap().rsplit_once(':').unwrap().1.parse().unwrap();
        self.served = Some((served, port));
    }

    /// A command with the ports that servers have here.
    fn here(&self, command: &str) -> String {
        let port = |server: &Option<(Child, u16)>, usual| server.as_ref().map_or(usual, |(_, port)| *port);
        let (server, served) = (port(&self.server, 8484), port(&self.served, 8585));
        let command = self.named(command).replace("localhost:8484", &format!("localhost:{server}"));
        command.replace("localhost:8585", &format!("localhost:{served}"))
    }

    /// Everything that a command writes, and how it ends.
    fn run(&self, command: &str) -> (String, i32) {
        let command = self.here(command);
        let out = self.shell(&format!("{}\n{{ {command}\n}} 2>&1", self.prelude)).output().unwrap();
        (String::from_utf8(out.stdout).unwrap(), out.status.code().unwrap_or(-1))
    }

    fn check(&mut self, page: &str, block: &Block, typed: &Typed) {
        let place = format!("{page}:{}: $ {}", block.line, typed.command);
        if typed.command == "kilter server" {
            return self.serve();
        }
        if typed.command.starts_with("kilter serve ") {
            return self.serve_beside(&typed.command);
        }
        // A shell of its own forgets where it went.
        if let Some(folder) = typed.command.strip_prefix("mkdir ").and_then(|rest| rest.split_once(" && cd ")) {
            self.folder = self.world.path().join(folder.1);
            return fs::create_dir_all(&self.folder).unwrap();
        }
        let wanted = block.directive.strip_prefix("exit: ").map_or(0, |exit| exit.parse().unwrap());
        let began = Instant::now();
        loop {
            let (written, exit) = self.run(&typed.command);
            let problem = match exit == wanted {
                true => difference(&typed.shown.iter().map(|line| self.named(line)).collect::<Vec<_>>(), &written),
                false => Some(format!("ends with {exit} and not {wanted}:\n{written}")),
            };
            let Some(problem) = problem else { return };
            assert!(block.directive == "until" && began.elapsed() < MAX_WAIT, "{place}\n{problem}");
            std::thread::sleep(Duration::from_millis(500));
        }
    }
}

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guides").join(name)).unwrap()
}

impl Typist {
    /// Types every command of a page, or of a part of it; how many there were.
    fn type_page(&mut self, name: &str, page: &str) -> usize {
        let mut commands = 0;
        for block in blocks(page) {
            if let Some(file) = block.directive.strip_prefix("file: ") {
                fs::write(self.folder.join(file), self.named(&block.text)).unwrap();
            } else if block.language == "console" {
                for typed in typed(&block.text) {
                    self.check(name, &block, &typed);
                    commands += 1;
                }
            }
        }
        commands
    }
}

#[test]
fn the_first_model_is_made_as_its_guide_says() {
    assert!(Typist::new().type_page("first-model.md", &read("first-model.md")) > 15);
}

#[test]
fn predictions_and_labels_are_sent_as_their_guide_says() {
    let mut typist = Typist::new();
    let first = read("first-model.md");
    let (server_runs, _) = first.split_once("Ask for one customer.").unwrap();
    typist.type_page("first-model.md", server_runs);
    assert!(typist.type_page("predictions-and-labels.md", &read("predictions-and-labels.md")) > 8);
}

/// A typist in the folder of the first model, whose server runs.
fn with_first_model() -> Typist {
    let mut typist = Typist::new();
    let first = read("first-model.md");
    let (server_runs, _) = first.split_once("Ask for one customer.").unwrap();
    typist.type_page("first-model.md", server_runs);
    typist
}

#[test]
fn a_replica_answers_as_its_guide_says() {
    assert!(with_first_model().type_page("replicas.md", &read("replicas.md")) > 5);
}

#[test]
fn models_are_served_without_a_registry_as_its_guide_says() {
    assert!(with_first_model().type_page("serve-without-a-registry.md", &read("serve-without-a-registry.md")) > 7);
}

#[test]
fn a_project_is_proved_reproducible_as_its_guide_says() {
    assert!(Typist::new().type_page("reproduce.md", &read("reproduce.md")) > 7);
}

#[test]
fn a_model_of_high_risk_is_governed_as_its_guide_says() {
    assert!(Typist::new().type_page("govern.md", &read("govern.md")) > 35);
}

/// The same acts, with the metadata on a server.
#[test]
fn a_model_of_high_risk_is_governed_the_same_with_a_database_server() {
    let Some(database) = Database::new() else { return };
    let mut typist = Typist::new();
    typist.variables.push(("KILTER_DATABASE", database.url()));
    assert!(typist.type_page("govern.md", &read("govern.md")) > 35);
}

/// The folder of a Python that has what the guide of own trainers imports; `None` when there is none.
fn python_for_trainers() -> Option<PathBuf> {
    let python = PathBuf::from(std::env::var_os("KILTER_PYTHON")?);
    let imports = "import sklearn, pandas, skl2onnx, lightgbm, onnxmltools";
    let has_all = Command::new(&python).args(["-c", imports]).stderr(Stdio::null()).status().ok()?.success();
    has_all.then(|| python.parent().map(Path::to_owned)).flatten()
}

fn host_name() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname").unwrap().trim().to_owned()
}

/// What the pages of several machines need: a database server, an object store, and a name of its own in both.
fn several_machines() -> Option<(Typist, Typist, String)> {
    let server = std::env::var("KILTER_TEST_POSTGRES").ok().zip(std::env::var("KILTER_TEST_S3").ok());
    let Some((server, _)) = server else {
        eprintln!("skipped: no PostgreSQL or no object store; ./test starts both");
        return None;
    };
    let (user, address) = server.trim_start_matches("postgres://").split_once('@').unwrap();
    let (host, port) = address.split_once('/').unwrap().0.split_once(':').unwrap();
    let (mut one, mut two) = (Typist::new(), Typist::new());
    let team = format!("mlteam{:x}", std::process::id());
    let curl_home = two.world.path().to_owned();
    for (typist, name) in [(&mut one, "machine-1"), (&mut two, "machine-2")] {
        typist.machine = Some((name, curl_home.join(".curlrc")));
        typist.names = vec![
            ("mlteam", team.clone()),
            ("db.example:5432", format!("localhost:{port}")),
            ("db.example", "localhost".to_owned()),
            // Tests listen on this machine alone.
            ("0.0.0.0", "127.0.0.1".to_owned()),
            ("on machine-1 is gone", format!("on {} is gone", host_name())),
            ("on machine-2 evaluates", format!("on {} evaluates", host_name())),
        ];
    }
    // One machine is asked from the other; the names of both lead here.
    let home = one.world.path().display();
    let scp = format!(
        "scp() {{ for from in \"${{@:2:$#-2}}\"; do cp \"{home}/${{from#machine-1:}}\" \"${{@: -1}}\"; done; }}"
    );
    two.prelude = format!("{scp}\nexport CURL_HOME={}", curl_home.display());
    one.prelude = format!("export PGHOST={host} PGPORT={port} PGUSER={user} PGDATABASE=postgres");
    Some((one, two, team))
}

#[test]
fn one_machine_becomes_three_as_its_guide_says() {
    let Some((mut one, mut two, team)) = several_machines() else { return };
    let first = read("first-model.md");
    let (server_runs, _) = first.split_once("Ask for one customer.").unwrap();
    one.type_page("first-model.md", server_runs);
    one.stop();
    one.folder = one.world.path().to_owned();
    let authority = PathBuf::from(std::env::var_os("KILTER_TEST_POSTGRES_CA").unwrap());
    fs::create_dir(one.world.path().join("kilter")).unwrap();
    fs::copy(authority, one.world.path().join("kilter/ca.pem")).unwrap();
    let (name, page) = ("scale-out.md", read("scale-out.md"));
    let mut parts = page.split("<!-- machine-");
    let mut commands = one.type_page(name, parts.next().unwrap());
    for part in parts {
        let (machine, part) = part.split_once(" -->").unwrap();
        commands += if machine == "1" { &mut one } else { &mut two }.type_page(name, part);
    }
    assert!(commands > 14, "{commands}");
    drop((two.server.take().map(|(mut server, _)| server.kill()), one.server.take()));
    one.run(&format!("psql -q -c 'DROP DATABASE {team} WITH (FORCE)' -c 'DROP ROLE {team}'"));
}

#[test]
fn an_own_trainer_is_brought_as_its_guide_says() {
    let Some(python) = python_for_trainers() else {
        eprintln!(
            "skipped: KILTER_PYTHON is no Python with scikit-learn, skl2onnx, LightGBM and onnxmltools; ./test makes one"
        );
        return;
    };
    let mut typist = Typist::new();
    typist.python = Some(python);
    assert!(typist.type_page("own-trainer.md", &read("own-trainer.md")) > 8);
}

#[test]
fn a_team_comes_from_mlflow_as_its_guide_says() {
    let Some(python) = mlflow_python() else { return };
    let there = World::new();
    let source = MlflowServer::start(&python, there.path());
    mlflow_transfer::client(&python, there.path(), &["make", &source.url]);
    let mut typist = Typist::new();
    typist.names = vec![("http://mlflow.example:5000", source.url.clone())];
    typist.python = python.parent().map(Path::to_owned);
    assert!(typist.type_page("from-mlflow.md", &read("from-mlflow.md")) > 8);
}

#[test]
fn any_model_is_served_as_its_guide_says() {
    let Some(python) = mlflow_python() else { return };
    let mut typist = Typist::new();
    typist.python = python.parent().map(Path::to_owned);
    assert!(typist.type_page("serve-any-model.md", &read("serve-any-model.md")) > 3);
}

#[test]
fn a_page_that_shows_other_words_than_a_command_writes_is_found() {
    let shown = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let written = "✓ v2 is approved\n  auc is 0.94 (0.92 to 0.95)\npackage 6c4edf6b0637, done\n";
    for right in [
        "✓ v1 is approved\n auc is 0.8 (-0.7 to 0.91)\npackage aaaaaaaa0637, done",
        "…\npackage 111111111111, done",
        "✓ v2 is approved\n…",
        "…",
    ] {
        assert_eq!(difference(&shown(right), written), None);
    }
    for wrong in ["✓ v2 is rejected\n…", "✓ v2 is approved", "", "…\npackage none, done", "…\ndone\n…\nauc is 0.94\n…"]
    {
        assert!(difference(&shown(wrong), written).is_some(), "{wrong}");
    }
}
