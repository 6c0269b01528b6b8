//! A failure, as every border shows it: RFC 9457 over HTTP, three lines in the terminal.

use std::{error::Error, fmt};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{code::Code, exit::Exit};

/// How many causes are listed; a longer chain ends with its first ones.
const MAX_CAUSES: usize = 8;

/// A failure with everything a person or a program needs to go on (`application/problem+json`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Identifies the kind of problem: `urn:kilter:error:` and the code.
    #[serde(rename = "type")]
    #[schema(example = "urn:kilter:error:column_unknown")]
    pub kind: String,
    /// What went wrong, in words that fit every problem of the code.
    pub title: String,
    /// The HTTP status.
    #[schema(example = 422)]
    pub status: u16,
    /// The code, for programs; the reference lists them all. A newer server may send one that an older client
    /// does not know, so it stays a text here (see [`Problem::known`]).
    #[schema(example = "column_unknown")]
    pub code: String,
    /// What was attempted, on which thing, and why it failed.
    pub detail: String,
    /// The address or the thing that it happened on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// What to do next.
    pub hint: String,
    /// What lay beneath, outermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
}

impl Problem {
    /// A problem of kind `code`; its hint is the way out of the table until a better one is known.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            kind: code.type_uri(),
            title: code.title().to_owned(),
            status: code.status(),
            code: code.as_str().to_owned(),
            detail: detail.into(),
            instance: None,
            hint: code.hint().to_owned(),
            causes: Vec::new(),
        }
    }

    /// A problem whose detail is `error` and whose causes are its chain of sources.
    pub fn of(code: Code, error: &(dyn Error + 'static)) -> Self {
        Self::new(code, error.to_string()).caused_by(error.source())
    }

    /// The same problem with the chain that begins at `cause`. A cause that only repeats the line before is left out.
    #[must_use]
    pub fn caused_by(mut self, cause: Option<&(dyn Error + 'static)>) -> Self {
        let mut next = cause;
        while let Some(error) = next.filter(|_| self.causes.len() < MAX_CAUSES) {
            let text = error.to_string();
            let above = self.causes.last().unwrap_or(&self.detail);
            if !above.ends_with(&text) {
                self.causes.push(text);
            }
            next = error.source();
        }
        self
    }

    /// The same problem with a better way out.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// The same problem, naming the address or thing that it happened on.
    #[must_use]
    pub fn at(mut self, instance: impl Into<String>) -> Self {
        self.instance = Some(instance.into());
        self
    }

    /// The code, when this version knows it.
    pub fn known(&self) -> Option<Code> {
        Code::parse(&self.code)
    }

    /// How a command that met this problem ends.
    pub fn exit(&self) -> Exit {
        self.known().map_or(Exit::Failed, Code::exit)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.detail)?;
        self.causes.iter().try_for_each(|cause| write!(out, ": {cause}"))
    }
}

impl Error for Problem {}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Level(u32);

    impl fmt::Display for Level {
        fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(out, "level {}", self.0)
        }
    }

    impl Error for Level {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            const NEXT: [Level; 12] = [
                Level(1),
                Level(2),
                Level(3),
                Level(4),
                Level(5),
                Level(6),
                Level(7),
                Level(8),
                Level(9),
                Level(10),
                Level(11),
                Level(12),
            ];
            NEXT.get(self.0 as usize).map(|level| level as _)
        }
    }

    #[test]
    fn a_problem_reads_back_what_it_writes() {
        let problem = Problem::of(Code::ColumnUnknown, &Level(10)).at("data.csv").hint("did you mean `age`?");
        let text = serde_json::to_string(&problem).unwrap();
        assert!(text.starts_with(r#"{"type":"urn:kilter:error:column_unknown","title":"#), "{text}");
        assert_eq!(serde_json::from_str::<Problem>(&text).unwrap(), problem);
        assert_eq!(problem.exit(), Exit::Usage);
        assert_eq!(problem.to_string(), "level 10: level 11: level 12");
    }

    #[test]
    fn a_long_chain_of_causes_is_cut() {
        assert_eq!(Problem::of(Code::Internal, &Level(0)).causes.len(), MAX_CAUSES);
    }

    #[test]
    fn a_cause_that_the_detail_already_says_is_not_said_twice() {
        let problem = Problem::new(Code::Internal, "could not read: level 12").caused_by(Some(&Level(12)));
        assert!(problem.causes.is_empty());
    }

    #[test]
    fn a_code_of_a_newer_version_is_kept_and_counts_as_a_failure() {
        let text = r#"{"type":"urn:kilter:error:new","title":"t","status":418,"code":"new","detail":"d","hint":"h"}"#;
        let problem: Problem = serde_json::from_str(text).unwrap();
        assert_eq!((problem.known(), problem.exit(), problem.code.as_str()), (None, Exit::Failed, "new"));
    }
}
