/** What of the sources is left out of a snapshot, and why. */
import type { Rules } from '../../filesystem/ignore-rules.ts'
import type { FileStat, SourceFiles } from '../../model/files.ts'
import { sourceReason } from '../../workers/file-pipeline.ts'
import { joinPath } from './roots.ts'

export type ExclusionOptions = {
  readonly oneFileSystem: boolean
  readonly largestFile: number | undefined
  readonly excludeCaches: boolean
  /** Name of the ignore file read in each directory. */
  readonly ignoreFile: string | undefined
  readonly isCacheDirectory: (path: string) => boolean
  /** Absolute paths that never belong to a snapshot: the repository and its caches. */
  readonly neverPaths: ReadonlySet<string>
}

const IGNORE_FILE_BYTES_MAX = 1_048_576

export type ExclusionEvents = {
  readonly unreadable: (path: string, reason: string) => void
  readonly excluded: (path: string, why: string) => void
}

export class Exclusions {
  readonly #options: ExclusionOptions
  readonly #source: SourceFiles
  readonly #events: ExclusionEvents

  constructor(options: ExclusionOptions, source: SourceFiles, events: ExclusionEvents) {
    this.#options = options
    this.#source = source
    this.#events = events
  }

  /** Whether the entry is left out, which `events` is told. `device`: of the source. */
  excludes(name: string, path: string, stat: FileStat, rules: Rules, device: number): boolean {
    const why = this.#whyExcluded(name, path, stat, rules, device)
    if (why !== undefined) this.#events.excluded(path, why)
    return why !== undefined
  }

  #whyExcluded(name: string, path: string, stat: FileStat, rules: Rules, device: number): string | undefined {
    const { neverPaths, largestFile, excludeCaches, isCacheDirectory } = this.#options
    const isDirectory = stat.type === 'dir'
    if (neverPaths.size > 0 && neverPaths.has(path)) return 'the repository itself'
    if (rules.ignores(name, isDirectory)) return 'excluded by a pattern'
    if (this.isBeyond(stat, device)) return undefined // nothing in it is looked at, a cache tag neither
    if (largestFile !== undefined && stat.type === 'file' && stat.size > largestFile)
      return 'larger than the limit'
    if (excludeCaches && isDirectory && isCacheDirectory(path)) return 'a cache directory'
    return undefined
  }

  /** On another file system, where those are not entered. */
  isBeyond(stat: FileStat, device: number): boolean {
    return this.#options.oneFileSystem && stat.type === 'dir' && stat.device !== device
  }

  /** The rules inside the directory `path`, which has `names`. */
  withIgnoreFile(path: string, names: readonly string[], rules: Rules): Rules {
    const { ignoreFile } = this.#options
    if (ignoreFile === undefined || !names.includes(ignoreFile)) return rules
    const text = this.#readIgnoreFile(joinPath(path, ignoreFile))
    return text === undefined ? rules : rules.withIgnoreFile(text)
  }

  #readIgnoreFile(path: string): string | undefined {
    const source = this.#source
    try {
      const fd = source.open(path)
      try {
        const { size } = source.fstat(fd)
        if (size > IGNORE_FILE_BYTES_MAX) {
          this.#events.unreadable(path, 'IGNORE_FILE_LARGE')
          return undefined
        }
        const bytes = Buffer.alloc(size)
        return bytes.toString('utf8', 0, source.read(fd, bytes, 0, bytes.length, 0))
      } finally {
        source.close(fd)
      }
    } catch (error) {
      const reason = sourceReason(error)
      if (reason !== 'ENOENT' && reason !== 'ENOTDIR') this.#events.unreadable(path, reason)
      return undefined
    }
  }
}
