import { describe, expect, test } from 'vitest'
import { ByteWriter } from '../../src/base/bytes.ts'
import { encodeConfig } from '../../src/keys/config.ts'
import type { SlotSecret } from '../../src/keys/slot.ts'
import { CONFIG_KEY, SLOT_PREFIX, slotKey } from '../../src/object/object-keys.ts'
import { sealNamed } from '../../src/object/sealed-object.ts'
import { listKeys } from '../../src/ops/keys.ts'
import { rebuildManifest } from '../../src/ops/rebuild-manifest.ts'
import { Chance } from '../support/builders.ts'
import { Attacked } from '../support/hostile/attacked.ts'
import { hostileFigures } from '../support/hostile/figures.ts'
import { measured } from '../support/hostile/sandbox.ts'
import { throughStack, worst } from '../support/hostile/stack.ts'
import { SECRET } from '../support/repository.ts'

const PASSWORD: SlotSecret = { kind: 'password', password: Buffer.from('any') }
const DAMAGE = ['OBJECT_DAMAGED', 'LIMIT_EXCEEDED']
let tried = 0
hostileFigures(import.meta.url, 'hostile configs and slots', () => tried, worst)

/** Opens and rebuilds, with a new manifest: refused, soon, and with one of `codes`. */
async function expectRefused(attacked: Attacked, what: string, codes: readonly string[], secret = SECRET) {
  tried += 1
  const { repo } = attacked
  const ports = { progress: () => undefined, signal: new AbortController().signal }
  for (const run of [
    () => repo.reopen({ forgetting: true, secret }),
    () => rebuildManifest(repo.ports, secret, { acceptRollback: false }, ports),
  ]) {
    const { error, ms, memory } = await measured<unknown>(run)
    expect(codes, `${what}: ${String(error)}`).toContain(error?.code)
    expect(ms, what).toBeLessThan(2_000)
    expect(memory, what).toBeLessThan(100_000_000)
  }
}

const firstSlot = (attacked: Attacked): string => attacked.repo.keys(SLOT_PREFIX)[0]!

/** Puts `bytes` in the place of an object while `run` runs. */
async function replaced(attacked: Attacked, key: string, bytes: Uint8Array, run: () => Promise<void>) {
  const kept = attacked.repo.bytesOf(key)
  attacked.plant(key, bytes)
  await run()
  attacked.plant(key, kept)
}

/** A storage that says an object has a TiB, and fails the test where it is asked for all of it. */
function giant({ repo }: Attacked, giantKey: string): () => void {
  const { stat, list, read } = repo.storage
  const bytes = 2 ** 40
  Object.assign(repo.storage, {
    stat: async (key: string) => (key === giantKey ? { key, bytes, storedAt: 0 } : await stat(key)),
    list: async function* (prefix: string) {
      for await (const one of list(prefix)) yield one.key === giantKey ? { ...one, bytes } : one
    },
    read: async (key: string, range?: { offset: number; bytes: number }) => {
      if (key === giantKey && (range?.bytes ?? bytes) > 1_000_000) throw new Error(`${key} was read whole`)
      return await read(key, range)
    },
  })
  return () => Object.assign(repo.storage, { stat, list, read })
}

describe('a config', () => {
  const sizes = [
    ['chunks of no bytes', 0, 0],
    ['a smallest chunk of 4 GiB', 0, 0xffff_ffff],
    ['an average chunk of no bytes', 4, 0],
    ['an average chunk of 4 GiB', 4, 0xffff_ffff],
    ['an average that is no power of two', 4, 4_097],
    ['a greatest chunk of no bytes', 8, 0],
    ['a greatest chunk of 2 MiB', 8, 2 * 1_048_576],
    ['a greatest chunk of 4 GiB', 8, 0xffff_ffff],
    ['chunks of media of no bytes', 16, 0],
    ['chunks of media of 4 GiB', 20, 0xffff_ffff],
    ['a segment target of 0', 24, 0],
    ['a segment target of 4 GiB', 24, 0xffff_ffff],
    ['a pack target of 0', 28, 0],
    ['a pack target below that of segments', 28, 2_000],
    ['a pack target of 4 GiB', 28, 0xffff_ffff],
    ['another content key', 32, 1],
    ['a time above 2^53', 100, 0x7fff_ffff],
  ] as const

  test('with absurd sizes is refused', async () => {
    await using attacked = await Attacked.create()
    const { id: repositoryId, config, keys, random } = attacked.repo.repository
    for (const [name, at, value] of sizes) {
      const body = encodeConfig(config)
      new DataView(body.buffer).setUint32(at, value, true)
      const place = { repositoryId, type: 'config', key: CONFIG_KEY, secret: keys.configKey } as const
      await replaced(attacked, CONFIG_KEY, sealNamed({ ...place, body, random }), () =>
        expectRefused(attacked, name, DAMAGE),
      )
    }
    for (const [name, body] of [
      ['cut short', encodeConfig(config).subarray(0, 50)],
      ['too long', Buffer.concat([encodeConfig(config), Buffer.alloc(1)])],
      ['of no bytes', new Uint8Array(0)],
      ['of noise', new Chance(1).bytes(104)],
    ] as const) {
      const place = { repositoryId, type: 'config', key: CONFIG_KEY, secret: keys.configKey } as const
      await replaced(attacked, CONFIG_KEY, sealNamed({ ...place, body, random }), () =>
        expectRefused(attacked, name, DAMAGE),
      )
    }
    await throughStack(attacked.repo, attacked.sandbox, attacked.good)
  })

  test('that is cut, empty, noise or a giant is refused, and is not read whole', async () => {
    await using attacked = await Attacked.create()
    const whole = attacked.repo.bytesOf(CONFIG_KEY)
    for (const length of [0, 1, 8, 9, 15, 31, 32, 33, 64, 100, whole.length - 1])
      await replaced(attacked, CONFIG_KEY, whole.subarray(0, length), () =>
        expectRefused(attacked, `cut to ${length} bytes`, DAMAGE),
      )
    for (const [name, bytes] of [
      ['a byte longer', Buffer.concat([whole, Buffer.alloc(1)])],
      ['6,000 bytes longer', Buffer.concat([whole, Buffer.alloc(6_000)])],
      ['noise', new Chance(2).bytes(300)],
    ] as const)
      await replaced(attacked, CONFIG_KEY, bytes, () => expectRefused(attacked, name, DAMAGE))
    const mend = giant(attacked, CONFIG_KEY)
    await expectRefused(attacked, 'a TiB', DAMAGE)
    mend()
    await throughStack(attacked.repo, attacked.sandbox, attacked.good)
  })
})

