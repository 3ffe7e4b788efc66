//! Makes the change stream's server from a proto file of the tests' own, and the runner's client from its, to compare it
//! with the one that the runner has. No protoc is needed.

use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=proto/service.proto");
    let files = protox::compile(["proto/service.proto"], ["proto"])?;
    tonic_prost_build::configure().build_client(false).compile_fds(files)?;

    println!("cargo::rerun-if-changed=../runner/proto/change_stream.proto");
    let client = PathBuf::from(std::env::var("OUT_DIR")?).join("client");
    std::fs::create_dir_all(&client)?;
    let files = protox::compile(["../runner/proto/change_stream.proto"], ["../runner/proto"])?;
    tonic_prost_build::configure().build_server(false).out_dir(client).compile_fds(files)?;
    Ok(())
}
