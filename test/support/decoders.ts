/** Every decoder of stored bytes, with valid inputs taken from a repository that has an object of every kind. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { ByteReader, ByteWriter, encodeText } from '../../src/base/bytes.ts'
import { nameBytes, nameFromBytes } from '../../src/base/names.ts'
import { createZstd } from '../../src/codec/zstd.ts'
import { createPackSealer, sealObject } from '../../src/crypto/aead.ts'
import type { Box } from '../../src/crypto/box.ts'
import { systemRandom } from '../../src/crypto/random.ts'
import { decodeConfig, encodeConfig, openConfig, repositoryIdOfConfig } from '../../src/keys/config.ts'
import { grantKeys } from '../../src/keys/hierarchy.ts'
import { decodeKeyFile, encodeKeyFile } from '../../src/keys/key-file.ts'
import { readSlotHead } from '../../src/keys/slot.ts'
import { decodeSlotBody, encodeSlotBody } from '../../src/keys/slot-body.ts'
import { decodeState, encodeState } from '../../src/log/checkpoint.ts'
import { openDetails, openNote, openTags } from '../../src/log/details.ts'
import { decodeEntry as decodeLogEntry, LOG_KINDS, openEntry, sealEntry } from '../../src/log/entry.ts'
import { decodePayload, encodePayload } from '../../src/log/payloads.ts'
import { readEntry } from '../../src/log/read-entry.ts'
import { type PackId, slotId } from '../../src/model/ids.ts'
import { PACK_HEADER_BYTES } from '../../src/model/limits.ts'
import { decodeObjectHeader, OBJECT_HEADER_BYTES, writeObjectHeader } from '../../src/object/header.ts'
import { indexIdOf, logKey, logNumberOf, packIdOf, slotIdOf } from '../../src/object/object-keys.ts'
import { openNamed } from '../../src/object/sealed-object.ts'
import { aclText } from '../../src/ops/dump/acl-text.ts'
import { decodeIndex } from '../../src/pack/index-object.ts'
import {
  FOOTER_POSITION,
  openPackKeys,
  packAad,
  readPackHead,
  TRAILER_POSITION,
} from '../../src/pack/pack-header.ts'
import { openPackSegment, readPackFooter, readPackTrailer } from '../../src/pack/pack-reader.ts'
import { decodeSegment, readSegmentHeader } from '../../src/pack/segment.ts'
import { readSegmentTable, writeSegmentTable } from '../../src/pack/segment-table.ts'
import type { Repository } from '../../src/repository/repository.ts'
import { decodeContent, encodeContent, readItems } from '../../src/snapshot/content.ts'
import { decodeEntry, type Entry, encodeEntry } from '../../src/snapshot/entry.ts'
import { EntryCursor } from '../../src/snapshot/entry-cursor.ts'
import { decodeTree, encodeTree, splitTree } from '../../src/snapshot/tree.ts'
import { readComplaint, readListPage } from '../../src/storage/s3/answers.ts'
import { readXml } from '../../src/storage/s3/xml.ts'
import { FormerContent } from '../../src/workers/former-content.ts'
import { fileStat } from './builders.ts'
import { addEveryKind } from './every-kind.ts'
import type { Decoder } from './fuzz.ts'
import { postgresDecoders } from './postgres-decoders.ts'
import { TestRepository } from './repository.ts'
import { stateDecoders } from './state-decoders.ts'

/** `from`: the source file that it fuzzes. */
export type SourceDecoder = Decoder & { readonly from: string }

export async function allDecoders(): Promise<SourceDecoder[]> {
  await using test = await TestRepository.create()
  mkdirSync(test.source('directory'), { recursive: true })
  for (let n = 0; n < 12; n++)
    writeFileSync(test.source('directory', `file ${n}`), `content ${n} `.repeat(n * 9))
  symlinkSync('file 1', test.source('directory', 'link'))
  await test.backup()
  await addEveryKind(test)
  const stored = { test, repository: test.repository }
  return [
    ...objectDecoders(stored),
    ...keyDecoders(stored),
    ...logDecoders(stored),
    ...(await packDecoders(stored)),
    ...(await snapshotDecoders(stored)),
    ...s3Decoders(),
    ...postgresDecoders(),
    ...stateDecoders(),
  ]
}

