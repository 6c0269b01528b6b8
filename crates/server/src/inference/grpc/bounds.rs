//! What a message may cost before it is read: an input of two bytes becomes a value of hundreds in memory, so parts are counted
//! first.
//!
//! Invariants: linear in the bytes, no recursion, nothing is allocated. Out of scope: what the parts mean; bytes that are none
//! are left to the reader of messages, which says what is wrong.

use tonic::Status;

/// The most parts of a message that are neither numbers nor values: tensors, outputs, parameters.
const MAX_PARTS: usize = 100_000;
/// The most values of BYTES that are sent typed. Raw ones are counted with all values.
const MAX_TYPED_TEXTS: usize = 4 << 20;
/// The longest shape, in bytes: more than any that a request may have.
const MAX_SHAPE_BYTES: usize = 256;

/// Numbers of the parts that are looked into.
const INPUTS: u64 = 5;
const SHAPE: u64 = 3;
const CONTENTS: u64 = 5;
const BYTES_CONTENTS: u64 = 8;

/// Refuses a message that would take many times its size. Only inputs are looked into: no other message of the protocol has
/// a part of their number.
pub(super) fn check(message: &[u8]) -> Result<(), Status> {
    let (mut parts, mut texts) = (0, 0);
    for (number, part) in Parts(message) {
        parts += 1;
        if number != INPUTS {
            continue;
        }
        for (number, part) in Parts(part) {
            parts += 1;
            if number == SHAPE && part.len() > MAX_SHAPE_BYTES {
                return Err(Status::invalid_argument("an input has a shape of more than 2 dimensions"));
            }
            if number == CONTENTS {
                texts += Parts(part).filter(|(number, _)| *number == BYTES_CONTENTS).count();
            }
        }
    }
    if parts > MAX_PARTS {
        let detail = format!("the message has more than {MAX_PARTS} inputs, outputs and parameters");
        return Err(Status::invalid_argument(detail));
    }
    if texts > MAX_TYPED_TEXTS {
        let detail = format!(
            "the request has more than {MAX_TYPED_TEXTS} values in `bytes_contents`: send `raw_input_contents`, or fewer \
             rows at once"
        );
        return Err(Status::invalid_argument(detail));
    }
    Ok(())
}

/// The parts of a message that state their length (messages, texts, bytes, packed numbers), with their numbers.
struct Parts<'a>(&'a [u8]);

impl<'a> Iterator for Parts<'a> {
    type Item = (u64, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (key, rest) = varint(self.0)?;
            let skipped = match key & 7 {
                0 => varint(rest)?.1,
                1 => rest.get(8..)?,
                2 => {
                    let (length, rest) = varint(rest)?;
                    let (part, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
                    self.0 = rest;
                    return Some((key >> 3, part));
                }
                5 => rest.get(4..)?,
                // The reader skips groups; what is in them counts like what is beside them.
                3 | 4 => rest,
                _ => return None,
            };
            self.0 = skipped;
        }
    }
}

/// A number of 1 to 10 bytes, and what is behind it.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (at, byte) in bytes.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[at + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::{Message, bytes::Bytes};

    use super::*;
    use crate::inference::grpc::protocol::{
        InferTensorContents, ModelInferRequest, model_infer_request::InferInputTensor,
    };

    fn refused(message: &[u8]) -> String {
        check(message).unwrap_err().message().to_owned()
    }

    fn with_input(input: InferInputTensor) -> Vec<u8> {
        ModelInferRequest { inputs: vec![input], ..ModelInferRequest::default() }.encode_to_vec()
    }

    #[test]
    fn parts_of_two_bytes_are_counted_before_they_are_read() {
        let empty_inputs = [0x2a, 0].repeat(MAX_PARTS + 1);
        assert!(refused(&empty_inputs).contains("more than 100000 inputs"));
        check(&empty_inputs[2..]).unwrap();
        // A group before them hides nothing.
        assert!(refused(&[&[0x7b, 0x7c], &*empty_inputs].concat()).contains("more than 100000 inputs"));
        let texts = vec![Bytes::new(); MAX_TYPED_TEXTS + 1];
        let contents = InferTensorContents { bytes_contents: texts, ..InferTensorContents::default() };
        let input = InferInputTensor { contents: Some(contents), ..InferInputTensor::default() };
        assert!(refused(&with_input(input)).contains("send `raw_input_contents`"));
        let input = InferInputTensor { shape: vec![1; 300], ..InferInputTensor::default() };
        assert!(refused(&with_input(input)).contains("shape of more than 2 dimensions"));
    }

    #[test]
    fn values_are_not_taken_for_parts() {
        let raw = ModelInferRequest {
            raw_input_contents: vec![[0x2a, 0].repeat(MAX_PARTS + 1).into()],
            ..ModelInferRequest::default()
        };
        check(&raw.encode_to_vec()).unwrap();
        let contents =
            InferTensorContents { fp32_contents: vec![1.0; MAX_PARTS + 1], ..InferTensorContents::default() };
        let input = InferInputTensor { contents: Some(contents), ..InferInputTensor::default() };
        check(&with_input(input)).unwrap();
    }

    proptest! {
        #[test]
        fn bytes_that_nobody_meant_are_counted_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = check(&bytes);
        }
    }
}
