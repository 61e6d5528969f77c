/**
 * A machine in memory whose processes (`StorageFs` each) share one disk. Every operation that changes the disk goes to
 * a journal, from which the states that a power failure may leave can be had after any number of operations.
 */
import type { FsStat, StorageFs } from '../../../src/storage/storage-fs.ts'
import { Disk, type DiskNode, type DiskOp, systemError } from './disk-model.ts'

/** Not a system error: nothing in the backend may take it for one and go on. */
export class Killed extends Error {
  override readonly name = 'Killed'
}

export class RecordingMachine {
  readonly journal: DiskOp[] = []
  readonly disk: Disk

  constructor(disk: Disk = new Disk()) {
    this.disk = disk
  }

  #record(op: DiskOp): void {
    this.disk.apply(op)
    this.journal.push(op)
  }

  /** A process that is killed when it attempts one more than `opsMax` operations on the disk. */
  process(opsMax = Number.POSITIVE_INFINITY): StorageFs {
    const disk = this.disk
    const open = new Map<number, number>()
    let ops = 0
    let descriptors = 3
    let killed = false
    const alive = async () => {
      await Promise.resolve()
      if (killed) throw new Killed()
    }
    const change = async (op: DiskOp) => {
      await alive()
      killed = ops >= opsMax
      if (killed) throw new Killed()
      this.#record(op)
      ops += 1
    }
    const opened = (file: number) => {
      descriptors += 1
      open.set(descriptors, file)
      return descriptors
    }
    const fileOf = (fd: number, call: string) => {
      const file = open.get(fd)
      if (file === undefined) throw systemError('EBADF', call, String(fd))
      return file
    }
    return {
      openForReading: async (path) => {
        await alive()
        const node = disk.find(path, 'open')
        if (node.kind !== 'file') throw systemError('EISDIR', 'open', path)
        return opened(disk.files.indexOf(node))
      },
      createFile: async (path) => {
        await change({ verb: 'create', path })
        return opened(disk.files.length - 1)
      },
      writev: async (fd, parts) => {
        const bytes = Uint8Array.from(Buffer.concat(parts))
        await change({ verb: 'write', file: fileOf(fd, 'writev'), bytes })
        return bytes.length
      },
      read: async (fd, into, at, count, position) => {
        await alive()
        const bytes = disk.files[fileOf(fd, 'read')]!.bytes.subarray(position, position + count)
        into.set(bytes, at)
        return bytes.length
      },
      fstat: async (fd) => {
        await alive()
        return statOf(disk.files[fileOf(fd, 'fstat')]!)
      },
      fsync: async (fd) => await change({ verb: 'fsync', file: fileOf(fd, 'fsync') }),
      close: async (fd) => {
        await alive()
        fileOf(fd, 'close')
        open.delete(fd)
      },
      fsyncDirectory: async (path) => await change({ verb: 'fsyncDirectory', path }),
      rename: async (path, to) => await change({ verb: 'rename', path, to }),
      link: async (path, to) => await change({ verb: 'link', path, to }),
      unlink: async (path) => await change({ verb: 'unlink', path }),
      mkdir: async (path) => await change({ verb: 'mkdir', path }),
      readdir: async (path) => {
        await alive()
        return [...disk.directory(path, 'readdir').names].map(([name, { kind }]) => ({ name, kind }))
      },
      stat: async (path) => {
        await alive()
        return statOf(disk.find(path, 'stat'))
      },
    }
  }
}

function statOf(node: DiskNode): FsStat {
  const isFile = node.kind === 'file'
  return {
    kind: node.kind,
    bytes: isFile ? node.bytes.length : 0,
    modifiedAt: 0,
    links: isFile ? node.links : 1,
  }
}

export type PowerLoss = { readonly ops: number; readonly how: string; readonly disk: Disk }

/** Every disk that may be left when the power goes after `from`, `from + 1` ... all operations of the journal, which began on `disk`. */
export function* powerLosses(
  journal: readonly DiskOp[],
  from = 0,
  disk: Disk = new Disk(),
): Generator<PowerLoss> {
  for (let ops = 0; ops <= journal.length; ops += 1) {
    if (ops >= from) for (const { how, disk: left } of disk.survivors()) yield { ops, how, disk: left }
    const op = journal[ops]
    if (op !== undefined) disk.apply(op)
  }
}
