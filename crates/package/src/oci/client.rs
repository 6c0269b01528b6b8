//! What the distribution API does: blobs and manifests of one repository.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom, Write},
    path::Path,
};

use super::{
    address::OciAddress,
    error::OciError,
    manifest::{Descriptor, INDEX_TYPE, MANIFEST_TYPE, MAX_MANIFEST_BYTES, digest_of},
    options::RegistryOptions,
    transport::Transport,
};
use crate::sha256::Sha256;
use reqwest::{
    Method, Response, StatusCode, Url,
    header::{ACCEPT, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, LOCATION, RANGE},
};

/// A layer is sent in pieces of this size; each is in memory once.
const PIECE_BYTES: u64 = 8 << 20;
/// The largest piece that a registry may ask for.
const MAX_PIECE_BYTES: u64 = 64 << 20;
/// A transfer that was interrupted goes on where it was, so often.
const MAX_RESUMES: u32 = 5;

/// One repository.
pub(crate) struct Client {
    transport: Transport,
}

/// A manifest as it is stored.
pub(crate) struct StoredManifest {
    pub descriptor: Descriptor,
    pub bytes: Vec<u8>,
}

impl Client {
    pub(crate) fn new(address: &OciAddress, actions: &str, options: &RegistryOptions) -> Result<Self, OciError> {
        Ok(Self { transport: Transport::new(address, actions, options)? })
    }

    pub(crate) fn transport(&self) -> &Transport {
        &self.transport
    }

    /// The manifest of a tag or a digest; `None` where there is none.
    pub(crate) async fn manifest(&self, reference: &str) -> Result<Option<StoredManifest>, OciError> {
        let attempted = "send the manifest";
        let url = self.transport.url(&format!("manifests/{reference}"))?;
        let accept = format!("{MANIFEST_TYPE}, {INDEX_TYPE}");
        let build = |request: reqwest::RequestBuilder| request.header(ACCEPT, &accept);
        let response = self.transport.send((Method::GET, &url), attempted, &build).await?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let media_type = header(&response, CONTENT_TYPE.as_str()).unwrap_or_default();
        let bytes = self.body(response, attempted, MAX_MANIFEST_BYTES).await?;
        let descriptor = Descriptor::of(media_type.split(';').next().unwrap_or_default().trim(), &bytes);
        if reference.starts_with("sha256:") && descriptor.digest != reference {
            let (expected, found) = (reference.to_owned(), descriptor.digest);
            return Err(OciError::Digest { what: "the manifest".to_owned(), expected, found });
        }
        Ok(Some(StoredManifest { descriptor, bytes }))
    }

    /// The answer of `GET …` as bytes, at most `limit` of them; `None` for 404.
    pub(crate) async fn document(&self, path: &str, attempted: &str, limit: u64) -> Result<Option<Vec<u8>>, OciError> {
        let url = self.transport.url(path)?;
        let response = self.transport.send((Method::GET, &url), attempted, &|request| request).await?;
        match response.status() {
            StatusCode::NOT_FOUND => Ok(None),
            _ => self.body(response, attempted, limit).await.map(Some),
        }
    }

    pub(crate) async fn put_manifest(
        &self,
        reference: &str,
        media_type: &str,
        bytes: &[u8],
    ) -> Result<Response, OciError> {
        let attempted = "keep the manifest";
        let url = self.transport.url(&format!("manifests/{reference}"))?;
        let build = |request: reqwest::RequestBuilder| request.header(CONTENT_TYPE, media_type).body(bytes.to_vec());
        let response = self.transport.send((Method::PUT, &url), attempted, &build).await?;
        match response.status() {
            StatusCode::CREATED | StatusCode::OK | StatusCode::ACCEPTED => Ok(response),
            _ => Err(self.transport.unexpected(&response, attempted)),
        }
    }

    pub(crate) async fn has_blob(&self, digest: &str) -> Result<bool, OciError> {
        let url = self.transport.url(&format!("blobs/{digest}"))?;
        let response = self.transport.send((Method::HEAD, &url), "say what it has", &|request| request).await?;
        match response.status() {
            StatusCode::NOT_FOUND => Ok(false),
            status if status.is_success() => Ok(true),
            _ => Err(self.transport.unexpected(&response, "say what it has")),
        }
    }

    pub(crate) async fn put_bytes(&self, descriptor: &Descriptor, bytes: &[u8]) -> Result<(), OciError> {
        if self.has_blob(&descriptor.digest).await? {
            return Ok(());
        }
        let (location, _) = self.begin_upload().await?;
        self.end_upload(location, &descriptor.digest, bytes.to_vec()).await
    }

