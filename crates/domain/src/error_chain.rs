//! The text of an error with its causes.

use std::error::Error;

/// An error and its causes in one line.
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        // A transparent error repeats its cause's words.
        if !text.ends_with(&cause.to_string()) {
            text = format!("{text}: {cause}");
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    enum Outer {
        #[error("could not read `a.csv`")]
        Read(#[source] std::io::Error),
        #[error(transparent)]
        Io(std::io::Error),
    }

    #[test]
    fn every_cause_stands_once() {
        let cause = || std::io::Error::other("the disk is full");
        assert_eq!(with_causes(&Outer::Read(cause())), "could not read `a.csv`: the disk is full");
        assert_eq!(with_causes(&Outer::Io(cause())), "the disk is full");
    }
}
