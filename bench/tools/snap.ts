import { join, resolve } from 'node:path'
import type { Place, Tool } from './tool.ts'

/** The command line of snap as built in `checkout`, run by the Node at `node`, up to the command's name. */
export const snapOn = (node: string, checkout: string, { repo, cache, keyFile = keyFileOf(repo) }: Place) =>
  [
    node,
    join(resolve(checkout), 'bin', 'main.js'),
    '-q',
    '--no-progress',
    '--repo',
    repo,
    '--cache-dir',
    cache,
    '--key-file',
    keyFile,
  ] as const

/** Where `init` puts the key file. */
export const keyFileOf = (repo: string): string => `${repo}.key`

/** snap as built in `checkout`, run by the Node at `node`. */
export function snapBy(node: string, checkout: string): Tool {
  const on = (place: Place) => snapOn(node, checkout, place)
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
    version: () => [node, join(resolve(checkout), 'bin', 'main.js'), '--version'],
  }
}
