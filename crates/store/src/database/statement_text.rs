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

#[cfg(test)]
mod tests {
    use super::*;

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
