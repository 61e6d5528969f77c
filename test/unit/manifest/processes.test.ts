import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { build } from 'vite'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Connection } from '../../../src/manifest/connection.ts'
import { openManifest } from '../../../src/manifest/open-manifest.ts'
import { hash, LAST_RUN, pack, ScratchDirectory, segment } from './sample.ts'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const built = new ScratchDirectory()

/** A child process cannot load TypeScript: it gets the same sources, built. */
const CHILD = `
import { openManifest } from './open-manifest.mjs'
const [path, name, task] = process.argv.slice(2)
const manifest = openManifest(path)
const pack = (number) => {
  const chunkIds = new Uint8Array(32 * 50)
  for (let at = 0; at < chunkIds.length; at++) chunkIds[at] = (at * 31 + number * 7 + name.charCodeAt(0)) & 255
  for (let chunk = 0; chunk < 50; chunk++) chunkIds.set([number & 255, number >> 8, chunk, name.charCodeAt(0)], chunk * 32)
  const id = name + number.toString(16).padStart(31, '0')
  return { id, kind: 'data', bytes: 1, state: 'live', trusted: true, segments: [
    { sealed: 1, plain: 50, depth: 0, bases: new Uint8Array(0), chunkLengths: new Uint32Array(50).fill(1), chunkIds }] }
}
if (task === 'write') for (let number = 0; number < 150; number++) manifest.packs.add(pack(number))
if (task === 'hang') {
  manifest.packs.add(pack(0))
  manifest.transaction(() => {
    for (let number = 1; number < 400; number++) manifest.packs.add(pack(number))
    process.stdout.write('in the middle\\n')
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60_000)
  })
}
if (task === 'forget') {
  for (let opened = 0; opened < 40; opened++) {
    const forgotten = openManifest(path, { readOnly: true })
    if (opened % 2 === 0) forgotten[Symbol.dispose]()
  }
  let length = 0
  for (let round = 0; round < 300_000; round++) length += Array.from({ length: 20 }, (_, at) => ({ at, round })).length
  process.stdout.write(String(length))
}
if (task !== 'forget') manifest[Symbol.dispose]()
`

beforeAll(async () => {
  await build({
    configFile: false,
    logLevel: 'silent',
    root: ROOT,
    build: {
      ssr: join(ROOT, 'src/manifest/open-manifest.ts'),
      outDir: built.path,
      emptyOutDir: false,
      target: 'node20',
      rollupOptions: { output: { entryFileNames: 'open-manifest.mjs' } },
    },
  })
  symlinkSync(join(ROOT, 'node_modules'), join(built.path, 'node_modules'))
  writeFileSync(join(built.path, 'child.mjs'), CHILD)
})

afterAll(() => built[Symbol.dispose]())

function start(file: string, name: string, task: string): ChildProcess {
  const script = join(built.path, 'child.mjs')
  return spawn(process.execPath, [script, file, name, task], { stdio: ['ignore', 'pipe', 'inherit'] })
}

function integrity(file: string): unknown {
  using database = new Connection(file, true)
  return database.pragma('integrity_check')
}

test('processes that create and write one manifest at once lose nothing', async () => {
  using scratch = new ScratchDirectory()
  const names = ['a', 'b', 'c']
  const ends = await Promise.all(names.map((name) => once(start(scratch.file, name, 'write'), 'exit')))
  expect(ends.map(([code]) => code)).toEqual([0, 0, 0])
  using manifest = openManifest(scratch.file)
  const rows = Object.fromEntries(manifest.statistics().tables.map((table) => [table.name, table.rows]))
  expect(rows).toMatchObject({ packs: 450, segments: 450, listings: 450, chunks: 22_500 })
  expect(integrity(scratch.file)).toBe('ok')
})

test('a process that is killed within a transaction leaves what was committed and nothing else', async () => {
  using scratch = new ScratchDirectory()
  const child = start(scratch.file, 'a', 'hang')
  const exit = once(child, 'exit')
  if (child.stdout === null) throw new Error('no output')
  await once(child.stdout, 'data')
  child.kill('SIGKILL')
  expect((await exit)[1]).toBe('SIGKILL')
  using manifest = openManifest(scratch.file)
  const rows = Object.fromEntries(manifest.statistics().tables.map((table) => [table.name, table.rows]))
  expect(rows).toMatchObject({ packs: 1, segments: 1, listings: 1, chunks: 50 })
  expect(integrity(scratch.file)).toBe('ok')
  manifest.packs.add(pack('after', [segment(['x'])]))
  expect(manifest.chunks.knows(hash('x'), LAST_RUN)).toBe(true)
})

const WORKER = `
const { parentPort, workerData } = require('node:worker_threads')
const ready = import(workerData.module).then(({ openManifest }) => openManifest(workerData.file, { readOnly: true }))
parentPort.on('message', async (id) => {
  const manifest = await ready
  if (id === null) { manifest[Symbol.dispose](); parentPort.close(); return }
  parentPort.postMessage(manifest.chunks.knows(id, workerData.reliance))
})
`

test('a reader in a worker thread sees what is committed, and nothing before', async () => {
  using scratch = new ScratchDirectory()
  using manifest = openManifest(scratch.file)
  const module = `file://${join(built.path, 'open-manifest.mjs')}`
  const worker = new Worker(WORKER, {
    eval: true,
    workerData: { file: scratch.file, module, reliance: LAST_RUN },
  })
  const knows = async (name: string): Promise<unknown> => {
    const answer = once(worker, 'message')
    worker.postMessage(hash(name))
    return (await answer)[0]
  }
  expect(await knows('a')).toBe(false)
  manifest.packs.add(pack('one', [segment(['a'])]))
  expect(await knows('a')).toBe(true)
  const exit = once(worker, 'exit')
  worker.postMessage(null)
  expect((await exit)[0]).toBe(0)
})

test('a process that forgets manifests, open and closed, collects garbage and ends well', async () => {
  using scratch = new ScratchDirectory()
  expect(await once(start(scratch.file, 'a', 'forget'), 'exit')).toEqual([0, null])
  expect(integrity(scratch.file)).toBe('ok')
})

test('so does a worker thread', async () => {
  using scratch = new ScratchDirectory()
  const argv = [scratch.file, 'a', 'forget']
  const worker = new Worker(join(built.path, 'child.mjs'), { argv, stdout: true })
  expect(await once(worker, 'exit')).toEqual([0])
  expect(integrity(scratch.file)).toBe('ok')
})

test('who reads sees one state of the manifest, whatever another process writes meanwhile', () => {
  using scratch = new ScratchDirectory()
  using manifest = openManifest(scratch.file)
  using other = openManifest(scratch.file)
  const no = manifest.packs.add(pack('a', [segment(['chunk'])]))
  const seen = manifest.reading(() => {
    const before = manifest.packs.list().length
    other.packs.remove(no)
    return [before, manifest.packs.tableOf(no).length]
  })
  expect(seen).toEqual([1, 1])
  expect(manifest.packs.list()).toEqual([])
})
