import { readdirSync } from 'node:fs'
import { type Command, shell, type Tool } from './tool.ts'

const floor = (step: string, ...args: string[]) =>
  [process.execPath, 'bench/.built/floor.js', step, ...args] as const

/**
 * What no tool can be much faster than, in the places of the steps: an archive by `tar | zstd -3 -T0`, an lstat walk for an unchanged
 * source, `zstd --patch-from` for a next version of one file, and writing the files for a restore. `repo` is a directory of archives.
 */
export const floors: Tool = {
  init: ({ repo }) => ['mkdir', '-p', repo],
  backup: ({ repo, source }, { kind, name, previous }) => {
    if (kind === 'unchanged') return floor('walk', source)
    if (kind === 'first' || previous === undefined)
      return shell('tar -cf - -C "$1" . | zstd -q -3 -T0 -o "$2"', source, `${repo}/${name}.tar.zst`)
    return isOneFile(source) ? patch(repo, source, name, previous) : undefined
  },
  restore: ({ source }, target) => floor('write', source, target),
  restoreAgain: () => undefined,
  verify: () => undefined,
  prune: () => undefined,
  list: () => undefined,
  find: () => undefined,
  rebuild: () => undefined,
  version: () => ['zstd', '--version'],
}

/** A source of one file, or of one a day beside those of the days before. */
const isOneFile = (source: string) =>
  readdirSync(source, { withFileTypes: true }).every((entry) => entry.isFile())

/** The last file by name, compressed against the last of the version before. */
const patch = (repo: string, source: string, name: string, previous: string): Command =>
  shell(
    'new=$(ls "$1" | tail -n 1); old=$(ls "$2" | tail -n 1); exec zstd -q -3 --long=31 --patch-from="$2/$old" "$1/$new" -o "$3"',
    source,
    previous,
    `${repo}/${name}.patch.zst`,
  )
