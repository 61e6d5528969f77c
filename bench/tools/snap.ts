import { join, resolve } from 'node:path'
import type { Place, Tool } from './tool.ts'

/** snap as built in `checkout`, run by the Node at `node`. */
export function snapBy(node: string, checkout: string): Tool {
  const main = join(resolve(checkout), 'bin', 'main.js')
  const on = ({ repo, cache }: Place) =>
    [
      node,
      main,
      '-q',
      '--no-progress',
      '--repo',
      repo,
      '--cache-dir',
      cache,
      '--key-file',
      `${repo}.key`,
    ] as const
  return {
    init: (place) => [...on(place), 'init'],
    backup: (place) => [...on(place), 'backup', place.source],
    restore: (place, target) => [...on(place), 'restore', 'latest', '--target', target],
    restoreAgain: (place, target) => [...on(place), 'restore', 'latest', '--target', target],
    verify: (place) => [...on(place), 'verify', '--data'],
    prune: (place) => [...on(place), 'forget', '--keep-last', '1', '--prune', '--undelete-window', '0'],
    list: (place) => [...on(place), 'snapshots'],
    find: (place, pattern) => [...on(place), 'find', pattern],
    rebuild: (place) => [...on(place), 'manifest', 'rebuild'],
    version: () => [node, main, '--version'],
  }
}
