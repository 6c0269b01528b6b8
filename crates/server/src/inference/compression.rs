//! Compressed bodies of requests and answers: gzip and deflate, as clients of the inference protocols send and take them.
//!
//! Invariants: a compressed body counts by what it holds, against the bound of a body and against the bytes of all bodies:
//! what grows beyond is refused before it is in memory.

use std::io::Write;

use axum::{
    body::Bytes,
    http::{HeaderMap, HeaderValue, header},
};
use flate2::{
    Compression,
    read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder},
    write::{GzEncoder, ZlibEncoder},
};
use kilter_api::{Code, Problem};

use crate::net::body_pool::BodyPool;

/// Answers that are smaller go as they are: they fit one packet, and compressing them only costs time.
const MIN_COMPRESSED_BYTES: usize = 1_400;

/// Bodies and answers up to this size are worked on where they are; larger ones away from the threads that answer.
pub(crate) const MAX_INLINE_BYTES: usize = 32 << 10;

/// How bytes are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContentCoding {
    Gzip,
    /// RFC 9110 means the format of zlib (RFC 1950) by it; bare deflate (RFC 1951) is read too.
    Deflate,
}

impl ContentCoding {
    fn parse(name: &str) -> Option<Self> {
        match name.trim() {
            name if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") => Some(Self::Gzip),
            name if name.eq_ignore_ascii_case("deflate") => Some(Self::Deflate),
            _ => None,
        }
    }

    /// How the body of a request is compressed; `None`: not at all.
    ///
    /// # Errors
    /// When it is in a way that is not read here, or in several.
    pub(crate) fn of_body(headers: &HeaderMap) -> Result<Option<Self>, Problem> {
        let mut stated = headers.get_all(header::CONTENT_ENCODING).into_iter();
        let name = match (stated.next(), stated.next()) {
            (None, _) => return Ok(None),
            (Some(only), None) => only.to_str().unwrap_or("?"),
            (Some(_), Some(_)) => "several",
        };
        match Self::parse(name) {
            Some(coding) => Ok(Some(coding)),
            None if name.trim().is_empty() || name.trim().eq_ignore_ascii_case("identity") => Ok(None),
            None => {
                let name = name.chars().take(40).collect::<String>();
                let detail =
                    format!("the body is compressed as `{name}`, and can be read as gzip, deflate or as it is");
                Err(Problem::new(Code::MediaTypeUnsupported, detail))
            }
        }
    }

    /// How the client takes an answer compressed; of both, gzip.
    pub(crate) fn accepted(headers: &HeaderMap) -> Option<Self> {
        let values = headers.get_all(header::ACCEPT_ENCODING).into_iter().filter_map(|value| value.to_str().ok());
        let mut accepted = values.flat_map(|value| value.split(',')).filter_map(|one| {
            let (name, quality) = one.split_once(';').unwrap_or((one, ""));
            let quality = quality.trim().strip_prefix("q=").and_then(|quality| quality.trim().parse::<f32>().ok());
            Self::parse(name).filter(|_| quality.is_none_or(|quality| quality > 0.0))
        });
        let first = accepted.next()?;
        if accepted.any(|other| other == Self::Gzip) { Some(Self::Gzip) } else { Some(first) }
    }

    pub(crate) const fn name(self) -> HeaderValue {
        match self {
            Self::Gzip => HeaderValue::from_static("gzip"),
            Self::Deflate => HeaderValue::from_static("deflate"),
        }
    }

    /// What a compressed body holds, at most `limit` bytes, which are counted in the pool.
    ///
    /// # Errors
    /// When it holds more, is damaged or cut, has bytes behind its end, or the pool is full.
    pub(crate) fn decompress(self, body: &[u8], pool: &BodyPool, limit: usize) -> Result<Bytes, Problem> {
        match self {
            Self::Gzip => pool.read_from(MultiGzDecoder::new(body), limit),
            Self::Deflate if is_zlib(body) => {
                let mut decoder = ZlibDecoder::new(body);
                let bytes = pool.read_from(&mut decoder, limit)?;
                whole(decoder.total_in(), body, bytes)
            }
            Self::Deflate => {
                let mut decoder = DeflateDecoder::new(body);
                let bytes = pool.read_from(&mut decoder, limit)?;
                whole(decoder.total_in(), body, bytes)
            }
        }
    }

    /// The bytes compressed; `None` for few bytes.
    pub(crate) fn compress(self, bytes: &[u8]) -> Option<Vec<u8>> {
        if bytes.len() < MIN_COMPRESSED_BYTES {
            return None;
        }
        let out = Vec::with_capacity(bytes.len() / 2);
        // Writing into memory cannot fail.
        match self {
            Self::Gzip => {
                let mut encoder = GzEncoder::new(out, Compression::fast());
                encoder.write_all(bytes).and_then(|()| encoder.finish()).ok()
            }
            Self::Deflate => {
                let mut encoder = ZlibEncoder::new(out, Compression::fast());
                encoder.write_all(bytes).and_then(|()| encoder.finish()).ok()
            }
        }
    }
}

