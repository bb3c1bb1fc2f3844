"""The application: picks backends, runs the loop, and reads it back for the edges."""
