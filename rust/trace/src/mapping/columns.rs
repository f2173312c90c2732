//! What a mapping needs of a file's columns, to say which are missing before a row is read.

use super::Mapping;

impl Mapping {
    /// The required columns that a file with columns `names` lacks, each under its first name.
    pub fn missing_columns<T: AsRef<str>>(&self, names: &[T]) -> Vec<String> {
        let missing = |field: &&crate::read::Field| !field.optional && !field.is_in(names);
        let columns = self.fields().filter(missing);
        columns.map(|field| field.first_name().to_owned()).collect()
    }

    /// How many columns a row must have.
    pub fn required_columns(&self) -> usize {
        self.fields().filter(|field| !field.optional).count()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::Mapping;

    #[test]
    fn required_columns_that_are_missing_go_by_their_first_name() {
        let json = r#"{"question": ["q", {"any_of": ["more"], "optional": true}], "responses": {"any_of": ["r", "rs"]},
            "answer": "gold.text"}"#;
        let mapping = Mapping::from_json(json).unwrap();
        assert_eq!(mapping.required_columns(), 3);
        assert_eq!(mapping.missing_columns(&["x"]), ["q", "gold.text", "r"]);
        assert_eq!(mapping.missing_columns(&["rs", "gold", "q"]), [""; 0]);
    }
}
