//! The data path: audio in, text, intent, action, speech out.
