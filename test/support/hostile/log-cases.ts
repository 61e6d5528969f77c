/** Forged, moved and missing log entries, each planted behind the log of a repository with a good snapshot. */
import { ByteWriter, encodeText } from '../../../src/base/bytes.ts'
import { signaturePublicKey } from '../../../src/crypto/signature.ts'
import { encodePayload } from '../../../src/log/payloads.ts'
import { indexId, listId, packId, repositoryId } from '../../../src/model/ids.ts'
import { listKey, logKey } from '../../../src/object/object-keys.ts'
import { encodeContent } from '../../../src/snapshot/content.ts'
import { Chance } from '../builders.ts'
import { Attacked, framed } from './attacked.ts'
import { DETAILS, hole, items } from './hostile-snapshot.ts'

export type LogCase = {
  readonly name: string
  readonly attack: (attacked: Attacked) => Promise<void> | void
  /** What a new client reports of the log. */
  readonly reason?: string
  /** Beside the good one. */
  readonly snapshots?: number
  /** Of the client that knew the log before. */
  readonly refused?: string
  /** Nothing for `verify` to report. */
  readonly sound?: boolean
  /** Not in one log with others. */
  readonly alone?: boolean
}

const STRANGER = new Chance(5).bytes(32)
const LARGEST = Number.MAX_SAFE_INTEGER
const OTHER = repositoryId('ab'.repeat(16))
const ABSENT = { id: indexId('cd'.repeat(16)), hash: new Uint8Array(32) }

/** The seed of a key that the admin has given a role. */
async function grant({ repo }: Attacked, role: 'reader' | 'writer' | 'revoked'): Promise<Uint8Array> {
  const seed = repo.repository.random.bytes(32)
  const publicKey = signaturePublicKey(seed)
  await repo.repository.log.append(() => ({ kind: 'keys', keys: [{ publicKey, role, name: role }] }))
  return seed
}

const FORGED: readonly LogCase[] = [
  {
    name: 'a wrong signature',
    reason: 'unsigned',
    attack: (a) =>
      a.entry(a.commit(), {
        patch: (body) => {
          body[body.length - 1]! ^= 1
          return body
        },
      }),
  },
  {
    name: 'a signature over other bytes',
    reason: 'unsigned',
    attack: (a) =>
      a.entry(a.commit(), {
        patch: (body) => {
          body[48]! ^= 1
          return body
        },
      }),
  },
  {
    name: 'a signature for another repository',
    reason: 'unsigned',
    attack: (a) => a.entry(a.commit(), { repository: OTHER }),
  },
  {
    name: 'an unknown author',
    reason: 'unauthorized',
    attack: (a) => a.entry(a.commit(), { seed: STRANGER }),
  },
  {
    name: 'keys given by an unknown author to itself',
    reason: 'unauthorized',
    attack: (a) =>
      a.entry(
        { kind: 'keys', keys: [{ publicKey: signaturePublicKey(STRANGER), role: 'admin', name: 'me' }] },
        { seed: STRANGER },
      ),
  },
  ...(['reader', 'revoked'] as const).map(
    (role): LogCase => ({
      name: `a COMMIT of a key that is ${role}`,
      reason: 'unauthorized',
      attack: async (a) => {
        const seed = await grant(a, role)
        await a.entry(a.commit(), { seed })
      },
    }),
  ),
  ...(['forget', 'unforget', 'hold', 'unhold'] as const).map(
    (kind): LogCase => ({
      name: `${kind} of a writer`,
      reason: 'unauthorized',
      attack: async (a) => {
        const seed = await grant(a, 'writer')
        await a.entry({ kind, snapshots: [a.good] }, { seed })
      },
    }),
  ),
  ...(['quarantine', 'attest'] as const).map(
    (kind): LogCase => ({
      name: `${kind} of a writer`,
      reason: 'unauthorized',
      attack: async (a) => {
        const seed = await grant(a, 'writer')
        const packs = a.repo.repository.manifest.packs.list().map(({ id }) => id)
        await a.entry({ kind, packs }, { seed })
      },
    }),
  ),
  {
    name: 'GC of a writer over every pack and index object',
    reason: 'unauthorized',
    attack: async (a) => {
      const seed = await grant(a, 'writer')
      const { manifest } = a.repo.repository
      const packs = manifest.packs.list().map(({ id }) => id)
      const indexes = manifest.indexes.list('live').map(({ id }) => id)
      await a.entry({ kind: 'gc', packs, indexes, newIndexes: [], snapshots: [] }, { seed })
    },
  },
  {
    name: 'a checkpoint of a writer',
    reason: 'unauthorized',
    attack: async (a) => {
      const seed = await grant(a, 'writer')
      await a.entry({ kind: 'checkpoint', state: new Uint8Array(500) }, { seed })
    },
  },
  {
    name: 'a checkpoint that is not the fold',
    reason: 'contradiction',
    attack: (a) => a.entry({ kind: 'checkpoint', state: new Chance(1).bytes(500) }),
  },
  {
    name: 'a note that is noise',
    sound: true,
    attack: (a) => a.entry({ kind: 'note', sealed: new Chance(2).bytes(400) }),
  },
  {
    name: 'FORGET of 60,000 unknown snapshots',
    sound: true,
    attack: async (a) => {
      const chance = new Chance(3)
      const snapshots = Array.from({ length: 60_000 }, () =>
        Buffer.from(chance.bytes(16)).toString('hex'),
      ) as never
      await a.repo.repository.log.append(() => ({ kind: 'forget', snapshots }))
    },
  },
]