    /// Sends the file at `path` as a blob, piece by piece; one that was interrupted goes on where the registry is.
    pub(crate) async fn put_file(&self, descriptor: &Descriptor, path: &Path) -> Result<(), OciError> {
        let failed = |source| OciError::File { path: path.to_owned(), source };
        let (mut location, piece) = self.begin_upload().await?;
        let mut file = File::open(path).map_err(failed)?;
        let (mut sent, mut resumes) = (0u64, 0);
        // The last piece goes with the request that ends the upload.
        while descriptor.size - sent > piece {
            let bytes = read_piece(&mut file, sent, piece).map_err(failed)?;
            match self.send_piece(&location, sent, bytes).await {
                Ok(next) => (location, sent) = (next, sent + piece),
                Err(error @ OciError::Unavailable { .. }) if resumes == MAX_RESUMES => return Err(error),
                Err(OciError::Unavailable { .. }) => {
                    resumes += 1;
                    (location, sent) = match self.upload_state(location).await {
                        Ok((next, have)) if have <= descriptor.size => (next, have),
                        // A registry that says it has more than there is, or takes half a piece for damage (Docker's) has given the upload up.
                        _ => (self.begin_upload().await?.0, 0),
                    };
                }
                Err(error) => return Err(error),
            }
        }
        let rest = read_piece(&mut file, sent, descriptor.size - sent).map_err(failed)?;
        self.end_upload(location, &descriptor.digest, rest).await
    }

    async fn begin_upload(&self) -> Result<(Url, u64), OciError> {
        let attempted = "take a layer";
        let url = self.transport.url("blobs/uploads/")?;
        let build = |request: reqwest::RequestBuilder| request.header(CONTENT_LENGTH, 0);
        let response = self.transport.send((Method::POST, &url), attempted, &build).await?;
        if response.status() != StatusCode::ACCEPTED {
            return Err(self.transport.unexpected(&response, attempted));
        }
        let least = header(&response, "oci-chunk-min-length").and_then(|text| text.parse().ok()).unwrap_or(0u64);
        Ok((self.location(&response, &url)?, PIECE_BYTES.max(least).min(MAX_PIECE_BYTES)))
    }

    async fn send_piece(&self, location: &Url, at: u64, bytes: Vec<u8>) -> Result<Url, OciError> {
        let attempted = "take a layer";
        let range = format!("{at}-{}", at + bytes.len() as u64 - 1);
        let build = |request: reqwest::RequestBuilder| {
            let request = request.header(CONTENT_TYPE, "application/octet-stream").header(CONTENT_RANGE, &range);
            request.body(bytes.clone())
        };
        let response = self.transport.send_once((Method::PATCH, location), attempted, &build).await?;
        match response.status() {
            StatusCode::ACCEPTED | StatusCode::CREATED | StatusCode::NO_CONTENT => self.location(&response, location),
            // A piece that arrived though its answer did not.
            StatusCode::RANGE_NOT_SATISFIABLE => {
                Err(self.transport.unavailable(attempted, "a piece was lost".to_owned()))
            }
            _ => Err(self.transport.unexpected(&response, attempted)),
        }
    }

    /// How far an upload is, in bytes.
    async fn upload_state(&self, location: Url) -> Result<(Url, u64), OciError> {
        let attempted = "say how far an upload is";
        let response = self.transport.send((Method::GET, &location), attempted, &|request| request).await?;
        if !response.status().is_success() {
            return Err(self.transport.unexpected(&response, attempted));
        }
        let last = header(&response, RANGE.as_str());
        let last = last.as_deref().and_then(|range| range.rsplit('-').next()?.parse::<u64>().ok());
        // `0-0` is what registries say of nothing, and of one byte: pieces have more.
        let have = last.filter(|last| *last > 0).map_or(0, |last| last.saturating_add(1));
        Ok((self.location(&response, &location)?, have))
    }

    async fn end_upload(&self, mut location: Url, digest: &str, rest: Vec<u8>) -> Result<(), OciError> {
        let attempted = "keep a layer";
        location.query_pairs_mut().append_pair("digest", digest);
        let build = |request: reqwest::RequestBuilder| {
            request.header(CONTENT_TYPE, "application/octet-stream").body(rest.clone())
        };
        let sent = self.transport.send((Method::PUT, &location), attempted, &build).await;
        match sent {
            Ok(response) if response.status().is_success() => Ok(()),
            // The answer to a request that was sent twice: the first has done it.
            Ok(response) if response.status() == StatusCode::NOT_FOUND && self.has_blob(digest).await? => Ok(()),
            Ok(response) if response.status() == StatusCode::BAD_REQUEST => Err(OciError::Digest {
                what: "what the registry received".to_owned(),
                expected: digest.to_owned(),
                found: "another".to_owned(),
            }),
            Ok(response) => Err(self.transport.unexpected(&response, attempted)),
            Err(error) => Err(error),
        }
    }

