/**
 * Has the threads compare directories with the parent snapshot ahead of the walk, and keeps what they say until the walk comes by. It
 * looks at no file itself: a directory of which it knows nothing is the walk's.
 */
import { setImmediate } from 'node:timers/promises'
import { assert } from '../../base/assert.ts'
import type { Executor } from '../../workers/executor.ts'
import type {
  ScanLimits,
  ScannedDirectory,
  ScanResult,
  ScanTask,
  ScanUnit,
  TaskResult,
  TreeSums,
} from '../../workers/tasks.ts'
import { addSums, noSums } from '../../workers/tree-scanner.ts'
import { joinPath } from './roots.ts'

/** Directories in a task; a task that has looked at enough gives the rest back. */
const TASK_UNITS_MAX = 64
/** Directories that are known or waiting before the threads wait for the walk; what it waits for is still looked at, on its thread. */
const DIRECTORIES_MAX = 65_536
/** So many directories that differ, and more than every second one: the scan costs more than it saves. */
const DIFFERING_MIN = 64

class Directory {
  readonly unit: ScanUnit
  /** The one above, which is the same if all its `children` are. */
  readonly parent: Directory | undefined
  verdict: 'open' | 'same' | 'differs' = 'open'
  readonly sums: TreeSums = noSums()
  children: readonly Directory[] = []
  /** Of the children. */
  pending = 0
  resolve: (() => void) | undefined

  constructor(unit: ScanUnit, parent: Directory | undefined) {
    this.unit = unit
    this.parent = parent
  }
}

export class ScanAhead {
  readonly #threads: Pick<Executor, 'run' | 'scanners'>
  readonly #own: (task: ScanTask) => ScanResult
  readonly #limits: ScanLimits
  /** By path. */
  readonly #known = new Map<string, Directory>()
  /** The next one last, in the order of the walk. */
  #waiting: Directory[] = []
  /** Tasks under way on the threads. */
  #running = 0
  #isOwnRunning = false
  #isAwaited = false
  #hasStopped = false
  #failure: { readonly error: unknown } | undefined
  #sameCount = 0
  #differingCount = 0

  /** `own`: scans on this thread, which has nothing else to do while it is awaited. */
  constructor(
    threads: Pick<Executor, 'run' | 'scanners'>,
    own: (task: ScanTask) => ScanResult,
    limits: ScanLimits,
  ) {
    this.#threads = threads
    this.#own = own
    // Alone: options may hold what does not go to a thread.
    const { oneFileSystem, ignoreFile, neverPaths } = limits
    this.#limits = { oneFileSystem, ignoreFile, neverPaths }
  }

  /**
   * What is in a directory that is, with all below it, what its entry says; `undefined` where it may not be. It is asked about once, and
   * directories below it only after it. Throws what a thread threw.
   */
  async same(unit: ScanUnit): Promise<TreeSums | undefined> {
    const directory = this.#known.get(unit.path) ?? this.#add(unit)
    if (directory?.verdict === 'open') await this.#verdict(directory)
    if (this.#failure !== undefined) throw this.#failure.error
    this.#known.delete(unit.path)
    return directory?.verdict === 'same' ? directory.sums : undefined
  }

  /** `same` throws from now on, also where it is awaited. */
  stop(error: unknown): void {
    this.#failure ??= { error }
    this.#giveUp()
  }

  #add(unit: ScanUnit): Directory | undefined {
    if (this.#hasStopped) return undefined
    const directory = this.#know(unit, undefined)
    this.#waiting.push(directory)
    return directory
  }

  #know(unit: ScanUnit, parent: Directory | undefined): Directory {
    const directory = new Directory(unit, parent)
    this.#known.set(unit.path, directory)
    return directory
  }

