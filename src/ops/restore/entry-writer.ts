/** Brings one entry that is no directory to its place: at once, with the files of its window, or when all files are there. */
import type { Random } from '../../model/clock.ts'
import type { TargetDirectory } from '../../model/files.ts'
import type { FileRestorer } from './file-restorer.ts'
import type { Later } from './later.ts'
import { metaOf } from './meta.ts'
import { type Placement, putEntry } from './placement.ts'
import type { RestoreAction, RestoreCounter } from './report.ts'

export type EntryWriterParts = {
  readonly counter: RestoreCounter
  readonly later: Later
  readonly keepOwner: boolean
  readonly random: Random
}

export class EntryWriter {
  readonly #parts: EntryWriterParts

  constructor(parts: EntryWriterParts) {
    this.#parts = parts
  }

  async put(
    place: Placement,
    directory: TargetDirectory,
    files: FileRestorer,
    action: RestoreAction,
  ): Promise<void> {
    const { counter, later, keepOwner } = this.#parts
    const { entry, path } = place
    if (action === 'unchanged') counter.filesUnchanged += 1
    // Of those of one file, the first is restored and the others become links to it.
    if (later.isAnotherLink(place, action === 'unchanged')) return
    if (action === 'unchanged') {
      counter.lost(path, directory.setMeta(entry.name, entry.type, metaOf(entry, keepOwner)))
    } else if (entry.type === 'symlink') later.symlink(place)
    else if (entry.type === 'file') await files.add(place)
    else this.#special(place, directory)
  }

  /** FIFOs, devices. */
  #special(place: Placement, directory: TargetDirectory): void {
    const { counter, keepOwner, random } = this.#parts
    const { entry, path } = place
    const { device } = entry
    putEntry(directory, place, random, (name) => {
      if (entry.type === 'fifo') directory.makeFifo(name, entry.mode)
      else if ((entry.type === 'char' || entry.type === 'block') && device !== undefined) {
        directory.makeDevice(name, entry.type, entry.mode, device.major, device.minor)
      }
      counter.lost(path, directory.setMeta(name, entry.type, metaOf(entry, keepOwner)))
    })
    counter.others += 1
  }
}
