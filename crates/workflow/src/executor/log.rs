//! The output of a process in a file with a bound: its beginning as it comes, its end when it is over.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, Write},
    path::Path,
};

/// Writes the first half of the bound through and holds back the last half of what follows.
pub(crate) struct BoundedLog {
    file: File,
    head_left: u64,
    tail: VecDeque<u8>,
    tail_limit: usize,
    left_out: u64,
    /// The first failure to write; the process is not disturbed by it.
    failure: Option<io::Error>,
}

impl BoundedLog {
    pub(crate) fn create(path: &Path, limit_bytes: u64) -> io::Result<Self> {
        let tail_limit = usize::try_from(limit_bytes / 2).unwrap_or(usize::MAX);
        let head_left = limit_bytes - limit_bytes / 2;
        Ok(Self { file: File::create(path)?, head_left, tail: VecDeque::new(), tail_limit, left_out: 0, failure: None })
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let head = bytes.len().min(usize::try_from(self.head_left).unwrap_or(usize::MAX));
        self.head_left -= head as u64;
        self.write(&bytes[..head]);
        self.tail.extend(&bytes[head..]);
        let surplus = self.tail.len().saturating_sub(self.tail_limit);
        self.tail.drain(..surplus);
        self.left_out += surplus as u64;
    }

    /// Writes the end and returns how many bytes in the middle were left out.
    pub(crate) fn finish(&mut self) -> io::Result<u64> {
        if self.left_out > 0 {
            let note = format!("\n[... {} bytes of output left out by the log limit ...]\n", self.left_out);
            self.write(note.as_bytes());
        }
        let tail = Vec::from(std::mem::take(&mut self.tail));
        self.write(&tail);
        match self.failure.take() {
            Some(error) => Err(error),
            None => Ok(self.left_out),
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        if self.failure.is_none() {
            self.failure = self.file.write_all(bytes).err();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fs;

    proptest! {
        #[test]
        fn a_log_keeps_its_head_and_its_tail_within_the_bound(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..20),
            limit in 0..200_u64,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("log");
            let mut log = BoundedLog::create(&path, limit).unwrap();
            pieces.iter().for_each(|piece| log.push(piece));
            let left_out = log.finish().unwrap();
            let (all, kept) = (pieces.concat(), fs::read(&path).unwrap());
            if all.len() as u64 <= limit {
                prop_assert_eq!(kept, all);
            } else {
                let (head, tail) = ((limit - limit / 2) as usize, (limit / 2) as usize);
                prop_assert_eq!(&kept[..head], &all[..head]);
                prop_assert_eq!(&kept[kept.len() - tail..], &all[all.len() - tail..]);
                prop_assert_eq!(left_out, all.len() as u64 - limit);
            }
        }
    }
}
