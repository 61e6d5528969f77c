/** `wal fetch`: writes a file of the archive where PostgreSQL wants it, in one step, whole or not at all. */
import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { systemPath } from '../../base/names.ts'
import { runningHash } from '../../crypto/blake3.ts'
import { codeInWords, systemCode } from '../../filesystem/system-error.ts'
import { SnapError } from '../../model/errors.ts'
import type { Repository } from '../../repository/repository.ts'
import { dump } from '../dump/dump.ts'
import { type ArchivedFile, findArchived, refuseUncertain } from './find-archived.ts'
import { parseWalName } from './wal-name.ts'

export type FetchRequest = {
  readonly source: string
  readonly name: string
  /** Of which cluster; `undefined`: of the only one that has archived it. */
  readonly system: string | undefined
  /** Absolute; what is there is replaced. */
  readonly target: string
}

/** What a write that was broken off leaves behind, and the next one takes over. */
const PART = '.snap-part'

/**
 * `WAL_MISSING` where the archive does certainly not have it, and for nothing else; `USAGE` where several clusters have archived one of
 * that name; `OBJECT_DAMAGED` where it is not what was archived.
 */
export async function fetchWal(
  repository: Repository,
  request: FetchRequest,
  signal: AbortSignal,
): Promise<ArchivedFile> {
  const { name, target } = request
  if (parseWalName(name) === undefined)
    throw new SnapError('USAGE', `${name} is not the name of a file that PostgreSQL archives`, {
      hint: 'In postgresql.conf the command is: restore_command = \'snap wal fetch SOURCE %f "%p"\'.',
    })
  const file = theOne(repository, request)
  const wanted = { root: file.snapshot.root, path: file.path, archive: 'tar' as const }
  const { bytes } = await dump(repository, wanted, { progress: () => undefined, signal })
  const part = `${target}${PART}`
  try {
    await write(part, checked(bytes, file))
    await rename(systemPath(part), systemPath(target))
    await syncDirectory(dirname(target))
  } catch (error) {
    await rm(systemPath(part), { force: true }).catch(() => undefined)
    throw asTarget(error, target)
  }
  return file
}

/** The file of that name that counts. */
function theOne(repository: Repository, { source, name, system }: FetchRequest): ArchivedFile {
  const all = findArchived(repository, source, name, { forgotten: true })
  const own = system === undefined ? all : all.filter((each) => each.system === system)
  const [first] = own
  if (first === undefined) {
    refuseUncertain(repository)
    throw new SnapError('WAL_MISSING', `the archive of ${source} does not have ${name}`, {
      hint: '`snap wal list` shows what it has.',
    })
  }
  const systems = new Set(own.map((each) => each.system))
  if (systems.size === 1) return first
  throw new SnapError('USAGE', `${systems.size} clusters have archived ${name} as ${source}`, {
    hint: `Choose one with --system: ${[...systems].join(', ')}.`,
  })
}

async function* checked(bytes: AsyncIterable<Uint8Array>, file: ArchivedFile): AsyncGenerator<Uint8Array> {
  const hash = runningHash()
  let size = 0
  for await (const block of bytes) {
    size += block.length
    hash.update(block)
    yield block
  }
  if (size === file.bytes && Buffer.from(hash.digest()).toString('hex') === file.hash) return
  throw new SnapError('OBJECT_DAMAGED', `${file.name} is not what was archived`)
}

async function write(path: string, bytes: AsyncIterable<Uint8Array>): Promise<void> {
  await using file = await open(systemPath(path), 'w', 0o600)
  for await (const block of bytes) await file.writeFile(block)
  await file.sync()
}

async function syncDirectory(path: string): Promise<void> {
  if (process.platform === 'win32') return
  await using directory = await open(systemPath(path), 'r')
  await directory.sync()
}

function asTarget(error: unknown, target: string): unknown {
  const code = systemCode(error)
  if (code === '' || error instanceof SnapError) return error
  const kind = code === 'ENOSPC' || code === 'EDQUOT' ? 'TARGET_FULL' : 'TARGET_UNWRITABLE'
  return new SnapError(kind, `cannot write ${target}: ${codeInWords(code)}`, {
    hint: 'Nothing is there that is not whole. PostgreSQL stops, and can be started again.',
    cause: error,
  })
}
