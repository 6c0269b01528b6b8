//! A file as the body of an answer: read as fast as it is taken, and never in memory as a whole.

use std::{
    fs::File,
    io::{self, Read},
    time::Duration,
};

use axum::body::{Body, Bytes};
use tokio::{runtime::Handle, sync::mpsc, time::timeout};

/// Bytes that are read from a file at once.
const CHUNK_BYTES: usize = 256 << 10;
/// Chunks that wait between network and disk.
const CHUNKS: usize = 4;

/// `length` bytes of the file that `begin` opens at the right place. Whoever takes none for `patience` gets no more.
pub(crate) fn file_body(
    begin: impl FnOnce() -> io::Result<File> + Send + 'static,
    length: u64,
    patience: Duration,
) -> Body {
    let (send, receive) = mpsc::channel::<io::Result<Bytes>>(CHUNKS);
    let runtime = Handle::current();
    tokio::task::spawn_blocking(move || {
        let pass_on = |chunk| matches!(runtime.block_on(timeout(patience, send.send(chunk))), Ok(Ok(())));
        let mut left = length;
        let mut file = match begin() {
            Ok(file) => file,
            Err(error) => {
                pass_on(Err(error));
                return;
            }
        };
        while left > 0 {
            let mut chunk = vec![0; CHUNK_BYTES.min(usize::try_from(left).unwrap_or(CHUNK_BYTES))];
            let read = file.read_exact(&mut chunk).map(|()| Bytes::from(chunk));
            left -= read.as_ref().map_or(left, |chunk| chunk.len() as u64);
            if !pass_on(read) {
                return;
            }
        }
    });
    Body::from_stream(futures::stream::unfold(receive, |mut receive| async {
        receive.recv().await.map(|chunk| (chunk, receive))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_takes_nothing_for_a_while_gets_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let bytes = 4 * (CHUNKS * CHUNK_BYTES) as u64;
        File::create(&path).unwrap().set_len(bytes).unwrap();
        let read = async |pause: Duration| {
            let path = path.clone();
            let stream = file_body(move || File::open(path), bytes, Duration::from_millis(300));
            tokio::time::sleep(pause).await;
            axum::body::to_bytes(stream, usize::MAX).await.unwrap().len() as u64
        };
        assert_eq!(read(Duration::ZERO).await, bytes);
        assert!(read(Duration::from_secs(2)).await < bytes);
    }
}
