import { type Place, shell, type Tool } from '../tools/tool.ts'
import { peer } from './peer.ts'

const on = ({ repo, cache }: Place) => [peer('restic'), '-q', '-r', repo, '--cache-dir', cache] as const
const restore: Tool['restore'] = (place, target) => [...on(place), 'restore', 'latest', '--target', target]

/** restic with its default settings. */
export const restic: Tool = {
  init: (place) => [...on(place), 'init'],
  backup: (place) => [...on(place), 'backup', place.source],
  restore,
  restoreAgain: restore,
  verify: (place) => [...on(place), 'check', '--read-data'],
  prune: (place) => [...on(place), 'forget', '--keep-last', '1', '--prune'],
  list: (place) => [...on(place), 'snapshots'],
  find: (place, pattern) => [...on(place), 'find', pattern],
  // The nearest that restic has: an empty cache, filled by a command that needs the index.
  rebuild: (place) => shell('rm -rf "$1"; shift; exec "$@"', place.cache, ...on(place), 'stats'),
  version: () => [peer('restic'), 'version'],
}
