/**
 * A disk as POSIX promises it and no more: bytes are durable once their file is synced, a name once its directory is.
 * `survivors` yields the disks that a power failure may leave. Pure: no clock, no chance, no real files.
 */
import { constants } from 'node:os'
import { getSystemErrorMap } from 'node:util'
import { assert } from '../../../src/base/assert.ts'

export type DiskOp =
  | { readonly verb: 'create' | 'fsyncDirectory' | 'unlink' | 'mkdir'; readonly path: string }
  | { readonly verb: 'rename' | 'link'; readonly path: string; readonly to: string }
  | { readonly verb: 'write'; readonly file: number; readonly bytes: Uint8Array }
  | { readonly verb: 'fsync'; readonly file: number }

export type DiskFile = {
  kind: 'file'
  bytes: Uint8Array
  durable: Uint8Array
  lastWrite: number
  links: number
}
export type DiskDirectory = {
  kind: 'directory'
  names: Map<string, DiskNode>
  durable: Map<string, DiskNode>
  /** What happened to names since the last sync, in order; `undefined` where the name went. */
  pending: { name: string; node: DiskNode | undefined }[]
}
export type DiskNode = DiskFile | DiskDirectory

type Change = DiskDirectory['pending'][number]

/** In the shape that Node gives its errors; libuv has no name for some, EDQUOT among them. */
export function systemError(name: string, syscall: string, path: string): Error {
  const errno = -(constants.errno as Readonly<Record<string, number>>)[name]!
  const code = getSystemErrorMap().has(errno) ? name : `Unknown system error ${errno}`
  return Object.assign(new Error(`${code}: ${syscall} '${path}'`), { code, errno, syscall, path })
}

const NO_BYTES = new Uint8Array(0)

function newDirectory(): DiskDirectory {
  return { kind: 'directory', names: new Map(), durable: new Map(), pending: [] }
}

export class Disk {
  readonly root: DiskDirectory = newDirectory()
  /** In the order of their creation: a file's number in `DiskOp`. */
  readonly files: DiskFile[] = []

  find(path: string, call: string): DiskNode {
    let node: DiskNode = this.root
    for (const name of path.split('/').filter((part) => part !== '')) {
      if (node.kind !== 'directory') throw systemError('ENOTDIR', call, path)
      const child = node.names.get(name)
      if (child === undefined) throw systemError('ENOENT', call, path)
      node = child
    }
    return node
  }

  directory(path: string, call: string): DiskDirectory {
    const node = this.find(path, call)
    if (node.kind !== 'directory') throw systemError('ENOTDIR', call, path)
    return node
  }

