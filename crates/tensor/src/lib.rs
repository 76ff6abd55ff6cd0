//! The language: shapes, operations, programs, plans, random keys and the backend traits. No backend, no I/O.
