//! What a pull says while it runs: everything that a progress bar needs.

use std::time::{Duration, Instant};

use crate::meter::Meter;
use crate::{Model, ModelFile};

/// What is being done.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Asking the server.
    Connecting {
        /// Which address.
        url: String,
    },
    /// Reading what is already here of a file, to go on from there.
    Checking,
    /// Receiving. `from` is the place where it went on; 0 is the beginning.
    Receiving {
        /// Where in the file this connection began, in bytes.
        from: u64,
    },
    /// Something went wrong; it is tried again after a pause.
    Retrying {
        /// What went wrong.
        why: String,
        /// Attempts without any progress so far.
        attempt: u32,
        /// How long the pause is.
        pause: Duration,
    },
    /// Everything is here; the file is being checked and put in its place.
    Finishing,
    /// The file is in its place, or had been there before.
    FileDone,
}

/// How far a pull has come.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// The model.
    pub model: String,
    /// The file's name.
    pub file: String,
    /// Which file it is, counted from 1.
    pub number: usize,
    /// How many files there are.
    pub files: usize,
    /// Bytes of the model that are here.
    pub bytes: u64,
    /// Bytes of the model altogether, as far as known by now.
    pub total: u64,
    /// Recent bytes a second; 0 before there is anything to tell.
    pub rate: f64,
    /// How long it still takes.
    pub eta: Option<Duration>,
    /// What is being done.
    pub step: Step,
}

/// Where progress is reported to.
pub(crate) type Sink<'a> = dyn FnMut(Progress) + Send + 'a;

/// Keeps the sums of a pull.
pub(crate) struct Reporter<'a> {
    sink: &'a mut Sink<'a>,
    meter: Meter,
    began: Instant,
    model: String,
    file: String,
    number: usize,
    files: usize,
    /// Bytes of the files that are done.
    done: u64,
    /// Bytes of the present file.
    here: u64,
    /// Size of the present file.
    size: u64,
    /// Size of the files to come.
    to_come: u64,
}

impl<'a> Reporter<'a> {
    pub(crate) fn new(model: &Model, sink: &'a mut Sink<'a>) -> Reporter<'a> {
        Reporter {
            sink,
            meter: Meter::default(),
            began: Instant::now(),
            model: model.name.clone(),
            file: String::new(),
            number: 0,
            files: model.files.len(),
            done: 0,
            here: 0,
            size: 0,
            to_come: model.size(),
        }
    }

    /// The next file begins.
    pub(crate) fn begin(&mut self, file: &ModelFile) {
        self.file.clone_from(&file.name);
        self.number += 1;
        self.size = file.size;
        self.here = 0;
        self.to_come = self.to_come.saturating_sub(file.size);
    }

    /// The server knows the present file's size better than the manifest.
    pub(crate) fn size(&mut self, size: u64) {
        self.size = size;
    }

    /// So many bytes of the present file are here; `fresh` of them have just come in.
    pub(crate) fn here(&mut self, bytes: u64, fresh: u64) {
        self.here = bytes;
        self.meter.add(fresh, self.began.elapsed());
    }

    pub(crate) fn step(&mut self, step: Step) {
        let bytes = self.done + self.here;
        let total = (self.done + self.size.max(self.here) + self.to_come).max(bytes);
        let progress = Progress {
            model: self.model.clone(),
            file: self.file.clone(),
            number: self.number,
            files: self.files,
            bytes,
            total,
            rate: self.meter.rate(),
            eta: self.meter.eta(total - bytes),
            step,
        };
        (self.sink)(progress);
    }

    /// The present file, of this size, is done.
    pub(crate) fn end(&mut self, size: u64) {
        self.size = size;
        self.here = size;
        self.step(Step::FileDone);
        self.done += size;
        self.here = 0;
        self.size = 0;
    }
}
