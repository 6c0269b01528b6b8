//! The server's own modules by their paths there; the server as a whole brings a database with it.

pub mod grpc;
