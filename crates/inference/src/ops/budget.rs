//! A bound on what graphs within graphs may do, so that a small file cannot run for ever.

/// The work that is left, in bytes that nodes of inner graphs read and write.
#[derive(Debug)]
pub(crate) struct Budget(u64);

/// All of one block of rows: some seconds of work. A thousand rows against ten thousand neighbours of fifty columns take 4 GiB.
const WORK_BYTES: u64 = 1 << 36;

/// What a node costs whatever it reads: two million runs are all.
const NODE_BYTES: u64 = 32 << 10;

impl Default for Budget {
    fn default() -> Self {
        Self(WORK_BYTES)
    }
}

impl Budget {
    /// Takes the work of one node that reads and writes so many bytes.
    ///
    /// # Errors
    /// When nothing is left.
    pub fn charge(&mut self, bytes: usize) -> Result<(), String> {
        let left = self.0.checked_sub(NODE_BYTES.saturating_add(bytes as u64));
        self.0 = left.ok_or("the graph within it runs too often or on too much")?;
        Ok(())
    }
}
