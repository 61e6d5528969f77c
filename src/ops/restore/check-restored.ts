/**
 * Whether what lies below a target is what a restore of a snapshot makes there: read back from the disk and compared, entry by entry. It
 * changes nothing, follows no link, and knows nothing of who restored.
 */
import { createBreath } from '../../base/breath.ts'
import { SnapError } from '../../model/errors.ts'
import type { FileStat, TargetDirectory, TargetFiles } from '../../model/files.ts'
import { DIRECTORY_DEPTH_MAX } from '../../model/limits.ts'
import type { ProgressListener } from '../../model/progress.ts'
import type { Repository } from '../../repository/repository.ts'
import { decodeContent } from '../../snapshot/content.ts'
import type { Entry } from '../../snapshot/entry.ts'
import { isSameSpecial, KIND_WORDS } from './decide.ts'
import { pathOf } from './failures.ts'
import { type ContentParts, sameContentAsFile } from './same-content.ts'
import { type Start, startOf } from './select-paths.ts'
import { type SelectedPath, Selection } from './selection.ts'

export type CheckRequest = {
  /** Encoded content of the snapshot's root tree. */
  readonly root: Uint8Array
  /** As `selectPaths` has them; empty for everything. */
  readonly select: readonly SelectedPath[]
  /** Absolute; nothing was there before the restore. */
  readonly target: string
  /** Paths of which it is known that they did not come back. */
  readonly failed: ReadonlySet<string>
}

export type CheckPorts = {
  readonly target: TargetFiles
  readonly progress: ProgressListener
  readonly signal: AbortSignal
}

export type Difference = {
  /** In the snapshot. */
  readonly path: string
  /** A clause. */
  readonly reason: string
}

export type CheckReport = {
  /** Regular files whose bytes were compared, and those bytes. */
  readonly files: number
  readonly bytes: number
  /** Of every kind. */
  readonly entries: number
  /** The first of them. */
  readonly differences: readonly Difference[]
  readonly differencesTotal: number
}

const DIFFERENCES_MAX = 1_000
/** Coarse file systems keep modification times so far off. s */
const MTIME_SLACK_S = 2
const PERMISSIONS = 0o777

export async function checkRestored(
  repository: Repository,
  request: CheckRequest,
  ports: CheckPorts,
): Promise<CheckReport> {
  return await new Check(repository, request, ports).run()
}

class Check {
  readonly #repository: Repository
  readonly #request: CheckRequest
  readonly #ports: CheckPorts
  readonly #selection: Selection
  readonly #content: ContentParts
  readonly #breath = createBreath()
  readonly #differences: Difference[] = []
  #total = 0
  #files = 0
  #bytes = 0
  #entries = 0

