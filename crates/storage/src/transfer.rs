//! Files to objects and back, however large, in parts.

use std::{fs::File, io, path::Path};

use futures::StreamExt;
use object_store::{Error, ObjectStoreExt, buffered::BufWriter};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{
    error::ObjectError,
    objects::{Created, ObjectStorage},
};

/// A file of up to so many bytes is one request; larger ones go in parts of that size.
const PART_BYTES: usize = 8 << 20;
/// Parts that are on their way at the same time.
const MAX_PARTS: usize = 4;

impl ObjectStorage {
    /// Writes a file as an object unless there is one of this name and length. Only for names that say what the bytes are: of
    /// two writers of a large object the later one wins.
    ///
    /// # Errors
    /// When the file cannot be read; when the store refuses, fails or does not answer.
    pub fn create_file(&self, key: &str, path: &Path) -> Result<Created, ObjectError> {
        let failed = |source| ObjectError::File { attempted: "read", path: path.to_owned(), source };
        let bytes = path.metadata().map_err(failed)?.len();
        if bytes <= PART_BYTES as u64 {
            return self.create(key, std::fs::read(path).map_err(failed)?);
        }
        if self.facts(key)?.is_some_and(|found| found.bytes == bytes) {
            return Ok(Created::Exists);
        }
        self.replace_file(key, path).map(|()| Created::New)
    }

    /// Writes a file as an object, in place of the one of this name.
    ///
    /// # Errors
    /// As [`Self::create_file`].
    pub fn replace_file(&self, key: &str, path: &Path) -> Result<(), ObjectError> {
        let failed = |source| ObjectError::File { attempted: "read", path: path.to_owned(), source };
        let file = tokio::fs::File::from_std(File::open(path).map_err(failed)?);
        let upload = BufWriter::with_capacity(self.store.clone(), self.location(key)?, PART_BYTES)
            .with_max_concurrency(MAX_PARTS);
        match self.wait(upload_file(file, upload))? {
            Ok(()) => Ok(()),
            Err(Upload::Read(source)) => Err(failed(source)),
            Err(Upload::Write(error)) => Err(self.attempt("create", key).failed(&error)),
        }
    }

    /// Writes the bytes of an object into a file, from where that stands; how many there were, `None` where there is no such
    /// object.
    ///
    /// # Errors
    /// When the file cannot be written; when the store refuses, fails, does not answer or sends fewer bytes than the object has.
    pub fn fetch(&self, key: &str, path: &Path, file: File) -> Result<Option<u64>, ObjectError> {
        let (store, location) = (self.store.clone(), self.location(key)?);
        let mut file = tokio::fs::File::from_std(file);
        let fetched = self.wait(async move {
            let found = store.get(&location).await?;
            let (expected, mut received) = (found.meta.size, 0);
            let mut parts = found.into_stream();
            while let Some(part) = parts.next().await {
                let part = part?;
                received += part.len() as u64;
                if let Err(source) = file.write_all(&part).await {
                    return Ok((expected, received, Err(source)));
                }
            }
            let written = file.flush().await;
            Ok((expected, received, written))
        })?;
        match fetched {
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.attempt("read", key).failed(&error)),
            Ok((_, _, Err(source))) => Err(ObjectError::File { attempted: "write", path: path.to_owned(), source }),
            Ok((expected, received, _)) if expected != received => Err(ObjectError::Unavailable {
                storage: self.url().to_string(),
                attempted: "read",
                key: key.to_owned(),
                reason: format!("it sent {received} of {expected} bytes"),
            }),
            Ok((_, received, _)) => Ok(Some(received)),
        }
    }
}

enum Upload {
    Read(io::Error),
    Write(Error),
}

async fn upload_file(mut file: tokio::fs::File, mut upload: BufWriter) -> Result<(), Upload> {
    let mut buffer = vec![0; 256 << 10];
    let failed = |error: io::Error| {
        Upload::Write(
            error.downcast::<Error>().unwrap_or_else(|error| Error::Generic { store: "S3", source: error.into() }),
        )
    };
    loop {
        let read = match file.read(&mut buffer).await {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) => {
                let _ = upload.abort().await;
                return Err(Upload::Read(error));
            }
        };
        if let Err(error) = upload.write_all(&buffer[..read]).await {
            let _ = upload.abort().await;
            return Err(failed(error));
        }
    }
    upload.shutdown().await.map_err(failed)
}