    fn location(&self, response: &Response, from: &Url) -> Result<Url, OciError> {
        let location = header(response, LOCATION.as_str());
        let location =
            location.ok_or_else(|| self.transport.protocol("it does not say where to send a layer".to_owned()))?;
        from.join(&location).map_err(|_| self.transport.protocol("it sends a layer to no address".to_owned()))
    }

    /// Writes a blob to `path`, after what is there already of it, and compares it with its digest. A wrong file is removed.
    pub(crate) async fn get_file(&self, descriptor: &Descriptor, path: &Path) -> Result<(), OciError> {
        let mut resumes = 0;
        loop {
            match self.receive(descriptor, path).await {
                Err(OciError::Unavailable { .. }) if resumes < MAX_RESUMES => resumes += 1,
                done => return done,
            }
        }
    }

    async fn receive(&self, descriptor: &Descriptor, path: &Path) -> Result<(), OciError> {
        let failed = |source| OciError::File { path: path.to_owned(), source };
        let attempted = "send a layer to its end";
        let mut file =
            File::options().create(true).truncate(false).read(true).write(true).open(path).map_err(failed)?;
        let (mut hash, mut have) = hashed(&mut file, descriptor.size).map_err(failed)?;
        if have < descriptor.size {
            let url = self.transport.url(&format!("blobs/{}", descriptor.digest))?;
            let build = |request: reqwest::RequestBuilder| match have {
                0 => request,
                have => request.header(RANGE, format!("bytes={have}-")),
            };
            let mut response = self.transport.send((Method::GET, &url), attempted, &build).await?;
            match response.status() {
                StatusCode::PARTIAL_CONTENT if have > 0 => {}
                StatusCode::OK => (hash, have) = (Sha256::new(), 0),
                StatusCode::NOT_FOUND => {
                    let address = self.transport.address().with_reference(&descriptor.digest).to_string();
                    return Err(OciError::NotFound { what: "layer", address });
                }
                _ => return Err(self.transport.unexpected(&response, attempted)),
            }
            file.seek(SeekFrom::Start(have)).map_err(failed)?;
            file.set_len(have).map_err(failed)?;
            while let Some(part) =
                response.chunk().await.map_err(|error| self.transport.interrupted(attempted, &error))?
            {
                have += part.len() as u64;
                if have > descriptor.size {
                    break;
                }
                hash.update(&part);
                file.write_all(&part).map_err(failed)?;
            }
        }
        if have < descriptor.size {
            let reason = format!("it sent {have} of {} bytes", descriptor.size);
            return Err(self.transport.unavailable(attempted, reason));
        }
        let found = digest_of(&hash.finish());
        if have > descriptor.size || found != descriptor.digest {
            drop(file);
            std::fs::remove_file(path).map_err(failed)?;
            let what = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            return Err(OciError::Digest { what, expected: descriptor.digest.clone(), found });
        }
        file.sync_all().map_err(failed)
    }

    /// A blob of the size that its descriptor states, in memory.
    pub(crate) async fn get_bytes(&self, descriptor: &Descriptor) -> Result<Vec<u8>, OciError> {
        let missing = || OciError::NotFound {
            what: "document",
            address: self.transport.address().with_reference(&descriptor.digest).to_string(),
        };
        let path = format!("blobs/{}", descriptor.digest);
        let bytes = self.document(&path, "send a document", descriptor.size).await?.ok_or_else(missing)?;
        let found = digest_of(&kilter_keys::sha256(&bytes));
        if found == descriptor.digest {
            return Ok(bytes);
        }
        Err(OciError::Digest { what: "a document".to_owned(), expected: descriptor.digest.clone(), found })
    }

    async fn body(&self, mut response: Response, attempted: &str, limit: u64) -> Result<Vec<u8>, OciError> {
        if !response.status().is_success() {
            return Err(self.transport.unexpected(&response, attempted));
        }
        let mut bytes = Vec::new();
        while let Some(part) = response.chunk().await.map_err(|error| self.transport.interrupted(attempted, &error))? {
            if (bytes.len() + part.len()) as u64 > limit {
                return Err(self.transport.protocol(format!("a document has more than {limit} bytes")));
            }
            bytes.extend_from_slice(&part);
        }
        Ok(bytes)
    }
}

fn header(response: &Response, name: &str) -> Option<String> {
    response.headers().get(name)?.to_str().ok().map(str::to_owned)
}

fn read_piece(file: &mut File, at: u64, length: u64) -> std::io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(at))?;
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// The hash of what is there of a file, at most `size` bytes.
fn hashed(file: &mut File, size: u64) -> std::io::Result<(Sha256, u64)> {
    let (mut hash, mut have, mut buffer) = (Sha256::new(), 0, vec![0; 1 << 20]);
    file.seek(SeekFrom::Start(0))?;
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok((hash, have));
        }
        have += count as u64;
        if have > size {
            // More than it should be: it is something else.
            return Ok((Sha256::new(), 0));
        }
        hash.update(&buffer[..count]);
    }
}