const PLACED: readonly LogCase[] = [
  ...([-1, 1, 1_000] as const).map(
    (by): LogCase => ({
      name: `a number that is wrong by ${by}`,
      reason: 'undecodable',
      attack: (a) => a.put(a.body(a.commit(), { number: a.next + by }), a.next),
    }),
  ),
  {
    name: 'a wrong hash of the entry before',
    reason: 'chain-broken',
    snapshots: 1,
    attack: (a) => a.entry(a.commit(), { previous: new Uint8Array(32) }),
  },
  {
    name: 'an entry stored again under the next number',
    reason: 'unopened',
    attack: (a) => a.plant(logKey(a.next), a.repo.bytesOf(logKey(1))),
  },
  {
    name: 'the body of an entry sealed again under the next number',
    reason: 'undecodable',
    attack: (a) => a.put(a.body(a.commit(), { number: 1 }), a.next),
  },
  {
    name: 'an entry of another repository with the same secret',
    reason: 'unopened',
    attack: async (a) => {
      await using other = await Attacked.create()
      a.plant(logKey(a.next), other.repo.bytesOf(logKey(1)))
    },
  },
  {
    name: 'an entry of no bytes',
    reason: 'unopened',
    attack: (a) => a.plant(logKey(a.next), new Uint8Array(0)),
  },
  {
    name: 'an entry cut short',
    reason: 'unopened',
    attack: (a) => a.plant(logKey(a.next), a.repo.bytesOf(logKey(1)).subarray(0, 100)),
  },
  {
    name: 'an entry longer than any',
    reason: 'unreadable',
    attack: (a) => a.plant(logKey(a.next), new Uint8Array(100_000)),
  },
  {
    name: 'padding that is not zero',
    reason: 'unopened',
    attack: (a) => {
      const { keys } = a.repo.repository
      const frame = framed(a.body(a.commit()), new Uint8Array(40).fill(1))
      a.plant(logKey(a.next), a.frame('log', logKey(a.next), keys.logKey, frame))
    },
  },
  {
    name: 'a frame that is shorter than it says',
    reason: 'unopened',
    attack: (a) => {
      const frame = new ByteWriter().u32(60_000).raw(new Uint8Array(300)).done()
      a.plant(logKey(a.next), a.frame('log', logKey(a.next), a.repo.repository.keys.logKey, frame))
    },
  },
  {
    name: 'a hole of one entry',
    alone: true,
    reason: 'unreadable',
    snapshots: 1,
    attack: async (a) => {
      const hidden = a.next
      await a.entry(a.commit())
      await a.repo.repository.log.follow()
      for (let n = 0; n < 4; n++) {
        await a.entry({ kind: 'note', sealed: new Uint8Array(9) })
        await a.repo.repository.log.follow()
      }
      // Where probing at 0, 2 and 6 gets past it.
      a.repo.storage.objects.delete(logKey(hidden + 1))
    },
  },
  {
    name: 'a tail that is gone',
    alone: true,
    sound: true,
    refused: 'REPOSITORY_ROLLED_BACK',
    attack: async (a) => {
      const number = a.next
      await a.entry(a.commit())
      await a.repo.repository.log.follow()
      a.repo.storage.objects.delete(logKey(number))
    },
  },
  {
    name: 'another entry where the newest was',
    alone: true,
    refused: 'REPOSITORY_ROLLED_BACK',
    reason: 'unopened',
    attack: async (a) => {
      const number = a.next
      await a.entry(a.commit())
      await a.repo.repository.log.follow()
      a.plant(logKey(number), a.repo.bytesOf(logKey(0)))
    },
  },
  {
    name: 'noise at each number that is probed, up to 2^53',
    alone: true,
    attack: (a) => {
      for (let step = 1, at = a.next - 1; Number.isSafeInteger(at + step); step *= 2) {
        at += step
        if (at > a.next + 1_000) a.plant(logKey(at), new Uint8Array(10))
      }
      for (let at = 2; at <= LARGEST - 2; at = at * 2 + 2)
        if (at > a.next + 1_000 && Number.isSafeInteger(at)) a.plant(logKey(at), new Uint8Array(10))
    },
  },
  {
    name: 'noise at 2, 6, 14 and so on up to 2^53 - 2',
    reason: 'unopened',
    alone: true,
    attack: (a) => {
      for (let at = 2; Number.isSafeInteger(at); at = at * 2 + 2) a.plant(logKey(at), new Uint8Array(10))
    },
  },
  {
    name: 'noise at the greatest numbers',
    alone: true,
    sound: true,
    attack: (a) => {
      a.plant(logKey(LARGEST), new Uint8Array(10))
      a.plant('log/9999999999999999', new Uint8Array(10))
      a.plant('log/1', new Uint8Array(10))
    },
  },
]

