//! What a mapping wants of a file's columns, to say which are missing before a row is read.

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
