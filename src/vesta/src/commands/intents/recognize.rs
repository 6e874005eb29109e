//! Lines of sentences to lines of meanings.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::ExitCode;

use serde_json::json;
use vesta_intents::Dictionary;
use vesta_intents::cli::{TestHome, recognize_line};

use crate::terminal;

/// A longer line, in bytes, is no sentence: it is refused, and not kept in memory.
const MAX_LINE: usize = 1 << 20;

/// Answers standard input, line by line and in order. Empty lines are skipped.
pub(super) fn run(dictionary: &Dictionary, homes: &[TestHome]) -> anyhow::Result<ExitCode> {
    let (input, output) = (BufReader::new(std::io::stdin().lock()), std::io::stdout().lock());
    let bad = answer(dictionary, homes, input, std::io::BufWriter::new(output))?;
    Ok(if bad > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The number of lines that could not be read.
fn answer<R: Read>(
    dictionary: &Dictionary,
    homes: &[TestHome],
    mut input: BufReader<R>,
    mut output: impl Write,
) -> std::io::Result<usize> {
    let (mut bad, mut number) = (0, 0);
    let mut bytes = Vec::new();
    loop {
        let length = next_line(&mut input, &mut bytes)?;
        if length == 0 {
            break;
        }
        number += 1;
        let answer = match std::str::from_utf8(&bytes) {
            _ if length > MAX_LINE => Err(format!("it is longer than {MAX_LINE} bytes")),
            Ok(line) if line.trim().is_empty() => continue,
            Ok(line) => recognize_line(dictionary, homes, line).map_err(|error| error.to_string()),
            Err(error) => Err(format!("not UTF-8 at byte {}", error.valid_up_to())),
        };
        let answer = answer.unwrap_or_else(|error| {
            bad += 1;
            let error = format!("line {number}: {error}");
            terminal::remark(format!("vesta: {error}"));
            json!({ "error": error })
        });
        serde_json::to_writer(&mut output, &answer)?;
        // Somebody who types waits for each answer; a file does not.
        let written =
            output.write_all(b"\n").and_then(|()| if input.buffer().is_empty() { output.flush() } else { Ok(()) });
        match written {
            // A reader that is gone (`… | head`) is no error.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(bad),
            written => written?,
        }
    }
    match output.flush() {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(bad),
    }
}

/// Reads a line without its end, and gives its length in bytes with it; 0 at the end of the input. Of a line that is too
/// long only the beginning is kept.
fn next_line(input: &mut impl BufRead, bytes: &mut Vec<u8>) -> std::io::Result<usize> {
    bytes.clear();
    let mut length = 0;
    loop {
        let available = match input.fill_buf() {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            available => available?,
        };
        let end = available.iter().position(|byte| *byte == b'\n');
        let taken = end.map_or(available.len(), |end| end + 1);
        let kept = taken.min(MAX_LINE.saturating_sub(bytes.len()));
        bytes.extend(available.iter().take(kept));
        length += taken;
        input.consume(taken);
        if end.is_some() || taken == 0 {
            return Ok(length);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn bad_lines_are_named_and_the_rest_is_answered() {
        let dictionary = Dictionary::load(&[(
            "en.yaml",
            "language: en\nintents:\n  Stop:\n    data:\n      - sentences: [\"stop [now]\"]\n",
        )])
        .unwrap();
        let mut input = b"{\"text\": \"stop now\"}\nstop\n\n\xff\n{\"home\": -1, \"text\": \"stop\"}\n".to_vec();
        input.extend(std::iter::repeat_n(b'x', MAX_LINE + 9));
        input.extend(b"\n{\"text\": \"go\"}\r\n{\"text\": \"stop\"}");
        let mut output = Vec::new();
        let bad = answer(&dictionary, &[], BufReader::new(input.as_slice()), &mut output).unwrap();
        let lines: Vec<Value> =
            String::from_utf8(output).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let error = |number: usize| lines[number]["error"].as_str().unwrap();
        assert_eq!((bad, lines.len()), (4, 7));
        assert_eq!(lines[0], json!({"intent": "Stop", "slots": {}, "response": "default"}));
        assert!(error(1).starts_with("line 2: not JSON"), "{lines:#?}");
        assert!(error(2).starts_with("line 4: not UTF-8"), "{lines:#?}");
        assert!(error(3).starts_with("line 5: `home`"), "{lines:#?}");
        assert!(error(4).starts_with("line 6: it is longer"), "{lines:#?}");
        assert_eq!(lines[5], Value::Null);
        assert_eq!(lines[6]["intent"], "Stop");
    }
}