/** What an S3 store may answer. */
function s3Decoders(): SourceDecoder[] {
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8')
  const page = `<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name>
    <IsTruncated>true</IsTruncated><NextContinuationToken>next&amp;&#49;</NextContinuationToken><Contents><Key>p/config</Key>
    <LastModified>2026-11-22T19:45:17.120Z</LastModified><Size>104</Size><Owner><ID/></Owner></Contents></ListBucketResult>`
  const error = '<Error><Code>AccessDenied</Code><Message>no</Message><Region>eu-west-1</Region></Error>'
  return [
    {
      name: 'listing of an S3 store',
      from: 'storage/s3/answers.ts',
      seeds: [encodeText(page)],
      codes: ['STORAGE_FAILED'],
      run: (bytes) => readListPage(text(bytes)),
    },
    {
      name: 'error of an S3 store',
      from: 'storage/s3/answers.ts',
      seeds: [encodeText(error), encodeText(page)],
      run: (bytes) => readComplaint(text(bytes)),
    },
    {
      name: 'XML of an S3 store',
      from: 'storage/s3/xml.ts',
      seeds: [encodeText(page), encodeText(error)],
      codes: ['STORAGE_FAILED'],
      run: (bytes) => readXml(text(bytes)),
    },
  ]
}

type Stored = { readonly test: TestRepository; readonly repository: Repository }

/** Seals to nobody: the bytes are the message. */
const clearBox = { open: (_public: Uint8Array, _secret: Uint8Array, sealed: Uint8Array) => sealed } as Box
const clearKeys = { contentPublic: new Uint8Array(32), contentSecret: new Uint8Array(32) }

function objectDecoders({ test, repository }: Stored): SourceDecoder[] {
  const every = test.keys().map((key) => test.bytesOf(key))
  const place = { repositoryId: repository.id, type: 'log', key: logKey(3) } as const
  const secret = repository.keys.logKey
  const bytesOf = (key: string): Uint8Array => test.bytesOf(key)
  const header = writeObjectHeader({ type: 'log', repository: repository.id })
  const aad = Buffer.concat([header, encodeText(place.key)])
  return [
    {
      name: 'object header',
      from: 'object/header.ts',
      seeds: every.map((bytes) => bytes.subarray(0, OBJECT_HEADER_BYTES)),
      codes: ['REPOSITORY_TOO_NEW'],
      run: (bytes) => decodeObjectHeader(bytes, 'object'),
    },
    {
      name: 'sealed object',
      from: 'object/sealed-object.ts',
      seeds: [bytesOf(place.key)],
      codes: ['REPOSITORY_TOO_NEW'],
      run: (bytes) => openNamed({ ...place, secret, bytes, bodyBytesMax: 65_536 }),
    },
    {
      name: 'frame of a sealed object',
      from: 'object/sealed-object.ts',
      seeds: [new ByteWriter().u32(5).raw(encodeText('bytes')).zeros(247).done()],
      run: (frame) => {
        const bytes = Buffer.concat([header, sealObject(secret, aad, frame, systemRandom)])
        return openNamed({ ...place, secret, bytes, bodyBytesMax: 65_536 })
      },
    },
    {
      name: 'object keys',
      from: 'object/object-keys.ts',
      seeds: test.keys().map(encodeText),
      run: (bytes) => {
        const key = Buffer.from(bytes).toString('latin1')
        return [logNumberOf(key), packIdOf(key), indexIdOf(key), slotIdOf(key)]
      },
    },
    {
      name: 'file names',
      from: 'base/names.ts',
      seeds: [
        encodeText('name'),
        encodeText('\u00fc \u{1f511}'),
        Uint8Array.of(0xff, 0xc3, 0x28, 0xed, 0xa0, 0x80),
      ],
      run: (bytes) => {
        if (Buffer.compare(nameBytes(nameFromBytes(bytes)), bytes) !== 0) throw new Error('other bytes')
      },
    },
  ]
}

