/** Which paths of a snapshot a category, data type or source of its job stands for. */
import type { SnapshotSource } from '../../log/details.ts'
import { SnapError } from '../../model/errors.ts'

/** Lists of names; what a list names is wanted, an empty one wants nothing by itself. Data types narrow the categories down. */
export type WantedSources = {
  readonly categories: readonly string[]
  readonly types: readonly string[]
  readonly names: readonly string[]
}

export function isAnyWanted({ categories, types, names }: WantedSources): boolean {
  return categories.length + types.length + names.length > 0
}

/** Paths or globs, each once. `PATH_UNKNOWN` where a name stands for nothing in the snapshot. */
export function pathsOfSources(sources: readonly SnapshotSource[], wanted: WantedSources): string[] {
  const { categories, types, names } = wanted
  requireAll('category', categories, sources, ({ category }) => category)
  requireAll('type', types, sources, ({ type }) => type)
  requireAll('source', names, sources, ({ name }) => name)
  const paths = sources.filter((source) => {
    const { name = '', category = '', type = '' } = source
    if (names.includes(name)) return true
    if (types.length > 0)
      return types.includes(type) && (categories.length === 0 || categories.includes(category))
    return categories.includes(category)
  })
  if (paths.length === 0)
    throw new SnapError(
      'PATH_UNKNOWN',
      `no data type ${types.join(', ')} is of category ${categories.join(', ')}`,
      {
        hint: 'Leave one of them out.',
      },
    )
  return [...new Set(paths.flatMap((source) => source.paths))]
}

function requireAll(
  what: string,
  wanted: readonly string[],
  sources: readonly SnapshotSource[],
  nameOf: (source: SnapshotSource) => string | undefined,
): void {
  const known = [...new Set(sources.flatMap((source) => nameOf(source) ?? []))]
  const missing = wanted.find((name) => !known.includes(name))
  if (missing === undefined) return
  throw new SnapError('PATH_UNKNOWN', `the snapshot has no ${what} "${missing}"`, {
    hint:
      known.length === 0
        ? 'It was made without a job, or of sources alone: name paths.'
        : `It has ${known.join(', ')}.`,
  })
}
