/** The user's files in memory, behind the `SourceFiles` port, with the failures of real ones on demand. */
import type {
  EntryType,
  Extent,
  FileStat,
  SourceDirectory,
  SourceFiles,
  Xattr,
} from '../../src/model/files.ts'
import { fileStat } from './builders.ts'

export type MemoryFile = {
  type: EntryType
  bytes: Uint8Array
  stat: Partial<FileStat>
  xattrs: Xattr[]
  /** Where data lies; everything where it is absent. */
  extents?: Extent[]
  target?: string
  /** The call that fails, and as what. */
  fails: Partial<
    Record<'lstat' | 'list' | 'open' | 'fstat' | 'read' | 'close' | 'xattrs' | 'readlink', string>
  >
  /** Called before each read of data, for files that change. */
  onRead?: (file: MemoryFile, position: number) => void
}

export function systemError(code: string, syscall: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${syscall} '${path}'`), { code, syscall, path })
}

export class MemorySource implements SourceFiles {
  readonly #entries = new Map<string, MemoryFile>()
  readonly #open = new Map<number, { path: string; file: MemoryFile }>()
  #next = 3
  /** Bytes that `read` handed out, and how often each path was opened. */
  bytesRead = 0
  readonly opened = new Map<string, number>()
  /** Paths given to `list`, in order; a directory that is open lists without it. */
  readonly listed: string[] = []

  constructor() {
    this.#entries.set('/', entry('dir', {}))
  }

  get openDescriptors(): number {
    return this.#open.size
  }

  /** Adds an entry and the directories above it; a name may be there already. */
  put(path: string, type: EntryType, parts: Partial<MemoryFile> = {}): MemoryFile {
    const parent = path.slice(0, path.lastIndexOf('/')) || '/'
    if (!this.#entries.has(parent)) this.put(parent, 'dir')
    const file = entry(type, {
      stat: { inode: this.#entries.size + 100, ...parts.stat },
      ...withoutStat(parts),
    })
    this.#entries.set(path, file)
    return file
  }

  file(path: string, bytes: Uint8Array, parts: Partial<MemoryFile> = {}): MemoryFile {
    return this.put(path, 'file', { ...parts, bytes })
  }

  remove(path: string): void {
    for (const key of [...this.#entries.keys()])
      if (key === path || key.startsWith(`${path}/`)) this.#entries.delete(key)
  }

  has(path: string): boolean {
    return this.#entries.has(path)
  }

  /** Whatever of it fails. */
  entry(path: string): MemoryFile {
    const file = this.#entries.get(path)
    if (file === undefined) throw new Error(`${path} is not there`)
    return file
  }

  at(path: string, syscall: keyof MemoryFile['fails']): MemoryFile {
    const file = this.#entries.get(path)
    if (file === undefined) throw systemError('ENOENT', syscall, path)
    const code = file.fails[syscall]
    if (code !== undefined) throw systemError(code, syscall, path)
    return file
  }

  #statOf(file: MemoryFile): FileStat {
    const size = file.type === 'file' ? file.bytes.length : 0
    return fileStat({ type: file.type, size, mode: file.type === 'dir' ? 0o755 : 0o644, ...file.stat })
  }

  lstat(path: string): FileStat {
    return this.#statOf(this.at(path, 'lstat'))
  }

  list(path: string): string[] {
    this.listed.push(path)
    return this.#names(path)
  }

  #names(path: string): string[] {
    this.at(path, 'list')
    const prefix = path === '/' ? '/' : `${path}/`
    const names = [...this.#entries.keys()].filter((key) => key !== '/' && key.startsWith(prefix))
    return names.map((key) => key.slice(prefix.length)).filter((name) => !name.includes('/'))
  }

  openDirectory(path: string): SourceDirectory {
    return {
      stat: () => this.lstat(path),
      xattrs: () => this.xattrs(path),
      list: () => this.#names(path),
      lstat: (name) => this.lstat(path === '/' ? `/${name}` : `${path}/${name}`),
      [Symbol.dispose]() {},
    }
  }

  readlink(path: string): string {
    return this.at(path, 'readlink').target ?? ''
  }

  open(path: string): number {
    const file = this.at(path, 'open')
    this.opened.set(path, (this.opened.get(path) ?? 0) + 1)
    this.#open.set(++this.#next, { path, file })
    return this.#next
  }

  #of(fd: number, syscall: keyof MemoryFile['fails']): { path: string; file: MemoryFile } {
    const open = this.#open.get(fd)
    if (open === undefined) throw new Error(`descriptor ${fd} is not open`)
    const code = open.file.fails[syscall]
    if (code !== undefined) throw systemError(code, syscall, open.path)
    return open
  }

  fstat(fd: number): FileStat {
    return this.#statOf(this.#of(fd, 'fstat').file)
  }

  read(fd: number, into: Uint8Array, at: number, bytes: number, position: number): number {
    const { file } = this.#of(fd, 'read')
    file.onRead?.(file, position)
    this.#of(fd, 'read') // what fails from here on
    const part = file.bytes.subarray(position, position + bytes)
    into.set(part, at)
    this.bytesRead += part.length
    return part.length
  }

  dataExtents(fd: number, size: number): Extent[] {
    return this.#of(fd, 'read').file.extents ?? [{ offset: 0, bytes: size }]
  }

  close(fd: number): void {
    const open = this.#open.get(fd)
    if (open === undefined) throw new Error(`descriptor ${fd} is not open`)
    this.#open.delete(fd)
    const code = open.file.fails.close
    if (code !== undefined) throw systemError(code, 'close', open.path)
  }

  xattrs(path: string): Xattr[] {
    return this.at(path, 'xattrs').xattrs
  }

  fxattrs(fd: number): Xattr[] {
    return this.#of(fd, 'xattrs').file.xattrs
  }

  userName(uid: number): string | undefined {
    return uid === 1000 ? 'someone' : undefined
  }

  groupName(gid: number): string | undefined {
    return gid === 100 ? 'users' : undefined
  }
}

function entry(type: EntryType, parts: Partial<MemoryFile>): MemoryFile {
  return { type, bytes: new Uint8Array(0), stat: {}, xattrs: [], fails: {}, ...parts }
}

function withoutStat(parts: Partial<MemoryFile>): Partial<MemoryFile> {
  const { stat: _, ...rest } = parts
  return rest
}