/// Whether bytes begin as zlib's format does: its method is deflate, and its first two bytes are a multiple of 31.
fn is_zlib(body: &[u8]) -> bool {
    matches!(body, [method, flags, ..] if method & 0x0f == 8 && (u16::from(*method) << 8 | u16::from(*flags)) % 31 == 0)
}

fn whole(read: u64, body: &[u8], bytes: Bytes) -> Result<Bytes, Problem> {
    match read == body.len() as u64 {
        true => Ok(bytes),
        false => Err(Problem::new(Code::RequestInvalid, "the compressed body has bytes behind its end")),
    }
}

#[cfg(test)]
mod tests {
    use flate2::write::DeflateEncoder;
    use proptest::prelude::*;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn bare(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn headers(name: header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    #[test]
    fn a_body_says_how_it_is_compressed() {
        let of = |value: &str| ContentCoding::of_body(&headers(header::CONTENT_ENCODING, value));
        assert_eq!(of("gzip").unwrap(), Some(ContentCoding::Gzip));
        assert_eq!(of(" Deflate ").unwrap(), Some(ContentCoding::Deflate));
        assert_eq!(of("identity").unwrap(), None);
        for unread in ["br", "gzip, gzip", "zstd"] {
            assert_eq!(of(unread).unwrap_err().status, 415, "{unread}");
        }
    }

    #[test]
    fn an_answer_is_compressed_as_the_client_takes_it() {
        let accepted = |value: &str| ContentCoding::accepted(&headers(header::ACCEPT_ENCODING, value));
        assert_eq!(accepted("deflate, gzip;q=0.5"), Some(ContentCoding::Gzip));
        assert_eq!(accepted("deflate"), Some(ContentCoding::Deflate));
        assert_eq!(accepted("gzip;q=0, br"), None);
        assert_eq!(accepted("identity"), None);
        assert_eq!(ContentCoding::accepted(&HeaderMap::new()), None);
    }

    #[test]
    fn a_bomb_ends_at_the_bound_and_gives_its_places_back() {
        let pool = BodyPool::new(1 << 20);
        let nothing = vec![0; 64 << 20];
        for (coding, bomb) in [
            (ContentCoding::Gzip, gzip(&nothing)),
            (ContentCoding::Deflate, zlib(&nothing)),
            (ContentCoding::Deflate, bare(&nothing)),
        ] {
            let refused = coding.decompress(&bomb, &pool, 512 << 10).unwrap_err();
            assert_eq!((refused.status, refused.code.as_str()), (413, "body_too_large"), "{coding:?}");
            let refused = coding.decompress(&bomb, &pool, 2 << 20).unwrap_err();
            assert_eq!(refused.code, "overloaded", "{coding:?}");
            assert_eq!(coding.decompress(&gzip_or_zlib(coding, b"{}"), &pool, 2).unwrap().as_ref(), b"{}");
        }
    }

    fn gzip_or_zlib(coding: ContentCoding, bytes: &[u8]) -> Vec<u8> {
        if coding == ContentCoding::Gzip { gzip(bytes) } else { zlib(bytes) }
    }

    #[test]
    fn what_is_cut_or_goes_on_behind_its_end_is_refused() {
        let pool = BodyPool::new(1 << 20);
        let text = b"some text that is compressed, some text that is compressed";
        for (coding, whole) in [
            (ContentCoding::Gzip, gzip(text)),
            (ContentCoding::Deflate, zlib(text)),
            (ContentCoding::Deflate, bare(text)),
        ] {
            assert_eq!(coding.decompress(&whole, &pool, 1_000).unwrap().as_ref(), text);
            for end in 0..whole.len() {
                let refused = coding.decompress(&whole[..end], &pool, 1_000).unwrap_err();
                assert_eq!(refused.status, 400, "{coding:?} {end}");
            }
            let longer = [&whole[..], b"x"].concat();
            assert_eq!(coding.decompress(&longer, &pool, 1_000).unwrap_err().status, 400, "{coding:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_compressed_is_read_back_and_hostile_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..4_000)) {
            let pool = BodyPool::new(1 << 20);
            for coding in [ContentCoding::Gzip, ContentCoding::Deflate] {
                if let Some(compressed) = coding.compress(&bytes) {
                    prop_assert_eq!(coding.decompress(&compressed, &pool, 4_000).unwrap(), &bytes[..]);
                }
                let _ = coding.decompress(&bytes, &pool, 4_000);
            }
        }
    }
}
