//! Bindings for `export`: traces as turns of a conversation.

use octomed_engine::{Conversation, Conversations, EngineError, RowImages, Spoken, SpokenTurn};
use octomed_trace::Finding;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::engine::Scanner;
use crate::error::Result;
use crate::leave::leave;
use crate::trace::Block;

/// A piece of a turn: a text, or the place of an image among those of the row.
#[derive(IntoPyObject)]
pub enum Piece {
    /// A text.
    Text(String),
    /// An image.
    Image(usize),
}

/// Role, pieces, and whether the turn carries loss.
type Turn = (String, Vec<Piece>, bool);

/// Index of the response in its row, and the turns.
type Trace = (u32, Vec<Turn>);

/// Where the row has an image, the hash of its bytes as they came, and the bytes that are stored.
type Image<'py> = (String, u64, Bound<'py, PyBytes>);

/// Number of the row in its task, its traces, its images, and the right answer as the row has it.
type Row<'py> = (u64, Vec<Trace>, Vec<Image<'py>>, Option<String>);

/// The traces of the rows with these numbers in the block's task, as far as they lie in it, as turns of a conversation:
/// masked where the source masks, before a template writes them. Numbers rise; a row that is refused is not there.
#[pyfunction]
#[pyo3(signature = (scanner, block, ordinals))]
#[expect(clippy::needless_pass_by_value, reason = "what PyO3 extracts")]
pub fn conversations<'py>(
    py: Python<'py>,
    scanner: &Scanner,
    block: &Block,
    ordinals: Vec<u64>,
) -> Result<Vec<Row<'py>>> {
    let rows = leave(py, || {
        let mut rows = Vec::with_capacity(ordinals.len());
        block.0.for_each(scanner.scanner.mapping(), |finding| {
            if let Finding::Row(row) = finding
                && ordinals.binary_search(&row.ordinal).is_ok()
                && let Ok(spoken) = scanner.scanner.conversations(&row)?
            {
                rows.push((row.ordinal, spoken));
            }
            Ok::<(), EngineError>(())
        })?;
        Ok::<_, EngineError>(rows)
    })?;
    Ok(rows
        .into_iter()
        .map(|(ordinal, spoken)| of_row(py, ordinal, spoken))
        .collect())
}

fn of_row(py: Python<'_>, ordinal: u64, spoken: Conversations) -> Row<'_> {
    let images = images(py, &spoken.images);
    let traces = spoken.traces.into_iter().map(trace).collect();
    (ordinal, traces, images, spoken.answer)
}

fn images<'py>(py: Python<'py>, images: &RowImages) -> Vec<Image<'py>> {
    let stored = |hash| images.new.iter().find(|new| new.hash == hash);
    let image = images.images.iter().map(|image| {
        let bytes = stored(image.hash).map_or(&[][..], |new| &new.stored);
        (image.place.clone(), image.hash, PyBytes::new(py, bytes))
    });
    image.collect()
}

fn trace(conversation: Conversation) -> Trace {
    let turns = conversation.turns.into_iter().map(turn);
    (conversation.sample, turns.collect())
}

fn turn(turn: SpokenTurn) -> Turn {
    let piece = |piece| match piece {
        Spoken::Text(text) => Piece::Text(text),
        Spoken::Image(place) => Piece::Image(place),
    };
    (
        turn.role,
        turn.pieces.into_iter().map(piece).collect(),
        turn.learned,
    )
}