  constructor(repository: Repository, request: CheckRequest, ports: CheckPorts) {
    this.#repository = repository
    this.#request = request
    this.#ports = ports
    this.#selection = new Selection(request.select)
    const finder = repository.manifest.chunkFinder()
    this.#content = {
      chunks: repository.chunks,
      target: ports.target,
      lengthOf: (id) => finder.find(id)?.bytes ?? repository.chunks.lengthOf(id),
    }
  }

  async run(): Promise<CheckReport> {
    const { root, target } = this.#request
    const start = await startOf(this.#repository, decodeContent(root), undefined)
    using directory = this.#ports.target.openExisting(target)
    if (directory === undefined) this.#differs([], 'nothing was restored')
    else await this.#directory(start, directory)
    return {
      files: this.#files,
      bytes: this.#bytes,
      entries: this.#entries,
      differences: this.#differences,
      differencesTotal: this.#total,
    }
  }

  async #directory({ content, names }: Start, directory: TargetDirectory): Promise<void> {
    this.#ports.signal.throwIfAborted()
    if (names.length > DIRECTORY_DEPTH_MAX)
      throw new SnapError('LIMIT_EXCEEDED', `directories nested deeper than ${DIRECTORY_DEPTH_MAX}`)
    const { entries } = await this.#repository.trees.tree(content)
    const wanted = entries.filter((entry) => {
      const want = this.#selection.wants([...names, entry.name])
      return want === 'all' || (want === 'some' && entry.type === 'dir')
    })
    const expected = new Set(wanted.map(({ name }) => name))
    for (const name of directory.list())
      if (!expected.has(name)) this.#differs([...names, name], 'it is there, and not in the snapshot')
    for (const entry of wanted) {
      const path = [...names, entry.name]
      const breath = this.#breath()
      if (breath !== undefined) await breath
      if (this.#request.failed.has(pathOf(path))) continue
      await this.#guarded(path, () => this.#entry(entry, path, directory))
    }
  }

  async #entry(entry: Entry, path: readonly string[], directory: TargetDirectory): Promise<void> {
    // What the snapshot has without its content, and what only the program that listens makes.
    if (entry.unreadable !== undefined || entry.type === 'socket') return
    this.#entries += 1
    const stat = directory.lstat(entry.name)
    if (stat === undefined) return this.#differs(path, 'it is missing')
    if (stat.type !== entry.type) {
      this.#differs(path, `it is ${KIND_WORDS[stat.type]}, and ${KIND_WORDS[entry.type]} in the snapshot`)
      return
    }
    const content = await this.#contentDifference(entry, path, stat, directory)
    const reasons = [content, metadataDifference(entry, stat)].filter((reason) => reason !== undefined)
    if (reasons.length > 0) this.#differs(path, reasons.join('; '))
    if (entry.type !== 'dir' || entry.content === undefined) return
    using child = directory.enter(entry.name)
    await this.#directory({ content: entry.content, names: path, entry }, child)
  }

  /** Of what is no directory. */
  async #contentDifference(
    entry: Entry,
    path: readonly string[],
    stat: FileStat,
    directory: TargetDirectory,
  ): Promise<string | undefined> {
    if (entry.type === 'dir') return undefined
    if (entry.type !== 'file')
      return isSameSpecial(entry, stat, directory) ? undefined : 'it leads to, or is, another'
    const { progress, signal } = this.#ports
    signal.throwIfAborted()
    progress({ kind: 'file', path: pathOf(path) })
    const isAsLong = stat.size === entry.size
    const isSame = isAsLong && (await sameContentAsFile(this.#content, directory, entry))
    this.#files += 1
    this.#bytes += entry.size
    progress({ kind: 'done', files: 1, bytes: entry.size })
    if (!isAsLong) return `it has ${stat.size} bytes, and ${entry.size} in the snapshot`
    return isSame ? undefined : 'its content is another'
  }

  #differs(path: readonly string[], reason: string): void {
    const difference = { path: pathOf(path), reason }
    this.#total += 1
    if (this.#differences.length < DIFFERENCES_MAX) this.#differences.push(difference)
    this.#ports.progress({ kind: 'failure', ...difference })
  }

  /** What cannot be read back is a difference too, here or in the repository. */
  async #guarded(path: readonly string[], act: () => Promise<void>): Promise<void> {
    try {
      await act()
    } catch (error) {
      this.#ports.signal.throwIfAborted()
      if (!(error instanceof SnapError)) throw error
      this.#differs(path, `it cannot be compared: ${error.message}`)
    }
  }
}

/** Of modes the permissions: who restores may not give the others. A link has neither mode nor a time that every system sets. */
function metadataDifference(entry: Entry, stat: FileStat): string | undefined {
  if (entry.type === 'symlink') return undefined
  if ((stat.mode & PERMISSIONS) !== (entry.mode & PERMISSIONS))
    return `its mode is ${octal(stat.mode)}, and ${octal(entry.mode)} in the snapshot`
  if (Math.abs(stat.mtimeSec - entry.mtimeSec) > MTIME_SLACK_S) return 'its time of modification is another'
  return undefined
}

const octal = (mode: number): string => (mode & PERMISSIONS).toString(8).padStart(3, '0')