const view = (body: Uint8Array): DataView => new DataView(body.buffer, body.byteOffset, body.byteLength)

/** The fields of a body are changed before it is signed by its own holder: what the layout refuses. */
const LAYOUT: readonly LogCase[] = [
  ...(
    [
      ['an unknown kind', (body) => (body[0] = 77)],
      ['kind 0', (body) => (body[0] = 0)],
      ['a payload neither here nor elsewhere', (body) => (body[1] = 2)],
      ['reserved bytes', (body) => (body[5] = 1)],
      ['a payload longer than its entry', (body) => view(body).setUint32(88, 0xffff_ffff, true)],
      ['a payload shorter than its entry', (body) => view(body).setUint32(88, 3, true)],
      ['a number above 2^53', (body) => view(body).setUint32(12, 0xffff_ffff, true)],
      ['a time above 2^53', (body) => view(body).setUint32(52, 0x7fff_ffff, true)],
    ] as const satisfies readonly (readonly [string, (body: Uint8Array) => unknown])[]
  ).map(
    ([name, change]): LogCase => ({
      name,
      reason: 'undecodable',
      attack: (a) =>
        a.entry(a.commit(), {
          patch: (body) => {
            change(body)
            return body
          },
        }),
    }),
  ),
  ...(
    [
      ['no bytes', new Uint8Array(0)],
      ['noise', new Chance(4).bytes(900)],
      ['zeros', new Uint8Array(900)],
      ['all ones', new Uint8Array(900).fill(255)],
    ] as const
  ).map(
    ([name, payload]): LogCase => ({
      name: `a COMMIT whose payload is ${name}`,
      reason: 'undecodable',
      attack: (a) => a.entry(payload),
    }),
  ),
  {
    name: 'a COMMIT with bytes behind its payload',
    reason: 'undecodable',
    attack: (a) => a.entry(Buffer.concat([encodePayload(a.commit()), Buffer.alloc(1)])),
  },
  {
    name: 'a FORGET that counts 2^40 snapshots',
    reason: 'undecodable',
    attack: (a) => a.entry(new ByteWriter().varint(2 ** 40).done(), { kind: 'forget' }),
  },
  {
    name: 'KEYS with an unknown role and a name that is not UTF-8',
    reason: 'undecodable',
    attack: (a) => a.entry(new ByteWriter().varint(1).zeros(32).u8(9).u8(1).u8(255).done(), { kind: 'keys' }),
  },
  {
    name: 'a list that does not exist',
    reason: 'list-unreadable',
    attack: (a) =>
      a.entry(a.commit(), { payload: { list: { id: listId('ef'.repeat(16)), hash: new Uint8Array(32) } } }),
  },
  {
    name: 'a list of noise',
    reason: 'list-unreadable',
    attack: async (a) => {
      const id = listId('e0'.repeat(16))
      a.plant(listKey(id), new Chance(6).bytes(900))
      await a.entry(a.commit(), { payload: { list: { id, hash: new Uint8Array(32) } } })
    },
  },
]

