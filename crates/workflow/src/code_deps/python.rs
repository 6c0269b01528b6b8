//! Which local modules a Python text may import, found without running it. It errs to the safe side: a text that only
//! looks like an import counts as one, and a name that leads to no local file is somebody else's package.

use serde_json::Value;

/// An import as written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Import {
    /// Leading dots of a relative import; 0 for an absolute one.
    pub level: usize,
    /// Dotted, may be empty for `from . import x`.
    pub module: String,
    /// Names taken from it, each of which may be a module.
    pub names: Vec<String>,
}

/// The imports of a text, in no particular order.
pub(crate) fn imports(text: &str) -> Vec<Import> {
    let joined = join_lines(text);
    let mut found: Vec<Import> = joined.iter().flat_map(|line| statement_imports(line)).collect();
    found.extend(dynamic_imports(text));
    found.sort();
    found.dedup();
    found
}

/// The code cells of a notebook as one text; `None` when it is no notebook.
pub(crate) fn notebook_code(bytes: &[u8]) -> Option<String> {
    let notebook: Value = serde_json::from_slice(bytes).ok()?;
    let cells = notebook.get("cells")?.as_array()?;
    let is_code = |cell: &&Value| cell.get("cell_type").and_then(Value::as_str) == Some("code");
    let source = |cell: &Value| match cell.get("source") {
        Some(Value::Array(lines)) => lines.iter().filter_map(Value::as_str).collect::<String>(),
        Some(Value::String(text)) => text.clone(),
        _ => String::new(),
    };
    Some(cells.iter().filter(is_code).map(|cell| source(cell) + "\n").collect())
}

/// Lines with comments cut, brackets and backslashes joined, and `;` split.
fn join_lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut open = String::new();
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or(line).trim();
        let (line, goes_on) = line.strip_suffix('\\').map_or((line, false), |line| (line, true));
        open.push_str(line);
        let is_import = open.starts_with("from ") || open.starts_with("import ");
        let in_brackets = is_import && open.matches('(').count() > open.matches(')').count();
        // A bracket that never closes must not swallow the rest of the file.
        if (goes_on || in_brackets) && open.len() < 64 * 1024 {
            open.push(' ');
            continue;
        }
        lines.extend(open.split(';').map(|part| part.trim().to_owned()));
        open.clear();
    }
    lines.extend(open.split(';').map(|part| part.trim().to_owned()));
    lines
}

fn statement_imports(line: &str) -> Vec<Import> {
    // `if x: import y` and `try: import y` stand on one line.
    let line = line.rsplit(": ").find(|part| part.starts_with("import ") || part.starts_with("from ")).unwrap_or(line);
    if let Some(modules) = line.strip_prefix("import ") {
        let module = |item: &str| Import { level: 0, module: first_word(item), names: Vec::new() };
        return modules.split(',').map(module).filter(|import| is_dotted(&import.module)).collect();
    }
    let Some((module, names)) = line.strip_prefix("from ").and_then(|rest| rest.split_once(" import ")) else {
        return Vec::new();
    };
    let module = module.trim();
    let level = module.len() - module.trim_start_matches('.').len();
    let module = module[level..].trim().to_owned();
    let names = names.trim_matches(|c: char| c == '(' || c == ')' || c.is_whitespace());
    let names: Vec<String> = names.split(',').map(first_word).filter(|name| is_dotted(name)).collect();
    match is_dotted(&module) || (module.is_empty() && level > 0) {
        true => vec![Import { level, module, names }],
        false => Vec::new(),
    }
}

/// `importlib.import_module("x")`, `__import__('x')`, `python -m x` written as a list: names in quotes after them.
fn dynamic_imports(text: &str) -> Vec<Import> {
    let calls = ["import_module(", "__import__(", "run_module("];
    let after = calls.iter().flat_map(|call| text.split(call).skip(1));
    let quoted = after.filter_map(|rest| {
        let rest = rest.trim_start();
        let quote = rest.chars().next().filter(|c| "'\"".contains(*c))?;
        rest[1..].split(quote).next().map(str::to_owned)
    });
    quoted.filter(|module| is_dotted(module)).map(|module| Import { level: 0, module, names: Vec::new() }).collect()
}

fn first_word(text: &str) -> String {
    text.trim()
        .split(|c: char| c.is_whitespace() || "()".contains(c))
        .find(|word| !word.is_empty())
        .unwrap_or("")
        .to_owned()
}

pub(crate) fn is_dotted(text: &str) -> bool {
    let is_name = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || c == '_');
    !text.is_empty() && text.len() < 1024 && text.split('.').all(is_name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(text: &str) -> Vec<String> {
        let show = |import: Import| {
            let dots = ".".repeat(import.level);
            format!("{dots}{}[{}]", import.module, import.names.join(" "))
        };
        imports(text).into_iter().map(show).collect()
    }

    #[test]
    fn imports_are_found_in_every_usual_form() {
        for (text, expected) in [
            ("import a.b as c, d", vec!["a.b[]", "d[]"]),
            ("    from a.b import c as x, d  # why", vec!["a.b[c d]"]),
            ("from . import x\nfrom ..pkg.mod import y", vec![".[x]", "..pkg.mod[y]"]),
            ("from a import (\n  b,  # one\n  c,\n)\nimport d", vec!["a[b c]", "d[]"]),
            ("import a; import b", vec!["a[]", "b[]"]),
            ("from a import \\\n  b", vec!["a[b]"]),
            ("try: import a\nexcept ImportError: import b", vec!["a[]", "b[]"]),
            ("m = importlib.import_module('a.b')\n__import__(\"c\")", vec!["a.b[]", "c[]"]),
            ("from a import *", vec!["a[]"]),
            ("important = 1\nfromage = 2\nimport 1x-", vec![]),
            ("print('x')", vec![]),
        ] {
            assert_eq!(found(text), expected, "{text}");
        }
    }

    #[test]
    fn only_the_code_of_a_notebook_counts() {
        let notebook = br#"{"cells":[{"cell_type":"markdown","source":["import no"]},
            {"cell_type":"code","source":["import yes\n","x"],"outputs":[{"text":"import never"}],"execution_count":7}]}"#;
        assert_eq!(notebook_code(notebook).unwrap(), "import yes\nx\n");
        assert_eq!(notebook_code(b"not json"), None);
    }

    proptest! {
        #[test]
        fn any_text_has_imports_or_none(text in "(import|from|[a-z.,()\\\\;:# '\n]){0,60}|.{0,60}", bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            for import in imports(&text) {
                prop_assert!(import.level > 0 || is_dotted(&import.module));
            }
            notebook_code(&bytes);
        }
    }
}
