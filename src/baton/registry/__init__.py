"""Registry: model versions with their lineage, and the signed bundles that ship."""