  async #verdict(directory: Directory): Promise<void> {
    this.#isAwaited = true
    const verdict = new Promise<void>((resolve) => {
      directory.resolve = resolve
    })
    this.#pump()
    await verdict
    this.#isAwaited = false
  }

  #pump(): void {
    while (this.#waiting.length > 0 && this.#running < this.#threads.scanners && this.#mayRun()) {
      this.#running += 1
      const scanned = this.#run(this.#next(), (task) => this.#threads.run(task))
      void scanned.then(() => {
        this.#running -= 1
        this.#pump()
      })
    }
    if (this.#isOwnRunning || !this.#isAwaited || this.#waiting.length === 0) return
    this.#isOwnRunning = true
    // What the threads have sent comes first.
    void setImmediate().then(async () => {
      if (this.#waiting.length > 0) await this.#run(this.#next(), this.#own)
      this.#isOwnRunning = false
      this.#pump()
    })
  }

  #mayRun(): boolean {
    return this.#known.size < DIRECTORIES_MAX
  }

  #next(): Directory[] {
    const share = Math.ceil(this.#waiting.length / (2 * (this.#threads.scanners + 1)))
    return this.#waiting.splice(-Math.min(share, TASK_UNITS_MAX)).reverse()
  }

  async #run(
    batch: readonly Directory[],
    scan: (task: ScanTask) => ScanResult | Promise<TaskResult>,
  ): Promise<void> {
    try {
      const units = batch.map(({ unit }) => unit)
      const result = await scan({ kind: 'scan', units, limits: this.#limits })
      assert(result.kind === 'scan', 'a scan has a result of its kind')
      if (!this.#hasStopped) this.#take(batch, result.units)
    } catch (error) {
      this.stop(error)
    }
  }

  #take(batch: readonly Directory[], scanned: readonly ScannedDirectory[]): void {
    const left: Directory[] = []
    scanned.forEach((found, index) => {
      const directory = batch[index]
      assert(directory !== undefined, 'a verdict for each directory of the task')
      this.#settle(directory, found, left)
    })
    for (const directory of left.reverse()) this.#waiting.push(directory)
    if (this.#differingCount >= DIFFERING_MIN && this.#differingCount > this.#sameCount) this.#giveUp()
  }

  /** `left`: gets what is still to be looked at, in the order of the walk. */
  #settle(directory: Directory, { verdict, sums, children }: ScannedDirectory, left: Directory[]): void {
    if (verdict === 'left') {
      left.push(directory)
      return
    }
    addSums(directory.sums, sums)
    if (verdict === 'same') {
      this.#sameCount += sums.directories
      this.#isSame(directory)
      return
    }
    if (verdict === 'differs') {
      this.#differingCount += 1
      this.#differs(directory)
    }
    // The ones below an open directory decide about it, too.
    const parent = verdict === 'open' ? directory : undefined
    const below = children.map((child) => this.#know(this.#unitBelow(directory.unit, child), parent))
    if (parent !== undefined) {
      parent.children = below
      parent.pending = below.length
    }
    children.forEach((child, index) => {
      const known = below[index]
      assert(known !== undefined, 'one for each child')
      this.#settle(known, child, left)
    })
  }

  #unitBelow({ path, device, depth }: ScanUnit, { name, entry = NO_ENTRY }: ScannedDirectory): ScanUnit {
    return { path: joinPath(path, name), entry, device, depth: depth + 1 }
  }

  /** It is, and so may be those above, of which then nothing below is asked for any more. */
  #isSame(directory: Directory): void {
    let at: Directory | undefined = directory
    while (at !== undefined) {
      at.verdict = 'same'
      at.resolve?.()
      for (const { unit } of at.children) this.#known.delete(unit.path)
      at.children = []
      const above: Directory | undefined = at.parent
      if (above?.verdict !== 'open') return
      addSums(above.sums, at.sums)
      above.pending -= 1
      if (above.pending > 0) return
      at = above
    }
  }

  #differs(directory: Directory): void {
    for (let at: Directory | undefined = directory; at?.verdict === 'open'; at = at.parent) {
      at.verdict = 'differs'
      at.children = []
      at.resolve?.()
    }
  }

  /** All is the walk's from here on. */
  #giveUp(): void {
    this.#hasStopped = true
    this.#waiting = []
    for (const directory of this.#known.values()) directory.resolve?.()
    this.#known.clear()
  }
}

/** Of a directory that was looked at already, and is not sent anywhere. */
const NO_ENTRY = new Uint8Array(0)
