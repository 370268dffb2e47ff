//! What must be known before the first document: rules, and what a first pass over the files tells.

use std::sync::Arc;

use ragdex_core::{Stage, Unit};

use super::Source;
use super::opening::is_lines;
use crate::detect::detect;
use crate::input::{self, Archive, InputFile, Position};
use crate::mediawiki::{self, WikiRules};
use crate::records::{VersionScan, Versions};
use crate::{Error, Format};

impl Source<'_> {
    /// Reads the rules for wikitext, and the redirects among the templates of all dumps.
    pub(super) fn load_rules(&mut self) -> Result<(), Error> {
        let mut rules = WikiRules::load(&self.options.wiki)?;
        if self.options.wiki.template_redirects {
            self.files
                .iter()
                .try_for_each(|file| self.check_stream(file))?;
            let (reporter, bytes) = (self.options.reporter, self.total_bytes);
            reporter.start(Stage::Scan, Unit::Bytes, bytes);
            let aliases = self.template_redirects()?;
            reporter.finish(Stage::Scan);
            let n = aliases.len();
            reporter.note(&format!("{n} redirects among templates are followed"));
            rules.add_aliases(aliases);
        }
        self.rules = Arc::new(rules);
        Ok(())
    }

    fn template_redirects(&self) -> Result<Vec<(String, String)>, Error> {
        let position = Position::default();
        let mut aliases = Vec::new();
        for file in &self.files {
            if !self.is_dump(file)? {
                position.add(file.bytes.unwrap_or(0) as usize);
                continue;
            }
            let (path, keep_going) = (&file.path, self.options.keep_going);
            let opened = input::open(path, self.decoding(), &position)?;
            let on_page = || {
                self.options.cancel.check()?;
                self.options.reporter.advance(Stage::Scan, position.get());
                Ok(())
            };
            let found = mediawiki::template_redirects(path, opened.reader, keep_going, on_page)?;
            aliases.extend(found);
        }
        Ok(aliases)
    }

    /// Finds the newest versions of pages in the file that is read and those after it.
    pub(super) fn scan_versions(&self) -> Result<Versions, Error> {
        let files = self.file.iter().chain(&self.files);
        let files: Vec<_> = files.filter(|file| file.bytes.is_some()).collect();
        let mut scan = VersionScan::default();
        if files.is_empty() {
            return Ok(scan.finish());
        }
        let bytes = files.iter().map(|file| file.bytes).sum();
        let reporter = self.options.reporter;
        reporter.start(Stage::Scan, Unit::Bytes, bytes);
        let position = Position::default();
        for file in files {
            let scanned = self.scan_file(file, &mut scan, &position);
            // Whatever else is wrong with a file is said when its turn comes.
            if let Err(Error::Cancelled(cancelled)) = scanned {
                return Err(cancelled.into());
            }
        }
        reporter.finish(Stage::Scan);
        Ok(scan.finish())
    }

    fn scan_file(
        &self,
        file: &InputFile,
        scan: &mut VersionScan,
        position: &Position,
    ) -> Result<(), Error> {
        if !matches!(&*file.extension(), "tar" | "tgz") && !is_lines(file) {
            position.add(file.bytes.unwrap_or(0) as usize);
            return Ok(());
        }
        let on_line = || {
            self.options.cancel.check()?;
            self.options.reporter.advance(Stage::Scan, position.get());
            Ok(())
        };
        let opened = input::open(&file.path, self.decoding(), position)?;
        if !Archive::is_one(&opened.head) {
            return scan.read(&file.path, opened.reader, on_line);
        }
        let mut archive = Archive::new(&file.path, opened);
        while let Some(name) = archive.next_name()? {
            let path = file.path.join(name);
            let opened = archive.open(&path)?;
            scan.read(&path, opened.reader, on_line)?;
        }
        Ok(())
    }

    fn is_dump(&self, file: &InputFile) -> Result<bool, Error> {
        match self.options.format {
            Format::MediaWiki => return Ok(true),
            Format::Auto if !input::is_parquet(file)? => {}
            _ => return Ok(false),
        }
        let opened = input::open(&file.path, self.decoding(), &Position::default());
        // What is wrong with a file is said when its turn comes.
        let format = opened.and_then(|opened| detect(file, &opened));
        Ok(matches!(format, Ok(Format::MediaWiki)))
    }
}
