//! The line structure of a text, read piece by piece as it arrives: Markdown's headings, lists, quotes, tables and fenced code become
//! plain sentences with breaks between them.

/// What comes out, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Words to be said.
    Text(String),
    /// Whatever was said before ends here, with or without a full stop.
    Break,
    /// A block of code was left out.
    Code,
}

/// What kind of line is being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    /// Its first characters do not tell yet.
    Unknown,
    Plain,
    /// A heading or table row: nothing carries on into the next line.
    Closed,
    /// Held back until the line's end: a table row, or a line that may be a rule or a fence.
    Whole,
}

/// See the module. Memory is bounded by the longest line of a table.
#[derive(Debug)]
pub(crate) struct Blocks {
    line: Line,
    held: String,
    in_code: Option<char>,
    /// The line before was plain text, so a line that begins with a small letter carries it on.
    carries_on: bool,
}

/// A line's beginning that is longer than this is text.
const HEAD_LIMIT: usize = 64;
/// A table row that is longer is cut in rows.
const ROW_LIMIT: usize = 4096;

impl Default for Blocks {
    fn default() -> Self {
        Self { line: Line::Unknown, held: String::new(), in_code: None, carries_on: false }
    }
}

impl Blocks {
    /// Takes the next piece of text; what can be said now is appended to `out`.
    pub(crate) fn push(&mut self, text: &str, out: &mut Vec<Piece>) {
        for c in text.chars() {
            match c {
                '\r' => {}
                '\n' => self.end_line(out),
                _ => self.take(c, out),
            }
        }
    }

    /// The text has ended: what was held back is given out.
    pub(crate) fn finish(&mut self, out: &mut Vec<Piece>) {
        self.end_line(out);
        *self = Self::default();
    }

    fn take(&mut self, c: char, out: &mut Vec<Piece>) {
        match self.line {
            Line::Plain | Line::Closed => push_char(out, c),
            Line::Whole => {
                self.held.push(c);
                if self.held.len() > ROW_LIMIT {
                    self.whole_line(out);
                }
            }
            Line::Unknown => {
                self.held.push(c);
                self.decide(out);
            }
        }
    }

    /// Looks at the line's beginning; leaves it held where more has to be seen.
    fn decide(&mut self, out: &mut Vec<Piece>) {
        let head = self.held.trim_start();
        let Some(first) = head.chars().next() else { return };
        if self.in_code.is_some() || first == '|' {
            self.line = Line::Whole;
            return;
        }
        let run = head.chars().take_while(|c| *c == first).count();
        let after = head.chars().nth(run);
        match (first, after) {
            ('`' | '~', None) if run < 3 => {}
            ('`' | '~', _) if run >= 3 => self.line = Line::Whole,
            ('#', None) if run <= 6 => {}
            ('#', Some(' ' | '\t')) if run <= 6 => self.begin(run, Line::Closed, out),
            ('>', _) => {
                // Only the mark goes: what follows is a line of its own kind.
                let rest: String = head.chars().skip(1).collect();
                self.held = rest;
                self.decide(out);
            }
            ('-' | '*' | '+' | '_' | '=', None) => {}
            ('-' | '*' | '+', Some(' ' | '\t')) if run == 1 => self.list_item(out),
            ('-' | '*' | '_' | '=', Some(' ')) | ('-' | '_' | '=' | '*', Some('-' | '*')) if run >= 3 => {
                self.line = Line::Whole;
            }
            ('•' | '◦' | '▪' | '‣' | '·', _) if run == 1 => self.begin(1, Line::Plain, out),
            _ => {
                let carries_on = self.carries_on && first.is_lowercase();
                if !carries_on {
                    out.push(Piece::Break);
                }
                self.line = Line::Plain;
                let text = std::mem::take(&mut self.held);
                push_str(out, text.trim_start());
            }
        }
        if self.line == Line::Unknown && self.held.len() > HEAD_LIMIT {
            self.begin(0, Line::Plain, out);
        }
    }

    /// "- [x] text", once enough of it is there to tell the box from the text.
    fn list_item(&mut self, out: &mut Vec<Piece>) {
        let rest = self.held.trim_start().chars().skip(1).collect::<String>();
        let rest = rest.trim_start();
        // "- - -" is a rule.
        if rest.is_empty() || matches!(rest, "[" | "[ " | "[x" | "[X" | "[ ]" | "[x]" | "[X]" | "-" | "*") {
            return;
        }
        let text = ["[ ]", "[x]", "[X]"].iter().find_map(|mark| rest.strip_prefix(mark)).unwrap_or(rest);
        if rest.starts_with("- ") || rest.starts_with("* ") {
            self.line = Line::Whole;
            return;
        }
        let text = text.trim_start().to_owned();
        self.held.clear();
        self.line = Line::Plain;
        out.push(Piece::Break);
        push_str(out, &text);
    }

    /// Drops the line's mark (`skip` characters) and goes on with its text.
    fn begin(&mut self, skip: usize, line: Line, out: &mut Vec<Piece>) {
        let held = std::mem::take(&mut self.held);
        let text: String = held.trim_start().chars().skip(skip).collect();
        out.push(Piece::Break);
        push_str(out, text.trim_start());
        self.line = line;
    }

