/** Snapshots that somebody with valid keys has made: a copy of one is refused or whole, and never hands on what is wrong with it. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { expect, it } from 'vitest'
import { dump } from '../../../../src/ops/dump/dump.ts'
import { seriesOf } from '../../../../src/snapshot/series.ts'
import { copyAll, damagesOf } from '../../../support/copying.ts'
import { CASES, type Case } from '../../../support/hostile/cases.ts'
import { entryBytes, HostileSnapshot, treeBytes } from '../../../support/hostile/hostile-snapshot.ts'
import { MEMORY_BYTES_MAX, measured, TIME_MS_MAX } from '../../../support/hostile/sandbox.ts'
import { TestRepository } from '../../../support/repository.ts'

/** Only a file system refuses them. */
const COPIED: ReadonlySet<string> = new Set([
  'a name of 1,024 bytes, which no file system here takes',
  'a device number beyond the system',
])

const LARGE: Case = {
  name: 'a size above that of its chunks, and above that of a task',
  build: async (hostile) => {
    const content = await hostile.file('few bytes')
    return await hostile.tree(treeBytes([entryBytes({ name: 'file', size: 100 * 1_048_576, content })]))
  },
}

it.each([...CASES, LARGE])('$name', async ({ name, build, sound = false, either = false }) => {
  await using source = await TestRepository.create()
  await using destination = await TestRepository.create()
  mkdirSync(source.source(), { recursive: true })
  const outside = source.source('outside')
  writeFileSync(outside, 'outside')
  const hostile = await HostileSnapshot.begin(source.repository)
  const good = await hostile.file('good')
  const top = treeBytes([
    entryBytes({ name: 'hostile', type: 'dir', content: await build(hostile, outside) }),
    entryBytes({ name: 'last', size: 4, content: good }),
  ])
  const series = seriesOf(source.repository.keys.idKey, 'host', { paths: [source.source()] })
  await hostile.commitAt(source.source(), await hostile.tree(top), series)
  const { value, error, ms, memory } = await measured(() => copyAll(source, destination))
  expect(error).toBeUndefined()
  expect(ms).toBeLessThan(TIME_MS_MAX)
  expect(memory).toBeLessThan(MEMORY_BYTES_MAX)
  expect(value?.errors).toEqual([])
  const damaged = value?.summary.damaged ?? 0
  if (sound) expect(damaged).toBe(0)
  else if (!either && !COPIED.has(name)) expect(damaged).toBeGreaterThan(0)
  expect(await damagesOf(destination)).toEqual([])
  const [copy] = destination.repository.manifest.snapshots.list()
  const path = `${source.source()}/last`
  const quiet = { progress: () => undefined, signal: new AbortController().signal }
  const { bytes } = await dump(destination.repository, { root: copy!.root, path, archive: 'tar' }, quiet)
  expect(await text(Readable.from(bytes))).toBe('good')
})
