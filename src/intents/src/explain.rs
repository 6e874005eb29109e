//! Why a sentence was understood as it was: every candidate, and why it lost.

use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::candidate::{Candidate, Rejection, best};
use crate::context::Context;
use crate::dictionary::Dictionary;
use crate::names::Names;
use crate::recognize::{Recognition, RecognizeError, Wanted};

/// Everything that was considered for a sentence.
#[derive(Debug, Clone, Serialize)]
pub struct Explanation {
    /// The text as it was matched, with skip words in and, where there are any, out.
    pub texts: Vec<String>,
    /// What was chosen.
    pub chosen: Option<Recognition>,
    /// All sentences that fit, the chosen one first.
    pub candidates: Vec<Explained>,
    /// Sentences whose words fit but not their context, with the template and the reason.
    pub rejected: Vec<(String, String)>,
}

/// A sentence that fits.
#[derive(Debug, Clone, Serialize)]
pub struct Explained {
    /// Its intent.
    pub intent: String,
    /// Its template.
    pub sentence: String,
    /// Its response key.
    pub response: Option<String>,
    /// What would fill its slots.
    pub slots: Map<String, Value>,
    /// Characters matched by literal text.
    pub literal: u32,
    /// Wildcards used.
    pub wildcards: usize,
    /// Why another one was chosen; `None` for the chosen one.
    pub lost: Option<String>,
}

impl Dictionary {
    /// All candidates for `text`, and why they lost.
    ///
    /// # Errors
    /// [`RecognizeError`] for texts that are too long or can be read in too many ways.
    pub fn explain(&self, text: &str, names: &Names, context: &Context) -> Result<Explanation, RecognizeError> {
        let search = self.search(text, names, context, Wanted::Whole)?;
        let candidates = self.candidates(&search, names, context);
        let winner = best(&candidates, self);
        let mut explained: Vec<Explained> = Vec::new();
        for candidate in &candidates {
            let result = self.finish(candidate, &search, names, &candidates);
            let lost = winner.filter(|w| !std::ptr::eq(*w, candidate)).map(|w| self.why_lost(candidate, w));
            let entry = Explained {
                intent: result.intent,
                sentence: result.sentence,
                response: result.response,
                slots: result.slots.into_iter().map(|(name, slot)| (name, slot.value)).collect(),
                literal: candidate.literal,
                wildcards: candidate.wildcards,
                lost,
            };
            if entry.lost.is_none() { explained.insert(0, entry) } else { explained.push(entry) }
        }
        let mut rejected: Vec<(String, String)> = search
            .found
            .iter()
            .filter_map(|found| {
                let reason = self.check(found, &search, names, context).err()?;
                let sentence = self.graph.sentences.get(found.sentence as usize)?;
                Some((sentence.text.clone(), self.why_rejected(reason, found.sentence)))
            })
            .collect();
        rejected.dedup();
        let mut texts: Vec<String> = search.variants.texts.iter().map(|t| t.plain.trim().to_owned()).collect();
        texts.dedup();
        Ok(Explanation {
            texts,
            chosen: winner.map(|w| self.finish(w, &search, names, &candidates)),
            candidates: explained,
            rejected,
        })
    }

    fn why_rejected(&self, reason: Rejection, sentence: u32) -> String {
        match reason {
            Rejection::EmptyWildcard => "a wildcard would be empty".to_owned(),
            Rejection::LeftOver => "words are left over".to_owned(),
            Rejection::NoCommand => "what is asked for later is no command by itself".to_owned(),
            Rejection::Context => {
                let block = self.block_of(sentence);
                let wanted = block.map(|b| Value::Object(b.requires.clone())).unwrap_or_default();
                let excluded = block.filter(|b| !b.excludes.is_empty());
                match excluded {
                    Some(b) => format!("needs the context {wanted}, excludes {}", Value::Object(b.excludes.clone())),
                    None => format!("needs the context {wanted}"),
                }
            }
        }
    }

    fn why_lost(&self, loser: &Candidate, winner: &Candidate) -> String {
        let name = |c: &Candidate| self.block_of(c.sentence).map(|b| b.intent.clone()).unwrap_or_default();
        if winner.preferred.is_some() && loser.preferred.is_none() {
            return "the chosen one names a device".into();
        }
        if winner.preferred != loser.preferred {
            return "the chosen one names a device by a longer name".into();
        }
        if winner.wildcards != loser.wildcards {
            return format!("{} wildcards instead of {}", loser.wildcards, winner.wildcards);
        }
        if winner.literal != loser.literal {
            return format!("{} characters of literal text instead of {}", loser.literal, winner.literal);
        }
        if winner.wildcard_chars != loser.wildcard_chars {
            return "its wildcards take more text".into();
        }
        if name(winner) != name(loser) {
            return "equal in everything, but its intent comes later in the alphabet".into();
        }
        "equal in everything, but it comes later in the dictionary".into()
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for text in &self.texts {
            writeln!(f, "text      {text}")?;
        }
        if self.candidates.is_empty() {
            writeln!(f, "result    none: no sentence fits")?;
        }
        for (i, candidate) in self.candidates.iter().enumerate() {
            let label = if i == 0 { "result" } else { "also" };
            writeln!(
                f,
                "{label:9} {} {} response={}",
                candidate.intent,
                Value::Object(candidate.slots.clone()),
                candidate.response.as_deref().unwrap_or("-")
            )?;
            writeln!(f, "          from \"{}\"", candidate.sentence)?;
            if let Some(lost) = &candidate.lost {
                writeln!(f, "          lost: {lost}")?;
            }
        }
        for (sentence, reason) in &self.rejected {
            writeln!(f, "refused   \"{sentence}\": {reason}")?;
        }
        Ok(())
    }
}