const COMMITS: readonly LogCase[] = [
  {
    name: 'a snapshot id used before',
    reason: 'contradiction',
    attack: (a) => a.entry(a.commit({ snapshot: a.good, root: encodeContent(items([])) })),
  },
  ...[1_000, -2, LARGEST, -LARGEST].map(
    (headRead): LogCase => ({
      name: `a head read of ${headRead}`,
      reason: 'contradiction',
      attack: (a) => a.entry(a.commit({ headRead })),
    }),
  ),
  {
    name: 'an index object that does not exist',
    snapshots: 1,
    attack: (a) => a.entry(a.commit({ indexes: [ABSENT] })),
  },
  {
    name: 'an index object with another hash',
    reason: 'contradiction',
    attack: (a) => {
      const [known] = a.repo.repository.log.state.indexes.keys()
      return a.entry(a.commit({ indexes: [{ id: known!, hash: new Uint8Array(32) }] }))
    },
  },
  {
    name: '1,000 index objects that do not exist',
    snapshots: 1,
    attack: async (a) => {
      const indexes = Array.from({ length: 1_000 }, (_, n) => ({
        ...ABSENT,
        id: indexId(String(n).padStart(32, 'c')),
      }))
      const payload = a.commit({ indexes })
      await a.repo.repository.log.append(() => payload)
    },
  },
  {
    name: 'GC with a new index object that does not exist and packs that never were',
    attack: (a) =>
      a.entry({
        kind: 'gc',
        packs: [packId('01'.repeat(16))],
        indexes: [],
        newIndexes: [ABSENT],
        snapshots: [],
      }),
  },
  ...[LARGEST, -LARGEST].flatMap((timeMs): LogCase[] => [
    {
      name: `a snapshot of the time ${timeMs}`,
      snapshots: 1,
      sound: true,
      attack: (a) => a.entry(a.commit({ timeMs })),
    },
    {
      name: `an entry of the time ${timeMs}`,
      snapshots: 1,
      sound: true,
      attack: (a) => a.entry(a.commit(), { timeMs }),
    },
  ]),
  {
    name: 'a root of five levels',
    reason: 'undecodable',
    attack: (a) => a.entry(a.commit({ root: encodeContent(items([], 5)) })),
  },
  ...(
    [
      ['is garbage', { levels: 0, items: new Chance(7).bytes(100) }],
      ['has no items', items([])],
      ['names an absent chunk', items([new Uint8Array(32)])],
      ['names absent chunks over four levels', items([new Uint8Array(32)], 4)],
      ['is a hole', { levels: 0, items: hole(2 ** 40) }],
      ['is a hole over three levels', { levels: 3, items: hole(9) }],
      ['ends within an item', { levels: 0, items: Uint8Array.of(1, 2, 3) }],
      ['is 30,000 bytes of garbage', { levels: 1, items: new Uint8Array(30_000).fill(1) }],
    ] as const
  ).map(
    ([name, root]): LogCase => ({
      name: `a root that ${name}`,
      snapshots: 1,
      attack: (a) => a.entry(a.commit({ root: encodeContent(root) })),
    }),
  ),
  {
    name: 'a root whose frame is longer than the payload',
    reason: 'undecodable',
    attack: (a) =>
      a.entry(
        a.commit({
          root: new ByteWriter()
            .u8(0)
            .varint(2 ** 20)
            .done(),
        }),
      ),
  },
  {
    name: 'a root that is a file and not a tree',
    snapshots: 1,
    attack: async (a) => {
      const root = encodeContent(await a.hostile.file('not a tree'))
      await a.hostile.commit({ root })
    },
  },
]

