/**
 * Tells whether a power failure would lose what a storage has acknowledged. A session writes through a `StorageFs` and
 * notes promises as they are made; `losses` then looks at every disk that may be left after any operation.
 */
import type { Storage } from '../../../src/model/storage.ts'
import { openLocalDirectory } from '../../../src/storage/local-directory.ts'
import { powerLosses, RecordingMachine } from './recording-fs.ts'

type Promised = { from: number; until: number; what: string; holds: (storage: Storage) => Promise<boolean> }

export const REPOSITORY = '/srv/repository'

/** The bytes of version `version` of `key`: every stored object of a session has such bytes, so that a part is told from a whole. */
export function bytesFor(key: string, version = 1): Uint8Array {
  return new TextEncoder().encode(`${key} version ${version};`.repeat(40))
}

async function bytesOf(storage: Storage, key: string): Promise<string | undefined> {
  if ((await storage.stat(key)) === undefined) return undefined
  return Buffer.from(await storage.read(key)).toString()
}

export class PowerSession {
  readonly machine = new RecordingMachine()
  readonly #promises: Promised[] = []

  /** `holds` must be true of every disk that is left from now on, until `broken`. */
  promise(what: string, holds: (storage: Storage) => Promise<boolean>): { broken: () => void } {
    const promised = { from: this.machine.journal.length, until: Number.POSITIVE_INFINITY, what, holds }
    this.#promises.push(promised)
    return {
      broken: () => {
        promised.until = this.machine.journal.length
      },
    }
  }

  /** Promises that `key` holds that version. */
  kept(key: string, version = 1): { broken: () => void } {
    const wanted = Buffer.from(bytesFor(key, version)).toString()
    return this.promise(
      `${key} version ${version}`,
      async (storage) => (await bytesOf(storage, key)) === wanted,
    )
  }

  gone(key: string): void {
    this.promise(`${key} removed`, async (storage) => (await storage.stat(key)) === undefined)
  }

  /** What was lost, in words, and the number of disks looked at; stops at the first loss where `first`. */
  async losses(first = false): Promise<{ states: number; lost: string[] }> {
    const lost: string[] = []
    let states = 0
    for (const { ops, how, disk } of powerLosses(this.machine.journal)) {
      states += 1
      const storage = openLocalDirectory(REPOSITORY, { fs: new RecordingMachine(disk).process() })
      for (const { from, until, what, holds } of this.#promises) {
        if (ops >= from && ops <= until && !(await holds(storage)))
          lost.push(`${what}, after ${ops} operations, ${how}`)
      }
      for (const key of await partial(storage, disk.root.names.size > 0)) {
        lost.push(`${key} in part, after ${ops} operations, ${how}`)
      }
      if (first && lost.length > 0) break
    }
    return { states, lost }
  }
}

async function partial(storage: Storage, anything: boolean): Promise<string[]> {
  const found: string[] = []
  if (!anything) return found
  try {
    for await (const { key } of storage.list('')) {
      const bytes = await bytesOf(storage, key)
      const version = Number(/version (\d+);/.exec(bytes ?? '')?.[1])
      if (bytes !== Buffer.from(bytesFor(key, version)).toString()) found.push(key)
    }
  } catch {
    // No repository directory yet: nothing is there in part.
  }
  return found
}