function keyDecoders({ test, repository }: Stored): SourceDecoder[] {
  const { id, keys, config } = repository
  if (keys.role !== 'admin') throw new Error('the first key is an admin')
  const slots = test.keys('slots/').map((key) => test.bytesOf(key))
  const idOf = (bytes: Uint8Array) => slotId(Buffer.from(bytes).toString('hex', 32, 48).padEnd(32, '0'))
  const body = (role: 'admin' | 'reader' | 'writer') =>
    encodeSlotBody({
      keys: role === 'admin' ? keys : grantKeys(keys, role, systemRandom),
      name: 'n\u00e4me',
      createdMs: 5,
      unknown: [{ tag: 200, bytes: encodeText('later') }],
    })
  return [
    {
      name: 'config',
      from: 'keys/config.ts',
      seeds: [encodeConfig(config)],
      run: decodeConfig,
    },
    {
      name: 'config object',
      from: 'keys/config.ts',
      seeds: [test.bytesOf('config')],
      codes: ['REPOSITORY_TOO_NEW'],
      run: (bytes) => [repositoryIdOfConfig(bytes), openConfig(bytes, id, keys.configKey)],
    },
    {
      name: 'clear part of a slot',
      from: 'keys/slot.ts',
      seeds: slots,
      codes: ['REPOSITORY_TOO_NEW'],
      run: (bytes) => readSlotHead(bytes, id, idOf(bytes)),
    },
    {
      name: 'fields of a slot',
      from: 'keys/slot-body.ts',
      seeds: [body('admin'), body('reader'), body('writer')],
      run: (bytes) => decodeSlotBody(bytes, 'slot'),
    },
    {
      name: 'key file',
      from: 'keys/key-file.ts',
      seeds: [
        encodeText(encodeKeyFile({ repositoryId: id, secret: new Uint8Array(32) })),
        encodeText(`# mine\r\n\n${encodeKeyFile({ repositoryId: id, secret: keys.idKey })}`),
      ],
      codes: ['KEY_WRONG', 'REPOSITORY_TOO_NEW'],
      run: (bytes) => decodeKeyFile(Buffer.from(bytes).toString('utf8')),
    },
  ]
}

function logDecoders({ test, repository }: Stored): SourceDecoder[] {
  const { id: repositoryId, keys, random } = repository
  const secrets = { repositoryId, logKey: keys.logKey }
  const entries = test.keys('log/').map((key, number) => {
    const bytes = test.bytesOf(key)
    const list = test.keys('lists/').map((name) => test.bytesOf(name))[0]
    const read = readEntry({ number, bytes, list }, secrets)
    if (typeof read === 'string') throw new Error(`${key} is ${read}`)
    return { number, bytes, body: openEntry(bytes, number, secrets), ...read }
  })
  const numbered = (body: Uint8Array): number => body[8] ?? 0
  const json = (value: unknown): Uint8Array => encodeText(JSON.stringify(value))
  const details = {
    hostname: 'h',
    username: 'u',
    paths: ['/a', '/b'],
    tags: ['t'],
    label: 'l',
    job: 'j',
    program: { name: 'snap', version: '1' },
    excludes: ['*'],
    incomplete: true,
    unreadable: [{ path: '/a/b', reason: 'EACCES' }],
    summary: { files: 3, bytes: 1e9 },
  }
  return [
    {
      name: 'log entry',
      from: 'log/entry.ts',
      seeds: entries.map(({ body }) => body),
      run: (body) => decodeLogEntry(body, numbered(body)),
    },
    {
      name: 'log object, sealed with the key',
      from: 'log/read-entry.ts',
      seeds: entries.map(({ body }) => body),
      run: (body) => {
        const number = numbered(body)
        return readEntry({ number, bytes: sealEntry(body, number, secrets, random) }, secrets)
      },
    },
    ...LOG_KINDS.map((kind): SourceDecoder => {
      const seeds = entries.filter(({ payload }) => payload.kind === kind)
      return {
        name: `payload of ${kind.toUpperCase()}`,
        from: 'log/payloads.ts',
        seeds: seeds.map(({ payload }) => encodePayload(payload)),
        run: (bytes) => decodePayload(kind, bytes, 'payload'),
      }
    }),
    {
      name: 'state in a checkpoint',
      from: 'log/checkpoint.ts',
      seeds: [encodeState(repository.log.state)],
      run: (bytes) => decodeState(bytes, 'checkpoint'),
    },
    {
      name: 'details of a snapshot',
      from: 'log/details.ts',
      seeds: [json(details), json({ ...details, label: undefined, unreadable: [], more: [[{}]] })],
      run: (bytes) => openDetails(clearBox, clearKeys, bytes),
    },
    {
      name: 'note',
      from: 'log/details.ts',
      seeds: [json({ operation: 'restore', nested: { list: [1, null, true] } })],
      run: (bytes) => openNote(clearBox, clearKeys, bytes),
    },
    {
      name: 'tags',
      from: 'log/details.ts',
      seeds: [json({ tags: ['one', 'two'] })],
      run: (bytes) => openTags(clearBox, clearKeys, bytes),
    },
  ]
}

