"""OctoMed: reasoning traces in, packed MDS shards out."""
