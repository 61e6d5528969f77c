/**
 * `TargetDirectory`: creates below an open directory, by single names that are never followed. Knows nothing of
 * snapshots; what it is told may be hostile.
 */
import { constants } from 'node:fs'
import { assert } from '../base/assert.ts'
import { SnapError } from '../model/errors.ts'
import type { EntryType, FileStat, TargetDirectory, TargetMeta, Xattr } from '../model/files.ts'
import { createFreshModes, type FreshModes } from './fresh-modes.ts'
import { deviceOf, removeOne, removeTree } from './remove-tree.ts'
import type { DirectoryHandle, SystemCalls } from './system-calls.ts'
import { systemCode } from './system-error.ts'
import { checkName, linkInTheWay, targetError } from './target-error.ts'
import { ACL_ACCESS, ACL_DEFAULT, applyMeta, type Present } from './target-metadata.ts'

const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL } = constants
const O_SAFE = (constants.O_NONBLOCK ?? 0) | (constants.O_NOCTTY ?? 0)
const DIRECTORY_MODE = 0o700
const PERMISSIONS = 0o777
const OWNER_READ_WRITE = 0o600

/** A file that is open for restoring; `present` where it was created here and nobody has changed it since. */
export type OpenFile = { readonly path: string; readonly present: Present | undefined }

/** What the directories of a target share: the calls, and its open files by descriptor. */
export type TargetContext = { readonly calls: SystemCalls; readonly files: Map<number, OpenFile> }

export class OpenDirectory implements TargetDirectory {
  readonly #context: TargetContext
  readonly #calls: SystemCalls
  readonly #path: string
  /** Made by us, so that it has no attributes yet. */
  readonly #fresh: boolean
  readonly #inheritsAcl: boolean
  #handle: DirectoryHandle | undefined
  #modes: FreshModes = createFreshModes()

  /** Owns `handle`. `path` is for messages. */
  constructor(context: TargetContext, handle: DirectoryHandle, path: string, fresh: boolean) {
    this.#context = context
    this.#calls = context.calls
    this.#handle = handle
    this.#path = path
    this.#fresh = fresh
    using entry = context.calls.directoryEntry(handle)
    this.#inheritsAcl = entry.hasXattr(ACL_DEFAULT)
    if (fresh && this.#inheritsAcl) {
      // What the target hands down is not what the snapshot says; below here nothing is handed down.
      for (const acl of [ACL_DEFAULT, ACL_ACCESS]) if (entry.hasXattr(acl)) entry.removeXattr(acl)
      entry.chmod(DIRECTORY_MODE)
      this.#inheritsAcl = false
    }
  }

  get #dir(): DirectoryHandle {
    assert(this.#handle !== undefined, 'a target directory is used after it was closed')
    return this.#handle
  }

  lstat(name: string): FileStat | undefined {
    checkName(name, this.#path)
    return this.#lookUp(name)
  }

  device(): number {
    return this.#doHere(() => deviceOf(this.#calls, this.#dir))
  }

  list(): string[] {
    return this.#doHere(() => this.#calls.listAt(this.#dir))
  }

  enter(name: string): TargetDirectory {
    return this.#enter(name, false)
  }

  makeDirectory(name: string): TargetDirectory {
    checkName(name, this.#path)
    try {
      this.#calls.mkdirAt(this.#dir, name, DIRECTORY_MODE)
    } catch (error) {
      if (systemCode(error) === 'EEXIST') return this.#enter(name, false)
      throw targetError(error, this.#pathOf(name))
    }
    return this.#enter(name, true)
  }

  createFile(name: string, mode: number): number {
    // The bits that give rights to a program come with its metadata, when the file is whole.
    const permissions = mode & PERMISSIONS
    const fd = this.#do(name, () =>
      this.#calls.openAt(this.#dir, name, O_CREAT | O_EXCL | O_RDWR, permissions),
    )
    const made = this.#modes.of(permissions, () => this.#calls.fstat(fd))
    const present = {
      uid: made.uid,
      gid: made.gid,
      mode: made.mode,
      fresh: true,
      inheritsAcl: this.#inheritsAcl,
    }
    this.#context.files.set(fd, { path: this.#pathOf(name), present })
    return fd
  }

  openFile(name: string, write: boolean): number {
    return this.#do(name, () => {
      const before = this.#calls.lstatAt(this.#dir, name)
      this.#expectOwnFile(name, before, write)
      const fd = this.#open(name, write, before)
      try {
        this.#expectOwnFile(name, this.#calls.fstat(fd), write)
      } catch (error) {
        this.#calls.close(fd)
        throw error
      }
      this.#context.files.set(fd, { path: this.#pathOf(name), present: undefined })
      return fd
    })
  }

  makeSymlink(name: string, target: string): void {
    this.#do(name, () => this.#calls.symlinkAt(target, this.#dir, name))
  }