async function packDecoders({ test, repository }: Stored): Promise<SourceDecoder[]> {
  const { id: repositoryId, keys, manifest } = repository
  const zstd = createZstd()
  const box = await repository.box()
  const { contentSecret } = keys
  if (contentSecret === undefined) throw new Error('an admin reads content')
  const secrets = { ...keys, contentSecret }
  const tables = manifest.packs
    .list('live')
    .map((row) => ({ ...row, segments: manifest.packs.tableOf(row.no) }))
  const stored = (id: PackId): Uint8Array => test.bytesOf(`packs/${id.slice(0, 2)}/${id}`)
  const [{ id, bytes: size, segments } = absent()] = tables
  const header = stored(id).slice(0, PACK_HEADER_BYTES)
  const opened = openPackKeys(header, repositoryId, id, secrets, box)
  const sealedAt = segments.reduce((sum, row) => sum + row.sealed, PACK_HEADER_BYTES)
  const trailer = { footerAt: sealedAt, footerBytes: size - sealedAt - 32, segments: segments.length }
  const into = new Uint8Array(131_072)
  /** The footer's message, then the trailer's, under the footer key. */
  const sealed = (message: 'footer' | 'trailer', plain: Uint8Array): Uint8Array => {
    using sealer = createPackSealer(opened.footerKey)
    if (message === 'footer')
      return into.slice(0, sealer.seal(packAad(header, FOOTER_POSITION), [plain], into, 0))
    sealer.seal(packAad(header, FOOTER_POSITION), [], into, 0)
    return into.slice(0, sealer.seal(packAad(header, TRAILER_POSITION), [plain], into, 0))
  }
  const table = (withIds: boolean) =>
    tables.map((row) => {
      const writer = new ByteWriter()
      writeSegmentTable(writer, row.segments, withIds)
      return writer.done()
    })
  const decodedSegments = tables.flatMap((row) => {
    const head = stored(row.id).slice(0, PACK_HEADER_BYTES)
    const own = openPackKeys(head, repositoryId, row.id, secrets, box)
    let at = PACK_HEADER_BYTES
    return row.segments.map((segment, number) => {
      const bytes = stored(row.id).subarray(at, at + segment.sealed)
      at += segment.sealed
      return new Uint8Array(openPackSegment(row.id, head, own, number, bytes))
    })
  })
  const room = new Uint8Array(2_097_152)
  const dictionary = Buffer.alloc(200, 'dictionary')
  const indexes = test.keys('index/').map((key) => {
    const place = { repositoryId, type: 'index', key, secret: keys.indexKey } as const
    return new Uint8Array(openNamed({ ...place, bytes: test.bytesOf(key), bodyBytesMax: 16_777_216 }))
  })
  return [
    {
      name: 'header of a pack',
      from: 'pack/pack-header.ts',
      seeds: [header],
      codes: ['REPOSITORY_TOO_NEW'],
      run: (bytes) => readPackHead(bytes, repositoryId, id),
    },
    {
      name: 'keys of a pack',
      from: 'pack/pack-header.ts',
      seeds: [header],
      codes: ['REPOSITORY_TOO_NEW'],
      run: (bytes) => openPackKeys(bytes, repositoryId, id, secrets, box),
    },
    {
      name: 'trailer of a pack, sealed with the key',
      from: 'pack/pack-reader.ts',
      seeds: [new ByteWriter().u32(trailer.footerBytes).u32(trailer.segments).zeros(8).done()],
      run: (plain) => readPackTrailer(id, header, opened, sealed('trailer', plain), size),
    },
    {
      name: 'footer of a pack, sealed with the key',
      from: 'pack/pack-reader.ts',
      seeds: [Buffer.concat([table(false)[0] ?? absent(), Buffer.alloc(5)])],
      run: (plain) => readPackFooter(id, header, opened, trailer, sealed('footer', plain)),
    },
    {
      name: 'segment table without ids',
      from: 'pack/segment-table.ts',
      seeds: table(false),
      run: (bytes) => readSegmentTable(new ByteReader(bytes, 'table'), false),
    },
    {
      name: 'segment table with ids',
      from: 'pack/segment-table.ts',
      seeds: table(true),
      run: (bytes) => readSegmentTable(new ByteReader(bytes, 'table'), true),
    },
    {
      name: 'index object',
      from: 'pack/index-object.ts',
      seeds: indexes,
      run: (bytes) => decodeIndex(bytes, 'index'),
    },
    {
      name: 'segment',
      from: 'pack/segment.ts',
      seeds: decodedSegments.filter((bytes) => bytes[1] === 0),
      run: (bytes) => decodeAny(bytes),
    },
    {
      name: 'delta segment',
      from: 'pack/segment.ts',
      seeds: [deltaOf(Buffer.from('a text of the dictionary, dictionary'.repeat(4)))],
      run: (bytes) => decodeAny(bytes),
    },
  ]

  function decodeAny(bytes: Uint8Array): Uint8Array {
    const head = readSegmentHeader(bytes)
    return decodeSegment(zstd, bytes, head, room, head.depth === 0 ? undefined : dictionary)
  }

  function deltaOf(plain: Uint8Array): Uint8Array {
    const payload = new Uint8Array(1_024)
    const length = zstd.compressWithDictionary(plain, dictionary, payload, 0, 3)
    const head = Buffer.alloc(8 + 32)
    head.set([1, 1, 1, 0])
    head.writeUInt32LE(plain.length, 4)
    return Buffer.concat([head, payload.subarray(0, length)])
  }
}