const ODD = '\u001b[2J\u001b]0;x\u0007 \u009b31m\r\n\u202etxt.exe\u2066\u200f\udc80\ud83d'
const MIB = 1_048_576

/** A COMMIT with this text as details. */
const details = (name: string, text: string | Uint8Array, sound = false): LogCase => ({
  name: `details: ${name}`,
  snapshots: 1,
  sound,
  attack: async (a) => {
    const bytes = typeof text === 'string' ? encodeText(text) : text
    const payload = a.commit({ details: a.hostile.sealedText(bytes) })
    await a.repo.repository.log.append(() => payload)
  },
})
const json = (name: string, changes: object, sound = false): LogCase =>
  details(name, JSON.stringify({ ...DETAILS, ...changes }), sound)

const DETAIL_CASES: readonly LogCase[] = [
  details('not JSON', '{"hostname": '),
  details('no bytes', ''),
  details('not UTF-8', new Uint8Array(100).fill(0xff)),
  details('null', 'null'),
  details('an array', '[]'),
  details('a number', '1e999'),
  details('two million nested arrays', '['.repeat(2 * MIB)),
  details(
    'a million nested arrays in a field nobody knows',
    `${JSON.stringify(DETAILS).slice(0, -1)},"x":${'['.repeat(MIB)}${']'.repeat(MIB)}}`,
    true,
  ),
  details('4 MiB and a byte', JSON.stringify(DETAILS).padEnd(4 * MIB + 1)),
  details('4 MiB of blanks', JSON.stringify(DETAILS).padEnd(4 * MIB), true),
  {
    name: 'details: no box',
    snapshots: 1,
    attack: (a) => a.entry(a.commit({ details: new Chance(8).bytes(500) })),
  },
  json('a host that is a number', { hostname: 7 }),
  json('paths that are a text', { paths: '/' }),
  json('paths that are numbers', { paths: [1, 2] }),
  json('tags that hold null', { tags: [null] }),
  json('tags that are an object', { tags: { length: 3 } }),
  json('no program', { program: null }),
  json('a label that is null', { label: null }),
  json('incomplete that is a text', { incomplete: 'yes' }),
  json('101 unreadable paths', {
    unreadable: Array.from({ length: 101 }, () => ({ path: '/', reason: 'x' })),
  }),
  json('a summary of texts', { summary: { total_files_processed: 'many' } }),
  json(
    'a summary of absurd numbers',
    {
      summary: { total_files_processed: -1.5, total_bytes_processed: 1e308, files_new: -0 },
    },
    true,
  ),
  details(
    'a summary with __proto__',
    JSON.stringify(DETAILS).replace('"summary":{}', '"summary":{"__proto__":3,"constructor":4}'),
    true,
  ),
  json('200,000 empty tags', { tags: Array.from({ length: 200_000 }, () => '') }, true),
  json('50,000 tags', { tags: Array.from({ length: 50_000 }, (_, n) => `tag${n}`) }, true),
  json('50,000 paths', { paths: Array.from({ length: 50_000 }, (_, n) => `/path/${n}`) }, true),
  json('a tag of 4 million bytes', { tags: ['x'.repeat(4_000_000)] }, true),
  json(
    'escapes and direction marks everywhere',
    {
      hostname: ODD,
      username: ODD,
      paths: [`/${ODD}`, '/a\nb'],
      tags: [ODD, ',,', '\n'],
      label: ODD,
      job: ODD,
      program: { name: ODD, version: ODD },
      excludes: [ODD],
      unreadable: [{ path: ODD, reason: ODD }],
      incomplete: true,
      summary: { [ODD]: 1 },
    },
    true,
  ),
]

export const LOG_CASES: readonly LogCase[] = [...FORGED, ...PLACED, ...LAYOUT, ...COMMITS, ...DETAIL_CASES]
