/** A SQLite database as a file of the snapshot: copied consistently while others write to it, and checked. */
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { systemPath } from '../../base/names.ts'
import type { Note } from '../../log/details.ts'
import { messageOf } from '../../model/errors.ts'
import type { StreamedFile } from '../../ops/backup/streamed-file.ts'
import type { DatabaseFacts } from '../../sqlite/online-copy.ts'
import { type CopyProgram, copiedSqlite } from './copied-sqlite.ts'
import { makeCopiesDirectory } from './copies-directory.ts'
import type { SourceStream } from './source-stream.ts'

const READ_BYTES = 1_048_576

/** `copies`: where the copy lies while it is read; it takes as much room there as the database has. */
export function sqliteStream(path: string, as: string, copies: string, program: CopyProgram): SourceStream {
  let facts: Note | undefined
  let findings: readonly string[] = []
  const open = async function* (signal: AbortSignal): AsyncGenerator<Uint8Array> {
    using directory = makeCopiesDirectory(copies)
    const copy = join(directory.path, 'copy')
    const found = await copiedSqlite(program, path, copy, signal).catch((cause: unknown) => {
      signal.throwIfAborted()
      throw new Error(`${path} cannot be copied: ${messageOf(cause)}`, { cause })
    })
    findings = found.findings
    facts = noteOf(found)
    for await (const bytes of createReadStream(systemPath(copy), { highWaterMark: READ_BYTES }))
      yield bytes as Uint8Array
  }
  const file: StreamedFile = {
    name: as,
    open,
    problem: () => (findings.length === 0 ? undefined : `integrity_check: ${findings[0]}`),
  }
  return { files: [file], facts: () => facts }
}

/** Of the database at `path`, which may be in use; its errors are SQLite's. */
export async function sqliteFacts(path: string): Promise<Note> {
  const { inspectDatabase } = await import('../../sqlite/online-copy.ts')
  return noteOf(inspectDatabase(path))
}

function noteOf({ pageSize, pages, userVersion, schema, findings, rows }: DatabaseFacts): Note {
  const integrity = findings.length === 0 ? 'ok' : findings
  return { page_size: pageSize, pages, user_version: userVersion, schema, integrity, rows }
}
