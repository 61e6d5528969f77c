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

/** `zstd --patch-from` takes no file above 2 GiB: a larger one goes by pieces of a GiB, each against the same piece of the version before. */
const PATCH = `
new=$1/$(ls "$1" | tail -n 1); old=$2/$(ls "$2" | tail -n 1); mib=$(($(stat -c %s "$new") / 1048576))
patch() { zstd -q -3 --long=31 --patch-from="$1" "$2" -o "$3"; }
if [ $mib -lt 2000 ]; then patch "$old" "$new" "$3"; exit; fi
for from in $(seq 0 1024 $((mib - 1))); do
  dd if="$old" of="$3.old" bs=1M skip=$from count=1024 status=none
  dd if="$new" of="$3.new" bs=1M skip=$from count=1024 status=none
  patch "$3.old" "$3.new" "$3.$from"
  rm "$3.old" "$3.new"
done`

/** The last file by name, compressed against the last of the version before. */
const patch = (repo: string, source: string, name: string, previous: string): Command =>
  shell(PATCH, source, previous, `${repo}/${name}.patch.zst`)
