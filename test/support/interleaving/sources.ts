/** Directories of a few files that are edited in places, exchanged and put together: much of it is stored as differences. */
import { Chance } from '../builders.ts'
import { MemorySource } from '../memory-source.ts'
import { happens } from './modes.ts'

export const DIRECTORIES: readonly string[] = ['/d0', '/d1', '/d2']
export const NAMES: readonly string[] = ['f', 'g']
const EDITS_MAX = 12

/** By their names in the directory. */
export type Files = ReadonlyMap<string, Uint8Array>

type Version = { readonly bytes: Uint8Array; readonly number: number }

export class Sources {
  readonly #chance: Chance
  readonly #contents: Uint8Array[]
  readonly #files = new Map<string, Version>()
  #versions = 0

  constructor(chance: Chance, seed: number) {
    this.#chance = chance
    this.#contents = [60_000, 90_000, 120_000].map((bytes, at) => new Chance(seed * 10 + at).bytes(bytes))
  }

  edit(): void {
    for (const directory of DIRECTORIES) {
      for (const name of NAMES) {
        const path = `${directory}/${name}`
        if (this.#files.has(path) && happens(this.#chance, 0.4)) continue
        const bytes = this.#newContent()
        if (happens(this.#chance, 0.5)) this.#contents.push(bytes)
        this.#files.set(path, { bytes, number: ++this.#versions })
      }
    }
  }

  /** One that there was, most often with a few other bytes in it, or with another after it. */
  #newContent(): Uint8Array {
    const how = this.#chance.int(10)
    const bytes = this.#anyContent()
    if (how === 8) return Buffer.concat([bytes, this.#anyContent()])
    if (how >= 7) return bytes
    const edited = Uint8Array.from(bytes)
    for (let edits = this.#chance.between(1, EDITS_MAX); edits > 0; edits--)
      edited[this.#chance.int(edited.length)]! ^= this.#chance.between(1, 200)
    return edited
  }

  #anyContent(): Uint8Array {
    return this.#contents[this.#chance.int(this.#contents.length)] ?? new Uint8Array(0)
  }

  filesOf(directory: string): Files {
    return new Map(
      NAMES.map((name) => [name, this.#files.get(`${directory}/${name}`)?.bytes ?? new Uint8Array(0)]),
    )
  }

  /** As they are now, for good. */
  frozen(): MemorySource {
    const source = new MemorySource()
    for (const [path, { bytes, number }] of this.#files) {
      const times = { mtimeSec: 1_000_000 + number, ctimeSec: 1_000_000 + number }
      source.file(path, bytes, { stat: { ...times, inode: 50 + number } })
    }
    return source
  }
}
