/**
 * The least that a step can take on this machine, whatever the tool: a walk with an lstat of everything, reading all files, writing
 * them. By the synchronous calls of Node, on two threads unless
 * another number comes last: `walk DIR`, `read DIR`, `write DIR TARGET`. Prints the seconds from
 * when Node has started; `write` has read the files, large ones in part, before its time begins.
 */
import {
  closeSync,
  type Dirent,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  symlinkSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

const BUFFER_BYTES = 1_048_576
/** Of what is written, so much of each file is read before; a larger one is written from it over and over. */
const CONTENT_BYTES_MAX = 67_108_864

/** Directories above this depth are listed by the main thread; those at it are walked to their ends by a thread each. */
const SHARED_DEPTH = 3

type Step = 'walk' | 'read' | 'write'
interface Part {
  /** Below the root, '' for itself. */
  readonly directory: string
  readonly isWhole: boolean
}
interface Share {
  readonly step: Step
  readonly root: string
  readonly target: string
  readonly parts: readonly Part[]
}

/** Calls `visit` with the directories of a share, and the entries of each. */
function walk({ root, parts }: Share, visit: (directory: string, entries: readonly Dirent[]) => void): void {
  const waiting = [...parts]
  for (let part = waiting.pop(); part !== undefined; part = waiting.pop()) {
    const { directory, isWhole } = part
    const entries = readdirSync(join(root, directory), { withFileTypes: true })
    visit(directory, entries)
    if (isWhole)
      for (const entry of entries)
        if (entry.isDirectory()) waiting.push({ directory: join(directory, entry.name), isWhole })
  }
}

function look(share: Share): void {
  const buffer = new Uint8Array(BUFFER_BYTES)
  walk(share, (directory, entries) => {
    for (const entry of entries) {
      const path = join(share.root, directory, entry.name)
      lstatSync(path)
      if (share.step === 'walk' || !entry.isFile()) continue
      const fd = openSync(path, 'r')
      while (readSync(fd, buffer) > 0);
      closeSync(fd)
    }
  })
}

/** Seconds that the writing took. */
function write(share: Share): number {
  const directories: string[] = []
  const files: { path: string; content: Uint8Array; bytes: number }[] = []
  const links: { path: string; to: string }[] = []
  walk(share, (directory, entries) => {
    directories.push(join(share.target, directory))
    for (const entry of entries) {
      const path = join(share.root, directory, entry.name)
      const copy = join(share.target, directory, entry.name)
      if (entry.isFile()) files.push({ path: copy, ...head(path) })
      else if (entry.isSymbolicLink()) links.push({ path: copy, to: readlinkSync(path) })
    }
  })
  const started = performance.now()
  for (const directory of directories) mkdirSync(directory, { recursive: true })
  for (const { path, content, bytes } of files) {
    const fd = openSync(path, 'w')
    for (let at = 0; at < bytes; ) {
      const from = at % content.length
      at += writeSync(fd, content, from, Math.min(content.length - from, bytes - at))
    }
    closeSync(fd)
  }
  for (const { path, to } of links) symlinkSync(to, path)
  return (performance.now() - started) / 1_000
}

function head(path: string): { content: Uint8Array; bytes: number } {
  const fd = openSync(path, 'r')
  const bytes = fstatSync(fd).size
  const content = new Uint8Array(Math.min(bytes, CONTENT_BYTES_MAX))
  for (let at = 0, count = 1; at < content.length && count > 0; at += count)
    count = readSync(fd, content, at, content.length - at, at)
  closeSync(fd)
  return { content, bytes }
}

function partsOf(root: string): Part[] {
  const parts: Part[] = [{ directory: '', isWhole: false }]
  for (let at = 0; at < parts.length; at += 1) {
    const { directory, isWhole } = parts[at] as Part
    if (isWhole) continue
    const depth = directory === '' ? 1 : directory.split('/').length + 1
    for (const entry of readdirSync(join(root, directory), { withFileTypes: true }))
      if (entry.isDirectory())
        parts.push({ directory: join(directory, entry.name), isWhole: depth === SHARED_DEPTH })
  }
  return parts
}

async function main(): Promise<void> {
  const started = performance.now()
  const [step, root = '', target = '', count = '2'] = process.argv.slice(2) as [
    Step,
    string?,
    string?,
    string?,
  ]
  const threads = Number(count)
  const parts = partsOf(root)
  const seconds = await Promise.all(
    Array.from({ length: threads }, (_, thread) => {
      const share: Share = { step, root, target, parts: parts.filter((_, at) => at % threads === thread) }
      return new Promise<number>((resolve, reject) => {
        const worker = new Worker(fileURLToPath(import.meta.url), { workerData: share })
        worker.once('message', resolve)
        worker.once('error', reject)
      })
    }),
  )
  const took = step === 'write' ? Math.max(...seconds) : (performance.now() - started) / 1_000
  console.log(`took ${took} seconds`)
}

if (isMainThread) await main()
else {
  const share = workerData as Share
  parentPort?.postMessage(share.step === 'write' ? write(share) : look(share))
}
