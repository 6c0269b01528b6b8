//! Messages to bytes and back. A message that cannot be read is the client's mistake, and is answered as one.

use std::marker::PhantomData;

use prost::{Message, bytes::Buf};
use tonic::{
    Status,
    codec::{DecodeBuf, Decoder, EncodeBuf, Encoder},
};

use crate::inference::grpc::bounds;

/// Protocol Buffers.
pub(crate) struct Codec<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for Codec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

/// Writes messages of one type.
pub(crate) struct MessageEncoder<T>(PhantomData<T>);

/// Reads messages of one type.
pub(crate) struct MessageDecoder<U>(PhantomData<U>);

impl<T: Message + 'static, U: Message + Default + 'static> tonic::codec::Codec for Codec<T, U> {
    type Encode = T;
    type Decode = U;
    type Encoder = MessageEncoder<T>;
    type Decoder = MessageDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        MessageEncoder(PhantomData)
    }

    fn decoder(&mut self) -> Self::Decoder {
        MessageDecoder(PhantomData)
    }
}

impl<T: Message> Encoder for MessageEncoder<T> {
    type Item = T;
    type Error = Status;

    fn encode(&mut self, item: T, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        item.encode(out).map_err(|error| Status::internal(error.to_string()))
    }
}

impl<U: Message + Default> Decoder for MessageDecoder<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, bytes: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        // No copy: values that are bytes stay where they arrived.
        let bytes = bytes.copy_to_bytes(bytes.remaining());
        bounds::check(&bytes)?;
        let read = U::decode(bytes);
        read.map(Some).map_err(|error| Status::invalid_argument(format!("the message is not of this method: {error}")))
    }
}
