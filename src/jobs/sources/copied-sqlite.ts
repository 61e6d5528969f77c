/**
 * Copies and checks a SQLite database in a process of its own: SQLite answers when it has done, and a check of many gigabytes would
 * keep this process from hearing a signal, a limit of time, or its threads.
 */
import { messageOf } from '../../model/errors.ts'
import type { DatabaseFacts } from '../../sqlite/online-copy.ts'
import { commandOutput } from './command-output.ts'

/** What runs this very program with a command that copies; the paths come behind. */
export type CopyProgram = readonly [string, ...string[]]

const ANSWER_BYTES_MAX = 16_777_216

/** Throws an `Error` with SQLite's words. What was copied is complete when this resolves. */
export async function copiedSqlite(
  program: CopyProgram,
  from: string,
  to: string,
  signal: AbortSignal,
): Promise<DatabaseFacts> {
  return await factsBy(program, [from, to], signal)
}

/** The same of the database at `path` as it is. */
export async function inspectedSqlite(
  program: CopyProgram,
  path: string,
  signal: AbortSignal,
): Promise<DatabaseFacts> {
  return await factsBy(program, [path], signal)
}

async function factsBy(
  [program, ...args]: CopyProgram,
  paths: readonly string[],
  signal: AbortSignal,
): Promise<DatabaseFacts> {
  const parts: Uint8Array[] = []
  let bytes = 0
  try {
    for await (const part of commandOutput({ argv: [program, ...args, ...paths] }, signal)) {
      bytes += part.length
      if (bytes > ANSWER_BYTES_MAX) throw new Error('its facts are too many to be recorded')
      parts.push(part)
    }
  } catch (cause) {
    signal.throwIfAborted()
    // Of its words, those of SQLite.
    throw new Error(messageOf(cause).replace(/^.*\bsnap: /, ''), { cause })
  }
  return factsIn(JSON.parse(Buffer.concat(parts).toString('utf8')))
}

function factsIn(value: unknown): DatabaseFacts {
  const facts = value as Partial<DatabaseFacts> | null
  const { pageSize, pages, userVersion, schema, findings, rows } = facts ?? {}
  const isWhole =
    typeof pageSize === 'number' &&
    typeof pages === 'number' &&
    typeof userVersion === 'number' &&
    typeof schema === 'string' &&
    Array.isArray(findings) &&
    typeof rows === 'object'
  if (!isWhole) throw new Error('its facts are not told')
  return { pageSize, pages, userVersion, schema, findings: findings.map(String), rows }
}
