/** By this name the program copies a SQLite database for itself: `snap __sqlite-copy FROM TO`. */
export const COPY_COMMAND = '__sqlite-copy'
