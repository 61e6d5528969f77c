import { afterAll, expect, it } from 'vitest'
import { type Fault, FaultyProxy } from '../support/s3/faulty-proxy.ts'
import { LaxStore } from '../support/s3/lax-store.ts'
import { type RunOptions, Sandbox } from '../support/snap.ts'
import { writeTree } from '../support/tree.ts'

/** What stops a service waits longer than this by default, and then kills it. */
const END_MS = 15_000
const box = new Sandbox()
const store = await LaxStore.start()
const proxy = await FaultyProxy.start(Number(new URL(store.address().bucketUrl).port))
afterAll(async () => {
  await proxy[Symbol.asyncDispose]()
  await store[Symbol.asyncDispose]()
})

const on: RunOptions = {
  env: {
    SNAP_REPOSITORY: `${proxy.place}/bucket/repository`,
    AWS_ACCESS_KEY_ID: 'A',
    AWS_SECRET_ACCESS_KEY: 'S',
  },
}
writeTree(box.path('source'), { 'a.txt': 'a' })
await box.ok(['init', '--key-file', box.keyFile], { env: { ...on.env, SNAP_KEY_FILE: undefined } })
await box.ok(['backup', box.path('source')], on)
writeTree(box.path('source'), { 'a.txt': 'b' })
await box.ok(['backup', box.path('source')], on)
await box.ok(['forget', '--keep-last', '1'], on)

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20))
}

it.each<[string, string[], Fault, string, number]>([
  ['fails', ['snapshots'], 'answered 500', 'GET', 3],
  ['does not answer what is read', ['snapshots'], 'silent', 'GET', 1],
  ['does not answer what is stored', ['backup', box.path('source')], 'silent', 'PUT', 1],
  [
    'does not answer what is removed',
    ['prune', '--undelete-window', '0', '--max-unused', '0'],
    'silent',
    'DELETE',
    1,
  ],
])('a command ends soon after SIGTERM where the store %s', async (_, args, fault, hit, times) => {
  const before = proxy.done.length
  writeTree(box.path('source'), { 'c.txt': args.join(' ') })
  proxy.plan = ({ method }) => (method === hit ? fault : undefined)
  const running = box.start(args, on)
  await until(() => proxy.done.length >= before + times)
  const began = performance.now()
  running.child.kill('SIGTERM')
  const kill = setTimeout(() => running.child.kill('SIGKILL'), END_MS)
  const { status, stderr } = await running.ended
  clearTimeout(kill)
  expect({ status, stderr }).toEqual({ status: 130, stderr: expect.stringContaining('ended by SIGTERM') })
  expect(performance.now() - began).toBeLessThan(END_MS)
  proxy.plan = () => undefined
  await box.ok(args, on)
})