    fn end_line(&mut self, out: &mut Vec<Piece>) {
        match self.line {
            Line::Plain => {
                // A space ends the last word now; whether the sentence ends too is told by the next line.
                push_char(out, ' ');
                self.carries_on = true;
            }
            Line::Closed => {
                out.push(Piece::Break);
                self.carries_on = false;
            }
            Line::Unknown | Line::Whole => self.whole_line(out),
        }
        self.line = Line::Unknown;
        self.held.clear();
    }

    /// A line that was held back is complete.
    fn whole_line(&mut self, out: &mut Vec<Piece>) {
        let held = std::mem::take(&mut self.held);
        let line = held.trim();
        self.carries_on = false;
        if let Some(fence) = self.in_code {
            if line.starts_with(&fence.to_string().repeat(3)) {
                self.in_code = None;
            }
            return;
        }
        if let Some(fence @ ('`' | '~')) =
            line.chars().next().filter(|first| line.starts_with(&first.to_string().repeat(3)))
        {
            // "```code```" on one line opens and closes.
            if !line.trim_start_matches(fence).contains(fence) {
                self.in_code = Some(fence);
            }
            out.push(Piece::Break);
            out.push(Piece::Code);
            return;
        }
        out.push(Piece::Break);
        if line.starts_with('|') {
            let cells = line.split('|').map(str::trim).filter(|cell| !cell.is_empty());
            let cells: Vec<&str> = cells.collect();
            let rule = cells.iter().all(|cell| cell.chars().all(|c| matches!(c, '-' | ':' | ' ')));
            if !rule {
                push_str(out, &cells.join(", "));
                out.push(Piece::Break);
            }
            return;
        }
        let is_rule = !line.is_empty() && line.chars().all(|c| matches!(c, '-' | '*' | '_' | '=' | ' '));
        if !is_rule {
            push_str(out, line);
        }
    }
}

fn push_char(out: &mut Vec<Piece>, c: char) {
    match out.last_mut() {
        Some(Piece::Text(text)) => text.push(c),
        _ => out.push(Piece::Text(c.to_string())),
    }
}

fn push_str(out: &mut Vec<Piece>, s: &str) {
    if s.is_empty() {
        return;
    }
    match out.last_mut() {
        Some(Piece::Text(text)) => text.push_str(s),
        _ => out.push(Piece::Text(s.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `⏎` for a break, `⌘` for code; fed whole and character by character, which must give the same.
    fn read(text: &str) -> String {
        let show = |pieces: Vec<Piece>| {
            let shown = pieces.into_iter().map(|piece| match piece {
                Piece::Text(text) => text,
                Piece::Break => "⏎".to_owned(),
                Piece::Code => "⌘".to_owned(),
            });
            shown.collect::<String>()
        };
        let (mut whole, mut out) = (Blocks::default(), Vec::new());
        whole.push(text, &mut out);
        whole.finish(&mut out);
        let whole = show(out);
        let (mut single, mut out) = (Blocks::default(), Vec::new());
        for c in text.chars() {
            single.push(&c.to_string(), &mut out);
        }
        single.finish(&mut out);
        assert_eq!(whole, show(out), "pieces of another size read differently: {text:?}");
        whole
            .replace("⏎⏎", "⏎")
            .replace("⏎⏎", "⏎")
            .replace(" ⏎", "⏎")
            .replace("⏎ ", "⏎")
            .trim_matches(['⏎', ' '])
            .to_owned()
    }

    #[test]
    fn lines_become_sentences() {
        for (text, expected) in [
            ("one line", "one line"),
            ("a line\nthat goes on", "a line that goes on"),
            ("First\nSecond", "First⏎Second"),
            ("one\n\ntwo", "one⏎two"),
            ("# Heading\ntext", "Heading⏎text"),
            ("### Deep heading", "Deep heading"),
            ("#1 is first", "#1 is first"),
            ("- milk\n- eggs\n* bread\n+ salt", "milk⏎eggs⏎bread⏎salt"),
            ("- [x] done\n- [ ] open", "done⏎open"),
            ("-5 degrees", "-5 degrees"),
            ("1. First\n2. Second", "1. First⏎2. Second"),
            ("> quoted\n> more", "quoted more"),
            ("> - item", "item"),
            ("a\n---\nb", "a⏎b"),
            ("a\n- - -\nb", "a⏎b"),
            ("Title\n=====\ntext", "Title⏎text"),
            ("**bold** start", "**bold** start"),
            ("*emphasis* start", "*emphasis* start"),
            ("***\nb", "b"),
            ("| Room | Temp |\n|------|-----:|\n| Kitchen | 21 °C |", "Room, Temp⏎Kitchen, 21 °C"),
            ("Run:\n```sh\nls -l\n```\nThen go.", "Run:⏎⌘⏎Then go."),
            ("~~~\ncode\n~~~", "⌘"),
            ("```one line```\nafter", "⌘⏎after"),
            ("`code` first", "`code` first"),
            ("windows\r\nlines", "windows lines"),
            ("• bullet\n• other", "bullet⏎other"),
            ("_under_ line", "_under_ line"),
            ("   indented", "indented"),
            ("", ""),
            ("\n\n\n", ""),
            ("= 5", "= 5"),
        ] {
            assert_eq!(read(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_fence_that_never_closes_says_nothing_of_its_code() {
        assert_eq!(read("text\n```\nlet a = 1;\nlet b"), "text⏎⌘");
    }
}
