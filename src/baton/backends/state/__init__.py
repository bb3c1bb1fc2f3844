"""State stores: records, facts and cursors in one transactional database."""
