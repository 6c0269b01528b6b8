//! Lists of columns on the command line: names between commas, as a line of CSV has them.
//!
//! Invariants: every name can be written. A name with a comma or a quote stands in double quotes (a quote in it twice); where
//! the columns of the table leave no doubt, quotes may be left out. An option that takes a list can be repeated.

use std::str::FromStr;

use kilter_domain::contract::list_entry;

/// Parts of a list that one name without quotes spans at most.
const MAX_SPAN: usize = 32;

/// The value of one option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ColumnList {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    /// Between two commas, as written; of a quoted name, what stands in its quotes.
    text: String,
    is_quoted: bool,
}

impl FromStr for ColumnList {
    type Err = String;

    fn from_str(list: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = list;
        loop {
            let (part, after) = part(rest)?;
            parts.push(part);
            match after {
                Some(after) => rest = after,
                None => return Ok(Self { parts }),
            }
        }
    }
}

/// The first name of a list, and what follows its comma.
fn part(list: &str) -> Result<(Part, Option<&str>), String> {
    let Some(mut inside) = list.trim_start().strip_prefix('"') else {
        let (text, after) = list.split_once(',').map_or((list, None), |(text, after)| (text, Some(after)));
        return Ok((Part { text: text.to_owned(), is_quoted: false }, after));
    };
    let mut text = String::new();
    loop {
        let Some(quote) = inside.find('"') else {
            return Err(format!("the quote before `{}` is not closed", text + inside));
        };
        text += &inside[..quote];
        inside = &inside[quote + 1..];
        match inside.strip_prefix('"') {
            Some(after) => {
                text.push('"');
                inside = after;
            }
            None => break,
        }
    }
    let after = match inside.trim_start() {
        "" => None,
        rest => match rest.strip_prefix(',') {
            Some(after) => Some(after),
            None => return Err(format!("a comma must follow the quoted name `{text}`, and not `{rest}`")),
        },
    };
    Ok((Part { text, is_quoted: true }, after))
}

/// The columns that options name, of a table with the columns `known`. A name that the table does not have comes back as it
/// is written: whoever takes it says so.
pub(crate) fn named<N: AsRef<str>>(lists: &[ColumnList], known: &[N]) -> Vec<String> {
    lists.iter().flat_map(|list| list.named(known)).collect()
}

/// How a name is written that has a comma or a quote, for hints.
pub(crate) fn hint(known: &[impl AsRef<str>]) -> Option<String> {
    let special = known.iter().map(AsRef::as_ref).find(|name| list_entry(name) != *name)?;
    Some(format!("put a name with a comma into double quotes: '{}'", list_entry(special)))
}

impl ColumnList {
    fn named<N: AsRef<str>>(&self, known: &[N]) -> Vec<String> {
        self.cover(known).unwrap_or_else(|| self.parts.iter().map(|part| part.text.clone()).collect())
    }

    /// The parts as columns of the table; parts without quotes may be pieces of one name.
    fn cover<N: AsRef<str>>(&self, known: &[N]) -> Option<Vec<String>> {
        let is_known = |name: &str| known.iter().any(|known| known.as_ref() == name);
        let count = self.parts.len();
        // For each place the end of the name that begins there, when the rest of the list is names too.
        let mut end_of: Vec<Option<(usize, String)>> = vec![None; count];
        for from in (0..count).rev() {
            let ends = from + 1..=count.min(from + MAX_SPAN);
            end_of[from] = ends.filter(|&to| to == count || end_of[to].is_some()).find_map(|to| {
                let name = self.joined(from, to)?;
                let trimmed = name.trim();
                let found =
                    if is_known(&name) { Some(name.clone()) } else { is_known(trimmed).then(|| trimmed.to_owned()) };
                found.map(|name| (to, name))
            });
        }
        let (mut names, mut at) = (Vec::new(), 0);
        while at < count {
            let (to, name) = end_of[at].clone()?;
            names.push(name);
            at = to;
        }
        Some(names)
    }

    fn joined(&self, from: usize, to: usize) -> Option<String> {
        let parts = &self.parts[from..to];
        if parts.len() > 1 && parts.iter().any(|part| part.is_quoted) {
            return None;
        }
        Some(parts.iter().map(|part| part.text.as_str()).collect::<Vec<_>>().join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(list: &str, known: &[&str], wanted: &[&str]) {
        let list: ColumnList = list.parse().unwrap();
        assert_eq!(named(&[list], known), wanted);
    }

    #[test]
    fn every_name_can_be_written() {
        for name in
            ["plain", "a, b", "say \"x\"", "\"", ",", " lead", "trail ", "-dash", "é ü", "{in.x}", "two\nlines", "a'b"]
        {
            check(&list_entry(name), &[name, "other"], &[name]);
            check(&format!("other,{}", list_entry(name)), &[name, "other"], &["other", name]);
        }
    }

    #[test]
    fn quotes_may_be_left_out_where_the_columns_leave_no_doubt() {
        check("leak, future", &["x", "leak, future"], &["leak, future"]);
        check("x,leak, future,y", &["x", "y", "leak, future"], &["x", "leak, future", "y"]);
        check("a, b", &["a", "b", "a, b"], &["a", "b"]);
        check("\"a, b\"", &["a", "b", "a, b"], &["a, b"]);
        check("a,b,c", &["a,b", "c"], &["a,b", "c"]);
    }

    #[test]
    fn what_the_table_does_not_have_comes_back_as_written() {
        check("x,nothing", &["x"], &["x", "nothing"]);
        check("", &["x"], &[""]);
        assert!("\"open".parse::<ColumnList>().unwrap_err().contains("not closed"));
        assert!("\"a\"b".parse::<ColumnList>().unwrap_err().contains("comma must follow"));
    }
}