  #parent(path: string, call: string): { directory: DiskDirectory; name: string } {
    const at = path.lastIndexOf('/')
    return { directory: this.directory(path.slice(0, at), call), name: path.slice(at + 1) }
  }

  #set(directory: DiskDirectory, name: string, node: DiskNode | undefined): void {
    const before = directory.names.get(name)
    if (before?.kind === 'file') before.links -= 1
    if (node?.kind === 'file') node.links += 1
    if (node === undefined) directory.names.delete(name)
    else directory.names.set(name, node)
    directory.pending.push({ name, node })
  }

  #add(path: string, call: string, node: DiskNode): void {
    const { directory, name } = this.#parent(path, call)
    if (directory.names.has(name)) throw systemError('EEXIST', call, path)
    this.#set(directory, name, node)
  }

  #remove(path: string, call: string): DiskFile {
    const node = this.find(path, call)
    if (node.kind !== 'file') throw systemError('EISDIR', call, path)
    const { directory, name } = this.#parent(path, call)
    this.#set(directory, name, undefined)
    return node
  }

  apply(op: DiskOp): void {
    switch (op.verb) {
      case 'create': {
        const file: DiskFile = { kind: 'file', bytes: NO_BYTES, durable: NO_BYTES, lastWrite: 0, links: 0 }
        this.#add(op.path, op.verb, file)
        this.files.push(file)
        return
      }
      case 'mkdir':
        this.#add(op.path, op.verb, newDirectory())
        return
      case 'write': {
        const file = this.files[op.file]!
        file.lastWrite = file.bytes.length
        file.bytes = Uint8Array.from(Buffer.concat([file.bytes, op.bytes]))
        return
      }
      case 'fsync': {
        const file = this.files[op.file]!
        file.durable = file.bytes
        return
      }
      case 'fsyncDirectory': {
        const directory = this.directory(op.path, op.verb)
        directory.durable = new Map(directory.names)
        directory.pending = []
        return
      }
      case 'unlink':
        this.#remove(op.path, op.verb)
        return
      case 'rename': {
        const { directory, name } = this.#parent(op.to, op.verb)
        const there = directory.names.get(name)
        if (there?.kind === 'directory') throw systemError('EISDIR', op.verb, op.to)
        this.#set(directory, name, this.#remove(op.path, op.verb))
        return
      }
      case 'link': {
        const node = this.find(op.path, op.verb)
        assert(node.kind === 'file', 'only files are linked')
        this.#add(op.to, op.verb, node)
      }
    }
  }

  /** The disk that keeps those unsynced changes of names that `keeps` names, and `bytesOf` of each file. */
  #survivor(keeps: (change: Change) => boolean, bytesOf: (file: DiskFile) => Uint8Array): Disk {
    const disk = new Disk()
    const copies = new Map<DiskFile, DiskFile>()
    const copyFile = (file: DiskFile): DiskFile => {
      const bytes = bytesOf(file)
      const copy = copies.get(file) ?? {
        kind: 'file',
        bytes,
        durable: bytes,
        lastWrite: bytes.length,
        links: 0,
      }
      if (!copies.has(file)) disk.files.push(copy)
      copies.set(file, copy)
      copy.links += 1
      return copy
    }
    const fill = (from: DiskDirectory, to: DiskDirectory): void => {
      const names = new Map(from.durable)
      for (const change of from.pending) {
        if (!keeps(change)) continue
        if (change.node === undefined) names.delete(change.name)
        else names.set(change.name, change.node)
      }
      for (const [name, node] of names) {
        const copy = node.kind === 'file' ? copyFile(node) : newDirectory()
        if (node.kind === 'directory' && copy.kind === 'directory') fill(node, copy)
        to.names.set(name, copy)
        to.durable.set(name, copy)
      }
    }
    fill(this.root, disk.root)
    return disk
  }

  /** The same disk, everything on it durable. */
  copy(): Disk {
    return this.#survivor(
      () => true,
      (file) => file.bytes,
    )
  }

  #unsyncedNames(): Change[] {
    const changes: Change[] = []
    const walk = (directory: DiskDirectory) => {
      changes.push(...directory.pending)
      for (const node of directory.names.values()) if (node.kind === 'directory') walk(node)
    }
    walk(this.root)
    return changes
  }

  /**
   * What may be left: only what was synced; all names but only synced bytes, bytes whose last write is torn, or zeros
   * where bytes should be; everything; each unsynced change of a name lost alone; each kept alone.
   */
  *survivors(): Generator<{ how: string; disk: Disk }> {
    const all = () => true
    const whole = (file: DiskFile) => file.bytes
    const torn = (file: DiskFile) =>
      file.bytes === file.durable
        ? file.durable
        : file.bytes.subarray(0, Math.floor((file.lastWrite + file.bytes.length) / 2))
    const zeroed = (file: DiskFile) => {
      const bytes = new Uint8Array(file.bytes.length)
      bytes.set(file.durable)
      return bytes
    }
    yield {
      how: 'only what was synced',
      disk: this.#survivor(
        () => false,
        (file) => file.durable,
      ),
    }
    yield { how: 'all names, synced bytes', disk: this.#survivor(all, (file) => file.durable) }
    yield { how: 'all names, a torn write', disk: this.#survivor(all, torn) }
    yield { how: 'all names, zeros for bytes', disk: this.#survivor(all, zeroed) }
    yield { how: 'everything', disk: this.#survivor(all, whole) }
    for (const change of this.#unsyncedNames()) {
      const what = `${change.node === undefined ? 'removal' : 'entry'} of ${change.name}`
      yield { how: `without the ${what}`, disk: this.#survivor((other) => other !== change, whole) }
      yield { how: `with nothing but the ${what}`, disk: this.#survivor((other) => other === change, whole) }
    }
  }
}