const ENTRY: Entry = {
  name: 'n',
  type: 'file',
  mode: 0o644,
  uid: 1,
  gid: 2,
  size: 3,
  mtimeSec: -4,
  mtimeNsec: 5,
  ctimeSec: 6,
  ctimeNsec: 7,
  inode: 8,
}

async function snapshotDecoders({ repository }: Stored): Promise<SourceDecoder[]> {
  const items = new Uint8Array(33 + 9 + 33)
  items.set([1], 0)
  items.set([2, 77], 33)
  items.set([1], 42)
  const content = { levels: 0, items }
  const other = { ...ENTRY, size: 0 }
  const entries = [
    { ...ENTRY, content },
    {
      ...ENTRY,
      content: { levels: 2, items: items.subarray(0, 33) },
      hardLink: { links: 2, device: 9 },
      changed: true,
    },
    { ...other, type: 'dir', content: { levels: 0, items: items.subarray(0, 33) } },
    { ...other, type: 'symlink', target: '../target' },
    { ...other, type: 'block', device: { major: 259, minor: 70_000 } },
    { ...ENTRY, unreadable: 'EACCES' },
    {
      ...other,
      type: 'fifo',
      xattrs: [
        { name: 'user.a', value: Uint8Array.of(1, 2) },
        { name: 'user.b', value: new Uint8Array(0) },
      ],
    },
  ].map((entry) => encodeEntry(entry as Entry))
  const trees: Uint8Array[] = []
  for (const { root } of repository.log.state.snapshots.values()) {
    const walk = async (encoded: Uint8Array): Promise<void> => {
      trees.push(encoded)
      for (const entry of decodeTree(encoded).entries)
        if (entry.type === 'dir' && entry.content !== undefined)
          await walk(await repository.trees.bytes(entry.content))
    }
    await walk(await repository.trees.bytes(decodeContent(root)))
  }
  const owners = [
    { kind: 'user', number: 1, name: '\u00fc' },
    { kind: 'group', number: 2, name: 'users' },
  ] as const
  return [
    {
      name: 'content and its items',
      from: 'snapshot/content.ts',
      seeds: [encodeContent(content), encodeContent({ levels: 4, items: items.subarray(0, 33) })],
      run: (bytes) => {
        let count = 0
        for (const _ of readItems(decodeContent(bytes).items)) count += 1
        return count
      },
    },
    {
      name: 'chunks of a former version',
      from: 'workers/former-content.ts',
      seeds: [items, new Uint8Array(items.subarray(0, 33 * 12))],
      run: (bytes) => {
        const former = new FormerContent(bytes)
        let found = 0
        for (let at = 0; at < former.count; at++) if (former.find(former.idAt(at), 0) >= 0) found += 1
        return found
      },
    },
    { name: 'entry of a directory', from: 'snapshot/entry.ts', seeds: entries, run: decodeEntry },
    {
      name: 'POSIX ACL of an entry',
      from: 'ops/dump/acl-text.ts',
      seeds: [new ByteWriter().u32(2).u16(1).u16(6).u32(0xffffffff).u16(2).u16(4).u32(1_000).done()],
      run: aclText,
    },
    {
      name: 'directory, entry by entry',
      from: 'snapshot/entry-cursor.ts',
      seeds: trees.map((bytes) => new Uint8Array(bytes)),
      run: (bytes) => {
        const cursor = new EntryCursor(bytes)
        let same = 0
        for (; !cursor.isAtEnd; cursor.next()) {
          if (cursor.order('name') === 0 || cursor.isDirectory()) same += cursor.entry().length
          if (cursor.isSameFile(fileStat())) same += 1
        }
        return same
      },
    },
    {
      name: 'directory, split',
      from: 'snapshot/tree.ts',
      seeds: trees.map((bytes) => new Uint8Array(bytes)),
      run: splitTree,
    },
    {
      name: 'directory',
      from: 'snapshot/tree.ts',
      seeds: [...trees.map((bytes) => new Uint8Array(bytes)), encodeTree(owners, entries.slice(0, 1))],
      run: decodeTree,
    },
  ]
}

function absent(): never {
  throw new Error('the repository lacks what was to be fuzzed')
}
