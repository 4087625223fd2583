//! The configuration file: where it is, and how it is read, at the start and at every reload.

use super::preflight;
use crate::config::error::Report;
use crate::config::{self, Config, Format, Reading};

/// What the command line says of it.
#[derive(Clone, Debug)]
pub struct Load {
    /// The file.
    pub file: String,
    /// Its syntax.
    pub format: Format,
    /// Which lines `@ID` of keepalived.conf count.
    pub config_id: String,
    /// What cannot be used is skipped.
    pub lenient: bool,
}

impl Load {
    /// Reads it. `here`: and judges what it needs of this host.
    ///
    /// # Errors
    /// A sentence for a person, if the file cannot be read at all.
    pub fn read(&self, here: bool) -> Result<(Option<Config>, Report), String> {
        self.read_all(here, &mut || ())
    }

    /// The same for a daemon at work: `between` is called between the steps. A FIFO or a device, from
    /// which a start may read, could keep it waiting for ever.
    ///
    /// # Errors
    /// A sentence for a person, if the file cannot be read at all, or is none.
    pub fn read_in_steps(
        &self,
        between: &mut dyn FnMut(),
    ) -> Result<(Option<Config>, Report), String> {
        let file = &self.file;
        if std::fs::metadata(file).is_ok_and(|about| !about.is_file() && !about.is_dir()) {
            return Err(format!("cannot read {file} again: it is no regular file"));
        }
        self.read_all(true, between)
    }

    fn read_all(
        &self,
        here: bool,
        between: &mut dyn FnMut(),
    ) -> Result<(Option<Config>, Report), String> {
        let Self { file, format, config_id, lenient } = self;
        let how = Reading { format: *format, config_id, lenient: *lenient };
        let bytes = std::fs::read(file).map_err(|error| format!("cannot read {file}: {error}"))?;
        let judge = |config: &Config, report: &mut Report| {
            if here {
                preflight::check(config, report);
            }
        };
        Ok(config::read_in_steps(file, &bytes, &how, &judge, between))
    }
}
