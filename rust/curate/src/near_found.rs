//! What the search for near duplicates found: what the report lists.

use std::cmp::Reverse;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use octomed_index::TraceLocation;

/// Where the rule leaves what it found.
#[derive(Clone, Debug, Default)]
pub struct NearFound(Arc<Mutex<Option<NearClusters>>>);

impl NearFound {
    /// Leaves what was found.
    pub fn set(&self, clusters: NearClusters) {
        *self.lock() = Some(clusters);
    }

    /// Takes what was found; nothing where no rule has looked.
    #[must_use]
    pub fn take(&self) -> Option<NearClusters> {
        self.lock().take()
    }

    fn lock(&self) -> MutexGuard<'_, Option<NearClusters>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The clusters of near duplicates.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NearClusters {
    /// The largest first; of equally large ones that whose first member is kept first.
    pub clusters: Vec<NearCluster>,
    /// Traces that are near to one that stays.
    pub near: u64,
    /// Traces that share a band key with another.
    pub candidates: u64,
    /// Pairs whose texts were compared.
    pub compared: u64,
    /// Groups of one band key in which more traces stay than were compared with all others.
    pub crowded: u64,
    /// Seconds of the search for candidates, and of the comparison of their texts.
    pub seconds: [f64; 2],
}

/// Traces connected by pairs that are near to each other.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NearCluster {
    /// Its traces, in the order in which they are kept.
    pub members: Vec<NearMember>,
}

/// A trace of a cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct NearMember {
    /// The trace.
    pub trace: TraceLocation,
    /// The one that stays for it, and the share of all their runs of words that both have; nothing of one that stays.
    pub kept: Option<(TraceLocation, f64)>,
    /// How its response begins, of a few members of the largest clusters.
    pub text: Option<String>,
}

impl NearClusters {
    /// Sorts the clusters, the largest first.
    pub(crate) fn sort(&mut self) {
        // The sort is stable: what was first stays first among equals.
        self.clusters
            .sort_by_key(|cluster| Reverse(cluster.members.len()));
    }
}
