import { type Place, shell, type Tool } from '../tools/tool.ts'
import { peer } from './peer.ts'

const borg = peer('borg')
/** Into the current directory, as borg does it; the newest archive is looked up by name. */
const extract: Tool['restore'] = ({ repo }, target) =>
  shell(
    'mkdir -p "$3"; cd "$3"; exec "$1" extract "$2::$("$1" list --short --last 1 "$2")"',
    borg,
    repo,
    target,
  )

/** borg with `repokey-blake2` and the given arguments of `borg create`. */
export const borgWith = (...create: readonly string[]): Tool => ({
  init: ({ repo }) => [borg, 'init', '-e', 'repokey-blake2', repo],
  backup: ({ repo, source }, { name }) => [borg, 'create', ...create, `${repo}::${name}`, source],
  restore: extract,
  restoreAgain: extract,
  verify: ({ repo }) => [borg, 'check', '--verify-data', repo],
  prune: ({ repo }) => shell('"$1" prune --keep-last 1 "$2"; exec "$1" compact "$2"', borg, repo),
  list: ({ repo }) => [borg, 'list', repo],
  find: () => undefined,
  rebuild: ({ repo, cache }: Place) => shell('rm -rf "$2/.cache"; exec "$1" info "$3"', borg, cache, repo),
  version: () => [borg, '--version'],
})
