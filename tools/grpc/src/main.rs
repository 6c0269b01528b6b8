//! Writes the Rust and the descriptors of the gRPC services anew, and the digests of all files:
//!
//!     cargo run --manifest-path tools/grpc/Cargo.toml

use std::{error::Error, fs, path::Path};

use prost::Message;

const PROTOCOLS: [&str; 2] = ["health.proto", "inference.proto"];
const MADE: [&str; 3] = ["descriptors.binpb", "grpc.health.v1.rs", "inference.rs"];

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates/server/proto");
    let mut descriptors = protox::compile(PROTOCOLS, [&folder])?;
    tonic_prost_build::configure()
        .build_client(false)
        .codec_path("crate::inference::grpc::codec::Codec")
        .bytes(".")
        .out_dir(&folder)
        .compile_fds(descriptors.clone())?;
    // Where a name stands in its file is nothing that a client asks for.
    descriptors.file.iter_mut().for_each(|file| file.source_code_info = None);
    fs::write(folder.join(MADE[0]), descriptors.encode_to_vec())?;
    let mut digests = String::new();
    for name in PROTOCOLS.iter().chain(&MADE) {
        digests += &format!("{}  {name}\n", blake3::hash(&fs::read(folder.join(name))?).to_hex());
    }
    fs::write(folder.join("digests.txt"), digests)?;
    Ok(())
}
