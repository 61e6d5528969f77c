/** What reads bytes that a PostgreSQL server wrote, or that a snapshot says of them. */
import { encodeText } from '../../src/base/bytes.ts'
import { BaseArchive } from '../../src/jobs/sources/base-archive.ts'
import { TarParser } from '../../src/jobs/sources/tar-parser.ts'
import { type Note, validateDetails } from '../../src/log/details.ts'
import { SnapError, unlessDamaged } from '../../src/model/errors.ts'
import { baseFactsOf, baseNote, walFactsOf, walNote } from '../../src/ops/wal/facts.ts'
import { parseHistory } from '../../src/ops/wal/timeline-history.ts'
import { readWalHeader } from '../../src/ops/wal/wal-header.ts'
import type { SourceDecoder } from './decoders.ts'
import { tarBytes } from './tar-bytes.ts'

const MIB16 = 16 * 1024 * 1024
const LABEL = 'START WAL LOCATION: 0/3000028 (file 000000010000000000000003)\n'
const MANIFEST =
  '"WAL-Ranges": [\n{ "Timeline": 1, "Start-LSN": "0/3000028", "End-LSN": "0/3000100" }\n],\n"Manifest-Checksum": "88"}\n'
const BASE = tarBytes([
  ['backup_label', LABEL],
  ['global/', ''],
  ['global/pg_control', 'x'.repeat(700)],
  ['backup_manifest', MANIFEST],
])

/** Of streams, whose errors are the reasons why nothing of them is saved. */
function plainErrors(run: (bytes: Uint8Array) => unknown): (bytes: Uint8Array) => unknown {
  return (bytes) => {
    try {
      return run(bytes)
    } catch (error) {
      if (error instanceof Error && error.name === 'Error')
        throw new SnapError('OBJECT_DAMAGED', error.message)
      throw error
    }
  }
}

export function postgresDecoders(): SourceDecoder[] {
  return [
    {
      name: 'tar archive',
      from: 'jobs/sources/tar-parser.ts',
      seeds: [BASE, tarBytes([['link->elsewhere', '']])],
      run: plainErrors((bytes) => {
        const parser = new TarParser()
        let size = 0
        for (const event of parser.push(bytes))
          size += 'data' in event ? event.data.length : event.member.name.length
        parser.finish()
        return size
      }),
    },
    {
      name: 'base backup of a PostgreSQL cluster',
      from: 'jobs/sources/base-archive.ts',
      seeds: [BASE],
      run: plainErrors((bytes) => {
        const archive = new BaseArchive()
        archive.push(bytes)
        return archive.finish(MIB16)
      }),
    },
    {
      name: 'first page of WAL',
      from: 'ops/wal/wal-header.ts',
      seeds: [
        Buffer.from(
          '10d102000100000000000003000000000000000000000000577d0d0c2577036b0000000100200000',
          'hex',
        ),
      ],
      run: readWalHeader,
    },
    {
      name: 'history of a timeline',
      from: 'ops/wal/timeline-history.ts',
      seeds: [encodeText('1\t0/3000158\tno recovery target specified\n')],
      run: (bytes) => parseHistory(Buffer.from(bytes).toString('latin1')),
    },
    { name: 'facts of PostgreSQL', from: 'ops/wal/facts.ts', seeds: [encodeText(FACTS)], run: readFacts },
  ]
}

const source = (name: string, kind: string, facts: Note): object => ({ name, kind, paths: [], facts })
const FACTS = JSON.stringify([
  source('cluster', 'postgres-cluster', {
    ...baseNote({
      ...{ system: '7711065873894365456', serverVersion: '15', timeline: 1, segmentBytes: MIB16 },
      ...{ startSegment: '000000010000000000000003', endSegment: '000000010000000000000003' },
      ...{ startedMs: 1, finishedMs: 2 },
    }),
  }),
  source('cluster', 'postgres-wal', {
    ...walNote({
      system: '7711065873894365456',
      segmentBytes: MIB16,
      files: [{ name: '000000010000000000000003', bytes: MIB16, hash: 'ab'.repeat(32), modifiedMs: 3 }],
    }),
  }),
])
const DETAILS = {
  ...{
    hostname: 'h',
    username: 'u',
    paths: [],
    tags: [],
    program: { name: 'snap', version: '0' },
    excludes: [],
  },
  ...{ incomplete: false, unreadable: [], summary: {} },
}

function readFacts(bytes: Uint8Array): unknown {
  let sources: unknown
  try {
    sources = JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch (cause) {
    throw new SnapError('OBJECT_DAMAGED', 'no JSON', { cause })
  }
  const known = unlessDamaged(() => validateDetails({ ...DETAILS, sources }))?.sources
  return [baseFactsOf(known), walFactsOf(known)]
}