  makeLink(name: string, from: TargetDirectory, existing: string): void {
    assert(from instanceof OpenDirectory, 'both directories are of one target')
    checkName(existing, from.#path)
    this.#do(name, () => this.#calls.linkAt(from.#dir, existing, this.#dir, name))
  }

  makeFifo(name: string, mode: number): void {
    this.#do(name, () => this.#calls.mknodAt(this.#dir, name, 'fifo', mode & PERMISSIONS, 0, 0))
  }

  makeDevice(name: string, type: 'char' | 'block', mode: number, major: number, minor: number): void {
    this.#do(name, () => this.#calls.mknodAt(this.#dir, name, type, mode & PERMISSIONS, major, minor))
  }

  rename(from: string, to: string): void {
    checkName(to, this.#path)
    this.#do(from, () => this.#calls.renameAt(this.#dir, from, to))
  }

  removeOne(name: string): void {
    this.#do(name, () => removeOne(this.#calls, this.#dir, name))
  }

  remove(name: string): void {
    this.#do(name, () => removeTree(this.#calls, this.#dir, name, this.#pathOf(name)))
  }

  readlink(name: string): string {
    return this.#do(name, () => this.#calls.readlinkAt(this.#dir, name))
  }

  xattrs(name: string): Xattr[] {
    return this.#do(name, () => {
      using entry = this.#calls.entryAt(this.#dir, name)
      return entry.xattrs()
    })
  }

  setMeta(name: string, type: EntryType, meta: TargetMeta): string[] {
    return this.#do(name, () => {
      using entry = this.#calls.entryAt(this.#dir, name)
      const stat = entry.stat()
      if (stat.type !== type) throw this.#unexpected(name, stat, type)
      return applyMeta(entry, type, meta, { ...stat, fresh: false, inheritsAcl: this.#inheritsAcl })
    })
  }

  setOwnMeta(meta: TargetMeta): string[] {
    return this.#doHere(() => {
      using entry = this.#calls.directoryEntry(this.#dir)
      const present = { ...entry.stat(), fresh: this.#fresh, inheritsAcl: false }
      this.#modes = createFreshModes()
      return applyMeta(entry, 'dir', meta, present)
    })
  }

  [Symbol.dispose](): void {
    if (this.#handle === undefined) return
    this.#calls.closeDirectory(this.#handle)
    this.#handle = undefined
  }

  #enter(name: string, fresh: boolean): OpenDirectory {
    return this.#do(name, () => {
      const handle = this.#calls.enterAt(this.#dir, name)
      try {
        return new OpenDirectory(this.#context, handle, this.#pathOf(name), fresh)
      } catch (error) {
        this.#calls.closeDirectory(handle)
        throw error
      }
    })
  }

  #open(name: string, write: boolean, before: FileStat): number {
    const flags = (write ? O_RDWR : O_RDONLY) | O_SAFE
    try {
      return this.#calls.openAt(this.#dir, name, flags, 0)
    } catch (error) {
      if (!write || systemCode(error) !== 'EACCES') throw error
      // A normal user's own read-only file; its metadata, with the mode, is set at the end.
      using entry = this.#calls.entryAt(this.#dir, name)
      entry.chmod((before.mode & PERMISSIONS) | OWNER_READ_WRITE)
      return this.#calls.openAt(this.#dir, name, flags, 0)
    }
  }

  /** A file of several names may have one outside the target, so it is never written in place. */
  #expectOwnFile(name: string, stat: FileStat, write: boolean): void {
    if (stat.type !== 'file') throw this.#unexpected(name, stat, 'file')
    if (!write || stat.links <= 1) return
    throw new SnapError(
      'TARGET_UNSAFE',
      `${this.#pathOf(name)} has other names, perhaps outside the target`,
      {
        hint: 'Remove it first, so that a new file takes its place.',
      },
    )
  }

  #unexpected(name: string, stat: FileStat, wanted: EntryType): SnapError {
    const path = this.#pathOf(name)
    if (stat.type === 'symlink') return linkInTheWay(path)
    return new SnapError('TARGET_UNWRITABLE', `${path} is a ${stat.type}, not a ${wanted}`)
  }

  #lookUp(name: string): FileStat | undefined {
    try {
      return this.#calls.lstatAt(this.#dir, name)
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined
      throw targetError(error, this.#pathOf(name))
    }
  }

  /** Acts on a child, with errors as the port has them. */
  #do<T>(name: string, act: () => T): T {
    checkName(name, this.#path)
    try {
      return act()
    } catch (error) {
      throw this.#explained(error, name)
    }
  }

  /** Acts on the directory itself. */
  #doHere<T>(act: () => T): T {
    try {
      return act()
    } catch (error) {
      throw targetError(error, this.#path)
    }
  }

  #explained(error: unknown, name: string): unknown {
    const code = systemCode(error)
    const inTheWay = code === 'EEXIST' || code === 'ENOTDIR' || code === 'ELOOP'
    if (inTheWay && this.#lookUp(name)?.type === 'symlink') return linkInTheWay(this.#pathOf(name), error)
    return targetError(error, this.#pathOf(name))
  }

  #pathOf(name: string): string {
    return this.#path === '/' ? `/${name}` : `${this.#path}/${name}`
  }
}
