/** A source to back up, in one or more versions. */
export interface Corpus {
  /** One line for the report: what it is, with its numbers. */
  readonly description: string
  /** Makes one directory for each version below `place`, oldest first; returns their paths. */
  make(place: string, options: CorpusOptions): readonly string[]
}

export interface CorpusOptions {
  /** Of the usual sizes, 1 for all; smaller for trying out. */
  readonly scale: number
  /** Versions of a real source tree, oldest first; none where generated ones are to be taken. */
  readonly trees: readonly string[]
}
