/**
 * Which entries of a snapshot are names of one file. Device and inode alone do not say so: names are read one after the
 * other, and meanwhile the file may be written to, or its inode number be given to another.
 */
import { type Content, EMPTY_CONTENT } from './content.ts'
import type { Entry } from './entry.ts'

/** Of names that come one after the other, finds the first of the same file. `T` is what the caller knows each by. */
export class HardLinks<T> {
  readonly #firsts = new Map<string, { readonly entry: Entry; readonly place: T }[]>()

  /** Where an entry of the same file came before; `undefined` for the first of each, and for what has no other name. */
  firstOf(entry: Entry, place: T): T | undefined {
    if (entry.hardLink === undefined) return undefined
    const name = `${entry.hardLink.device}:${entry.inode}`
    const firsts = this.#firsts.get(name)
    const first = firsts?.find((other) => isSameFile(other.entry, entry))
    if (first !== undefined) return first.place
    if (firsts === undefined) this.#firsts.set(name, [{ entry, place }])
    else firsts.push({ entry, place })
    return undefined
  }
}

/** Of entries with the same device and inode: whether a link to one is what the other holds. */
function isSameFile(a: Entry, b: Entry): boolean {
  return (
    a.type === b.type &&
    a.size === b.size &&
    a.target === b.target &&
    a.device?.major === b.device?.major &&
    a.device?.minor === b.device?.minor &&
    isSameContent(a.content ?? EMPTY_CONTENT, b.content ?? EMPTY_CONTENT)
  )
}

function isSameContent(a: Content, b: Content): boolean {
  return a.levels === b.levels && Buffer.compare(a.items, b.items) === 0
}
