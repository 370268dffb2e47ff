//! What is said of a dataset beside its rows.

use std::fmt::Write as _;

use super::DatasetShape;

/// Where the passages came from and under which conditions they may be used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DatasetCard {
    /// What the dataset is called.
    pub name: String,
    /// The encoder of the vectors; questions must be encoded by its partner.
    pub encoder: Option<String>,
    /// The partner.
    pub question_encoder: Option<String>,
    /// The source with its date.
    pub source: String,
    /// Licences with their conditions and the attribution that they ask for, a paragraph each.
    pub licences: Vec<String>,
    /// Changes whenever the content does: 16 hexadecimal digits. Caches of `datasets` are keyed by it.
    pub fingerprint: String,
}

impl DatasetCard {
    /// One paragraph for fields that take plain text.
    pub(super) fn description(&self) -> String {
        let vectors = match &self.encoder {
            Some(encoder) => format!(" with vectors of `{encoder}`"),
            None => " with vectors".into(),
        };
        format!("Passages{vectors} from {}. Made by ragdex.", self.source)
    }

    pub(super) fn licence(&self) -> String {
        self.licences.join("\n")
    }

    /// A page for files that are no dataset: where their content came from, and the licences.
    pub fn notice(&self) -> String {
        let mut page = format!("# {}\n\n{}\n", self.name, self.description());
        self.push_licences(&mut page);
        page
    }

    fn push_licences(&self, page: &mut String) {
        if !self.licences.is_empty() {
            page.push_str("\n## Licences\n");
        }
        for licence in &self.licences {
            let _ = write!(page, "\n{licence}\n");
        }
    }

    /// `README.md`, as the hub shows it: a front of YAML, then Markdown.
    pub(super) fn markdown(&self, shape: DatasetShape) -> String {
        let mut card = format!(
            "---\npretty_name: {name}\ntask_categories:\n- text-retrieval\nconfigs:\n- config_name: default\n  \
             data_files:\n  - split: train\n    path: data/train-*\n---\n\n# {title}\n\n{description}\n\n\
             {rows} passages, vectors of {dim} numbers, to be compared by inner product.\n",
            name = yaml_string(&self.name),
            title = self.name,
            description = self.description(),
            rows = shape.rows,
            dim = shape.dim,
        );
        if let Some(encoder) = &self.question_encoder {
            let _ = writeln!(card, "Questions are to be encoded by `{encoder}`.");
        }
        self.push_licences(&mut card);
        card
    }
}

/// Text in quotation marks, as JSON has it: YAML reads it alike.
fn yaml_string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
