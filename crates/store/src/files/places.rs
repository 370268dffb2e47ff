//! Whether a Parquet footer points into its file.
//!
//! The decoder takes offsets and counts of the footer at their word, partly by assertions. A footer
//! may come from anybody, so they are held against the file first.

use parquet::file::metadata::ParquetMetaData;

/// Finds what in the footer cannot be true of a file of `file_bytes` bytes.
pub(super) fn impossible_place(
    metadata: &ParquetMetaData,
    file_bytes: usize,
) -> Option<&'static str> {
    let mut n_rows = 0_i64;
    for (number, group) in metadata.row_groups().iter().enumerate() {
        if group.num_rows() < 0 {
            return Some("a negative number of rows");
        }
        n_rows = n_rows.saturating_add(group.num_rows());
        let pages = metadata.page_index_for_row_group(number);
        for (column, chunk) in group.columns().iter().enumerate() {
            let first_page = chunk.dictionary_page_offset();
            let first_page = first_page.unwrap_or_else(|| chunk.data_page_offset());
            if !is_inside(file_bytes, first_page, chunk.compressed_size()) {
                return Some("a column outside the file");
            }
            if chunk.num_values() != group.num_rows() {
                return Some("a column with another number of values than rows");
            }
            let pages = pages.page_locations(column).map_or(&[][..], Vec::as_slice);
            let mut next_row = 0;
            for page in pages {
                if !is_inside(file_bytes, page.offset, page.compressed_page_size.into()) {
                    return Some("a page outside the file");
                }
                if !(next_row..group.num_rows()).contains(&page.first_row_index) {
                    return Some("pages that are not in the order of their rows");
                }
                next_row = page.first_row_index + 1;
            }
        }
    }
    (n_rows != metadata.file_metadata().num_rows()).then_some("row groups that do not add up")
}

fn is_inside(file_bytes: usize, offset: i64, length: i64) -> bool {
    let end = offset.checked_add(length);
    offset >= 0 && length >= 0 && end.is_some_and(|end| end as u64 <= file_bytes as u64)
}
