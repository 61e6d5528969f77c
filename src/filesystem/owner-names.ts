/**
 * Names of users and groups by number, out of files like `/etc/passwd`. Knows no directory service: an owner from there
 * keeps its number, which is what restores use on the same machine.
 */
import { readFileSync } from 'node:fs'

export type OwnerNames = (id: number) => string | undefined

/** Reads `path` at the first question, once. The first line of a number wins, as in the C library. */
export function createOwnerNames(path: string): OwnerNames {
  let names: Map<number, string> | undefined
  return (id) => {
    names ??= readOwnerNames(path)
    return names.get(id)
  }
}

function readOwnerNames(path: string): Map<number, string> {
  const names = new Map<number, string>()
  for (const line of readLines(path)) {
    const [name, , id] = line.split(':')
    if (!name || name.startsWith('#') || !id || !/^\d+$/.test(id)) continue
    const number = Number(id)
    if (!names.has(number)) names.set(number, name)
  }
  return names
}

/** No lines where the file is missing or unreadable: names are an extra, numbers are kept anyway. */
function readLines(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n')
  } catch {
    return []
  }
}
