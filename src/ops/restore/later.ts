/**
 * What a restore sets when all files are there: hard links, then symlinks, so that nothing is ever written through a link that came
 * from the repository, then further names of symlinks, and then directories, whose times would not stay otherwise.
 */
import type { Random } from '../../model/clock.ts'
import { HardLinks } from '../../snapshot/hard-links.ts'
import type { DirectoryCache } from '../../workers/directory-cache.ts'
import type { Failures } from './failures.ts'
import { metaOf } from './meta.ts'
import { type Place, type Placement, putEntry } from './placement.ts'
import type { RestoreCounter, RestoreFailure } from './report.ts'

export type LaterParts = {
  readonly counter: RestoreCounter
  readonly keepOwner: boolean
  readonly random: Random
  readonly failures: Failures
}

type HardLink = Placement & { readonly first: Place; readonly counted: boolean }

export class Later {
  readonly #parts: LaterParts
  readonly #directories: Place[] = []
  readonly #symlinks: Placement[] = []
  readonly #hardLinks: HardLink[] = []
  /** Where the first entry of each hard-linked file was put. */
  readonly #firsts = new HardLinks<Place>()

  constructor(parts: LaterParts) {
    this.#parts = parts
  }

  directory(place: Place): void {
    this.#directories.push(place)
  }

  symlink(place: Placement): void {
    this.#symlinks.push(place)
  }

  /**
   * False for the first entry of a file, which is to be restored; the others are linked to it later. `counted`: the report has this
   * one already.
   */
  isAnotherLink(place: Placement, counted: boolean): boolean {
    const first = this.#firsts.firstOf(place.entry, place)
    if (first === undefined) return false
    this.#hardLinks.push({ ...place, first, counted })
    return true
  }

  finish(directories: DirectoryCache): void {
    const linkAll = (links: readonly HardLink[]): void => {
      const failed = new Map(this.#parts.counter.failures.map((failure) => [failure.path, failure]))
      for (const link of links)
        this.#parts.failures.finishing(link.path, () => this.#link(link, failed, directories))
    }
    linkAll(this.#hardLinks.filter(({ entry }) => entry.type !== 'symlink'))
    for (const place of this.#symlinks) {
      this.#parts.failures.finishing(place.path, () => this.#symlink(place, directories))
    }
    linkAll(this.#hardLinks.filter(({ entry }) => entry.type === 'symlink'))
    // Deepest first: a directory's times change while its children are set.
    for (const place of this.#directories.reverse()) {
      this.#parts.failures.finishing(place.path, () => this.#ownMeta(place, directories))
    }
  }

  #link(link: HardLink, failed: ReadonlyMap<string, RestoreFailure>, directories: DirectoryCache): void {
    const { first } = link
    // What lies under the first name may be an old file, which this one never was.
    const failure = failed.get(first.path)
    if (failure !== undefined) {
      const reason = `is a hard link to ${first.path}, which failed`
      this.#parts.failures.add({ ...failure, path: link.path, reason })
      return
    }
    const { name } = link.entry
    const directory = directories.of(link.directory)
    const from = directories.of(first.directory)
    const there = directory.lstat(name)
    const wanted = from.lstat(first.entry.name)
    if (there === undefined || there.inode !== wanted?.inode || there.device !== wanted.device) {
      putEntry(directory, { ...link, replaces: there !== undefined }, this.#parts.random, (made) =>
        directory.makeLink(made, from, first.entry.name),
      )
    }
    if (!link.counted) this.#parts.counter.filesRestored += 1
  }

  #symlink(place: Placement, directories: DirectoryCache): void {
    const { counter, keepOwner, random } = this.#parts
    const { entry } = place
    const directory = directories.of(place.directory)
    putEntry(directory, place, random, (made) => {
      directory.makeSymlink(made, entry.target ?? '')
      counter.lost(place.path, directory.setMeta(made, 'symlink', metaOf(entry, keepOwner)))
    })
    counter.others += 1
  }

  #ownMeta({ directory, entry, path }: Place, directories: DirectoryCache): void {
    const { counter, keepOwner } = this.#parts
    counter.lost(path, directories.of(directory).setOwnMeta(metaOf(entry, keepOwner)))
  }
}
