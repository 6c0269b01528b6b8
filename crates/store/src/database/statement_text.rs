//! The parameters that a statement names, and its text with numbers in their place, as PostgreSQL wants it.

/// A statement whose parameters are numbered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NumberedStatement {
    /// The text, with `$1` for the first name and so on.
    pub sql: String,
    /// The names in the order of their numbers, colon included; each once.
    pub names: Vec<String>,
}

/// Numbers the parameters of a statement. Texts in quotes, comments and casts (`::`) are left as they are.
pub(crate) fn number_parameters(sql: &str) -> NumberedStatement {
    let mut numbered = NumberedStatement { sql: String::with_capacity(sql.len()), names: Vec::new() };
    let mut rest = sql;
    while let Some(at) = rest.find(['\'', '"', ':', '-']) {
        numbered.sql.push_str(&rest[..at]);
        rest = &rest[at..];
        let taken = match rest.as_bytes() {
            [quote @ (b'\'' | b'"'), ..] => rest[1..].find(char::from(*quote)).map_or(rest.len(), |end| end + 2),
            [b'-', b'-', ..] => rest.find('\n').unwrap_or(rest.len()),
            [b':', b':', ..] => 2,
            [b':', first, ..] if first.is_ascii_alphabetic() => {
                let end = rest[1..].find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                let taken = end.map_or(rest.len(), |end| end + 1);
                let number = numbered.number_of(&rest[..taken]);
                numbered.sql.push_str(&format!("${number}"));
                rest = &rest[taken..];
                continue;
            }
            _ => 1,
        };
        numbered.sql.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    numbered.sql.push_str(rest);
    numbered
}

impl NumberedStatement {
    fn number_of(&mut self, name: &str) -> usize {
        if let Some(place) = self.names.iter().position(|known| known == name) {
            return place + 1;
        }
        self.names.push(name.to_owned());
        self.names.len()
    }
}

/// The form of a numbered `INSERT … VALUES ($1, …) …` that takes an array for each parameter and inserts a row for each of
/// their places; `None` where its values are not one parameter each. `types`: of the parameters, by their names in PostgreSQL.
pub(crate) fn as_insert_of_arrays<'t>(numbered: &str, types: impl Iterator<Item = &'t str>) -> Option<String> {
    let (before, rest) = numbered.split_once("VALUES (")?;
    let (values, after) = rest.split_once(')')?;
    let is_parameter = |value: &str| value.trim().strip_prefix('$').is_some_and(|number| number.parse::<u16>().is_ok());
    let is_insert = before.trim_start().starts_with("INSERT INTO ") && !after.contains('$');
    if !is_insert || !values.split(',').all(is_parameter) {
        return None;
    }
    let arrays: Vec<String> = types.enumerate().map(|(place, name)| format!("${}::{name}[]", place + 1)).collect();
    let places: Vec<String> =
        values.split(',').map(|value| format!("v{}", value.trim().trim_start_matches('$'))).collect();
    let names: Vec<String> = (1..=arrays.len()).map(|number| format!("v{number}")).collect();
    let (places, arrays, names) = (places.join(", "), arrays.join(", "), names.join(", "));
    Some(format!("{before}SELECT {places} FROM unnest({arrays}) AS rows ({names}){after}"))
}

/// The form of a numbered `SELECT` that takes an array for each parameter, answers the query for each of their places, and adds the
/// place, from 1, as the last column; the rows of one place are in the order of the query. `None` for other statements.
pub(crate) fn as_query_of_arrays<'t>(numbered: &str, types: impl Iterator<Item = &'t str>) -> Option<String> {
    if !numbered.trim_start().starts_with("SELECT ") {
        return None;
    }
    let arrays: Vec<String> = types.enumerate().map(|(place, name)| format!("${}::{name}[]", place + 1)).collect();
    let names: Vec<String> = (1..=arrays.len()).map(|number| format!("v{number}")).collect();
    let query = numbered.replace('$', "rows.v");
    let (arrays, names) = (arrays.join(", "), names.join(", "));
    // A query that sorts is answered by itself for each row, so its order stays.
    Some(format!(
        "SELECT found.*, rows.place FROM unnest({arrays}) WITH ORDINALITY AS rows ({names}, place) CROSS JOIN LATERAL ({query}) AS found"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_of_parameters_takes_arrays() {
        let arrays =
            as_query_of_arrays("SELECT a FROM b WHERE c = $1 AND d < $2 ORDER BY a", ["int8", "text"].into_iter());
        let expected = "SELECT found.*, rows.place FROM unnest($1::int8[], $2::text[]) WITH ORDINALITY AS rows (v1, v2, place) \
                        CROSS JOIN LATERAL (SELECT a FROM b WHERE c = rows.v1 AND d < rows.v2 ORDER BY a) AS found";
        assert_eq!(arrays.as_deref(), Some(expected));
        assert_eq!(as_query_of_arrays("INSERT INTO a (x) VALUES ($1) RETURNING x", ["int8"].into_iter()), None);
    }

    #[test]
    fn an_insert_of_parameters_takes_arrays() {
        let insert = "INSERT INTO a (x, y, z) VALUES ($1, $2, $1) ON CONFLICT (x) DO UPDATE SET y = excluded.y";
        let arrays = as_insert_of_arrays(insert, ["int8", "text"].into_iter()).unwrap();
        let expected = "INSERT INTO a (x, y, z) SELECT v1, v2, v1 FROM unnest($1::int8[], $2::text[]) AS rows (v1, v2) \
                        ON CONFLICT (x) DO UPDATE SET y = excluded.y";
        assert_eq!(arrays, expected);
        for other in [
            "UPDATE a SET x = $1",
            "INSERT INTO a (x) VALUES (coalesce($1, 0))",
            "INSERT INTO a (x) VALUES (1)",
            "INSERT INTO a (x) SELECT b FROM c WHERE d = $1",
            "INSERT INTO a (x) VALUES ($1) ON CONFLICT (x) DO UPDATE SET y = $2",
        ] {
            assert_eq!(as_insert_of_arrays(other, ["int8", "int8"].into_iter()), None, "{other}");
        }
    }

    #[test]
    fn a_name_has_one_number_wherever_it_stands() {
        let numbered = number_parameters("SELECT * FROM a WHERE (b = :b OR :b IS NULL) AND key < :below LIMIT :limit");
        assert_eq!(numbered.sql, "SELECT * FROM a WHERE (b = $1 OR $1 IS NULL) AND key < $2 LIMIT $3");
        assert_eq!(numbered.names, [":b", ":below", ":limit"]);
    }

    #[test]
    fn texts_comments_and_casts_are_no_parameters() {
        let sql =
            "SELECT 'run:' || id, a::text, \"c:d\", 5 - 3 -- what :is\nFROM run WHERE n = 'it''s :not' AND id = :id";
        let numbered = number_parameters(sql);
        assert_eq!(numbered.sql, sql.replace(":id", "$1"));
        assert_eq!(numbered.names, [":id"]);
    }
}
