"""The model server: a thin HTTP shell on the serving room. Loads bundles only: no pickle, no training library, no console."""
