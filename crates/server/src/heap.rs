//! Memory that is free goes back to the system.
//!
//! A seal or an evaluation holds a table of some 100 MB for a second. The allocator of glibc keeps such memory for later, in each of its
//! arenas, until the process looks many times as large as it is (docs/decisions/0057-memory-after-work.md).

/// Blocks from this size on, in bytes, are mapped one by one, and unmapped when they are freed. By itself glibc raises its bound to
/// 32 MiB with the first large block that is freed.
#[cfg(target_env = "gnu")]
const MAPPED_FROM: libc::c_int = 256 << 10;

/// Has large blocks go back to the system as soon as they are freed. For the whole process; the first server asks for it.
pub(crate) fn map_large_blocks() {
    #[cfg(target_env = "gnu")]
    #[expect(unsafe_code, reason = "a setting of the C library")]
    // SAFETY: `mallopt` takes two numbers, and may be called at any time by any thread (mallopt(3): MT-Safe init const:mallopt).
    unsafe {
        // It answers 0 for a value that it does not take, and goes on as before.
        libc::mallopt(libc::M_MMAP_THRESHOLD, MAPPED_FROM);
    }
}

/// Gives back the pages of small blocks that are free, which takes milliseconds: for after work that took long.
pub(crate) fn give_back_free_pages() {
    #[cfg(target_env = "gnu")]
    #[expect(unsafe_code, reason = "a function of the C library")]
    // SAFETY: `malloc_trim` takes a number, frees nothing that is in use, and is MT-Safe (malloc_trim(3)).
    unsafe {
        libc::malloc_trim(0);
    }
}
