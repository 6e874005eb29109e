//! Whether a file begins like what it should be: an error page with status 200 is not a model.

use crate::Format;

/// As many bytes of a file's beginning are enough to tell.
pub(crate) const HEAD: usize = 64;

/// Looks at a file's first bytes. The error says what it is instead.
///
/// ggml files begin with the little-endian number `0x67676d6c` (whisper.cpp, `GGML_FILE_MAGIC`), GGUF files with those four letters
/// (ggml's gguf.md); an ONNX file is a protocol buffer without a magic number, whose first field is the version of the format
/// (onnx.proto, `ModelProto.ir_version`: tag 0x08, then a small number).
pub(crate) fn check(format: Format, head: &[u8]) -> Result<(), String> {
    let fits = match format {
        Format::Ggml => head.starts_with(b"lmgg"),
        Format::Gguf => head.starts_with(b"GGUF"),
        Format::Onnx => matches!(head, [0x08, 1..=64, ..]),
        Format::Json => head.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{'),
        Format::Other => !head.is_empty() && !is_markup(head),
    };
    if fits { Ok(()) } else { Err(what_it_is(format, head)) }
}

fn what_it_is(format: Format, head: &[u8]) -> String {
    let expected = match format {
        Format::Ggml => "a ggml file",
        Format::Gguf => "a GGUF file",
        Format::Onnx => "an ONNX file",
        Format::Json => "a JSON file",
        Format::Other => "a file",
    };
    let found = if head.is_empty() {
        "it is empty".to_owned()
    } else if is_markup(head) {
        "it is a web page; is there a login or a proxy in between?".to_owned()
    } else if head.starts_with(b"version https://git-lfs") {
        "it is only a Git LFS pointer to the real file".to_owned()
    } else if head.starts_with(b"GGUF") || head.starts_with(b"lmgg") {
        "it is a model for another program".to_owned()
    } else {
        format!("it begins with {:?}", String::from_utf8_lossy(head).chars().take(16).collect::<String>())
    };
    format!("{expected} was expected, but {found}")
}

fn is_markup(head: &[u8]) -> bool {
    let text = String::from_utf8_lossy(head).trim_start().to_ascii_lowercase();
    ["<!", "<html", "<head", "<?xml"].iter().any(|start| text.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_told_from_everything_else() {
        let page = b"\n<!DOCTYPE html><title>Log in</title>".as_slice();
        let pointer = b"version https://git-lfs.github.com/spec/v1".as_slice();
        let good: [(Format, &[u8]); 5] = [
            (Format::Ggml, b"lmgg\x01"),
            (Format::Gguf, b"GGUF\x03"),
            (Format::Onnx, b"\x08\x07\x12"),
            (Format::Json, b"\n {\"audio\": 1}"),
            (Format::Other, b"anything"),
        ];
        for (format, head) in good {
            assert_eq!(check(format, head), Ok(()), "{format:?}");
            assert!(check(format, page).unwrap_err().contains("web page"), "{format:?}");
            assert!(check(format, b"").unwrap_err().contains("empty"), "{format:?}");
            if format != Format::Other {
                assert!(check(format, pointer).unwrap_err().contains("pointer"), "{format:?}");
            }
        }
        assert!(check(Format::Ggml, b"GGUF\x03").unwrap_err().contains("another program"));
        assert!(check(Format::Gguf, b"PK\x03\x04").unwrap_err().contains("PK"));
    }
}
