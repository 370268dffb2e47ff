//! What was read, and what was left out for which reason.

use std::fmt;

use ragdex_wikitext::Counters;

use crate::records::Skip;

/// Totals of a reading. The same for every number of threads.
///
/// Every record is a document or counted under one reason:
/// `records == documents + unchanged + skipped().map(n).sum()`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Pages, lines, rows or files met.
    ///
    /// Each row of a table or a Parquet file counts as one record, in order and over all files,
    /// whether it becomes a document or not. So right after a document was given out, `records - 1`
    /// is the number of its row, from 0, if all files are of these kinds.
    pub records: u64,
    /// Files and members of archives that were begun.
    pub files: u64,
    /// Documents given out.
    pub documents: u64,
    /// Documents that were not parsed, because their version was known.
    pub unchanged: u64,
    /// Pages that only lead to another page.
    pub redirects: u64,
    /// Pages of namespaces that were not asked for.
    pub other_namespaces: u64,
    /// Pages that are no wikitext, such as modules and style sheets.
    pub other_models: u64,
    /// Articles, when they were not asked for.
    pub articles: u64,
    /// Disambiguation pages, when they were not asked for.
    pub disambiguation: u64,
    /// Lists, when they were not asked for.
    pub lists: u64,
    /// Pages whose text was suppressed or is not part of the dump.
    pub withheld: u64,
    /// Pages over 64 MB.
    pub too_long: u64,
    /// Records whose keys fall in other shards. All other reasons are counted inside the shard only,
    /// so that they, and the documents, add up over all shards to what one reading of all counts.
    pub other_shards: u64,
    /// Versions of pages of which the same snapshot holds a newer one.
    pub superseded: u64,
    /// Records without any text.
    pub empty: u64,
    /// Records that cannot be used.
    pub bad_records: u64,
    /// Documents whose key an earlier document of the same reading had. They are given out; a build
    /// keeps the first.
    pub duplicate_keys: u64,
    /// Pages whose text does not match the checksum in the dump. They are given out.
    pub checksum_mismatches: u64,
    /// Files in folders and archives that are of no kind that is read; no records.
    pub other_files: u64,
    /// Entries of folders that cannot be opened; no records.
    pub unreadable_entries: u64,
    /// What was dropped from wikitext.
    pub wikitext: Counters,
}

impl Summary {
    /// The reasons for which records were left out, those that occurred, with their numbers.
    pub fn skipped(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let reasons = [
            ("redirects", self.redirects),
            ("pages of other namespaces", self.other_namespaces),
            ("pages that are no wikitext", self.other_models),
            ("articles", self.articles),
            ("disambiguation pages", self.disambiguation),
            ("lists", self.lists),
            ("pages without their text", self.withheld),
            ("pages over 64 MB", self.too_long),
            ("records of other shards", self.other_shards),
            ("older versions of pages", self.superseded),
            ("records without text", self.empty),
            ("bad records", self.bad_records),
        ];
        reasons.into_iter().filter(|(_, n)| *n > 0)
    }

    pub(crate) fn count_skip(&mut self, skip: Skip) {
        self.records += 1;
        *match skip {
            Skip::Redirect => &mut self.redirects,
            Skip::Namespace => &mut self.other_namespaces,
            Skip::Model => &mut self.other_models,
            Skip::Article => &mut self.articles,
            Skip::Disambiguation => &mut self.disambiguation,
            Skip::List => &mut self.lists,
            Skip::Withheld => &mut self.withheld,
            Skip::TooLong => &mut self.too_long,
            Skip::Empty => &mut self.empty,
            Skip::OtherShard => &mut self.other_shards,
            Skip::Superseded => &mut self.superseded,
        } += 1;
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} documents from {} records",
            self.documents, self.records
        )?;
        for (i, (reason, n)) in self.skipped().enumerate() {
            let lead = if i == 0 { "; left out: " } else { ", " };
            write!(f, "{lead}{n} {reason}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_names_only_what_occurred() {
        let mut summary = Summary {
            records: 2,
            documents: 2,
            ..Summary::default()
        };
        assert_eq!(summary.to_string(), "2 documents from 2 records");
        summary.count_skip(Skip::Redirect);
        summary.count_skip(Skip::Redirect);
        let expected = "2 documents from 4 records; left out: 2 redirects";
        assert_eq!(summary.to_string(), expected);
    }
}