describe('a slot', () => {
  const heads = [
    ['passes 0 over no memory', 1, 0, 0],
    ['2^32 - 1 passes', 1, 0xffff_ffff, 65_536],
    ['17 passes', 1, 17, 65_536],
    ['4 TiB of memory', 1, 3, 0xffff_ffff],
    ['more than 512 MiB of memory', 1, 3, 524_289],
    ['8 KiB of memory', 1, 3, 8],
    ['0 passes over 64 MiB', 1, 0, 65_536],
    ['an unknown key derivation', 3, 3, 65_536],
    ['key derivation 0', 0, 0, 0],
    ['a key file with a cost', 2, 3, 65_536],
  ] as const
  const headed = (bytes: Uint8Array, kind: number, passes: number, kib: number): Uint8Array => {
    const changed = bytes.slice()
    changed[48] = kind
    changed.set(new ByteWriter().u32(passes).u32(kib).done(), 52)
    return changed
  }

  test.each([
    ['a key file', SECRET],
    ['a password', PASSWORD],
  ] as const)('with absurd costs is refused for %s before anything is computed', async (_, secret) => {
    await using attacked = await Attacked.create()
    const key = firstSlot(attacked)
    for (const [name, kind, passes, kib] of heads)
      await replaced(attacked, key, headed(attacked.repo.bytesOf(key), kind, passes, kib), () =>
        expectRefused(attacked, name, [...DAMAGE, 'KEY_WRONG'], secret),
      )
  })

  test('that is cut, empty, swapped or a giant is refused, and is not read whole', async () => {
    await using attacked = await Attacked.create()
    await using other = await Attacked.create()
    const key = firstSlot(attacked)
    const whole = attacked.repo.bytesOf(key)
    const codes = [...DAMAGE, 'KEY_WRONG']
    for (const length of [0, 1, 31, 32, 47, 48, 75, 76, 107, 108, 109, whole.length - 1])
      await replaced(attacked, key, whole.subarray(0, length), () =>
        expectRefused(attacked, `cut to ${length} bytes`, codes),
      )
    for (const [name, bytes] of [
      ['a byte longer', Buffer.concat([whole, Buffer.alloc(1)])],
      ['that of another repository', other.repo.bytesOf(firstSlot(other))],
      ['noise', new Chance(3).bytes(800)],
    ] as const)
      await replaced(attacked, key, bytes, () => expectRefused(attacked, name, codes))
    const mend = giant(attacked, key)
    await expectRefused(attacked, 'a TiB', codes)
    mend()
    await replaced(attacked, CONFIG_KEY, other.repo.bytesOf(CONFIG_KEY), () =>
      expectRefused(attacked, 'the config of another repository', codes),
    )
    const moved = slotKey('ab'.repeat(16) as never)
    attacked.repo.storage.objects.delete(key)
    attacked.plant(moved, whole)
    await expectRefused(attacked, 'under another id', codes)
    attacked.repo.storage.objects.delete(moved)
    await expectRefused(attacked, 'none at all', ['OBJECT_MISSING'])
    attacked.plant(key, whole)
    await throughStack(attacked.repo, attacked.sandbox, attacked.good)
  })

  test('that is damaged stops nobody whose own slot is whole, and is named', async () => {
    await using attacked = await Attacked.create()
    await using other = await Attacked.create()
    const whole = attacked.repo.bytesOf(firstSlot(attacked))
    const planted = [
      ...heads.map(([, kind, passes, kib]) => headed(whole, kind, passes, kib)),
      new Uint8Array(0),
      whole.subarray(0, 80),
      whole,
      other.repo.bytesOf(firstSlot(other)),
      new Chance(4).bytes(700),
      new Uint8Array(2_000_000),
    ]
    const keys = planted.map((bytes, n) => {
      const id = n.toString(16).padStart(32, n % 2 === 0 ? '0' : 'f')
      const own = bytes.slice()
      if (own.length > 64 && n < heads.length) own.set(Buffer.from(id, 'hex'), 32)
      const key = slotKey(id as never)
      attacked.plant(key, own)
      return key
    })
    tried += keys.length
    const { refused, damages } = await throughStack(attacked.repo, attacked.sandbox, attacked.good)
    expect(refused).toEqual([undefined, undefined])
    expect(damages).toEqual(expect.arrayContaining(keys))
    const listed = await listKeys(attacked.repo.repository, SECRET)
    expect(listed.filter(({ damage }) => damage !== undefined)).toHaveLength(keys.length)
  })
})
