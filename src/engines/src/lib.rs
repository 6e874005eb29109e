//! Finds, starts, watches and speaks to the worker programs.
